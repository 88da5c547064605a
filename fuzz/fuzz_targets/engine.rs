//! The engine's public calls with hostile shapes, entries and parameters: what they take gives factors that are finite and, but for
//! constraints that allow any sign, non-negative; what they refuse is said in one line, and nothing panics.

#![no_main]

use std::num::NonZeroUsize;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use partwise::{
    Compressed, ConsensusNmf, Constraint, ConvolutiveNmf, Dense, Factor, Factorization, Float,
    Graph, Init, JointNmf, Labels, Loss, MatRef, Matrix, MiniBatchMemory, MiniBatchNmf, Missing,
    Nmf, NmfTree, Penalty, RankMethod, RankSurvey, Solver, SplitRule, Start, Weighting, WholeDense,
    WholeSparse, truncated_svd,
};
use partwise_fuzz::checked;
use partwise_fuzz::fits::observer;
use partwise_fuzz::spoilt::{Records, Tampering, spoil};

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    let mut input = Unstructured::new(data);
    // What ends too early is no input.
    let _ = match input.arbitrary::<bool>() {
        Ok(true) => calls::<f32>(&mut input),
        _ => calls::<f64>(&mut input),
    };
});

/// Rows, columns and ranks at most, for what is worked on.
const MOST: usize = 12;
/// Numbers at the ends of what there is, between usual ones.
const NUMBERS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    0.5,
    3.0,
    1e-3,
    1e3,
    1e-30,
    1e30,
    1e-310,
    1e300,
    f64::MAX,
    f64::MIN_POSITIVE,
    f64::NAN,
    f64::INFINITY,
    -1.0,
];

/// A number: mostly a usual one.
fn number(input: &mut Unstructured<'_>) -> Result<f64> {
    let byte: u8 = input.arbitrary()?;
    Ok(match byte {
        0..192 => f64::from(byte % 64) / 4.0,
        192..250 => NUMBERS[usize::from(byte) % 8],
        _ => NUMBERS[usize::from(input.arbitrary::<u8>()?) % NUMBERS.len()],
    })
}

fn numbers<T: Float>(input: &mut Unstructured<'_>, count: usize) -> Result<Vec<T>> {
    (0..count).map(|_| number(input).map(T::from_f64)).collect()
}

/// A count: mostly small.
fn count(input: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match input.arbitrary::<u8>()? {
        250 => usize::MAX,
        251 => usize::MAX / 2 + 1,
        252 => 1 << 40,
        253 => (1 << 32) + 1,
        byte => usize::from(byte) % (MOST + 1),
    })
}

fn small(input: &mut Unstructured<'_>, most: usize) -> Result<usize> {
    input.int_in_range(0..=most)
}

/// What a matrix borrows.
struct Stuff<T> {
    shape: (usize, usize),
    values: Vec<T>,
    offsets: Vec<i64>,
    indices: Vec<i32>,
    kind: u8,
}

impl<T: Float> Stuff<T> {
    fn new(input: &mut Unstructured<'_>, shape: (usize, usize)) -> Result<Self> {
        let kind = input.arbitrary::<u8>()? % 8;
        let (major, minor) = if kind == 3 { (shape.1, shape.0) } else { shape };
        let (mut offsets, mut indices) = (vec![0], Vec::new());
        let values;
        match kind {
            // Sparse and well made, in any order within a line, or a line too many.
            2 | 3 => {
                for _ in 0..major {
                    let mask: u16 = input.arbitrary()?;
                    indices.extend((0..minor as i32).filter(|j| mask >> j & 1 == 1));
                    offsets.push(indices.len() as i64);
                }
                values = numbers(input, indices.len())?;
            }
            // Sparse and made of anything.
            4 => {
                let lengths = [
                    small(input, MOST)?,
                    small(input, MOST)?,
                    small(input, MOST)?,
                ];
                offsets = (0..lengths[0])
                    .map(|_| input.arbitrary::<i8>().map(i64::from))
                    .collect::<Result<_>>()?;
                indices = (0..lengths[1])
                    .map(|_| input.arbitrary::<i8>().map(i32::from))
                    .collect::<Result<_>>()?;
                values = numbers(input, lengths[2])?;
            }
            // Dense of another length than its shape says.
            5 => {
                let length = small(input, MOST * MOST)?;
                values = numbers(input, length)?;
            }
            _ => values = numbers(input, shape.0 * shape.1)?,
        }
        Ok(Self {
            shape,
            values,
            offsets,
            indices,
            kind,
        })
    }

