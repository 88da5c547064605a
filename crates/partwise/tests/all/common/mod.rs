//! Matrices in every storage, and the tables that the tests iterate over.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the test of memory, a program of its own, takes what it needs"
)]

pub mod elsewhere;
pub mod planted;

use std::ops::ControlFlow;

use partwise::{
    Dense, Factor, Factorization, Float, Loss, Matrix, Nmf, Observer, Penalty, Progress, Solver,
    State,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The losses that everything is tried with: the named ones, and others on both sides of each of them.
pub fn losses() -> Vec<Loss> {
    let betas = [2.0, 1.0, 0.0, 0.5, 1.5, 3.0, -1.0];
    betas
        .map(|beta| Loss::beta_divergence(beta).unwrap())
        .to_vec()
}

/// Every solver with every loss that it handles.
pub fn pairs() -> Vec<(Solver, Loss)> {
    Solver::all()
        .flat_map(|solver| losses().into_iter().map(move |loss| (solver, loss)))
        .filter(|&(solver, loss)| solver.handles(loss))
        .collect()
}

/// No penalty, and each kind of it.
pub fn penalties() -> [Penalty; 4] {
    let penalty = |alpha_w, alpha_h, l1_ratio| Penalty {
        alpha_w,
        alpha_h,
        l1_ratio,
    };
    [
        Penalty::default(),
        penalty(0.01, 0.02, 1.0),
        penalty(0.02, 0.01, 0.0),
        penalty(0.01, 0.0, 0.4),
    ]
}

/// How a matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Storage {
    RowMajor,
    ColumnMajor,
    Csr,
    Csc,
}

impl Storage {
    pub const ALL: [Self; 4] = [Self::RowMajor, Self::ColumnMajor, Self::Csr, Self::Csc];
}

/// A matrix in one storage, owned.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    pub storage: Storage,
    pub rows: usize,
    pub cols: usize,
    pub offsets: Vec<i32>,
    pub indices: Vec<i32>,
    pub values: Vec<T>,
}

impl<T: Float> Stored<T> {
    /// The same entries in another storage; zeros are not stored where they need not be.
    pub fn of(dense: &Dense<T>, storage: Storage) -> Self {
        let (rows, cols) = (dense.rows(), dense.cols());
        let mut stored = Self {
            storage,
            rows,
            cols,
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        };
        let by_rows = matches!(storage, Storage::RowMajor | Storage::Csr);
        let turned;
        let lines = if by_rows {
            dense
        } else {
            turned = dense.transposed();
            &turned
        };
        if matches!(storage, Storage::RowMajor | Storage::ColumnMajor) {
            stored.values = lines.as_slice().to_vec();
            return stored;
        }
        for i in 0..lines.rows() {
            for (j, &value) in lines.row(i).iter().enumerate() {
                if value != T::ZERO {
                    stored.indices.push(j as i32);
                    stored.values.push(value);
                }
            }
            stored.offsets.push(stored.values.len() as i32);
        }
        stored
    }

    pub fn matrix(&self) -> Matrix<'_, T> {
        let (rows, cols) = (self.rows, self.cols);
        match self.storage {
            Storage::RowMajor => Matrix::row_major(&self.values, rows, cols),
            Storage::ColumnMajor => Matrix::column_major(&self.values, rows, cols),
            Storage::Csr => Matrix::csr(rows, cols, &self.offsets, &self.indices, &self.values),
            Storage::Csc => Matrix::csc(rows, cols, &self.offsets, &self.indices, &self.values),
        }
        .unwrap()
    }
}

