//! A sparse V that is read while it is walked, or walked as if it were read: the bits of the same CSR matrix in memory, wherever
//! the runs end.

use std::num::NonZeroUsize;

use crate::common::{Findings, Storage, Stored, bits, losses, mapped, random, short};
use partwise::{
    Dense, Error, Factorization, Float, Init, Loss, Matrix, Nmf, RunSize, Solver, SparseRows,
    SparseRun, Start,
};

/// Rows of a matrix in memory, in runs that end where they are told.
struct Runs<'a, T> {
    held: &'a Stored<T>,
    /// The first row of each run, and the end of the last.
    bounds: Vec<usize>,
    /// A run that cannot be read.
    fails_at: usize,
    keeps_columns: bool,
}

impl<'a, T: Float> Runs<'a, T> {
    /// Runs of as many units of rows as `lengths` say, in turns.
    fn of(held: &'a Stored<T>, lengths: &[usize]) -> Self {
        let mut bounds = vec![0];
        for length in lengths.iter().cycle() {
            let last = bounds[bounds.len() - 1];
            if last == held.rows {
                break;
            }
            bounds.push((last + length * RunSize::UNIT).min(held.rows));
        }
        Self {
            held,
            bounds,
            fails_at: usize::MAX,
            keeps_columns: false,
        }
    }

    fn entries(&self, index: usize) -> std::ops::Range<usize> {
        let at = |row: usize| self.held.offsets[row] as usize;
        at(self.bounds[index])..at(self.bounds[index + 1])
    }
}

impl<T: Float> SparseRows<T> for Runs<'_, T> {
    fn cols(&self) -> usize {
        self.held.cols
    }

    fn runs(&self) -> usize {
        self.bounds.len() - 1
    }

    fn size(&self, index: usize) -> RunSize {
        RunSize {
            rows: self.bounds[index + 1] - self.bounds[index],
            stored: self.entries(index).len(),
        }
    }

    fn read(
        &self,
        index: usize,
        out: &mut SparseRun<T>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if index >= self.fails_at {
            return Err(format!("the disk is gone at run {index}").into());
        }
        let entries = self.entries(index);
        let rows = self.bounds[index]..=self.bounds[index + 1];
        let offsets = self.held.offsets[rows].iter();
        out.offsets = offsets
            .map(|&offset| offset as usize - entries.start)
            .collect();
        let indices = self.held.indices[entries.clone()].iter();
        out.indices = indices.map(|&index| index as u32).collect();
        out.values = self.held.values[entries].to_vec();
        Ok(())
    }

    fn keeps_columns(&self) -> bool {
        self.keeps_columns
    }
}

/// Ways to cut rows into runs, in units.
const CUTS: [&[usize]; 3] = [&[1], &[1, 3, 2], &[100]];

/// A fit in memory, one of the same V without its other axis, and one of V read in runs of each cut, of which some keep that axis.
fn all<T: Float>(
    nmf: &Nmf,
    dense: &Dense<T>,
    start: Start<'_, T>,
) -> Vec<Result<Factorization<T>, Error>> {
    let held = Stored::of(dense, Storage::Csr);
    let mut go_on = |_: &partwise::Progress| std::ops::ControlFlow::Continue(());
    let both = [held.matrix(), held.matrix().lean()];
    let mut fits: Vec<_> = both
        .iter()
        .map(|v| nmf.fit_with(&[*v], start, &mut go_on))
        .collect();
    for (lengths, keeps_columns) in CUTS.iter().zip([false, true, false]) {
        let runs = Runs {
            keeps_columns,
            ..Runs::of(&held, lengths)
        };
        let v = Matrix::streamed_sparse(&runs).unwrap();
        assert!(v.is_sparse());
        assert_eq!((v.rows(), v.cols()), (held.rows, held.cols));
        assert_eq!(v.stored(), held.values.len());
        fits.push(nmf.fit_with(&[v], start, &mut go_on));
    }
    fits
}

