//! The constraint `labels`, and the labels that it takes.

use std::ops::ControlFlow;

use crate::common::{random, uniform};
use partwise::{Constraint, Dense, Factor, Factorization, Labels, Matrix, Nmf, Progress, Start};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const FEATURES: usize = 27;

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn weighing(weight: f64, factor: Factor) -> Constraint {
    let constraint: Constraint = "labels".parse().unwrap();
    constraint.on(factor).unwrap().with_value(weight).unwrap()
}

/// Three classes, and every fourth row without one.
fn classes(rows: usize) -> Vec<Option<usize>> {
    (0..rows).map(|i| (i % 4 != 3).then_some(i % 3)).collect()
}

/// The rows of W, or of Hᵀ.
fn rows_of(model: &Factorization<f64>, factor: Factor) -> Dense<f64> {
    match factor {
        Factor::W => model.w.clone(),
        Factor::H => model.h.transposed(),
    }
}

/// X B − Y of the rows with a class, and their numbers.
fn missed(x: &Dense<f64>, b: &Dense<f64>, classes: &[Option<usize>]) -> Vec<(usize, Vec<f64>)> {
    let said = partwise::reconstruct(x, b);
    let known = classes.iter().enumerate();
    let known = known.filter_map(|(i, class)| class.map(|class| (i, class)));
    let row = |(i, class): (usize, usize)| {
        let truth = |of: usize| if of == class { 1.0 } else { 0.0 };
        let row = said.row(i).iter().enumerate();
        (i, row.map(|(of, said)| said - truth(of)).collect())
    };
    known.map(row).collect()
}

#[test]
fn the_labels_are_in_the_objective_with_the_best_parts() {
    let v = random::<f64>(32, 21, 0.8, 1);
    for factor in [Factor::W, Factor::H] {
        let n = if factor == Factor::W { 32 } else { 21 };
        let (classes, mut last) = (classes(n), f64::INFINITY);
        for weight in [0.1, 1.0, 10.0] {
            let model = Nmf::new(4)
                .constraint(weighing(weight, factor))
                .labels(Labels::new(&classes).unwrap())
                .max_iter(500)
                .fit(&Matrix::from(&v))
                .unwrap();
            let (x, b) = (rows_of(&model, factor), model.class_parts.clone().unwrap());
            assert_eq!((b.rows(), b.cols()), (4, 3));
            let missed = missed(&x, &b, &classes);
            let squares: f64 = missed.iter().flat_map(|(_, row)| row).map(|x| x * x).sum();
            let lambda = weight * model.squares / n as f64;
            let expected = model.divergence + 0.5 * lambda * squares;
            let ratio = model.objective / expected;
            assert!((ratio - 1.0).abs() < 1e-10, "{factor:?} {weight}: {ratio}");
            assert!(squares < last, "{factor:?} {weight}: {squares} {last}");
            last = squares;
            // The gradient with respect to B: zero where B is above zero, and else not below it.
            for t in 0..4 {
                for of in 0..3 {
                    let slope: f64 = missed.iter().map(|(i, row)| x.get(*i, t) * row[of]).sum();
                    let best = match b.get(t, of) {
                        0.0 => slope >= -1e-9,
                        _ => slope.abs() < 1e-9,
                    };
                    assert!(best, "{factor:?} {weight}: {slope} at {}", b.get(t, of));
                }
            }
        }
    }
}

/// Where every class is known the problem is a plain one, of V with Y beside it: it begins where the constrained fit ended, and
/// finds nothing better nearby.
#[test]
fn a_plain_fit_with_labels_as_columns_finds_nothing_better() {
    let (m, n, k, weight) = (40, 18, 3, 2.0);
    let v = random::<f64>(m, n, 0.9, 2);
    let classes: Vec<_> = (0..m).map(|i| Some(i % 2)).collect();
    for seed in 0..4 {
        let model = Nmf::new(k)
            .constraint(weighing(weight, Factor::W))
            .labels(Labels::new(&classes).unwrap())
            .seed(seed)
            .tol(1e-12)
            .max_iter(20_000)
            .fit(&Matrix::from(&v))
            .unwrap();
        let root = (weight * model.squares / m as f64).sqrt();
        let line = |i: usize| {
            let labels = (0..2).map(move |class| if i % 2 == class { root } else { 0.0 });
            v.row(i).to_vec().into_iter().chain(labels)
        };
        let beside = Dense::from_rows((0..m).flat_map(line).collect(), m, n + 2).unwrap();
        let parts = model.class_parts.unwrap();
        let line = |t: usize| {
            let labels: Vec<_> = parts.row(t).iter().map(|x| root * x).collect();
            model.h.row(t).to_vec().into_iter().chain(labels)
        };
        let h = Dense::from_rows((0..k).flat_map(line).collect(), k, n + 2).unwrap();
        let start = Start {
            w: Some(&model.w),
            h: Some(&h),
            ..Start::default()
        };
        let plain = Nmf::new(k)
            .solver("anls".parse().unwrap())
            .tol(0.0)
            .max_iter(300)
            .fit_with(&[Matrix::from(&beside)], start, &mut go_on)
            .unwrap();
        let first = plain.trace[0].objective;
        assert!((first / model.objective - 1.0).abs() < 1e-9);
        let gain = 1.0 - plain.objective / model.objective;
        assert!((0.0..1e-4).contains(&gain), "seed {seed}: {gain:e}");
    }
}