/// A number from 0 to 1, 1 excluded.
pub fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A matrix of which a share `density` of the entries is above zero: a product of two random factors of rank 3, with
/// noise.
pub fn random<T: Float>(rows: usize, cols: usize, density: f64, seed: u64) -> Dense<T> {
    const RANK: usize = 3;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| uniform(&mut rng)).collect() };
    let (left, right) = (draw(rows * RANK), draw(cols * RANK));
    let mut values = Vec::with_capacity(rows * cols);
    for i in 0..rows {
        for j in 0..cols {
            let clean: f64 = (0..RANK)
                .map(|t| (left[i * RANK + t] * right[j * RANK + t]).powi(2))
                .sum();
            let kept = density >= 1.0 || uniform(&mut rng) < density;
            let value = 0.05 + clean + 0.3 * uniform(&mut rng);
            values.push(if kept { T::from_f64(value) } else { T::ZERO });
        }
    }
    Dense::from_rows(values, rows, cols).unwrap()
}

/// The same matrix with every entry through `change`.
pub fn mapped<T: Float, U: Float>(dense: &Dense<T>, change: impl Fn(f64) -> f64) -> Dense<U> {
    let values = dense.as_slice().iter();
    let values = values.map(|v| U::from_f64(change(v.to_f64()))).collect();
    Dense::from_rows(values, dense.rows(), dense.cols()).unwrap()
}

/// Everything numeric that a fit gives back, seconds excepted, bit by bit.
pub fn bits<T: Float>(model: &Factorization<T>) -> Vec<u64> {
    let factors = [&model.w, &model.h].into_iter();
    let factors = factors.flat_map(|factor| factor.as_slice().iter().map(|x| x.to_f64()));
    let quality = [
        model.divergence,
        model.objective,
        model.relative_error,
        model.residual,
        model.iterations as f64,
    ];
    let trace = model.trace.iter();
    let trace = trace.flat_map(|point| [point.objective, point.residual.unwrap_or(-1.0)]);
    factors
        .chain(quality)
        .chain(trace)
        .chain(model.starts.iter().copied())
        .map(f64::to_bits)
        .collect()
}

/// D(0, V) or what stands for it: the size that rounding of an objective is measured against.
pub fn scale_of<T: Float>(dense: &Dense<T>, loss: Loss) -> f64 {
    let beta = loss.beta();
    let values = dense.as_slice().iter().map(|v| v.to_f64());
    // The terms that a β-divergence is the difference of are as large as v^β, and those of Itakura–Saito as 1.
    values.filter(|&v| v > 0.0).map(|v| v.powf(beta)).sum()
}

/// The rise of an objective that is rounding alone, relative to [`scale_of`] and the objective.
pub fn rounding<T: Float>() -> f64 {
    // Sums over n terms err by about √n · ε; factor and right-hand side carry the same.
    64.0 * T::EPSILON.to_f64()
}

/// What went wrong in the cases of a test: all of it, so that one run shows a pattern.
#[derive(Default)]
pub struct Findings(Vec<String>);

impl Findings {
    /// Notes a case that is not as it must be.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    /// Notes anything in a fit that is not a number, below zero, or infinite.
    pub fn sound<T: Float>(&mut self, model: &Factorization<T>, what: &str) {
        self.sound_but(model, None, what);
    }

    /// The same of a fit of which one factor may have entries of any sign.
    pub fn sound_but<T: Float>(
        &mut self,
        model: &Factorization<T>,
        signed: Option<Factor>,
        what: &str,
    ) {
        for (name, which, factor) in [("W", Factor::W, &model.w), ("H", Factor::H, &model.h)] {
            let any = signed == Some(which);
            let legal = |x: &&T| (any || **x >= T::ZERO) && x.is_finite();
            let bad = factor.as_slice().iter().find(|x| !legal(x));
            self.check(bad.is_none(), || format!("{what}: {name} holds {bad:?}"));
        }
        let mut figure = |name: &str, value: f64, legal: bool| {
            self.check(legal, || format!("{what}: {name} is {value}"));
        };
        let legal = |value: f64| value.is_finite() && value >= 0.0;
        figure("divergence", model.divergence, legal(model.divergence));
        figure("objective", model.objective, legal(model.objective));
        figure("residual", model.residual, legal(model.residual));
        let error = model.relative_error;
        figure("relative error", error, error >= 0.0);
        for point in &model.trace {
            figure(
                "objective in the trace",
                point.objective,
                legal(point.objective),
            );
            let residual = point.residual.unwrap_or(0.0);
            figure("residual in the trace", residual, legal(residual));
        }
    }

