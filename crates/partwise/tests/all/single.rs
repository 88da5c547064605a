//! Fits in double precision that begin in single precision: they end as low as those that do not, in the same bits wherever V is and
//! with any number of threads, and go on from their states to those bits.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Findings, Keeper, Storage, Stored, bits, mapped, random};
use crate::streamed::Rows;
use partwise::{Dense, Factor, Factorization, Loss, Matrix, Nmf, Penalty, Progress, Solver, Start};

fn auto(loss: Loss) -> Nmf {
    Nmf::new(4).loss(loss).seed(3).max_iter(120)
}

fn losses() -> [Loss; 2] {
    [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER]
}

/// Rank 3 with much noise, so that the objective stays well above nothing.
fn noisy(density: f64) -> Dense<f64> {
    random(160, 90, density, 5)
}

fn solver_of(loss: Loss) -> Solver {
    Solver::auto().resolve(loss).unwrap()
}

/// The solver that does the work for `auto`, in double precision throughout.
fn in_double(nmf: &Nmf, found: &Factorization<f64>) -> Nmf {
    nmf.clone().solver(found.solver)
}

#[test]
fn fits_end_as_low_as_in_double_precision_throughout() {
    let mut findings = Findings::default();
    for loss in losses() {
        for density in [1.0, 0.3] {
            let v = noisy(density);
            for (penalty, init) in [(0.0, "random"), (1e-3, "nndsvda")] {
                for storage in [Storage::RowMajor, Storage::ColumnMajor, Storage::Csc] {
                    let stored = Stored::of(&v, storage);
                    let nmf = auto(loss).init(init.parse().unwrap()).penalty(Penalty {
                        alpha_w: penalty,
                        alpha_h: penalty,
                        l1_ratio: 0.5,
                    });
                    let what = format!("{loss} {density} {init} {storage:?}");
                    let v = [stored.matrix()];
                    // From where both of them go on to the same minimum.
                    let solver = nmf.clone().solver(solver_of(loss)).max_iter(20);
                    let begun = solver.fit(&v[0]).unwrap();
                    let start = Start {
                        w: Some(&begun.w),
                        h: Some(&begun.h),
                        ..Start::default()
                    };
                    let fit = |nmf: &Nmf| {
                        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
                        nmf.fit_with(&v, start, go_on).unwrap()
                    };
                    let found = fit(&nmf);
                    let alone = fit(&in_double(&nmf, &found));
                    assert_eq!(alone.single_iterations, 0);
                    let single = found.single_iterations;
                    findings.check(single > 0 && single < found.iterations, || {
                        format!("{what}: {single} of {}", found.iterations)
                    });
                    let above = found.objective / alone.objective - 1.0;
                    findings.check(above.abs() < 1e-3, || {
                        format!("{what}: {above:e} above double precision throughout")
                    });
                    findings.sound(&found, &what);
                    // What is said of the factors is said in double precision.
                    let start = Start {
                        w: Some(&found.w),
                        h: Some(&found.h),
                        hold: Some(Factor::W),
                        ..Start::default()
                    };
                    let go_on = &mut |_: &Progress| ControlFlow::Break(());
                    let held = nmf.clone().max_iter(1);
                    let looked = held.fit_with(&[stored.matrix()], start, go_on).unwrap();
                    let better = 1.0 - looked.objective / found.objective;
                    findings.check((-1e-12..1e-4).contains(&better), || {
                        format!("{what}: H alone gains {better:e}")
                    });
                }
            }
        }
    }
    findings.finish();
}

#[test]
fn a_small_tolerance_is_reached_in_double_precision() {
    let v = noisy(1.0);
    let nmf = auto(Loss::FROBENIUS).tol(1e-9).max_iter(5000);
    let found = nmf.fit(&Matrix::from(&v)).unwrap();
    let alone = in_double(&nmf, &found).fit(&Matrix::from(&v)).unwrap();
    assert!(found.single_iterations > 0 && found.single_iterations + 20 < found.iterations);
    assert!((found.objective / alone.objective - 1.0).abs() < 1e-3);
    // No fit in single precision comes near this.
    assert!(found.residual < 1e-6, "{:e}", found.residual);
}

#[test]
fn states_of_both_parts_are_gone_on_from() {
    let mut findings = Findings::default();
    let v = noisy(0.6);
    for loss in losses() {
        for starts in [1, 2] {
            let nmf = auto(loss)
                .max_iter(40)
                .init("random".parse().unwrap())
                .n_init(NonZeroUsize::new(starts).unwrap());
            let blocks = [Matrix::from(&v)];
            let mut keeper = Keeper::default();
            let whole = nmf
                .fit_with(&blocks, Start::default(), &mut keeper)
                .unwrap();
            let single = whole.single_iterations;
            assert!(single > 0 && single < whole.iterations);
            for (number, state) in keeper.states.iter().enumerate() {
                let nmf = nmf.clone().threads(NonZeroUsize::new(1 + number % 3));
                let mut input = &state[..];
                let go_on = &mut |_: &Progress| ControlFlow::Continue(());
                let resumed = nmf
                    .resume(&blocks, Start::default(), &mut input, go_on)
                    .unwrap();
                let same = bits(&resumed) == bits(&whole);
                let same = same && resumed.single_iterations == single && input.is_empty();
                let same = same && resumed.approach_iterations == whole.approach_iterations;
                findings.check(same, || format!("{loss}, {starts} starts: state {number}"));
            }
        }
    }
    findings.finish();
}

