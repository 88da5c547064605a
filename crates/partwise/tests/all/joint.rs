//! Several matrices that share W.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Storage, Stored, mapped, random};
use partwise::{
    Dense, Error, Float, JointModel, JointNmf, Loss, Matrix, Nmf, Penalty, Progress, Solver, Start,
    reconstruct,
};

/// Matrices side by side, each times a scale.
fn beside<T: Float>(parts: &[(&Dense<T>, f64)]) -> Dense<T> {
    let rows = parts[0].0.rows();
    let row = |i: usize| {
        let scaled = parts.iter().flat_map(move |(part, scale)| {
            let row = part.row(i).iter();
            row.map(move |x| T::from_f64(x.to_f64() * scale))
        });
        scaled.collect::<Vec<_>>()
    };
    let values: Vec<T> = (0..rows).flat_map(row).collect();
    let cols = values.len() / rows;
    Dense::from_rows(values, rows, cols).unwrap()
}

/// The divergence, entry by entry.
fn divergence(v: &Dense<f64>, model: &Dense<f64>, beta: f64) -> f64 {
    let pairs = v.as_slice().iter().zip(model.as_slice());
    let entry = |(&v, &y): (&f64, &f64)| match beta {
        2.0 => 0.5 * (v - y).powi(2),
        1.0 if v == 0.0 => y,
        1.0 => v * (v / y).ln() - v + y,
        0.0 => v / y - (v / y).ln() - 1.0,
        b => (v.powf(b) + (b - 1.0) * y.powf(b) - b * v * y.powf(b - 1.0)) / (b * (b - 1.0)),
    };
    pairs.map(entry).sum()
}

fn size(v: &Dense<f64>, beta: f64) -> f64 {
    match beta {
        b if b <= 0.0 => 1.0,
        b => v.as_slice().iter().map(|x| x.powf(b)).sum(),
    }
}

fn nmf(rank: usize, loss: Loss) -> Nmf {
    Nmf::new(rank).loss(loss).max_iter(300).tol(1e-7)
}

/// Three matrices of 40 samples with the same three components and noise, of very different sizes.
fn matrices() -> [Dense<f64>; 3] {
    let w = random::<f64>(40, 3, 0.6, 1);
    let made = |cols: usize, scale: f64, seed: u64| {
        let clean = reconstruct(&w, &random(3, cols, 0.7, seed));
        let noise = random::<f64>(40, cols, 1.0, seed + 1);
        let sum = clean.as_slice().iter().zip(noise.as_slice());
        let values = sum.map(|(v, e)| scale * (v + 0.05 * e)).collect();
        Dense::from_rows(values, 40, cols).unwrap()
    };
    [made(30, 100.0, 2), made(12, 0.01, 4), made(5, 1.0, 6)]
}

fn views<T: Float>(matrices: &[Dense<T>]) -> Vec<Matrix<'_, T>> {
    matrices.iter().map(Matrix::from).collect()
}

#[test]
fn the_objective_is_the_weighted_sum_of_the_divergences() {
    let matrices = matrices();
    for beta in [2.0, 1.0, 0.0, 1.5, 0.5] {
        let loss = Loss::beta_divergence(beta).unwrap();
        for balanced in [true, false] {
            let weights = if beta > 0.0 {
                vec![1.0, 3.0, 0.5]
            } else {
                vec![]
            };
            let joint = JointNmf::new(nmf(3, loss))
                .balanced(balanced)
                .weights(weights.clone());
            let model = joint.fit(&views(&matrices)).unwrap();
            let mut sum = 0.0;
            for (p, (v, part)) in matrices.iter().zip(&model.parts).enumerate() {
                let weight = weights.get(p).copied().unwrap_or(1.0);
                let expected = if balanced {
                    weight / size(v, beta)
                } else {
                    weight
                };
                assert!((part.weight / expected - 1.0).abs() < 1e-10, "{beta}: {p}");
                let found = reconstruct(model.w(), &part.h);
                let missed = divergence(v, &found, beta);
                assert!((part.divergence / missed - 1.0).abs() < 1e-8, "{beta}: {p}");
                sum += part.weight * missed;
                let error = (2.0 * divergence(v, &found, 2.0) / size(v, 2.0)).sqrt();
                assert!((part.relative_error / error - 1.0).abs() < 1e-7);
                assert!(error < 0.2 || !balanced, "{beta}: {p} {error}");
            }
            let ratio = model.fit.objective / sum;
            assert!((ratio - 1.0).abs() < 1e-8, "{beta} {balanced}: {ratio}");
            let last = model.fit.trace.last().unwrap().objective;
            assert!(last >= model.fit.objective * (1.0 - 1e-6) && last < 1.1 * sum);
        }
    }
}