fn same_bits<T: Float>(
    findings: &mut Findings,
    what: &str,
    fits: Vec<Result<Factorization<T>, Error>>,
) {
    let fits: Vec<_> = fits.into_iter().map(Result::unwrap).collect();
    let ways = ["lean".to_owned()]
        .into_iter()
        .chain(CUTS.iter().map(|cut| format!("cut {cut:?}")));
    for (read, way) in fits[1..].iter().zip(ways) {
        findings.check(bits(&fits[0]) == bits(read), || {
            let (held, read) = (fits[0].objective, read.objective);
            format!("{what}, {way}: {held:e} in memory, {read:e} read")
        });
    }
    findings.sound(&fits[1], what);
}

/// Rows for several runs; some are empty, and so are some columns.
fn sparse<T: Float>(rows: usize, cols: usize, seed: u64) -> Dense<T> {
    let mut dense = random::<T>(rows, cols, 0.15, seed);
    for i in 0..rows {
        for j in 0..cols {
            let empty = rows > 20 && (i % 17 == 3 || (300..600).contains(&i) && i % 2 == 0);
            if empty || (cols > 20 && j % 13 == 5) {
                dense.as_mut_slice()[i * cols + j] = T::ZERO;
            }
        }
    }
    dense
}

#[test]
fn every_solver_that_can_stream_gives_the_bits_of_memory() {
    fn try_all<T: Float>(findings: &mut Findings) {
        let dense = sparse::<T>(1_100, 90, 3);
        let full = mapped(&random::<T>(600, 12, 1.0, 4), |v| v + 0.1);
        for solver in Solver::all().filter(|solver| solver.alike_in_blocks()) {
            for loss in losses() {
                let resolved = solver.resolve(loss);
                if !resolved.is_ok_and(Solver::alike_in_blocks) {
                    continue;
                }
                let nmf = short(3, solver, loss, 3).init("random".parse().unwrap());
                let v = if loss.needs_positive() { &full } else { &dense };
                for threads in [1, 2] {
                    let nmf = nmf.clone().threads(NonZeroUsize::new(threads));
                    let what = format!("{solver} {loss} {} on {threads}", T::NAME);
                    same_bits(findings, &what, all(&nmf, v, Start::default()));
                }
            }
        }
    }
    let mut findings = Findings::default();
    try_all::<f64>(&mut findings);
    try_all::<f32>(&mut findings);
    findings.finish();
}

#[test]
fn every_rank_gives_the_bits_of_memory() {
    // One vector of sums and many, whole and in part: the gather keeps its sums differently for each.
    let mut findings = Findings::default();
    let dense = sparse::<f32>(900, 40, 8);
    for rank in [1, 2, 7, 8, 9, 16, 31, 33, 40, 63, 65, 130, 260] {
        let nmf = short(rank, "hals".parse().unwrap(), Loss::FROBENIUS, 2)
            .init("random".parse().unwrap());
        let fits = all(&nmf, &dense, Start::default());
        same_bits(&mut findings, &format!("rank {rank}"), fits);
        let fits = all(&nmf, &mapped::<f32, f64>(&dense, |v| v), Start::default());
        same_bits(&mut findings, &format!("rank {rank} in f64"), fits);
    }
    findings.finish();
}

#[test]
fn every_start_and_the_sketch_give_the_bits_of_memory() {
    let mut findings = Findings::default();
    let dense = sparse::<f64>(1_100, 90, 5);
    for init in Init::all() {
        for solver in ["sketched", "hals"] {
            let solver: Solver = solver.parse().unwrap();
            let nmf = short(4, solver, Loss::FROBENIUS, 6).init(init);
            let fits = all(&nmf, &dense, Start::default());
            same_bits(&mut findings, &format!("{init} {solver}"), fits);
        }
    }
    let several = Nmf::new(4).n_init(NonZeroUsize::new(3).unwrap());
    let fits = all(&several, &dense, Start::default());
    same_bits(&mut findings, "three starts", fits);
    findings.finish();
}

