//! Surveys of ranks: planted ranks are found, what is held out is not seen, and the bits are the same for any number of
//! threads and any storage.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::planted::{Noise, around, planted};
use crate::common::{Storage, Stored, damaged};
use partwise::{
    ConsensusNmf, Dense, Error, Loss, Matrix, Nmf, RankMethod, RankSurvey, Survey, SurveyObserver,
    SurveyProgress,
};

fn run(survey: &RankSurvey, v: &Dense<f64>) -> Survey {
    let go_on = &mut |_: &SurveyProgress| ControlFlow::Continue(());
    survey.run(&Matrix::from(v), go_on).unwrap()
}

fn only(name: &str) -> [RankMethod; 1] {
    [name.parse().unwrap()]
}

/// The figures of a survey, seconds excepted.
fn figures(survey: &Survey) -> Vec<(RankMethod, usize, u64, Vec<u64>)> {
    let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect();
    let criteria = survey.criteria.iter();
    let points = criteria.flat_map(|one| one.points.iter().map(move |point| (one.method, point)));
    points
        .map(|(method, point)| {
            (
                method,
                point.rank,
                point.value.to_bits(),
                bits(&point.repeats),
            )
        })
        .collect()
}

#[test]
fn the_method_that_decides_finds_planted_ranks() {
    let decides = RankMethod::all().next();
    for rank in [3, 5, 8] {
        for (noise, loss) in [
            (Noise::Gaussian(0.2), Loss::FROBENIUS),
            (Noise::Poisson(10.0), Loss::KULLBACK_LEIBLER),
        ] {
            let v = planted(60, 40, rank, noise, 1);
            let survey = RankSurvey::new(rank - 2..=rank + 2)
                .nmf(Nmf::new(1).loss(loss))
                .methods(decides);
            let choice = run(&survey, &v).choice.unwrap();
            assert_eq!(choice.rank, rank, "{noise:?}: {}", choice.reason);
        }
    }
}

/// Exact hits of each method over ranks and noises, as the table of `docs/rank.md` counts them, here with one seed each: 12 cases.
#[test]
fn planted_ranks_are_found_as_often_as_ever() {
    let mut hits = std::collections::BTreeMap::new();
    for rank in [3, 5, 8] {
        for noise in Noise::ALL {
            let v = planted(60, 40, rank, noise, 0);
            let survey = RankSurvey::new(around(rank)).nmf(Nmf::new(1).loss(noise.loss()));
            let found = run(&survey, &v);
            let chosen = found.choice.as_ref().map(|choice| choice.rank);
            *hits.entry("all").or_insert(0) += i32::from(chosen == Some(rank));
            for criterion in &found.criteria {
                let proposed = criterion.proposal.as_ref().map(|proposal| proposal.rank);
                *hits.entry(criterion.method.name()).or_insert(0) +=
                    i32::from(proposed == Some(rank));
            }
        }
    }
    let least = [
        ("cv", 9),
        ("bcv", 8),
        ("consensus", 7),
        ("dispersion", 7),
        ("stability", 8),
        ("relevance", 9),
        ("bic", 6),
        ("elbow", 7),
        ("all", 8),
    ];
    assert_eq!(least.len(), hits.len());
    for (method, least) in least {
        assert!(hits[method] >= least, "{method}: {} of 12", hits[method]);
    }
}

/// Counts of which cross-validation says more components than other starts find again.
#[test]
fn the_choice_of_all_methods_is_found_again() {
    let noise = Noise::Poisson(10.0);
    let v = planted(60, 40, 8, noise, 0);
    let survey = RankSurvey::new(around(8)).nmf(Nmf::new(1).loss(noise.loss()));
    let found = run(&survey, &v);
    let said = |name: &str| {
        let mut criteria = found.criteria.iter();
        let criterion = criteria.find(|criterion| criterion.method.name() == name);
        criterion.unwrap().proposal.as_ref().unwrap().rank
    };
    let choice = found.choice.as_ref().unwrap();
    assert!(
        said("cv") > said("stability"),
        "{} {}",
        said("cv"),
        said("stability")
    );
    assert_eq!(
        (choice.rank, choice.method.name()),
        (said("stability"), "stability")
    );
    let words = format!("; cv says {}, but not all", said("cv"));
    assert!(choice.reason.contains(&words), "{}", choice.reason);
    // Of those that are named the first decides.
    let named = survey.methods(["cv", "stability"].map(|name| name.parse().unwrap()));
    let choice = run(&named, &v).choice.unwrap();
    assert_eq!((choice.rank, choice.method.name()), (said("cv"), "cv"));
}