/// Side by side, each times λ^(1/β), the matrices are one: a plain fit of it that begins where the joint one ended begins at the same
/// objective, and finds nothing better nearby.
#[test]
fn it_is_a_plain_fit_of_the_matrices_side_by_side() {
    let matrices = matrices();
    for beta in [2.0, 1.0] {
        let loss = Loss::beta_divergence(beta).unwrap();
        let penalty = Penalty {
            alpha_w: 1e-4,
            alpha_h: 2e-4,
            l1_ratio: 0.5,
        };
        let model = JointNmf::new(nmf(3, loss).max_iter(3000).tol(1e-10))
            .fit(&views(&matrices))
            .unwrap();
        let scales = matrices.iter().map(|v| size(v, beta).powf(-1.0 / beta));
        let scales: Vec<f64> = scales.collect();
        let whole = beside(
            &matrices
                .iter()
                .zip(scales.iter().copied())
                .collect::<Vec<_>>(),
        );
        let parts = model.parts.iter().map(|part| &part.h);
        let h = beside(&parts.zip(scales).collect::<Vec<_>>());
        let start = Start {
            w: Some(model.w()),
            h: Some(&h),
            ..Start::default()
        };
        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
        // What `auto` sees first is an estimate on a sketch.
        let solver = if beta == 2.0 { "hals" } else { "newton" };
        let plain = nmf(3, loss).solver(solver.parse().unwrap()).tol(0.0);
        let plain = plain
            .fit_with(&[Matrix::from(&whole)], start, go_on)
            .unwrap();
        let first = plain.trace[0].objective / model.fit.objective;
        assert!((first - 1.0).abs() < 1e-9, "{beta}: {first}");
        let gain = 1.0 - plain.objective / model.fit.objective;
        assert!((-1e-9..1e-3).contains(&gain), "{beta}: {gain:e}");
        // Penalties keep their factors, though these change places.
        let priced = JointNmf::new(nmf(3, loss).penalty(penalty)).balanced(false);
        let model = priced.fit(&views(&matrices)).unwrap();
        let squares = |x: &Dense<f64>| x.as_slice().iter().map(|x| x * x).sum::<f64>();
        let sum = |x: &Dense<f64>| x.as_slice().iter().sum::<f64>();
        let (w, h) = (model.w(), &model.fit.h);
        let expected = model.fit.divergence
            + 47.0 * 1e-4 * 0.5 * (sum(w) + 0.5 * squares(w))
            + 40.0 * 2e-4 * 0.5 * (sum(h) + 0.5 * squares(h));
        assert!((model.fit.objective / expected - 1.0).abs() < 1e-9);
    }
}

#[test]
fn every_storage_any_threads_and_both_precisions_give_the_same_answer() {
    fn check<T: Float>(close: f64) {
        let counts: Dense<T> = random(40, 30, 0.3, 1);
        let measured: Dense<T> = random(40, 12, 1.0, 2);
        let measured = mapped(&measured, |v| 50.0 * v);
        let fit = |a: Storage, b: Storage, threads: usize| -> JointModel<T> {
            let nmf = Nmf::new(4)
                .solver("cd".parse::<Solver>().unwrap())
                .max_iter(30)
                .tol(0.0)
                .threads(NonZeroUsize::new(threads));
            let (a, b) = (Stored::of(&counts, a), Stored::of(&measured, b));
            JointNmf::new(nmf).fit(&[a.matrix(), b.matrix()]).unwrap()
        };
        let first = fit(Storage::RowMajor, Storage::RowMajor, 1);
        for a in Storage::ALL {
            for b in Storage::ALL {
                let one = fit(a, b, 1);
                let ratio = one.fit.objective / first.fit.objective;
                assert!((ratio - 1.0).abs() < close, "{a:?} {b:?}: {ratio}");
                let other = fit(a, b, 3);
                assert_eq!(one.parts, other.parts, "{a:?} {b:?}");
                assert_eq!(one.w(), other.w(), "{a:?} {b:?}");
            }
        }
    }
    check::<f64>(1e-9);
    check::<f32>(1e-4);
}

#[test]
fn new_samples_may_lack_matrices() {
    for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
        lacking_matrices(loss);
    }
}

fn lacking_matrices(loss: Loss) {
    let matrices = matrices();
    // Several starts are those of the fit: none is drawn for new samples.
    let several = NonZeroUsize::new(2).unwrap();
    let joint = JointNmf::new(nmf(3, loss).max_iter(2000).tol(1e-10).n_init(several));
    let model = joint.fit(&views(&matrices)).unwrap();
    let views = views(&matrices);
    let rough = |given: [bool; 3]| {
        let given = given.iter().zip(&views);
        let given: Vec<_> = given.map(|(there, v)| there.then_some(*v)).collect();
        let w = joint.transform(&given, &model).unwrap();
        assert_eq!((w.rows(), w.cols()), (40, 3));
        let pairs = w.as_slice().iter().zip(model.w().as_slice());
        let apart: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        let length: f64 = model.w().as_slice().iter().map(|x| x * x).sum();
        (apart / length).sqrt()
    };
    let all = rough([true; 3]);
    assert!(all < 1e-3, "{all}");
    let some = [rough([true, false, false]), rough([false, true, true])];
    assert!(some.iter().all(|apart| *apart < 0.3), "{some:?}");
}