#[test]
fn any_shape_gives_the_bits_of_memory() {
    let mut findings = Findings::default();
    let nothing = Dense::<f64>::zeros(700, 30);
    let mut corners = nothing.clone();
    for at in [0, 29, 699 * 30, 699 * 30 + 29] {
        corners.as_mut_slice()[at] = 2.5;
    }
    let mut cases = vec![nothing, corners];
    let shapes = [
        (1, 1),
        (1, 40),
        (40, 1),
        (256, 3),
        (257, 3),
        (512, 700),
        (20_000, 2),
    ];
    cases.extend(shapes.map(|(rows, cols)| sparse(rows, cols, 7)));
    for dense in &cases {
        for (solver, loss) in [
            ("hals", Loss::FROBENIUS),
            ("cd", Loss::FROBENIUS),
            ("mu", Loss::KULLBACK_LEIBLER),
        ] {
            let nmf = short(2, solver.parse().unwrap(), loss, 3).init("random".parse().unwrap());
            let what = format!("{} x {} {solver}", dense.rows(), dense.cols());
            same_bits(&mut findings, &what, all(&nmf, dense, Start::default()));
        }
    }
    findings.finish();
}

#[test]
fn a_held_factor_gives_the_bits_of_memory() {
    let mut findings = Findings::default();
    let dense = sparse::<f64>(900, 60, 9);
    let model = short(3, Solver::auto(), Loss::FROBENIUS, 5)
        .fit(&Matrix::from(&dense))
        .unwrap();
    for (w, h, hold) in [
        (None, Some(&model.h), partwise::Factor::H),
        (Some(&model.w), None, partwise::Factor::W),
    ] {
        let start = Start {
            w,
            h,
            hold: Some(hold),
            ..Start::default()
        };
        let fits = all(&Nmf::new(3), &dense, start);
        same_bits(&mut findings, &format!("{hold:?} held"), fits);
    }
    findings.finish();
}

#[test]
fn tiles_that_are_kept_or_not_give_the_bits_of_whole_columns() {
    // More entries than two tiles take, of few rows and of many. A matrix by columns has no tiles.
    let mut findings = Findings::default();
    for (rows, cols) in [(2_000, 4_000), (70_000, 90)] {
        let dense = random::<f32>(rows, cols, 0.4, 5);
        let by_rows = Stored::of(&dense, Storage::Csr);
        let by_columns = Stored::of(&dense, Storage::Csc);
        for (solver, init) in [("cd", "spa"), ("auto", "nndsvda")] {
            let nmf =
                short(3, solver.parse().unwrap(), Loss::FROBENIUS, 2).init(init.parse().unwrap());
            let whole = nmf.fit(&by_columns.matrix()).unwrap();
            for threads in [1, 2, 5] {
                let nmf = nmf.clone().threads(NonZeroUsize::new(threads));
                let tiled = by_rows.matrix();
                let kept = nmf.fit(&tiled).unwrap();
                let lean = nmf.fit(&tiled.lean()).unwrap();
                let what = || format!("{rows} x {cols} {solver} {init} on {threads}");
                findings.check(bits(&kept) == bits(&lean), || format!("{}: lean", what()));
                // Sums over all of V are taken in another order there, and go into the objective.
                findings.check((&whole.w, &whole.h) == (&kept.w, &kept.h), what);
            }
        }
    }
    findings.finish();
}

#[test]
fn a_lean_matrix_by_columns_is_the_transposed_one_by_rows() {
    let dense = sparse::<f64>(700, 60, 9);
    let (by_rows, by_columns) = (
        Stored::of(&dense, Storage::Csr),
        Stored::of(&dense.transposed(), Storage::Csc),
    );
    let v = by_columns.matrix().lean();
    assert_eq!((v.rows(), v.cols()), (60, 700));
    // A held factor, so that nothing depends on which side is first.
    let w = random::<f64>(700, 3, 1.0, 2);
    let nmf = Nmf::new(3);
    let start = |w, h, hold| Start {
        w,
        h,
        hold: Some(hold),
        ..Start::default()
    };
    let mut go_on = |_: &partwise::Progress| std::ops::ControlFlow::Continue(());
    let rows = by_rows.matrix().lean();
    let of_rows = start(Some(&w), None, partwise::Factor::W);
    let of_rows = nmf.fit_with(&[rows], of_rows, &mut go_on).unwrap();
    let h = w.transposed();
    let of_columns = start(None, Some(&h), partwise::Factor::H);
    let of_columns = nmf.fit_with(&[v], of_columns, &mut go_on).unwrap();
    assert_eq!(of_rows.h, of_columns.w.transposed());
}