#[test]
fn bits_do_not_depend_on_where_v_is_or_on_threads() {
    let mut findings = Findings::default();
    let v = noisy(0.4);
    let rows = Rows::of(&v);
    let sparse = Stored::of(&v, Storage::Csr);
    let dense = [Matrix::from(&v), Matrix::streamed(&rows)];
    let stored = [sparse.matrix(), sparse.matrix().lean()];
    let nmf = auto(Loss::FROBENIUS);
    for ways in [dense, stored] {
        let first = nmf.fit(&ways[0]).unwrap();
        assert!(first.single_iterations > 0);
        for (way, threads) in [(0, 1), (0, 3), (1, 1), (1, 2)] {
            let nmf = nmf.clone().threads(NonZeroUsize::new(threads));
            let other = nmf.fit(&ways[way]).unwrap();
            findings.check(bits(&first) == bits(&other), || {
                format!("{way} with {threads} threads")
            });
        }
    }
    findings.finish();
}

#[test]
fn a_stopped_fit_gives_its_best_factors_from_either_part() {
    let v = noisy(1.0);
    for at in [1, 7, 30] {
        let mut keeper = Keeper {
            stops_at: Some(at),
            ..Keeper::default()
        };
        let v = [Matrix::from(&v)];
        let fit = auto(Loss::FROBENIUS)
            .fit_with(&v, Start::default(), &mut keeper)
            .unwrap();
        assert_eq!(fit.iterations, at);
        assert_eq!(fit.stop, partwise::StopReason::Stopped);
        let least = fit.trace.iter().filter(|point| !point.sketched);
        let least = least.map(|point| point.objective);
        let least = least.fold(f64::INFINITY, f64::min);
        assert!(fit.objective <= least * (1.0 + 1e-5), "{at}");
    }
}

#[test]
fn what_single_precision_does_not_hold_stays_in_double_precision() {
    let v = noisy(1.0);
    let (huge, tiny) = (
        mapped::<_, f64>(&v, |x| x * 1e30),
        mapped::<_, f64>(&v, |x| x * 1e-30),
    );
    let whole = |v: &Dense<f64>, nmf: Nmf| nmf.fit(&Matrix::from(v)).unwrap().single_iterations;
    let nmf = || auto(Loss::FROBENIUS);
    assert_eq!(whole(&huge, nmf()), 0);
    assert_eq!(whole(&tiny, nmf()), 0);
    assert_eq!(whole(&v, nmf().max_iter(20)), 0);
    assert_eq!(whole(&v, nmf().solver("hals".parse().unwrap())), 0);
    assert_eq!(whole(&v, nmf().constraint("simplex".parse().unwrap())), 0);
    let of = |factor: &Dense<f64>, hold| {
        let start = Start {
            h: Some(factor),
            hold,
            ..Start::default()
        };
        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
        let fit = nmf().fit_with(&[Matrix::from(&v)], start, go_on).unwrap();
        fit.single_iterations
    };
    let h = random::<f64>(4, 90, 1.0, 8);
    assert!(of(&h, None) > 0);
    assert_eq!(of(&h, Some(Factor::H)), 0);
    assert_eq!(of(&mapped(&h, |x| x * 1e40), None), 0);
    let rounded = mapped::<_, f32>(&v, |x| x);
    let fit = nmf().fit(&Matrix::from(&rounded)).unwrap();
    assert_eq!(fit.single_iterations, 0);
}

/// Where the squared error is so small that single precision tells it entry by entry alone, a fit goes on in double precision.
#[test]
fn a_near_exact_fit_ends_in_double_precision() {
    let (w, h) = (random::<f64>(120, 4, 1.0, 1), random::<f64>(4, 70, 1.0, 2));
    let v = partwise::reconstruct(&w, &h);
    let nmf = auto(Loss::FROBENIUS).solver(Solver::auto()).max_iter(2000);
    let fit = nmf.fit(&Matrix::from(&v)).unwrap();
    assert!(fit.single_iterations < fit.iterations);
    let alone = in_double(&nmf, &fit).fit(&Matrix::from(&v)).unwrap();
    assert!(fit.relative_error < 1e-3 && fit.relative_error < 10.0 * alone.relative_error);
}