#[test]
fn an_observer_sees_the_objective_of_the_model() {
    let matrices = matrices();
    let mut last = 0.0;
    let mut observer = |progress: &Progress| {
        last = progress.objective;
        ControlFlow::Continue(())
    };
    let joint = JointNmf::new(nmf(3, Loss::FROBENIUS));
    let model = joint.fit_with(&views(&matrices), &mut observer).unwrap();
    let traced = model.fit.trace.last().unwrap().objective;
    assert!((last / traced - 1.0).abs() < 1e-12, "{last} {traced}");
}

#[test]
fn what_cannot_be_joined_is_refused() {
    let matrices = matrices();
    let message = |joint: JointNmf, matrices: &[Matrix<'_, f64>]| {
        let error = joint.fit(matrices).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(!text.contains('\n'));
        text
    };
    let plain = || JointNmf::new(Nmf::new(2));
    let views = views(&matrices);
    let says = |text: &str, parts: &[&str]| {
        for part in parts {
            assert!(text.contains(part), "no {part:?} in {text:?}");
        }
    };
    says(&message(plain(), &[]), &["0 × 0"]);
    let short = random::<f64>(39, 4, 1.0, 1);
    let text = message(plain(), &[views[0], Matrix::from(&short)]);
    says(&text, &["matrix 2", "39 × 4", "40 × 4"]);
    let mut negative = random::<f64>(40, 4, 1.0, 1);
    negative.as_mut_slice()[9] = -1.0;
    let text = message(plain(), &[views[0], Matrix::from(&negative)]);
    says(&text, &["matrix 2", "-1", "row 2, column 1"]);
    let empty = Dense::<f64>::zeros(40, 0);
    says(
        &message(plain(), &[views[0], Matrix::from(&empty)]),
        &["matrix 2", "40 × 0"],
    );
    assert_eq!(
        message(plain().weights([1.0, 2.0]), &views),
        "weights = [1.0, 2.0]: has 2; expected one for each of the matrices, which are 3"
    );
    assert_eq!(
        message(plain().weights([1.0, 0.0, 1.0]), &views),
        "matrix 2: weight = 0: expected a finite number above 0"
    );
    for (wrong, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-2.5, "-2.5")] {
        let text = message(plain().weights([1.0, 1.0, wrong]), &views);
        says(
            &text,
            &["matrix 3", &format!("weight = {shown}"), "above 0"],
        );
    }
    let itakura_saito = JointNmf::new(Nmf::new(2).loss(Loss::beta_divergence(0.0).unwrap()));
    let text = message(itakura_saito.clone().weights([1.0, 2.0, 1.0]), &views);
    says(&text, &["matrix 2", "weight = 2", "expected 1 with beta"]);
    let zero = Dense::<f64>::zeros(40, 3);
    let text = message(itakura_saito, &[views[0], Matrix::from(&zero)]);
    says(&text, &["matrix 2", "row 0, column 0"]);
    let constrained = JointNmf::new(Nmf::new(2).constraint("simplex".parse().unwrap()));
    says(&message(constrained, &views), &["w:simplex", "joint"]);
    // Squares of these are no numbers any more, nor are weights so far apart.
    let tiny = mapped(&matrices[1], |v| 1e-200 * v);
    let text = message(plain(), &[views[0], Matrix::from(&tiny)]);
    says(&text, &["matrix 2", "weight", "range of numbers"]);
    let text = message(plain().weights([1.0, 1e-300, 1.0]), &views);
    says(&text, &["matrix 2", "weight", "range of numbers"]);
    // All zeros have no size, and no error.
    let model = plain().fit(&[views[0], Matrix::from(&zero)]).unwrap();
    assert!(model.parts[1].h.as_slice().iter().all(|x| *x < 1e-12));

    let model = plain().fit(&views).unwrap();
    let refused = |given: &[Option<Matrix<'_, f64>>], parts: &[&str]| {
        let error: Error = plain().transform(given, &model).unwrap_err();
        says(&error.to_string(), parts);
    };
    refused(&[Some(views[0])], &["1", "3"]);
    refused(&[None, None, None], &["0 × 0"]);
    refused(&[None, Some(views[0]), None], &["matrix 2", "12", "30"]);
}

#[test]
fn a_joint_fit_can_be_ended() {
    let matrices = matrices();
    let mut seen = 0;
    let joint = JointNmf::new(nmf(3, Loss::FROBENIUS).tol(0.0));
    let model = joint.fit_with(&views(&matrices), &mut |progress: &Progress| {
        seen = progress.iteration;
        if seen >= 5 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!((model.unwrap().fit.iterations, seen), (5, 5));
}

#[test]
fn a_scale_that_no_matrix_has_is_refused() {
    let [v, ..] = matrices();
    let joint = JointNmf::new(nmf(3, Loss::FROBENIUS));
    let h = random::<f64>(3, v.cols(), 1.0, 4);
    let there = [Some(Matrix::from(&v))];
    let mut go_on = |_: &Progress| ControlFlow::Continue(());
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = joint.transform_by(&there, &[(&h, scale)], &mut go_on);
        let error = found.unwrap_err().to_string();
        assert!(error.contains(&format!("scale = {scale}")), "{error}");
    }
    assert!(joint.transform_by(&there, &[(&h, 2.0)], &mut go_on).is_ok());
}