#[test]
fn samples_of_v_are_features_of_its_transpose() {
    let v = random::<f64>(31, 22, 0.7, 6);
    let labels = Labels::new(&classes(31)).unwrap();
    let fit = |v: &Matrix<'_, f64>, factor| {
        let nmf = Nmf::new(3).constraint(weighing(1.0, factor));
        let (w, h) = (random::<f64>(31, 3, 1.0, 8), random::<f64>(3, 22, 1.0, 9));
        let (w, h) = match factor {
            Factor::W => (w, h),
            Factor::H => (h.transposed(), w.transposed()),
        };
        let start = Start {
            w: Some(&w),
            h: Some(&h),
            ..Start::default()
        };
        nmf.labels(labels.clone())
            .fit_with(&[*v], start, &mut go_on)
            .unwrap()
    };
    let v = Matrix::from(&v);
    let (one, other) = (fit(&v, Factor::W), fit(&v.transpose(), Factor::H));
    assert_eq!(one.w.transposed().as_slice(), other.h.as_slice());
    assert_eq!(one.h.transposed().as_slice(), other.w.as_slice());
    assert_eq!(one.class_parts, other.class_parts);
}

/// Samples whose three strong patterns say nothing of their kind, which shows in a few weak features.
fn kinds(rows: usize, seed: u64) -> (Dense<f64>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    let kinds: Vec<usize> = (0..rows).map(|i| i % 2).collect();
    for kind in &kinds {
        let strong: [f64; 3] = std::array::from_fn(|_| 6.0 * uniform(&mut rng));
        for j in 0..FEATURES {
            let clean = match j {
                0..21 => strong[j / 7],
                _ if j % 2 == *kind => 1.5,
                _ => 0.0,
            };
            values.push(clean + 0.3 * uniform(&mut rng));
        }
    }
    (Dense::from_rows(values, rows, FEATURES).unwrap(), kinds)
}

/// Three components for three strong patterns have no room for the classes, unless labels ask for it. What has no label is told by its
/// features alone: one in nine samples of the fit, and new ones.
#[test]
fn labels_tell_the_classes_of_new_samples() {
    let (x, truth) = kinds(200, 7);
    let (new, of_new) = kinds(100, 8);
    let known = |i: usize| (!i.is_multiple_of(9)).then_some(truth[i]);
    let labels = Labels::new(&(0..200).map(known).collect::<Vec<_>>()).unwrap();
    assert_eq!(
        (labels.len(), labels.known(), labels.classes()),
        (200, 177, 2)
    );
    let right = |told: &[usize], truth: &[usize]| {
        let hits = told.iter().zip(truth).filter(|(a, b)| a == b).count();
        100 * hits / truth.len()
    };
    let shares = |weight: f64| {
        let nmf = Nmf::new(3)
            .constraint(weighing(weight, Factor::W))
            .labels(labels.clone())
            .max_iter(3000)
            .tol(1e-7);
        let model = nmf.fit(&Matrix::from(&x)).unwrap();
        let parts = model.class_parts.unwrap();
        let w = nmf.transform(&Matrix::from(&new), &model.h).unwrap().w;
        (
            right(&Labels::told(&model.w, &parts), &truth),
            right(&Labels::told(&w, &parts), &of_new),
        )
    };
    let (without, with) = (shares(1e-6), shares(1.0));
    assert!(with.0 >= 95 && with.1 >= 90, "{with:?} %");
    assert!(without.0 <= 75 && without.1 <= 75, "{without:?} %");
}

#[test]
fn labels_that_cannot_be_are_refused() {
    let refused = |classes: &[Option<usize>], parts: &[&str]| {
        let message = Labels::new(classes).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    };
    refused(&[], &["0 rows"]);
    refused(&[None, None], &["2 rows", "at least one"]);
    refused(&[Some(0), Some(2), Some(2)], &["class 1", "up to 2"]);
    refused(&[Some(usize::MAX)], &["18446744073709551615", "1 rows"]);

    let v = random::<f64>(6, 5, 1.0, 1);
    let message = |nmf: Nmf| nmf.fit(&Matrix::from(&v)).unwrap_err().to_string();
    let five = Labels::new(&[Some(0), Some(1), None, Some(1), None]).unwrap();
    let with = |text: &str| Nmf::new(2).constraint(text.parse().unwrap());
    for (nmf, parts) in [
        (with("labels").labels(five.clone()), ["5 of them", "6 rows"]),
        (with("labels"), ["w:labels=1", "6 rows"]),
        (with("h:labels"), ["h:labels=1", "5 columns"]),
        (Nmf::new(2).labels(five.clone()), ["5 rows", "'labels'"]),
        (with("graph").labels(five.clone()), ["5 rows", "'labels'"]),
        (
            with("labels").constraint("h:graph".parse().unwrap()),
            ["h:graph=1", "w:labels=1"],
        ),
    ] {
        let text = message(nmf);
        for part in parts {
            assert!(text.contains(part), "no {part:?} in {text:?}");
        }
    }
}