/// One fit from far too many components, in double and single precision.
#[test]
fn relevance_finds_planted_ranks_in_one_fit() {
    for (noise, loss) in [
        (Noise::Gaussian(0.1), Loss::FROBENIUS),
        (Noise::Poisson(10.0), Loss::KULLBACK_LEIBLER),
    ] {
        let v = planted(60, 40, 4, noise, 1);
        let survey = RankSurvey::new([10])
            .nmf(Nmf::new(1).loss(loss))
            .methods(only("relevance"));
        let found = run(&survey, &v);
        let choice = found.choice.as_ref().unwrap();
        assert_eq!(choice.rank, 4, "{noise:?}: {}", choice.reason);
        assert!(choice.reason.contains("of 10 components"));
        let single: Vec<f32> = v.as_slice().iter().map(|&x| x as f32).collect();
        let single = Matrix::row_major(&single, 60, 40).unwrap();
        let go_on = &mut |_: &SurveyProgress| ControlFlow::Continue(());
        let single = survey.run(&single, go_on).unwrap();
        assert_eq!(single.choice.unwrap().rank, 4, "{noise:?}");
        // The unit of V does not matter.
        let mut scaled = v.clone();
        scaled.as_mut_slice().iter_mut().for_each(|x| *x *= 1024.0);
        assert_eq!(run(&survey, &scaled).choice.unwrap().rank, 4, "{noise:?}");
        let sparse = Stored::of(&v, Storage::ALL[2]);
        let sparse = survey.run(&sparse.matrix(), go_on).unwrap();
        assert_eq!(sparse.choice.unwrap().rank, 4, "{noise:?}");
    }
}

#[test]
fn bits_are_the_same_for_any_number_of_threads() {
    let v = planted(30, 20, 3, Noise::Gaussian(0.3), 2);
    let survey = |threads| {
        let nmf = Nmf::new(1).threads(NonZeroUsize::new(threads)).max_iter(30);
        run(&RankSurvey::new(1..=4).starts(3).nmf(nmf), &v)
    };
    let one = survey(1);
    assert_eq!(one.criteria.len(), RankMethod::all().count());
    for threads in [2, 5] {
        let other = survey(threads);
        assert_eq!(figures(&one), figures(&other));
        assert_eq!(one.choice, other.choice);
        assert_eq!(one.consensus(2), other.consensus(2));
    }
}

/// The same entries are held out, so that the figures differ by rounding only.
#[test]
fn every_storage_gives_the_same_survey() {
    let v = planted(24, 18, 2, Noise::Poisson(0.7), 3);
    let nmf = Nmf::new(1).max_iter(20);
    let survey = RankSurvey::new(1..=3)
        .starts(2)
        .methods(["cv", "bcv"].map(|name| name.parse().unwrap()));
    let survey = survey.nmf(nmf.solver("cd".parse().unwrap()));
    let surveys = Storage::ALL.map(|storage| {
        let stored = Stored::of(&v, storage);
        let go_on = &mut |_: &SurveyProgress| ControlFlow::Continue(());
        survey.run(&stored.matrix(), go_on).unwrap()
    });
    let values = |survey: &Survey| -> Vec<f64> {
        let points = survey.criteria.iter().flat_map(|one| &one.points);
        points.flat_map(|point| point.repeats.clone()).collect()
    };
    let first = values(&surveys[0]);
    assert_eq!(first.len(), 3 * (5 + 9));
    for survey in &surveys[1..] {
        for (a, b) in first.iter().zip(values(survey)) {
            assert!((a - b).abs() < 1e-3 * a, "{a} {b}");
        }
    }
    // The same fits; only sums over what is held out run in another order.
    for (a, b) in values(&surveys[2]).iter().zip(values(&surveys[3])) {
        assert!((a - b).abs() < 1e-12 * a, "{a} {b}");
    }
}