#[test]
fn what_walks_columns_too_takes_no_lean_matrix() {
    let held = Stored::of(&sparse::<f64>(60, 30, 1), Storage::Csr);
    let weighting = partwise::Weighting {
        missing: partwise::Missing::Unstored,
        ..Default::default()
    };
    let mut go_on = |_: &partwise::Progress| std::ops::ControlFlow::Continue(());
    let v = held.matrix().lean();
    let fit = Nmf::new(2).fit_weighted(&v, &weighting, Start::default(), &mut go_on);
    assert_eq!(
        fit.unwrap_err().to_string(),
        "V = lean: a fit where entries are missing or weighted expects V with a copy by its other axis"
    );
}

#[test]
fn newton_takes_multiplicative_steps_for_h_and_falls() {
    let dense = sparse::<f64>(900, 60, 9);
    let held = Stored::of(&dense, Storage::Csr);
    let runs = Runs::of(&held, &[1]);
    let v = Matrix::streamed_sparse(&runs).unwrap();
    let fit = short(3, Solver::auto(), Loss::KULLBACK_LEIBLER, 8)
        .fit(&v)
        .unwrap();
    let mut findings = Findings::default();
    findings.sound(&fit, "newton");
    let scale = crate::common::scale_of(&dense, Loss::KULLBACK_LEIBLER);
    findings.falls(&fit, scale, "newton");
    findings.finish();
    assert!(fit.objective < 0.9 * fit.trace[0].objective);
}

#[test]
fn columns_that_are_read_are_those_of_the_matrix() {
    let dense = sparse::<f64>(60, 600, 2);
    let held = Stored::of(&dense.transposed(), Storage::Csr);
    let runs = Runs::of(&held, &[1]);
    let v = Matrix::streamed_sparse(&runs).unwrap().transpose();
    assert_eq!((v.rows(), v.cols()), (60, 600));
    let nmf = Nmf::new(3).tol(1e-9).max_iter(400);
    let (read, held) = (
        nmf.fit(&v).unwrap(),
        nmf.fit(&Matrix::from(&dense)).unwrap(),
    );
    assert_eq!((read.w.rows(), read.h.cols()), (60, 600));
    let apart = (read.objective - held.objective).abs();
    assert!(
        apart < 0.02 * held.objective,
        "{} and {}",
        read.objective,
        held.objective
    );
}

#[test]
fn a_reader_that_fails_or_lies_ends_the_fit_with_its_reason() {
    let dense = sparse::<f64>(900, 60, 9);
    let mut held = Stored::of(&dense, Storage::Csr);
    let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 5);
    for fails_at in [0, 2] {
        let runs = Runs {
            fails_at,
            ..Runs::of(&held, &[1])
        };
        let error = nmf
            .fit(&Matrix::streamed_sparse(&runs).unwrap())
            .unwrap_err();
        let expected = format!("V cannot be read any further: the disk is gone at run {fails_at}");
        assert_eq!(error.to_string(), expected);
    }
    held.indices[7] = 60;
    let runs = Runs::of(&held, &[1]);
    let error = nmf
        .fit(&Matrix::streamed_sparse(&runs).unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("index 60 in line"), "{error}");
    let mut runs = Runs::of(&held, &[2]);
    runs.bounds[1] = 300;
    let error = Matrix::streamed_sparse(&runs).unwrap_err();
    assert_eq!(
        error.to_string(),
        "malformed streamed sparse matrix: run 0 has 300 rows; expected a multiple of 256 in every run but the last"
    );
}

#[test]
fn a_bad_entry_is_named_at_its_place() {
    let mut dense = sparse::<f64>(900, 60, 9);
    dense.as_mut_slice()[701 * 60 + 13] = -2.0;
    dense.as_mut_slice()[899 * 60 + 13] = f64::NAN;
    for fit in all(&Nmf::new(2), &dense, Start::default()) {
        let expected = Error::Negative {
            matrix: "V",
            value: -2.0,
            row: 701,
            col: 13,
        };
        assert_eq!(fit.unwrap_err(), expected);
    }
    let zero = all(
        &Nmf::new(2).loss(Loss::ITAKURA_SAITO),
        &sparse::<f64>(900, 60, 9),
        Start::default(),
    );
    let errors: Vec<_> = zero.into_iter().map(Result::unwrap_err).collect();
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
}