    fn matrix(&self) -> Option<Matrix<'_, T>> {
        let (rows, cols) = self.shape;
        checked(match self.kind {
            1 => Matrix::column_major(&self.values, rows, cols),
            2 => Matrix::csr(rows, cols, &self.offsets, &self.indices, &self.values),
            3 => Matrix::csc(rows, cols, &self.offsets, &self.indices, &self.values),
            4 => Matrix::csr(rows, cols, &self.offsets, &self.indices, &self.values),
            // From the last row and the last column on.
            6 => {
                let view = MatRef::from_row_major_slice(&self.values, rows, cols);
                Ok(Matrix::Dense(view.reverse_rows_and_cols()))
            }
            7 => Matrix::row_major(&self.values, rows, cols).map(Matrix::transpose),
            _ => Matrix::row_major(&self.values, rows, cols),
        })
    }

    /// The same places with whole numbers, where they are those of a sparse matrix.
    fn whole<'a>(&'a self, values: &'a [i16]) -> Option<WholeSparse<'a, i16>> {
        let (rows, cols) = self.shape;
        let values = values.get(..self.indices.len())?;
        let (offsets, indices) = (&self.offsets[..], &self.indices[..]);
        let lines =
            |major, minor| checked(Compressed::new("V", major, minor, offsets, indices, values));
        match self.kind {
            2 => lines(rows, cols).map(WholeSparse::csr),
            3 => lines(cols, rows).map(WholeSparse::csc),
            _ => None,
        }
    }
}

fn dense<T: Float>(
    input: &mut Unstructured<'_>,
    rows: usize,
    cols: usize,
) -> Result<Option<Dense<T>>> {
    let (rows, cols) = match input.arbitrary::<u8>()? {
        0 => (small(input, MOST)?, cols.min(MOST)),
        1 => (rows.min(MOST), small(input, MOST)?),
        _ => (rows.min(MOST), cols.min(MOST)),
    };
    let values = numbers(input, rows * cols)?;
    Ok(checked(Dense::from_rows(values, rows, cols)))
}

fn one<X>(input: &mut Unstructured<'_>, all: impl Iterator<Item = X>) -> Result<X> {
    let mut all: Vec<X> = all.collect();
    let which = usize::from(input.arbitrary::<u8>()?) % all.len();
    Ok(all.swap_remove(which))
}

/// What is to be fitted, its rank, and whether a factor may have entries below zero.
fn nmf<T: Float>(
    input: &mut Unstructured<'_>,
    shape: (usize, usize),
) -> Result<(Nmf, usize, bool)> {
    let mut signed = false;
    let rank = count(input)?;
    let mut nmf = Nmf::new(rank)
        .solver(one(input, Solver::all())?)
        .init(one(input, Init::all())?)
        .seed(u64::from(input.arbitrary::<u8>()?))
        .max_iter(small(input, 6)?)
        .threads(Some(NonZeroUsize::MIN));
    let choice: u16 = input.arbitrary()?;
    if choice & 1 != 0 {
        let named = [2.0, 1.0, 0.0];
        let beta = match choice >> 1 & 3 {
            3 => number(input)? - 2.0,
            which => named[usize::from(which)],
        };
        nmf = checked(Loss::beta_divergence(beta)).map_or(nmf.clone(), |loss| nmf.loss(loss));
    }
    if choice & 8 != 0 {
        nmf = nmf.penalty(Penalty {
            alpha_w: number(input)?,
            alpha_h: number(input)?,
            l1_ratio: number(input)?,
        });
    }
    if choice & 16 != 0 {
        nmf = nmf.tol(number(input)?);
    }
    if choice & 32 != 0 {
        nmf = nmf.n_init(NonZeroUsize::MIN.saturating_add(small(input, 3)?));
    }
    for _ in 0..choice >> 6 & 3 {
        let mut constraint = one(input, Constraint::all())?;
        if constraint.value().is_some() && input.arbitrary()? {
            let Some(valued) = checked(constraint.clone().with_value(number(input)?)) else {
                continue;
            };
            constraint = valued;
        }
        if input.arbitrary()? {
            let factor = if input.arbitrary()? {
                Factor::W
            } else {
                Factor::H
            };
            let Some(moved) = checked(constraint.on(factor)) else {
                continue;
            };
            constraint = moved;
        }
        signed |= constraint.is_signed();
        nmf = nmf.constraint(constraint);
    }
    if choice >> 8 & 7 == 1 {
        let side = if input.arbitrary()? { shape.0 } else { shape.1 };
        let stuff = Stuff::<T>::new(input, (side, side))?;
        if let Some(graph) = stuff
            .matrix()
            .and_then(|weights| checked(Graph::new(&weights)))
        {
            nmf = nmf.graph(graph);
        }
    }
    if choice >> 8 & 7 == 2 {
        let side = if input.arbitrary()? { shape.0 } else { shape.1 };
        let class = |_| Ok(usize::from(input.arbitrary::<u8>()?).checked_sub(64));
        let classes: Vec<_> = (0..side).map(class).collect::<Result<_>>()?;
        let classes: Vec<_> = classes.iter().map(|x| x.map(|x| x % 3)).collect();
        if let Some(labels) = checked(Labels::new(&classes)) {
            nmf = nmf.labels(labels);
        }
    }
    Ok((nmf, rank, signed))
}