#[test]
fn a_survey_that_is_stopped_keeps_the_ranks_that_are_done() {
    let v = planted(20, 15, 2, Noise::Gaussian(0.2), 4);
    let survey = RankSurvey::new(1..=5).starts(2);
    let mut totals = Vec::new();
    let observer = &mut |progress: &SurveyProgress| {
        totals.push((progress.done, progress.total));
        if progress.rank == 3 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let found = survey.run(&Matrix::from(&v), observer).unwrap();
    assert_eq!(found.ranks, [1, 2]);
    assert!(!found.complete);
    assert!(found.choice.is_some());
    assert!(
        totals
            .iter()
            .all(|&(done, total)| done <= total && total == 5 * (5 + 9 + 1 + 2))
    );
    let whole = run(&RankSurvey::new(1..=2).starts(2), &v);
    assert_eq!(figures(&found), figures(&whole));
}

/// Keeps what is done, and ends the work after so many fits.
struct Keeper {
    records: Vec<Vec<u8>>,
    most: usize,
    kept: usize,
}

impl Keeper {
    fn ending_after(most: usize) -> Self {
        Self {
            records: Vec::new(),
            most,
            kept: 0,
        }
    }
}

impl SurveyObserver for Keeper {
    fn observe(&mut self, progress: &SurveyProgress) -> ControlFlow<()> {
        self.kept = progress.kept;
        if progress.done >= self.most {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn keeps(&self) -> bool {
        true
    }

    fn keep(&mut self, record: &[u8]) {
        self.records.push(record.to_vec());
    }
}

#[test]
fn a_survey_goes_on_from_what_was_kept_to_the_same_bits() {
    let v = planted(20, 15, 2, Noise::Gaussian(0.2), 4);
    let survey = RankSurvey::new(1..=3).starts(2);
    let matrix = Matrix::from(&v);
    let mut whole = Keeper::ending_after(usize::MAX);
    let expected = survey.run(&matrix, &mut whole).unwrap();
    let fits = 3 * (5 + 9 + 1 + 2);
    assert_eq!(whole.records.len(), 1 + fits);
    let mut stopped = Keeper::ending_after(20);
    assert!(!survey.run(&matrix, &mut stopped).unwrap().complete);
    for records in [&stopped.records[..], &whole.records[..9], &whole.records] {
        let mut rest = Keeper::ending_after(usize::MAX);
        let found = survey.resume(&matrix, records, &mut rest).unwrap();
        assert_eq!(figures(&found), figures(&expected));
        assert_eq!(found.choice, expected.choice);
        assert_eq!(found.consensus(3), expected.consensus(3));
        assert_eq!(rest.kept, records.len() - 1);
        assert_eq!(rest.records.len(), 1 + fits - records.len());
    }
}

/// Whatever records hold: an error, or a survey that goes on from them.
#[test]
fn records_whose_parts_do_not_fit_together_never_panic() {
    let v = planted(9, 6, 2, Noise::Gaussian(0.2), 4);
    let matrix = Matrix::from(&v);
    let nmf = Nmf::new(1).max_iter(5).threads(NonZeroUsize::new(1));
    let survey = RankSurvey::new(1..=2).starts(2).nmf(nmf);
    let mut whole = Keeper::ending_after(usize::MAX);
    survey.run(&matrix, &mut whole).unwrap();
    for at in 0..whole.records.len() {
        let mut records = whole.records.clone();
        for record in damaged(&whole.records[at]) {
            records[at] = record;
            match survey.resume(&matrix, &records, &mut Keeper::ending_after(usize::MAX)) {
                Ok(found) => drop(found.consensus(2)),
                Err(error) => assert!(matches!(error, Error::State { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn what_another_survey_kept_is_refused_with_the_difference() {
    // Counts, whose sums are the same in any order.
    let v = planted(8, 6, 2, Noise::Poisson(5.0), 4);
    let survey = || RankSurvey::new(1..=2).starts(2).methods(only("elbow"));
    let mut kept = Keeper::ending_after(usize::MAX);
    survey().run(&Matrix::from(&v), &mut kept).unwrap();
    // The same sums of other entries.
    let mut turned = v.clone();
    turned.as_mut_slice().reverse();
    let other_tolerance = Nmf::new(1).tol(1e-3);
    for (survey, v, words) in [
        (survey().starts(3), &v, "starts 2, and this one has 3"),
        (survey().methods(only("bic")), &v, "methods elbow, and"),
        (survey().nmf(other_tolerance), &v, "tol 0.0001, and"),
        (survey(), &turned, "entries of V"),
    ] {
        let mut ignored = Keeper::ending_after(usize::MAX);
        let error = survey.resume(&Matrix::from(v), &kept.records, &mut ignored);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let consensus = ConsensusNmf::new(Nmf::new(2)).runs(2);
    let mut ignored = Keeper::ending_after(usize::MAX);
    let error = consensus.resume(&Matrix::from(&v), &kept.records, &mut ignored);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("kind a survey of ranks, and this one has a consensus"),
        "{error}"
    );
    kept.records[2].truncate(30);
    let error = survey().resume(&Matrix::from(&v), &kept.records, &mut ignored);
    assert!(matches!(error, Err(Error::State { .. })));
}

#[test]
fn a_consensus_goes_on_from_what_was_kept_to_the_same_bits() {
    let v = planted(20, 12, 3, Noise::Gaussian(0.2), 6);
    let consensus = ConsensusNmf::new(Nmf::new(3))
        .runs(6)
        .bootstrap(4)
        .threshold(2.0);
    let matrix = Matrix::from(&v);
    let mut whole = Keeper::ending_after(usize::MAX);
    let expected = consensus.run(&matrix, &mut whole).unwrap().unwrap();
    assert_eq!(whole.records.len(), 1 + 6 + 4);
    for count in [1, 4, 7, 9, 11] {
        let mut rest = Keeper::ending_after(usize::MAX);
        let found = consensus.resume(&matrix, &whole.records[..count], &mut rest);
        let found = found.unwrap().unwrap();
        assert_eq!(found.fit.w, expected.fit.w);
        assert_eq!(found.parts, expected.parts);
        assert_eq!(found.runs, expected.runs);
        assert_eq!(found.intervals, expected.intervals);
        assert_eq!(rest.records.len(), 11 - count);
    }
}

#[test]
fn odd_data_have_defined_answers() {
    let constant = Dense::filled(8, 6, 0.1);
    let zeros = Dense::zeros(8, 6);
    let mut spike = Dense::zeros(8, 6);
    spike.as_mut_slice()[11] = 1.0;
    let huge = Dense::filled(8, 6, 1e100);
    for v in [constant, zeros, spike, huge] {
        for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
            let nmf = Nmf::new(1).loss(loss);
            let survey = run(&RankSurvey::new([6, 1, 2, 2]).nmf(nmf), &v);
            assert_eq!(survey.ranks, [1, 2, 6]);
            for criterion in &survey.criteria {
                assert!(criterion.points.iter().all(|point| point.value.is_finite()));
            }
        }
    }
}

#[test]
fn what_cannot_be_surveyed_is_refused_with_the_value_and_what_would_be_right() {
    let v = planted(6, 4, 2, Noise::Gaussian(0.1), 5);
    let line = Dense::filled(1, 4, 1.0);
    let refused = |survey: RankSurvey, v: &Dense<f64>| {
        let go_on = &mut |_: &SurveyProgress| ControlFlow::Continue(());
        survey.run(&Matrix::from(v), go_on).unwrap_err().to_string()
    };
    let ranks = |ranks: &[usize]| RankSurvey::new(ranks.iter().copied());
    let method = |name: &str| RankSurvey::new([1]).methods(only(name));
    let beta = Nmf::new(1).loss(Loss::beta_divergence(0.5).unwrap());
    for (survey, v, words) in [
        (ranks(&[]), &v, "ranks = none: expected at least one rank"),
        (
            ranks(&[0, 1]),
            &v,
            "ranks = 0: expected ranks of at least 1",
        ),
        (
            ranks(&[2, 5]),
            &v,
            "ranks = 5: expected ranks of at most 4, the smaller side of 6 × 4",
        ),
        (ranks(&[1]).starts(1), &v, "starts = 1: expected at least 2"),
        (ranks(&[1]).folds(1), &v, "folds = 1: expected at least 2"),
        (
            ranks(&[1]).folds(5),
            &v,
            "folds = 5: expected at most 4, the smaller side",
        ),
        (
            method("bcv"),
            &line,
            "method = bcv: needs at least 3 rows and 3 columns; V is 1 × 4",
        ),
        (
            ranks(&[1]).methods([]),
            &v,
            "methods = none: expected at least one",
        ),
        (
            method("bic").nmf(beta),
            &v,
            "method = bic: has no figure for the loss beta=0.5",
        ),
    ] {
        let message = refused(survey, v);
        assert!(message.contains(words), "{message:?} lacks {words:?}");
    }
    let unknown = "nonsense".parse::<RankMethod>().unwrap_err().to_string();
    assert!(
        unknown.contains("method = nonsense: expected one of cv, bcv"),
        "{unknown}"
    );
    let mut negative = v;
    negative.as_mut_slice()[5] = -1.0;
    let survey = RankSurvey::new([1]).folds(2);
    let error = survey.run(&Matrix::from(&negative), &mut |_: &SurveyProgress| {
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(Error::Negative { row: 1, col: 1, .. })));
}
