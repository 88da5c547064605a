//! What must not matter: the solver near a minimum, the unit of V, the order of its rows and columns, the vectors of the machine.

#![allow(
    clippy::print_stdout,
    reason = "the largest errors are figures to read"
)]

use std::ops::ControlFlow;

use partwise::{
    Dense, Factorization, Float, Loss, Matrix, Nmf, Progress, Solver, Start, Weighting,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::common::{Findings, Storage, Stored, mapped, pairs, random, short, uniform};

fn fit_from<T: Float>(nmf: &Nmf, v: &Dense<T>, w: &Dense<T>, h: &Dense<T>) -> Factorization<T> {
    let start = Start {
        w: Some(w),
        h: Some(h),
        ..Start::default()
    };
    let mut go_on = |_: &Progress| ControlFlow::Continue(());
    nmf.fit_with(&[Matrix::from(v)], start, &mut go_on).unwrap()
}

/// The largest difference of two matrices over the largest entry.
fn distance<T: Float>(found: &Dense<T>, expected: &Dense<T>) -> f64 {
    let pairs = found.as_slice().iter().zip(expected.as_slice());
    let differences = pairs.map(|(a, b)| (a.to_f64() - b.to_f64()).abs());
    let sizes = expected.as_slice().iter().map(|x| x.to_f64());
    differences.fold(0.0, f64::max) / sizes.fold(0.0, f64::max)
}

/// A factor with zeros, so that no other pair has the same product.
fn factor(rng: &mut ChaCha8Rng, rows: usize, cols: usize) -> Dense<f64> {
    let mut entry = || match uniform(rng) {
        x if x < 0.4 => 0.0,
        x => x,
    };
    let values = (0..rows * cols).map(|_| entry()).collect();
    Dense::from_rows(values, rows, cols).unwrap()
}

#[test]
fn all_solvers_end_in_the_same_minimum_from_a_near_start() {
    let mut findings = Findings::default();
    for seed in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (w, h) = (factor(&mut rng, 14, 3), factor(&mut rng, 3, 11));
        let v = partwise::reconstruct(&w, &h);
        let v: Dense<f64> = mapped(&v, |x| (x + 0.02) * (0.98 + 0.04 * uniform_of(x)));
        let near = |x: f64| 1.01 * x + 0.01;
        let (w, h): (Dense<f64>, Dense<f64>) = (mapped(&w, near), mapped(&h, near));
        for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
            let fitted = |solver| fit_from(&short(3, solver, loss, 1500), &v, &w, &h);
            let expected = fitted(Solver::auto());
            for solver in Solver::all().filter(|solver| solver.handles(loss)) {
                let found = fitted(solver);
                // Where there is noise minima may lie close together, and factors that are carried on beyond a step may come
                // to the next one. Multiplicative steps come near a zero of a factor, and never to it. Clipping what is
                // below zero finds another point than the minimum.
                let slack = match solver.name() {
                    "mu" => 3e-2,
                    "als" => 1e-1,
                    _ => 1e-3,
                };
                let rise = found.objective / expected.objective - 1.0;
                let apart = distance(&found.reconstruct(), &expected.reconstruct());
                findings.check(rise.abs() <= slack && apart <= slack, || {
                    format!(
                        "{seed} {solver} {loss}: objective off by {rise:.1e}, W H by {apart:.1e}"
                    )
                });
            }
        }
    }
    findings.finish();
}

/// A number from 0 to 1 that follows from another one.
fn uniform_of(x: f64) -> f64 {
    (x * 1e4 * 0.618_033_988_75).fract()
}

