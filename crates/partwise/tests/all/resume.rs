//! A fit that goes on from a state ends in the bits of one that was never interrupted; any other state is refused.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Findings, Keeper, bits, damaged, losses, mapped, pairs, random, short};
use crate::constraints::{constraints, suited, under};
use partwise::{
    Dense, Error, Factor, Factorization, Float, Loss, Matrix, Nmf, Progress, Solver, Start,
};

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Goes on from every state of a fit, with another number of threads each time.
fn check<T: Float>(
    findings: &mut Findings,
    what: &str,
    nmf: &Nmf,
    blocks: &[Matrix<'_, T>],
    start: Start<'_, T>,
) -> Factorization<T> {
    let mut keeper = Keeper::default();
    let whole = nmf.fit_with(blocks, start, &mut keeper).unwrap();
    findings.check(!keeper.states.is_empty(), || format!("{what}: no state"));
    for (number, state) in keeper.states.iter().enumerate() {
        let nmf = nmf.clone().threads(NonZeroUsize::new(1 + number % 3));
        let mut input = &state[..];
        let resumed = nmf.resume(blocks, start, &mut input, &mut go_on).unwrap();
        findings.check(bits(&resumed) == bits(&whole), || {
            format!(
                "{what}: other bits from state {number} of {}",
                keeper.states.len()
            )
        });
        findings.check(input.is_empty(), || {
            format!("{what}: {} bytes left", input.len())
        });
        let same = resumed.stop == whole.stop && resumed.seconds >= 0.0;
        findings.check(same, || format!("{what}: {:?}", resumed.stop));
    }
    whole
}

fn positive<T: Float>(rows: usize, cols: usize) -> Dense<T> {
    mapped(&random::<f64>(rows, cols, 1.0, 5), |v| v + 0.1)
}

#[test]
fn constrained_fits_go_on_to_the_same_bits() {
    let mut findings = Findings::default();
    let v = random::<f64>(30, 17, 0.8, 9);
    for constraint in constraints() {
        let v = suited(&v, constraint);
        let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 4);
        let nmf = under(nmf, constraint, (v.rows(), v.cols()));
        let (what, v) = (constraint.to_string(), Matrix::from(&v));
        check(&mut findings, &what, &nmf, &[v], Start::default());
    }
    findings.finish();
}

#[test]
fn every_solver_goes_on_to_the_same_bits() {
    fn try_all<T: Float>(findings: &mut Findings) {
        let dense = positive::<T>(90, 70);
        for (solver, loss) in pairs() {
            let what = format!("{solver} {loss} {}", T::NAME);
            let nmf = short(3, solver, loss, 6);
            check(
                findings,
                &what,
                &nmf,
                &[Matrix::from(&dense)],
                Start::default(),
            );
        }
    }
    let mut findings = Findings::default();
    try_all::<f64>(&mut findings);
    try_all::<f32>(&mut findings);
    findings.finish();
}

#[test]
fn every_way_to_stop_goes_on_to_the_same_iteration() {
    let mut findings = Findings::default();
    let dense = positive::<f64>(60, 40);
    for solver in ["cd", "hals", "mu", "sketched"] {
        let nmf = Nmf::new(2)
            .solver(solver.parse().unwrap())
            .tol(1e-2)
            .max_iter(300);
        let whole = check(
            &mut findings,
            solver,
            &nmf,
            &[Matrix::from(&dense)],
            Start::default(),
        );
        assert_eq!(whole.stop, partwise::StopReason::Converged, "{solver}");
    }
    findings.finish();
}

