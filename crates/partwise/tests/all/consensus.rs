//! A consensus of many fits: planted parts are found though some runs go astray, its figures are those of their definitions,
//! and the bits are the same for any number of threads.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::planted::{Noise, planted};
use crate::common::{Storage, Stored};
use partwise::{ConsensusModel, ConsensusNmf, Dense, Error, Loss, Matrix, Nmf, SurveyProgress};

fn go_on(_: &SurveyProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn run(asked: &ConsensusNmf, v: &Dense<f64>) -> ConsensusModel<f64> {
    let found = asked.run(&Matrix::from(v), &mut go_on).unwrap();
    found.expect("nobody ended it")
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// Parts of ten neighbouring columns each, which overlap by two, in random amounts; with noise.
fn with_parts(rows: usize, parts: usize, noise: f64) -> (Dense<f64>, Dense<f64>) {
    let cols = 8 * parts + 2;
    let h = |t: usize, j: usize| {
        let at = j as f64 - (8 * t) as f64;
        if (0.0..10.0).contains(&at) {
            (std::f64::consts::PI * (at + 0.5) / 10.0).sin()
        } else {
            0.0
        }
    };
    let draw = |at: usize| {
        let mut x = (at as u64)
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let entry = |at: usize| {
        let (i, j) = (at / cols, at % cols);
        let exact: f64 = (0..parts)
            .map(|t| draw(i * parts + t).powi(3) * h(t, j))
            .sum();
        (exact + noise * (draw(at + 1_000_000) - 0.5)).max(0.0)
    };
    let v = Dense::from_rows((0..rows * cols).map(entry).collect(), rows, cols).unwrap();
    let truth = (0..parts * cols)
        .map(|at| h(at / cols, at % cols))
        .collect();
    (v, Dense::from_rows(truth, parts, cols).unwrap())
}

/// The least cosine of a true part and the component nearest to it.
fn worst(truth: &Dense<f64>, h: &Dense<f64>) -> f64 {
    let nearest = |t: usize| {
        let cosines = (0..h.rows()).map(|own| cosine(truth.row(t), h.row(own)));
        cosines.fold(0.0, f64::max)
    };
    (0..truth.rows()).map(nearest).fold(1.0, f64::min)
}

#[test]
fn planted_parts_are_found_and_known_to_be_sure() {
    let (v, truth) = with_parts(80, 5, 0.02);
    for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
        let nmf = Nmf::new(5).loss(loss);
        for polish in [false, true] {
            let asked = ConsensusNmf::new(nmf.clone()).runs(20).polish(polish);
            let found = run(&asked, &v);
            assert!(worst(&truth, &found.fit.h) >= 0.95, "{loss} {polish}");
            assert!(found.complete && found.parts.len() == 5);
            for part in &found.parts {
                assert!(
                    part.found > 0.5 && part.cosine > 0.95 && part.rival > 0.9,
                    "{part:?}"
                );
                assert!(part.silhouette > 0.7, "{part:?}");
            }
            let shares: f64 = found.parts.iter().map(|part| part.share).sum();
            assert!((shares - 1.0).abs() < 0.05, "{shares}");
            assert!(
                found
                    .parts
                    .windows(2)
                    .all(|pair| pair[0].share >= pair[1].share)
            );
            for t in 0..5 {
                let sum: f64 = found.fit.h.row(t).iter().sum();
                assert!((sum - 1.0).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn outliers_are_left_out_and_parts_still_found() {
    let (v, truth) = with_parts(60, 6, 0.3);
    // A rank above the truth: the surplus component is another one in each run.
    let asked = ConsensusNmf::new(Nmf::new(7).max_iter(60)).runs(24);
    let strict = run(&asked.clone().threshold(0.3), &v);
    let outliers = strict.members.iter().filter(|member| !member.kept).count();
    assert!(outliers > 0, "no outliers");
    assert!(
        worst(&truth, &strict.fit.h) >= 0.95,
        "{}",
        worst(&truth, &strict.fit.h)
    );
    let all = run(&asked.threshold(2.0), &v);
    assert!(all.members.iter().all(|member| member.kept));
    let mut sure: Vec<f64> = all.parts.iter().map(|part| part.silhouette).collect();
    sure.sort_by(f64::total_cmp);
    assert!(
        sure[0] < 0.8 && sure[1] > sure[0] + 0.1,
        "the surplus one is unsure: {sure:?}"
    );
}

/// Figures and members by their definitions.
#[test]
fn figures_are_those_of_the_definitions() {
    let v = planted(40, 25, 4, Noise::Gaussian(0.2), 3);
    let nmf = Nmf::new(5).solver("hals".parse().unwrap());
    let found = run(&ConsensusNmf::new(nmf.clone()).runs(9).threshold(0.4), &v);
    assert_eq!(found.members.len(), 9 * 5);
    let (h, w) = (&found.fit.h, &found.fit.w);
    let total: f64 = v.as_slice().iter().sum();
    for (t, part) in found.parts.iter().enumerate() {
        let own: Vec<_> = found
            .members
            .iter()
            .filter(|member| member.kept && member.part == t)
            .collect();
        assert_eq!(part.members, own.len());
        let runs: std::collections::BTreeSet<usize> = own.iter().map(|member| member.run).collect();
        assert_eq!(part.found, runs.len() as f64 / 9.0);
        let mean = own.iter().map(|member| member.cosine).sum::<f64>() / own.len() as f64;
        assert!((part.cosine - mean).abs() < 1e-12);
        let weight: f64 = (0..40).map(|i| w.get(i, t)).sum::<f64>() * h.row(t).iter().sum::<f64>();
        assert!((part.share - weight / total).abs() < 1e-9);
    }
    // Silhouettes, pair by pair.
    let kept: Vec<usize> = (0..45).filter(|&at| found.members[at].kept).collect();
    let mean_distance = |from: usize, part: usize| {
        let others = kept
            .iter()
            .filter(|&&to| to != from && found.members[to].part == part);
        let distances: Vec<f64> = others.map(|&to| 1.0 - found.cosine(from, to)).collect();
        distances.iter().sum::<f64>() / distances.len() as f64
    };
    let silhouette = |at: usize| {
        let own = found.members[at].part;
        let a = mean_distance(at, own);
        let others = (0..5).filter(|&t| t != own && found.parts[t].members > 0);
        let b = others
            .map(|t| mean_distance(at, t))
            .fold(f64::INFINITY, f64::min);
        if a.is_nan() { 0.0 } else { (b - a) / a.max(b) }
    };
    for (t, part) in found
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| part.members > 0)
    {
        let own = kept.iter().filter(|&&at| found.members[at].part == t);
        let values: Vec<f64> = own.map(|&at| silhouette(at)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(
            (part.silhouette - mean).abs() < 1e-6,
            "{} {mean}",
            part.silhouette
        );
    }
    let best = found
        .runs
        .iter()
        .map(|run| run.objective)
        .fold(f64::INFINITY, f64::min);
    for (place, run) in found.runs.iter().enumerate() {
        assert_eq!(run.as_good, run.objective <= best * 1.001);
        assert_eq!(run.seed, place as u64);
        let kept = found
            .members
            .iter()
            .filter(|member| member.run == place && member.kept);
        assert_eq!(run.kept, kept.count());
        let alone = nmf.clone().init("random".parse().unwrap()).seed(run.seed);
        let alone = alone.fit(&Matrix::from(&v)).unwrap();
        // A run is that fit, but it waits less long for its end.
        let passed = alone
            .trace
            .iter()
            .find(|point| point.iteration == run.iterations && !point.sketched);
        let passed = passed.expect("the fit alone is no shorter");
        assert_eq!(passed.objective.to_bits(), run.objective.to_bits());
    }
    // W is that of the components, held.
    let again = Nmf::new(5).transform(&Matrix::from(&v), h).unwrap();
    for (a, b) in again.w.as_slice().iter().zip(w.as_slice()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    let mut order = found.order();
    assert!(order.windows(2).all(|pair| {
        let (a, b) = (&found.members[pair[0]], &found.members[pair[1]]);
        (a.part, !a.kept) <= (b.part, !b.kept)
    }));
    order.sort_unstable();
    assert!(order.into_iter().eq(0..45));
}

#[test]
fn bits_are_the_same_for_any_number_of_threads() {
    let v = planted(30, 20, 3, Noise::Gaussian(0.3), 2);
    let found = |threads| {
        let nmf = Nmf::new(3).threads(NonZeroUsize::new(threads)).max_iter(40);
        run(
            &ConsensusNmf::new(nmf).runs(7).bootstrap(5).polish(true),
            &v,
        )
    };
    let one = found(1);
    for threads in [2, 5] {
        let other = found(threads);
        assert_eq!((&one.fit.w, &one.fit.h), (&other.fit.w, &other.fit.h));
        assert_eq!(
            (&one.parts, &one.runs, &one.members),
            (&other.parts, &other.runs, &other.members)
        );
        assert_eq!(one.intervals, other.intervals);
    }
}

#[test]
fn every_storage_gives_the_same_consensus() {
    let v = planted(30, 20, 3, Noise::Poisson(1.0), 3);
    for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
        let solver = if loss == Loss::FROBENIUS { "cd" } else { "mu" };
        let nmf = Nmf::new(3)
            .loss(loss)
            .solver(solver.parse().unwrap())
            .max_iter(60);
        let asked = ConsensusNmf::new(nmf).runs(6).bootstrap(4);
        let found = Storage::ALL.map(|storage| {
            let stored = Stored::of(&v, storage);
            asked.run(&stored.matrix(), &mut go_on).unwrap().unwrap()
        });
        for other in &found[1..] {
            for t in 0..3 {
                let apart = cosine(found[0].fit.h.row(t), other.fit.h.row(t));
                assert!(apart > 0.999, "{loss}: {apart}");
            }
            let (a, b) = (found[0].intervals.as_ref(), other.intervals.as_ref());
            let pairs = a
                .unwrap()
                .upper
                .as_slice()
                .iter()
                .zip(b.unwrap().upper.as_slice());
            for (a, b) in pairs {
                assert!((a - b).abs() < 0.02, "{loss}: {a} {b}");
            }
        }
    }
}

/// Where rows differ little the components are known well, and the truth lies in most of the intervals.
#[test]
fn intervals_hold_what_they_should() {
    let (v, truth) = with_parts(200, 4, 0.05);
    let found = run(
        &ConsensusNmf::new(Nmf::new(4))
            .runs(6)
            .bootstrap(30)
            .polish(true),
        &v,
    );
    let intervals = found.intervals.as_ref().unwrap();
    assert_eq!(intervals.fits, 30);
    let (mut inside, mut entries) = (0, 0);
    for t in 0..4 {
        assert!(intervals.cosine[t] > 0.97 && intervals.cosine[t] <= 1.0 + 1e-9);
        let (low, high) = intervals.share[t];
        assert!(low <= found.parts[t].share * 1.02 && high >= found.parts[t].share * 0.98);
        for j in 0..v.cols() {
            let (low, high) = (intervals.lower.get(t, j), intervals.upper.get(t, j));
            assert!(0.0 <= low && low <= high && high < 0.4);
            entries += 1;
            inside += usize::from((low - 1e-3..=high + 1e-3).contains(&found.fit.h.get(t, j)));
        }
    }
    assert!(inside * 10 >= entries * 9, "{inside} of {entries}");
    assert!(worst(&truth, &found.fit.h) > 0.95);
    // Twice as many like rows halve the variance.
    let twice: Vec<f64> = v
        .as_slice()
        .iter()
        .chain(v.as_slice())
        .chain(v.as_slice())
        .chain(v.as_slice())
        .copied()
        .collect();
    let twice = Dense::from_rows(twice, 800, v.cols()).unwrap();
    let more = run(
        &ConsensusNmf::new(Nmf::new(4))
            .runs(6)
            .bootstrap(30)
            .polish(true),
        &twice,
    );
    let width = |found: &ConsensusModel<f64>| {
        let intervals = found.intervals.as_ref().unwrap();
        let pairs = intervals
            .lower
            .as_slice()
            .iter()
            .zip(intervals.upper.as_slice());
        pairs.map(|(low, high)| high - low).sum::<f64>()
    };
    let ratio = width(&more) / width(&found);
    assert!((0.3..0.75).contains(&ratio), "{ratio}");
}

#[test]
fn one_that_is_stopped_is_of_the_runs_that_are_done() {
    let v = planted(25, 15, 3, Noise::Gaussian(0.2), 4);
    let asked = ConsensusNmf::new(Nmf::new(3).threads(NonZeroUsize::new(1)))
        .runs(10)
        .bootstrap(5);
    let stopped_at = |last: usize| {
        let observer = &mut |progress: &SurveyProgress| {
            assert!(progress.done <= progress.total && progress.total == 16);
            if progress.done >= last {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        asked.run(&Matrix::from(&v), observer).unwrap()
    };
    assert!(stopped_at(0).is_none() && stopped_at(1).is_none());
    let four = stopped_at(4).unwrap();
    assert!(!four.complete && four.runs.len() == 4 && four.intervals.is_none());
    let whole = run(&ConsensusNmf::new(Nmf::new(3)).runs(4), &v);
    assert_eq!(four.fit.h, whole.fit.h);
    assert_eq!(four.parts, whole.parts);
    let later = stopped_at(14).unwrap();
    assert!(!later.complete && later.intervals.is_some_and(|intervals| intervals.fits == 3));
}

#[test]
fn odd_data_have_defined_answers() {
    let constant = Dense::filled(8, 6, 0.1);
    let zeros = Dense::zeros(8, 6);
    let mut spike = Dense::zeros(8, 6);
    spike.as_mut_slice()[11] = 1.0;
    let huge = Dense::filled(8, 6, 1e100);
    let line = Dense::filled(1, 6, 2.0);
    for v in [constant, zeros, spike, huge, line] {
        for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
            for rank in [1, 3].into_iter().filter(|rank| *rank <= v.rows()) {
                let asked = ConsensusNmf::new(Nmf::new(rank).loss(loss)).runs(4);
                let found = run(&asked.threshold(2.0).bootstrap(3), &v);
                assert!(
                    found
                        .fit
                        .h
                        .as_slice()
                        .iter()
                        .chain(found.fit.w.as_slice())
                        .all(|x| x.is_finite())
                );
                for part in &found.parts {
                    let figures = [
                        part.share,
                        part.found,
                        part.silhouette,
                        part.cosine,
                        part.rival,
                    ];
                    assert!(figures.iter().all(|x| x.is_finite()), "{part:?}");
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_the_value_and_what_would_be_right() {
    let v = planted(6, 4, 2, Noise::Gaussian(0.1), 5);
    let of = |rank| ConsensusNmf::new(Nmf::new(rank));
    let noise: Vec<f64> = (0..24).map(|i| f64::from(i * 7919 % 101)).collect();
    let noise = Dense::from_rows(noise, 6, 4).unwrap();
    for (asked, v, words) in [
        (of(2).runs(1), &v, "runs = 1: expected at least 2 runs"),
        (of(0), &v, "rank = 0"),
        (
            of(5),
            &v,
            "rank = 5: expected at most 4, the smaller side of 6 × 4",
        ),
        (
            of(2).threshold(0.0),
            &v,
            "threshold = 0: expected a distance above 0",
        ),
        (of(2).threshold(f64::NAN), &v, "threshold = NaN"),
        (
            of(2).neighbours(1.5),
            &v,
            "neighbours = 1.5: expected a share",
        ),
        (
            of(2).bootstrap(1),
            &v,
            "bootstrap = 1: expected 0, or at least 2",
        ),
        (
            of(4).runs(3).threshold(1e-12),
            &noise,
            "threshold = 0.000000000001: every one of 12 components is an outlier",
        ),
    ] {
        let message = asked
            .run(&Matrix::from(v), &mut go_on)
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message:?} lacks {words:?}");
    }
    let mut negative = v;
    negative.as_mut_slice()[5] = -1.0;
    let error = of(2).run(&Matrix::from(&negative), &mut go_on).map(drop);
    assert!(matches!(error, Err(Error::Negative { row: 1, col: 1, .. })));
}