#[test]
fn another_unit_of_the_data_gives_the_same_factors_in_it() {
    fn try_all<T: Float>(units: &[f64], slack: f64) {
        let mut findings = Findings::default();
        let v = random::<T>(19, 13, 1.0, 5);
        for (solver, loss) in pairs() {
            for storage in [Storage::RowMajor, Storage::Csr] {
                let fitted = |c: f64| {
                    let scaled = Stored::of(&mapped::<T, T>(&v, |x| c * x), storage);
                    let nmf = short(3, solver, loss, 6).init("random".parse().unwrap());
                    nmf.fit(&scaled.matrix()).unwrap()
                };
                let expected = fitted(1.0);
                for &c in units {
                    let found = fitted(c);
                    // The start splits the unit between the factors.
                    let unit = |x: f64| x * c.sqrt();
                    let apart = distance(&found.w, &mapped(&expected.w, unit))
                        .max(distance(&found.h, &mapped(&expected.h, unit)));
                    let scale = expected.objective * c.powf(loss.beta());
                    let rise = (found.objective / scale - 1.0).abs();
                    findings.check(apart <= slack && rise <= slack, || {
                        format!(
                            "{solver} {loss} {storage:?} {} V * {c:e}: factors off by {apart:.1e}, objective by {rise:.1e}",
                            T::NAME
                        )
                    });
                }
            }
        }
        findings.finish();
    }
    let powers = |exponents: [f64; 3]| exponents.map(f64::exp2);
    try_all::<f64>(&powers([1.0, 60.0, -60.0]), 1e-8);
    // Powers whose roots single precision has.
    try_all::<f32>(&powers([2.0, 16.0, -16.0]), 1e-3);
    // Units that round every entry.
    try_all::<f64>(&[0.3, 3.7e5, 1.1e-9], 1e-7);
    try_all::<f32>(&[0.3, 3.7e5], 5e-2);
}

#[test]
fn another_order_of_rows_and_columns_gives_the_same_factors_in_it() {
    let mut findings = Findings::default();
    let (m, n, k) = (21, 16, 3);
    let v = random::<f64>(m, n, 1.0, 6);
    let (w, h) = (random::<f64>(m, k, 1.0, 7), random::<f64>(k, n, 1.0, 8));
    // Any orders will do.
    let (row, col) = (|i: usize| i * 8 % m, |j: usize| j * 5 % n);
    let reordered = |x: &Dense<f64>, row: &dyn Fn(usize) -> usize, col: &dyn Fn(usize) -> usize| {
        let (rows, cols) = (x.rows(), x.cols());
        let entries = (0..rows * cols).map(|at| x.get(row(at / cols), col(at % cols)));
        Dense::from_rows(entries.collect(), rows, cols).unwrap()
    };
    let same = |t: usize| t;
    let turned = (
        reordered(&v, &row, &col),
        reordered(&w, &row, &same),
        reordered(&h, &same, &col),
    );
    // The sketch of a V is drawn for its columns in their order.
    let pairs = pairs().into_iter();
    for (solver, loss) in pairs.filter(|(solver, _)| solver.name() != "sketched") {
        let nmf = short(k, solver, loss, 5);
        let expected = fit_from(&nmf, &v, &w, &h);
        let found = fit_from(&nmf, &turned.0, &turned.1, &turned.2);
        let apart = distance(&found.w, &reordered(&expected.w, &row, &same))
            .max(distance(&found.h, &reordered(&expected.h, &same, &col)));
        let rise = (found.objective / expected.objective - 1.0).abs();
        findings.check(apart <= 1e-8 && rise <= 1e-9, || {
            format!("{solver} {loss}: factors off by {apart:.1e}, objective by {rise:.1e}")
        });
    }
    findings.finish();
}

/// Every component is a row of V, and V is nothing but mixtures of them.
#[test]
fn separable_data_are_recovered_exactly() {
    fn try_all<T: Float>(slack: f64) {
        let mut findings = Findings::default();
        let (m, n, k) = (25, 12, 4);
        for seed in 0..10 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let h = factor(&mut rng, k, n);
            let mut w: Dense<f64> = random(m, k, 1.0, seed);
            let pure = [3, 9, 14, 20];
            for row in w.as_mut_slice().chunks_exact_mut(k) {
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
            for (t, &i) in pure.iter().enumerate() {
                (0..k).for_each(|s| w.as_mut_slice()[i * k + s] = f64::from(u8::from(s == t)));
            }
            let v: Dense<T> = mapped(&partwise::reconstruct(&w, &h), |x| x);
            let nmf = Nmf::new(k)
                .constraint("separable".parse().unwrap())
                .tol(0.0)
                .max_iter(100);
            let model = nmf.fit(&Matrix::from(&v)).unwrap();
            let mut picked = model.picked.clone();
            picked.sort_unstable();
            findings.check(picked == pure, || {
                format!("{seed}: rows {picked:?} were taken")
            });
            let error = model.relative_error;
            findings.check(error <= slack, || format!("{seed}: the error is {error:e}"));
            for (t, &i) in model.picked.iter().enumerate() {
                findings.check(model.h.row(t) == v.row(i), || {
                    format!("{seed}: row {i} of V is changed")
                });
            }
        }
        findings.finish();
    }
    try_all::<f64>(1e-12);
    try_all::<f32>(1e-4);
}