    /// Notes a rise of the objective from one point of the trace to the next beyond rounding of terms of size `scale`.
    pub fn falls<T: Float>(&mut self, model: &Factorization<T>, scale: f64, what: &str) {
        for pair in model.trace.windows(2) {
            let (before, after) = (pair[0].objective, pair[1].objective);
            let in_single = (1..=model.single_iterations).contains(&pair[0].iteration);
            let slack = scale
                * if in_single {
                    rounding::<f32>()
                } else {
                    rounding::<T>()
                };
            self.check(after <= before + slack, || {
                format!(
                    "{what}: objective rises from {before:e} by {:e} in iteration {}; {slack:e} would be rounding",
                    after - before,
                    pair[1].iteration
                )
            });
        }
    }

    /// What was noted.
    pub fn into_noted(self) -> Vec<String> {
        self.0
    }

    /// Fails if anything was noted.
    pub fn finish(self) {
        const SHOWN: usize = 25;
        assert!(
            self.0.is_empty(),
            "{} findings:\n{}",
            self.0.len(),
            self.0[..self.0.len().min(SHOWN)].join("\n")
        );
    }
}

/// A number of random cases, the same in every run unless PROPTEST_RNG_SEED asks for others.
pub fn cases(count: u32) -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, RngSeed};
    let seed = std::env::var("PROPTEST_RNG_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    Config {
        cases: count,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_global_rejects: 100 * count,
        ..Config::default()
    }
}

/// A short fit that does not stop by itself.
pub fn short(rank: usize, solver: Solver, loss: Loss, iterations: usize) -> Nmf {
    Nmf::new(rank)
        .solver(solver)
        .loss(loss)
        .tol(0.0)
        .max_iter(iterations)
}

/// An observer that keeps every state, and may stop the fit.
#[derive(Default)]
pub struct Keeper {
    pub states: Vec<Vec<u8>>,
    pub stops_at: Option<usize>,
    pub seen: usize,
}

impl Observer for Keeper {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        self.seen += 1;
        if self.stops_at == Some(self.seen) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn wants_state(&mut self) -> bool {
        true
    }

    fn keep(&mut self, state: &mut State<'_>) {
        let mut bytes = Vec::new();
        state.write(&mut bytes).unwrap();
        self.states.push(bytes);
    }
}

/// Bytes with one thing wrong each: lists that are shorter than they should be or empty, counts and numbers that nothing arrives at.
pub fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    const WIDTH: usize = size_of::<u64>();
    let mut all = Vec::new();
    for at in 0..=bytes.len().saturating_sub(WIDTH) {
        let (head, rest) = bytes.split_at(at);
        let Some((number, after)) = rest.split_first_chunk::<WIDTH>() else {
            break;
        };
        let count = u64::from_le_bytes(*number);
        let mut put = |number: u64, after: &[&[u8]]| {
            all.push([&[head, &number.to_le_bytes()], after].concat().concat());
        };
        if (1..=512).contains(&count) {
            let length = count as usize * WIDTH;
            if let Some((list, after)) = after.split_at_checked(length) {
                put(count - 1, &[&list[..length - WIDTH], after]);
                put(0, &[after]);
            }
            for other in [0, count - 1, count + 1, 1 << 48, u64::MAX] {
                put(other, &[after]);
            }
        } else if at % WIDTH == 0 {
            for other in [f64::NAN, f64::INFINITY, -1.0] {
                put(other.to_bits(), &[after]);
            }
        }
    }
    all
}