#[test]
fn several_starts_blocks_and_held_factors_go_on_to_the_same_bits() {
    let mut findings = Findings::default();
    let dense = positive::<f64>(90, 70);
    let v = [Matrix::from(&dense)];
    let three = NonZeroUsize::new(3).unwrap();
    for (solver, loss) in [
        ("sketched", Loss::FROBENIUS),
        ("hals", Loss::FROBENIUS),
        ("newton", Loss::KULLBACK_LEIBLER),
    ] {
        let nmf = short(3, solver.parse().unwrap(), loss, 14).n_init(three);
        let whole = check(
            &mut findings,
            &format!("{solver}, three starts"),
            &nmf,
            &v,
            Start::default(),
        );
        findings.sound(&whole, solver);
    }
    let turned = dense.transposed();
    let columns = [Matrix::from(&turned).transpose()];
    let (top, bottom) = dense.as_slice().split_at(40 * 70);
    let blocks = [
        Matrix::row_major(top, 40, 70).unwrap(),
        Matrix::row_major(bottom, 50, 70).unwrap(),
    ];
    for loss in losses() {
        let nmf = short(3, Solver::auto(), loss, 5);
        check(
            &mut findings,
            &format!("{loss} by columns"),
            &nmf,
            &columns,
            Start::default(),
        );
        check(
            &mut findings,
            &format!("{loss} in blocks"),
            &nmf,
            &blocks,
            Start::default(),
        );
        let model = nmf.fit(&v[0]).unwrap();
        for hold in [Factor::W, Factor::H] {
            let start = Start {
                w: Some(&model.w),
                h: Some(&model.h),
                hold: Some(hold),
                ..Start::default()
            };
            check(
                &mut findings,
                &format!("{loss}, {hold:?} held"),
                &nmf,
                &v,
                start,
            );
        }
        let start = Start {
            h: Some(&model.h),
            held_h: &[1],
            ..Start::default()
        };
        check(
            &mut findings,
            &format!("{loss}, a component held"),
            &nmf,
            &v,
            start,
        );
    }
    findings.finish();
}

#[test]
fn a_fit_that_was_stopped_goes_on() {
    let dense = positive::<f64>(60, 40);
    let v = [Matrix::from(&dense)];
    let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 12);
    let whole = nmf.fit(&v[0]).unwrap();
    let mut state: Option<Vec<u8>> = None;
    // Stopped again and again, after three iterations each time.
    for _ in 0..3 {
        let mut keeper = Keeper {
            stops_at: Some(3),
            ..Keeper::default()
        };
        let stopped = match &state {
            None => nmf.fit_with(&v, Start::default(), &mut keeper),
            Some(state) => nmf.resume(&v, Start::default(), &mut &state[..], &mut keeper),
        };
        assert_eq!(stopped.unwrap().stop, partwise::StopReason::Stopped);
        state = keeper.states.pop();
    }
    let state = state.unwrap();
    let resumed = nmf
        .resume(&v, Start::default(), &mut &state[..], &mut go_on)
        .unwrap();
    assert_eq!(bits(&resumed), bits(&whole));
}

#[test]
fn another_fit_is_refused_by_name() {
    let dense = positive::<f64>(60, 40);
    let v = [Matrix::from(&dense)];
    let nmf = short(3, "hals".parse().unwrap(), Loss::FROBENIUS, 5);
    let mut keeper = Keeper::default();
    nmf.fit_with(&v, Start::default(), &mut keeper).unwrap();
    let state = &keeper.states[2];
    let reason = |nmf: &Nmf, v: &[Matrix<'_, f64>], start| {
        let error = nmf
            .resume(v, start, &mut &state[..], &mut go_on)
            .unwrap_err();
        assert!(matches!(error, Error::State { .. }), "{error}");
        error.to_string()
    };
    let (none, base) = (Start::default(), || nmf.clone());
    for (other, word) in [
        (
            short(4, "hals".parse().unwrap(), Loss::FROBENIUS, 5),
            "rank 3",
        ),
        (base().seed(9), "seed 0"),
        (base().max_iter(6), "max_iter 5"),
        (base().tol(0.1), "tol 0"),
        (base().solver("cd".parse().unwrap()), "solver hals"),
        (
            base()
                .solver("mu".parse().unwrap())
                .loss(Loss::KULLBACK_LEIBLER),
            "loss frobenius",
        ),
        (base().init("random".parse().unwrap()), "init nndsvda"),
    ] {
        let reason = reason(&other, &v, none);
        assert!(
            reason.contains(&format!("a fit with {word}, and this one has ")),
            "{reason}"
        );
    }
    let mut changed = dense.clone();
    changed.as_mut_slice()[77] += 1e-9;
    assert!(reason(&nmf, &[Matrix::from(&changed)], none).contains("sum of V"));
    let turned = dense.transposed();
    assert!(reason(&nmf, &[Matrix::from(&turned).transpose()], none).contains("storage of V"));
    // Of counts, whose sums are exact in any order: rows, columns and blocks that change their places.
    let counts = mapped::<f64, f64>(&dense, |x| (x * 8.0).round());
    let mut keeper = Keeper::default();
    let cut = |v: &Dense<f64>| {
        let half = |part: &[f64]| Dense::from_rows(part.to_vec(), 30, 40).unwrap();
        let (above, below) = v.as_slice().split_at(30 * 40);
        [half(above), half(below)]
    };
    let halves = cut(&counts);
    let blocks = halves.each_ref().map(Matrix::from);
    nmf.fit_with(&blocks, none, &mut keeper).unwrap();
    let reordered = |row: &dyn Fn(usize) -> usize, col: &dyn Fn(usize) -> usize| {
        let entries = (0..60 * 40).map(|at| counts.get(row(at / 40), col(at % 40)));
        Dense::from_rows(entries.collect(), 60, 40).unwrap()
    };
    for other in [
        reordered(&|i| (i + 30) % 60, &|j| j),
        reordered(&|i| i ^ 1, &|j| j),
        reordered(&|i| i, &|j| j ^ 1),
    ] {
        let halves = cut(&other);
        let blocks = halves.each_ref().map(Matrix::from);
        let error = nmf.resume(&blocks, none, &mut &keeper.states[2][..], &mut go_on);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("entries of V in their order"), "{error}");
    }
    let went_on = nmf.resume(&blocks, none, &mut &keeper.states[2][..], &mut go_on);
    assert_eq!(went_on.unwrap().iterations, 5);
    let given = Dense::filled(60, 3, 0.5);
    let start = Start {
        w: Some(&given),
        ..none
    };
    assert!(reason(&nmf, &v, start).contains("start W"));
}