/// What the kernels compute without vectors, as on an x86-64 without AVX2 and FMA, beside what they do on this machine: all solvers,
/// losses and storages, with entries that count alike and with weighted ones. (faer, which decomposes small matrices, chooses by itself.)
///
/// Sums in another order, each with a rounding more or less, differ by some ε. What the condition of a problem makes of that in four
/// iterations is allowed here, relative to the largest entry of a factor and to the objective: 1e-9 in double and 5e-2 in single
/// precision, of which `pg` needs the most, since its line search may take one step more or less.
#[test]
#[cfg(feature = "kernels")]
fn vectors_of_any_width_give_the_same_answer() {
    use partwise::kernels::{Width, multiply_add, no_wider};
    use std::num::NonZeroUsize;

    fn try_all<T: Float>(slack: f64, largest: &mut f64) {
        let mut findings = Findings::default();
        let v = random::<T>(67, 41, 0.8, 9);
        let positive = mapped::<T, T>(&v, |x| x + 0.1);
        let weights: Vec<T> = (0..v.rows())
            .map(|i| T::from_f64(0.5 + (i % 3) as f64))
            .collect();
        for (solver, loss) in pairs() {
            let v = if loss.needs_positive() { &positive } else { &v };
            for (storage, weighted) in Storage::ALL
                .into_iter()
                .flat_map(|s| [(s, false), (s, true)])
            {
                // A sketch has no entries to weigh.
                if weighted && solver.name() == "sketched" {
                    continue;
                }
                let stored = Stored::of(v, storage);
                let nmf = short(5, solver, loss, 4)
                    .init("random".parse().unwrap())
                    .threads(Some(NonZeroUsize::MIN));
                let weighting = Weighting {
                    rows: weighted.then_some(&weights[..]),
                    ..Weighting::default()
                };
                let fit = || {
                    let mut go_on = |_: &Progress| ControlFlow::Continue(());
                    nmf.fit_weighted(&stored.matrix(), &weighting, Start::default(), &mut go_on)
                        .unwrap()
                };
                let expected = no_wider(Width::One, fit);
                for width in [Width::Full, Width::Half] {
                    let found = no_wider(width, fit);
                    let apart =
                        distance(&found.w, &expected.w).max(distance(&found.h, &expected.h));
                    let rise = (found.objective / expected.objective - 1.0).abs();
                    *largest = largest.max(apart).max(rise);
                    findings.check(apart <= slack && rise <= slack, || {
                        format!(
                            "{solver} {loss} {storage:?} weighted {weighted} {} {width:?}: factors off by {apart:.1e}, objective by {rise:.1e}",
                            T::NAME
                        )
                    });
                }
            }
        }
        findings.finish();
    }
    // As many numbers are turned at a time as there are lanes.
    let lanes = || multiply_add(1, 0.5f32).0;
    let [wide, half, plain] =
        [Width::Full, Width::Half, Width::One].map(|width| no_wider(width, lanes));
    println!("{} and {} lanes against one", wide / plain, half / plain);
    for (name, try_all, slack) in [
        ("f64", try_all::<f64> as fn(f64, &mut f64), 1e-9),
        ("f32", try_all::<f32>, 5e-2),
    ] {
        let mut largest = 0.0;
        try_all(slack, &mut largest);
        println!("{name}: off by {largest:.1e} at most");
        assert!(largest > 0.0 || wide == plain, "both ways are the same");
    }
}
