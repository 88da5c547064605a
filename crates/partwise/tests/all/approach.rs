//! Kullback–Leibler fits by `auto` of a dense V, which are brought near to it before they begin.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Findings, Storage, Stored, random};
use crate::streamed::Rows;
use partwise::{
    Dense, Factor, Factorization, Loss, Matrix, Nmf, Observer, Penalty, Progress, Start, StopReason,
};

fn auto() -> Nmf {
    Nmf::new(6)
        .loss(Loss::KULLBACK_LEIBLER)
        .init("random".parse().unwrap())
        .max_iter(200)
}

/// The same by the solver that does the work, from where it is told to.
fn in_newton(nmf: &Nmf) -> Nmf {
    nmf.clone().solver("newton".parse().unwrap())
}

/// Six parts that overlap, in amounts that never repeat, and noise.
fn of_parts(seed: u64) -> Dense<f64> {
    let w: Dense<f64> = random(120, 6, 0.5, seed);
    let h: Dense<f64> = random(6, 80, 0.4, seed + 100);
    let noise: Dense<f64> = random(120, 80, 1.0, seed + 200);
    let entry = |at: usize| {
        let (i, j) = (at / 80, at % 80);
        let signal: f64 = (0..6).map(|t| w.get(i, t) * h.get(t, j)).sum();
        signal + 0.1 * noise.get(i, j)
    };
    Dense::from_rows((0..120 * 80).map(entry).collect(), 120, 80).unwrap()
}

fn started(nmf: &Nmf, v: &Matrix<'_, f64>, start: Start<'_, f64>) -> Factorization<f64> {
    let go_on = &mut |_: &Progress| ControlFlow::Continue(());
    nmf.fit_with(&[*v], start, go_on).unwrap()
}

#[test]
fn fits_begin_near_v_and_end_as_low() {
    let mut findings = Findings::default();
    let mut ends = Vec::new();
    for seed in 0..9 {
        let v = of_parts(seed);
        for storage in [Storage::RowMajor, Storage::ColumnMajor] {
            let v = Stored::of(&v, storage);
            let found = auto().seed(seed).fit(&v.matrix()).unwrap();
            let alone = in_newton(&auto()).seed(seed).fit(&v.matrix()).unwrap();
            findings.sound(&found, &format!("{seed} {storage:?}"));
            let steps = (found.approach_iterations, alone.approach_iterations);
            findings.check((1..=30).contains(&steps.0) && steps.1 == 0, || {
                format!("{seed}: {steps:?} iterations")
            });
            // It begins where the other one comes to on its way.
            let (first, passed) = (found.trace[0].objective, alone.trace[3].objective);
            findings.check(first < passed, || format!("{seed}: {first} {passed}"));
            ends.push(found.objective / alone.objective - 1.0);
        }
    }
    ends.sort_by(f64::total_cmp);
    let middle = ends[ends.len() / 2];
    findings.check(middle < 1e-3, || format!("{middle:e} above: {ends:?}"));
    findings.finish();
}

#[test]
fn a_start_that_is_given_is_only_left_for_a_better_one() {
    let v = of_parts(3);
    let v = Matrix::from(&v);
    let good = in_newton(&auto()).fit(&v).unwrap();
    let mut findings = Findings::default();
    for nmf in [
        auto(),
        auto().penalty(Penalty {
            alpha_w: 1e-3,
            alpha_h: 1e-3,
            l1_ratio: 0.5,
        }),
    ] {
        let start = Start {
            w: Some(&good.w),
            h: Some(&good.h),
            ..Start::default()
        };
        let (found, alone) = (
            started(&nmf, &v, start),
            started(&in_newton(&nmf), &v, start),
        );
        let (first, begun) = (found.trace[0].objective, alone.trace[0].objective);
        findings.check((first / begun - 1.0).abs() < 1e-5, || {
            format!("{first} {begun}")
        });
        findings.check(found.approach_iterations == 0, || {
            format!("{} iterations", found.approach_iterations)
        });
        // One that is far off is left.
        let drawn = in_newton(&auto()).max_iter(1).seed(7).fit(&v).unwrap();
        let start = Start {
            w: Some(&drawn.w),
            h: Some(&drawn.h),
            ..Start::default()
        };
        let found = started(&nmf, &v, start);
        let first = found.trace[0].objective;
        findings.check(first < 0.9 * drawn.objective, || {
            format!("{first} {}", drawn.objective)
        });
    }
    findings.finish();
}

/// Whatever says where to begin, or how, is heeded.
#[test]
fn other_fits_begin_where_they_are_drawn() {
    let v = of_parts(5);
    let dense = Matrix::from(&v);
    let sparse = Stored::of(&v, Storage::Csr);
    let h: Dense<f64> = random(6, 80, 1.0, 9);
    let given = Start {
        h: Some(&h),
        ..Start::default()
    };
    let held = Start {
        hold: Some(Factor::H),
        ..given
    };
    let one = auto().threads(NonZeroUsize::new(1)).max_iter(30);
    for (what, v, start) in [
        ("sparse", sparse.matrix(), Start::default()),
        ("H given", dense, given),
        ("H held", dense, held),
    ] {
        let (found, alone) = (
            started(&one, &v, start),
            started(&in_newton(&one), &v, start),
        );
        let (first, begun) = (found.trace[0].objective, alone.trace[0].objective);
        assert!(
            (first / begun - 1.0).abs() < 1e-5,
            "{what}: {first} {begun}"
        );
        assert_eq!(found.approach_iterations, 0, "{what}");
    }
}

#[test]
fn a_v_that_is_read_is_begun_near_as_one_in_memory() {
    let v = of_parts(5);
    let rows = Rows::of(&v);
    let read = auto().fit(&Matrix::streamed(&rows)).unwrap();
    let found = auto().fit(&Matrix::from(&v)).unwrap();
    let begun = |fit: &Factorization<f64>| fit.trace[0].objective.to_bits();
    assert_eq!(begun(&found), begun(&read));
}

/// Ends the fit after so many steps of the way to its start.
struct Ends {
    after: usize,
    seen: Vec<(usize, usize)>,
}

impl Observer for Ends {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        panic!("no iteration was to be done");
    }

    fn approach(&mut self, done: usize, most: usize) -> ControlFlow<()> {
        self.seen.push((done, most));
        match done < self.after {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

#[test]
fn a_fit_may_be_ended_on_the_way_to_its_start() {
    let v = of_parts(3);
    for starts in [1, 3] {
        let nmf = auto().n_init(NonZeroUsize::new(starts).unwrap());
        let mut observer = Ends {
            after: 4,
            seen: Vec::new(),
        };
        let v = [Matrix::from(&v)];
        let found = nmf.fit_with(&v, Start::default(), &mut observer).unwrap();
        assert_eq!(observer.seen, [(1, 30), (2, 30), (3, 30), (4, 30)]);
        assert_eq!((found.iterations, found.approach_iterations), (0, 4));
        assert_eq!(found.stop, StopReason::Stopped);
        let mut findings = Findings::default();
        findings.sound(&found, "ended");
        findings.finish();
    }
}