#[test]
fn a_state_that_is_cut_or_changed_never_panics() {
    let dense = positive::<f64>(30, 20);
    let v = [Matrix::from(&dense)];
    let nmf = short(2, Solver::auto(), Loss::FROBENIUS, 4);
    let mut keeper = Keeper::default();
    nmf.fit_with(&v, Start::default(), &mut keeper).unwrap();
    let state = keeper.states.pop().unwrap();
    for end in (0..state.len()).step_by(101).chain([state.len() - 1]) {
        let error = nmf
            .resume(&v, Start::default(), &mut &state[..end], &mut go_on)
            .unwrap_err();
        assert!(matches!(error, Error::State { .. }), "{end}: {error}");
    }
}

/// Whatever a state holds: an error, or a fit that goes on from it.
#[test]
fn a_state_whose_parts_do_not_fit_together_never_panics() {
    let v = positive::<f64>(7, 5);
    let turned = Dense::from_rows(
        (0..35)
            .map(|at| v.as_slice()[at % 7 * 5 + at / 7])
            .collect(),
        5,
        7,
    )
    .unwrap();
    let by_rows = Matrix::from(&v);
    let by_columns = Matrix::column_major(turned.as_slice(), 7, 5).unwrap();
    let fit = |solver: &str, loss| {
        short(2, solver.parse().unwrap(), loss, 3)
            .init("random".parse().unwrap())
            .threads(NonZeroUsize::new(1))
    };
    let h = Dense::filled(2, 5, 0.7);
    let w = Dense::filled(7, 2, 0.6);
    let free = Start::default();
    let held = Start {
        w: Some(&w),
        h: Some(&h),
        hold: Some(Factor::W),
        ..free
    };
    let squared = Loss::FROBENIUS;
    let semi = fit("auto", squared).constraint("h:semi".parse().unwrap());
    for (nmf, v, start) in [
        (fit("auto", squared), by_rows, free),
        (fit("cd", squared), by_columns, free),
        (fit("als", squared), by_columns, free),
        (fit("mu", Loss::KULLBACK_LEIBLER), by_columns, free),
        (fit("hals", squared), by_rows, held),
        (semi, by_rows, free),
    ] {
        let mut keeper = Keeper::default();
        nmf.fit_with(&[v], start, &mut keeper).unwrap();
        for state in damaged(keeper.states.last().unwrap()) {
            match nmf.resume(&[v], start, &mut &state[..], &mut go_on) {
                Ok(model) => assert_eq!((model.w.rows(), model.h.cols()), (7, 5)),
                Err(error) => assert!(matches!(error, Error::State { .. }), "{error}"),
            }
        }
    }
}