/// That factors are what was promised.
fn sound<T: Float>(
    model: &Factorization<T>,
    (m, n): (usize, usize),
    (rank, signed): (usize, bool),
) {
    assert_eq!((model.w.rows(), model.w.cols()), (m, rank));
    assert_eq!((model.h.rows(), model.h.cols()), (rank, n));
    for factor in [&model.w, &model.h] {
        let good = |value: &T| (signed || value.to_f64() >= 0.0) && value.to_f64().is_finite();
        assert!(factor.as_slice().iter().all(good), "{factor:?}");
    }
    assert!(
        !model.objective.is_nan() && !model.divergence.is_nan() && !model.relative_error.is_nan()
    );
    assert!(model.divergence >= 0.0, "{}", model.divergence);
}

fn calls<T: Float>(input: &mut Unstructured<'_>) -> Result<()> {
    let shape = (small(input, MOST)?, small(input, MOST)?);
    let (nmf, rank, signed) = nmf::<T>(input, shape)?;
    let stuff = Stuff::<T>::new(input, shape)?;
    let Some(v) = stuff.matrix() else {
        return Ok(());
    };
    let shape = (v.rows(), v.cols());
    let (m, n) = shape;
    let _ = nmf.memory_needed(&v);
    match input.arbitrary::<u8>()? % 16 {
        0 => {
            if let Some(h) = dense(input, rank, n)?
                && let Some(model) = checked(nmf.transform(&v, &h))
            {
                sound(&model, shape, (rank, signed));
            }
        }
        1 | 2 => {
            let (w, h) = (dense(input, m, rank)?, dense(input, rank, n)?);
            let holds = [None, Some(Factor::W), Some(Factor::H)];
            let held = [count(input)?, count(input)?];
            let choice: u8 = input.arbitrary()?;
            let start = Start {
                w: w.as_ref().filter(|_| choice & 1 != 0),
                h: h.as_ref().filter(|_| choice & 2 != 0),
                hold: holds[usize::from(choice >> 2) % 3],
                held_w: &held[..usize::from(choice >> 4 & 3).min(2)],
                held_h: &held[..usize::from(choice >> 6 & 3).min(2)],
            };
            let again = [v, v];
            let blocks = if choice == 7 { &again[..] } else { &again[..1] };
            if let Some(model) = checked(nmf.fit_with(blocks, start, &mut observer)) {
                sound(&model, (m * blocks.len(), n), (rank, signed));
            }
        }
        3 => {
            let entries = Stuff::<T>::new(input, shape)?;
            let more = usize::from(input.arbitrary::<u8>()? == 0);
            let rows = numbers::<T>(input, m + more)?;
            let choice: u8 = input.arbitrary()?;
            let weighting = Weighting {
                missing: [Missing::None, Missing::Nan, Missing::Unstored][usize::from(choice) % 3],
                rows: (choice & 8 != 0).then_some(&rows[..]),
                entries: entries.matrix().filter(|_| choice & 16 != 0),
            };
            let fitted = nmf.fit_weighted(&v, &weighting, Start::default(), &mut observer);
            if let Some(model) = checked(fitted) {
                sound(&model, shape, (rank, signed));
            }
        }
        4 => {
            let batches = MiniBatchNmf::new(nmf)
                .batch_size(count(input)?)
                .forget_factor(number(input)?)
                .fresh_restarts(input.arbitrary()?)
                .fresh_iterations(small(input, 4)?)
                .solve_iterations(small(input, 4)?);
            let (Some(w), Some(h)) = (dense(input, m, rank)?, dense(input, rank, n)?) else {
                return Ok(());
            };
            checked(batches.fit(&v, w, h.clone(), &mut observer));
            let mut memory = MiniBatchMemory::new(&h);
            checked(batches.partial_fit(&v, &mut memory, number(input)?, &mut observer));
            checked(batches.transform(&v, &h, &mut observer));
        }
        5 => {
            let sudden = ConvolutiveNmf::new(nmf, count(input)?);
            let _ = sudden.memory_needed(&v);
            checked(sudden.fit(&v, &mut observer));
        }
        6 => {
            if let Some(svd) = checked(truncated_svd(&v, rank, 0, Some(NonZeroUsize::MIN))) {
                assert_eq!(svd.values.len(), rank);
                assert!(!svd.relative_error.is_nan());
            }
        }
        7 => {
            let runs = ConsensusNmf::new(nmf)
                .runs(small(input, 4)?)
                .neighbours(number(input)?)
                .threshold(number(input)?)
                .bootstrap(small(input, 3)?)
                .polish(input.arbitrary()?);
            let _ = runs.memory_needed(&v);
            let records = records(input, |records| drop(checked(runs.run(&v, records))))?;
            checked(runs.resume(&v, &records, &mut unbounded()));
        }
        8 => {
            let ranks = [small(input, MOST)?, count(input)?];
            let survey = RankSurvey::new(
                ranks[..1 + usize::from(input.arbitrary::<bool>()?)]
                    .iter()
                    .copied(),
            )
            .nmf(nmf.max_iter(2))
            .methods([one(input, RankMethod::all())?])
            .starts(small(input, 3)?)
            .folds(small(input, 4)?);
            let _ = survey.memory_needed(&v);
            let records = records(input, |records| drop(checked(survey.run(&v, records))))?;
            checked(survey.resume(&v, &records, &mut unbounded()));
        }
        9 => {
            let rows = if input.arbitrary()? {
                m
            } else {
                small(input, MOST)?
            };
            let cols = small(input, MOST)?;
            let other = Stuff::<T>::new(input, (rows, cols))?;
            let weights = [number(input)?, number(input)?];
            let joint = JointNmf::new(nmf)
                .balanced(input.arbitrary()?)
                .weights(&weights[..usize::from(input.arbitrary::<u8>()?) % 3]);
            let matrices: Vec<_> = std::iter::once(v).chain(other.matrix()).collect();
            let _ = joint.memory_needed(&matrices);
            if let Some(model) = checked(joint.fit_with(&matrices, &mut observer)) {
                let n = matrices.iter().map(|v| v.cols()).sum();
                sound(&model.fit, (m, n), (rank, false));
                let given: Vec<_> = matrices.iter().map(|&v| Some(v)).collect();
                checked(joint.transform(&given, &model));
            }
        }
        10 => {
            let tree = NmfTree::new(count(input)?)
                .nmf(nmf)
                .rule(one(input, SplitRule::all())?)
                .outliers(number(input)?);
            let _ = tree.memory_needed(&v);
            if let Some(Some(found)) = checked(tree.run(&v, &mut unbounded())) {
                checked(tree.predict(&v, &found.tree));
            }
        }
        11 => {
            let mut elsewhere = Tampering::new(v, input)?;
            checked(nmf.fit_remote::<T>(&mut elsewhere, Start::default(), &mut observer));
        }
        12 => {
            let values: Vec<i16> = (0..m * n)
                .map(|_| input.arbitrary::<i8>().map(i16::from))
                .collect::<Result<_>>()?;
            let view = MatRef::from_column_major_slice(&values, m, n);
            let fitted = match stuff.whole(&values) {
                Some(lines) if input.arbitrary()? => lines.matrix::<T>().and_then(|v| nmf.fit(&v)),
                _ => nmf.fit(&WholeDense::new(view).matrix::<T>()),
            };
            if let Some(model) = checked(fitted) {
                sound(&model, shape, (rank, signed));
            }
        }
        _ => {
            let v = if input.arbitrary()? { v.lean() } else { v };
            if let Some(model) = checked(nmf.fit(&v)) {
                sound(&model, shape, (rank, signed));
            }
        }
    }
    Ok(())
}

/// What some fits of many leave, with something wrong in one record.
fn records(input: &mut Unstructured<'_>, run: impl FnOnce(&mut Records)) -> Result<Vec<Vec<u8>>> {
    let mut records = Records {
        kept: Vec::new(),
        left: small(input, 40)?,
    };
    run(&mut records);
    if let Some(last) = records.kept.len().checked_sub(1) {
        let which = small(input, last)?;
        spoil(input, &mut records.kept[which])?;
    }
    Ok(records.kept)
}

/// Sees many fits to their end.
fn unbounded() -> Records {
    Records {
        kept: Vec::new(),
        left: usize::MAX,
    }
}
