//! Semi-NMF and convex-NMF: a V with entries of any sign.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Findings, Storage, Stored, bits, mapped, random, scale_of, short, uniform};
use partwise::{
    Constraint, Dense, Factor, Factorization, Float, Loss, Matrix, Nmf, Penalty, Progress, Solver,
    Start,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn named(text: &str) -> Constraint {
    text.parse().unwrap()
}

fn with(rank: usize, text: &str) -> Nmf {
    Nmf::new(rank).constraint(named(text))
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Samples around `k` centres of any sign, and now and then between two, with noise; a third of the entries are zero.
fn around_centres(m: usize, n: usize, k: usize, noise: f64, seed: u64) -> Dense<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut signed = |size: f64| size * (2.0 * uniform(&mut rng) - 1.0);
    let centres: Vec<f64> = (0..k * n).map(|_| signed(1.0)).collect();
    let mut values = Vec::new();
    for i in 0..m {
        let (size, share) = (1.5 + signed(0.5), signed(0.5).abs());
        for j in 0..n {
            let near = centres[i % k * n + j] * (1.0 - share);
            let far = centres[(i + 1) % k * n + j] * share;
            values.push(if (i + j) % 3 == 0 {
                0.0
            } else {
                size * (near + far) + signed(noise)
            });
        }
    }
    Dense::from_rows(values, m, n).unwrap()
}

fn product(a: &Dense<f64>, b: &Dense<f64>) -> Dense<f64> {
    partwise::reconstruct(a, b)
}

fn half_squares(v: &Dense<f64>, w: &Dense<f64>, h: &Dense<f64>) -> f64 {
    let made = product(w, h);
    let pairs = v.as_slice().iter().zip(made.as_slice());
    0.5 * pairs.map(|(v, x)| (v - x).powi(2)).sum::<f64>()
}

/// The solution of A x = b by elimination with pivots.
fn solved(a: &[f64], b: &[f64]) -> Vec<f64> {
    let k = b.len();
    let mut rows: Vec<Vec<f64>> = (0..k)
        .map(|i| {
            a[i * k..(i + 1) * k]
                .iter()
                .copied()
                .chain([b[i]])
                .collect()
        })
        .collect();
    for t in 0..k {
        let pivot = (t..k).max_by(|&i, &j| rows[i][t].abs().total_cmp(&rows[j][t].abs()));
        rows.swap(t, pivot.unwrap());
        let pivot = rows[t].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != t) {
            let share = row[t] / pivot[t];
            row.iter_mut()
                .zip(&pivot)
                .for_each(|(x, y)| *x -= share * y);
        }
    }
    (0..k).map(|t| rows[t][k] / rows[t][t]).collect()
}

/// min ½ xᵀ G x − bᵀ x over x ≥ 0, by trying every set of entries that are above zero.
fn non_negative(g: &[f64], b: &[f64]) -> Vec<f64> {
    let k = b.len();
    let mut best = (0.0, vec![0.0; k]);
    for set in 1..1usize << k {
        let free: Vec<usize> = (0..k).filter(|t| set >> t & 1 == 1).collect();
        let part: Vec<f64> = free
            .iter()
            .flat_map(|&i| free.iter().map(move |&j| g[i * k + j]))
            .collect();
        let found = solved(&part, &free.iter().map(|&t| b[t]).collect::<Vec<_>>());
        if found.iter().all(|x| *x >= 0.0) {
            let value: f64 = found.iter().zip(&free).map(|(x, &t)| -0.5 * x * b[t]).sum();
            if value < best.0 {
                let mut x = vec![0.0; k];
                free.iter().zip(found).for_each(|(&t, value)| x[t] = value);
                best = (value, x);
            }
        }
    }
    best.1
}

/// One half-step after the other, each exact: H by least squares, and W by non-negative least squares. The objectives after each.
fn slow_semi(v: &Dense<f64>, w: &Dense<f64>, steps: usize) -> Vec<f64> {
    let (m, k) = (w.rows(), w.cols());
    let (mut w, mut h) = (w.clone(), Dense::zeros(k, v.cols()));
    let mut objectives = Vec::new();
    for step in 0..steps {
        if step % 2 == 0 {
            let wt = w.transposed();
            let (g, b) = (product(&wt, &w), product(&wt, v));
            let column = |j| (0..k).map(|t| b.get(t, j)).collect::<Vec<_>>();
            let columns: Vec<Vec<f64>> = (0..v.cols())
                .map(|j| solved(g.as_slice(), &column(j)))
                .collect();
            h = Dense::from_rows(columns.concat(), v.cols(), k)
                .unwrap()
                .transposed();
        } else {
            let ht = h.transposed();
            let (g, b) = (product(&h, &ht), product(v, &ht));
            let rows: Vec<Vec<f64>> = (0..m)
                .map(|i| non_negative(g.as_slice(), b.row(i)))
                .collect();
            w = Dense::from_rows(rows.concat(), m, k).unwrap();
        }
        objectives.push(half_squares(v, &w, &h));
    }
    objectives
}

#[test]
fn semi_takes_the_steps_of_a_slow_one() {
    for seed in 0..4 {
        let v = around_centres(24, 13, 3, 0.3, seed);
        let w = random::<f64>(24, 3, 1.0, seed + 9);
        let start = Start {
            w: Some(&w),
            ..Start::default()
        };
        let nmf = short(3, "anls".parse().unwrap(), Loss::FROBENIUS, 12).constraint(named("semi"));
        let slow = slow_semi(&v, &w, 25);
        for storage in Storage::ALL {
            let stored = Stored::of(&v, storage);
            let model = nmf.fit_with(&[stored.matrix()], start, &mut go_on).unwrap();
            let met = model.trace.iter().filter(|point| point.iteration > 0);
            // An iteration is H and W.
            for (met, slow) in met.zip(slow[1..].iter().step_by(2)) {
                let apart = (met.objective / slow - 1.0).abs();
                assert!(apart < 1e-8, "{storage:?} seed {seed}: {met:?} {slow}");
            }
        }
    }
}

fn difference(a: &Dense<f64>, b: &Dense<f64>) -> Dense<f64> {
    let pairs = a.as_slice().iter().zip(b.as_slice());
    Dense::from_rows(pairs.map(|(a, b)| a - b).collect(), a.rows(), a.cols()).unwrap()
}

/// Σ |x|.
fn size(x: &Dense<f64>) -> f64 {
    x.as_slice().iter().map(|x| x.abs()).sum()
}

/// Σ |gradient| where a factor with nothing below zero may move.
fn projected(slopes: &Dense<f64>, factor: &Dense<f64>) -> f64 {
    let pairs = slopes.as_slice().iter().zip(factor.as_slice());
    let open = |(slope, x): (&f64, &f64)| if *x > 0.0 { *slope } else { slope.min(0.0) };
    pairs.map(open).map(f64::abs).sum()
}

/// What is left of the gradient where a factor may move, over the size of its data's part.
fn semi_residual(v: &Dense<f64>, model: &Factorization<f64>) -> f64 {
    let (w, h) = (&model.w, &model.h);
    let (wt, ht) = (w.transposed(), h.transposed());
    let apart = difference(&product(w, h), v);
    let left = size(&product(&wt, &apart));
    let right = projected(&product(&apart, &ht), w);
    left / size(&product(&wt, v)) + right / size(&product(v, &ht))
}

#[test]
fn semi_ends_where_nothing_is_left_to_gain() {
    let v = around_centres(60, 20, 4, 0.2, 1);
    for solver in ["auto", "cd", "hals", "anls"] {
        let nmf = with(4, "semi").solver(solver.parse().unwrap()).tol(0.0);
        let model = nmf.max_iter(3000).fit(&Matrix::from(&v)).unwrap();
        let left = semi_residual(&v, &model);
        assert!(
            left < 1e-6 && model.residual < 1e-6,
            "{solver}: {left:e} {:e}",
            model.residual
        );
        assert!(model.h.as_slice().iter().any(|x| *x < 0.0));
        // No matrix of the rank is nearer, and the factors without the sign are among them.
        let best = partwise::truncated_svd(&Matrix::from(&v), 4, 0, None).unwrap();
        assert!(model.relative_error >= best.relative_error - 1e-9);
        let found = model.quality(&Matrix::from(&v), None, None).unwrap();
        assert!(found.gap() >= 0.0 && found.bound > 0.0);
    }
}

#[test]
fn semi_on_either_factor_is_the_same_of_the_transpose() {
    let v = around_centres(40, 25, 3, 0.2, 2);
    let w = random::<f64>(40, 3, 1.0, 4);
    let nmf =
        |text| short(3, "anls".parse().unwrap(), Loss::FROBENIUS, 800).constraint(named(text));
    let of_w = Start {
        w: Some(&w),
        ..Start::default()
    };
    let one = nmf("semi")
        .fit_with(&[Matrix::from(&v)], of_w, &mut go_on)
        .unwrap();
    let (turned, h) = (v.transposed(), w.transposed());
    let of_h = Start {
        h: Some(&h),
        ..Start::default()
    };
    let other = nmf("w:semi")
        .fit_with(&[Matrix::from(&turned)], of_h, &mut go_on)
        .unwrap();
    assert!((one.objective / other.objective - 1.0).abs() < 1e-6);
    assert!(other.w.as_slice().iter().any(|x| *x < 0.0));
    assert!(other.h.as_slice().iter().all(|x| *x >= 0.0));
}

#[test]
fn new_samples_are_found_in_components_of_any_sign() {
    let v = around_centres(50, 12, 3, 0.1, 3);
    for text in ["semi", "convex"] {
        let nmf = with(3, text).tol(0.0).max_iter(400);
        let model = nmf.fit(&Matrix::from(&v)).unwrap();
        let new = around_centres(30, 12, 3, 0.1, 3);
        let found = nmf.transform(&Matrix::from(&new), &model.h).unwrap();
        let ht = model.h.transposed();
        let (g, b) = (product(&model.h, &ht), product(&new, &ht));
        for i in 0..30 {
            for (x, wanted) in found
                .w
                .row(i)
                .iter()
                .zip(non_negative(g.as_slice(), b.row(i)))
            {
                assert!((x - wanted).abs() < 1e-6, "{text} row {i}: {x} {wanted}");
            }
        }
    }
    // W of any sign: least squares.
    let nmf = with(3, "w:semi").tol(0.0).max_iter(100);
    let model = nmf.fit(&Matrix::from(&v)).unwrap();
    let found = nmf.transform(&Matrix::from(&v), &model.h).unwrap();
    let ht = model.h.transposed();
    let (g, b) = (product(&model.h, &ht), product(&v, &ht));
    for i in 0..50 {
        for (x, wanted) in found.w.row(i).iter().zip(solved(g.as_slice(), b.row(i))) {
            assert!((x - wanted).abs() < 1e-8, "row {i}: {x} {wanted}");
        }
    }
}

#[test]
fn entries_of_any_sign_are_read_from_every_storage_by_any_threads() {
    fn check<T: Float>(v: &Dense<f64>, findings: &mut Findings) {
        let v: Dense<T> = mapped(v, |v| v);
        for text in ["semi", "w:semi", "convex"] {
            let constraint = named(text);
            let mut objectives = Vec::new();
            for storage in Storage::ALL {
                let stored = Stored::of(&v, storage);
                let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 10).constraint(constraint);
                let fit = |count| {
                    let nmf = nmf.clone().threads(NonZeroUsize::new(count));
                    nmf.fit(&stored.matrix()).unwrap()
                };
                let model = fit(1);
                let what = format!("{text} {storage:?} {}", T::NAME);
                findings.sound_but(&model, Some(constraint.factor()), &what);
                findings.falls(
                    &model,
                    scale_of(&mapped::<T, T>(&v, f64::abs), Loss::FROBENIUS),
                    &what,
                );
                findings.check(bits(&model) == bits(&fit(3)), || what.clone());
                objectives.push(model.objective);
            }
            // Two walk by rows, W first, and two by columns, where another half-step comes first.
            let near = objectives
                .iter()
                .all(|x| (x / objectives[0] - 1.0).abs() < 0.2);
            findings.check(near, || format!("{text} {}: {objectives:?}", T::NAME));
        }
    }
    let mut findings = Findings::default();
    let v = around_centres(300, 40, 3, 0.3, 5);
    check::<f64>(&v, &mut findings);
    check::<f32>(&v, &mut findings);
    findings.finish();
}

/// The same of C alone.
fn convex_residual(v: &Dense<f64>, model: &Factorization<f64>) -> f64 {
    let c = model.mixture.as_ref().unwrap();
    let wt = model.w.transposed();
    let (g, q) = (product(&wt, &model.w), product(&wt, v));
    let vt = v.transposed();
    let slopes = product(&difference(&product(&g, &model.h), &q), &vt);
    projected(&slopes, c) / size(&product(&q, &vt))
}

/// The multiplicative updates of Ding, Li & Jordan (2010), with the parts of V Vᵀ above and below zero, from the same rows.
fn slow_convex(v: &Dense<f64>, picked: &[usize], iterations: usize) -> f64 {
    let (m, k) = (v.rows(), picked.len());
    let kernel = product(v, &v.transposed());
    let above: Dense<f64> = mapped(&kernel, |x| x.max(0.0));
    let below: Dense<f64> = mapped(&kernel, |x| (-x).max(0.0));
    let mut mixture = Dense::filled(m, k, 0.02);
    let mut w = Dense::filled(m, k, 0.2);
    for (t, &row) in picked.iter().enumerate() {
        mixture.as_mut_slice()[row * k + t] += 1.0;
        for i in (0..m).filter(|i| i % k == row % k) {
            w.as_mut_slice()[i * k + t] += 1.0;
        }
    }
    let moved = |x: &mut Dense<f64>, up: &[Dense<f64>], down: &[Dense<f64>]| {
        for (at, x) in x.as_mut_slice().iter_mut().enumerate() {
            let sum =
                |parts: &[Dense<f64>]| parts.iter().map(|part| part.as_slice()[at]).sum::<f64>();
            *x *= (sum(up) / (sum(down) + 1e-300)).sqrt();
        }
    };
    for _ in 0..iterations {
        let (a, b) = (product(&above, &mixture), product(&below, &mixture));
        let turn = product(&mixture.transposed(), &a);
        let turned = product(&mixture.transposed(), &b);
        let (up, down) = (product(&w, &turned), product(&w, &turn));
        moved(&mut w, &[a, up], &[b, down]);
        let gram = product(&w.transposed(), &w);
        let (toward, away) = (product(&above, &w), product(&below, &w));
        let right = product(&mixture, &gram);
        let (down, up) = (product(&above, &right), product(&below, &right));
        moved(&mut mixture, &[toward, up], &[away, down]);
    }
    half_squares(v, &w, &product(&mixture.transposed(), v))
}

#[test]
fn convex_ends_no_higher_than_multiplicative_updates() {
    for seed in 0..3 {
        for v in [
            around_centres(45, 15, 3, 0.3, seed),
            random::<f64>(45, 15, 0.7, seed),
        ] {
            let nmf = with(3, "convex").tol(0.0).max_iter(1500).seed(seed);
            let model = nmf.fit(&Matrix::from(&v)).unwrap();
            let c = model.mixture.as_ref().unwrap();
            let picked: Vec<usize> = (0..3)
                .map(|t| {
                    (0..45)
                        .max_by(|&i, &j| c.get(t, i).total_cmp(&c.get(t, j)))
                        .unwrap()
                })
                .collect();
            let slow = slow_convex(&v, &picked, 3000);
            assert!(
                model.objective < 1.01 * slow,
                "seed {seed}: {} {slow}",
                model.objective
            );
            let left = convex_residual(&v, &model);
            assert!(
                left < 1e-4 && model.residual < 1e-3,
                "seed {seed}: {left:e} {:e}",
                model.residual
            );
        }
    }
}

#[test]
fn convex_finds_samples_that_the_others_are_mixtures_of() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let pure: Vec<f64> = (0..3 * 10).map(|_| 2.0 * uniform(&mut rng) - 1.0).collect();
    let pure = Dense::from_rows(pure, 3, 10).unwrap();
    let mut shares = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    shares.extend((0..40 * 3).map(|_| uniform(&mut rng)));
    let v = product(&Dense::from_rows(shares, 43, 3).unwrap(), &pure);
    for init in ["auto", "spa", "snpa"] {
        let nmf = with(3, "convex")
            .tol(0.0)
            .max_iter(2000)
            .init(init.parse().unwrap());
        let model = nmf.fit(&Matrix::from(&v)).unwrap();
        assert!(
            model.relative_error < 1e-3,
            "{init}: {}",
            model.relative_error
        );
        let c = model.mixture.unwrap();
        for t in 0..3 {
            let of_pure: f64 = (0..3).map(|i| c.get(t, i)).sum();
            assert!(of_pure > 0.95, "{init}: {of_pure}");
        }
    }
}

#[test]
fn what_asks_more_of_a_sign_is_refused() {
    let v = around_centres(6, 5, 2, 0.1, 1);
    let refused = |nmf: Nmf, start: Start<'_, f64>, parts: &[&str]| {
        let fit = nmf.fit_with(
            &[Matrix::from(&v)],
            start,
            &mut |_: &Progress| -> ControlFlow<()> {
                panic!("work was done before the request was checked")
            },
        );
        let message = fit.expect_err("must be refused").to_string();
        assert!(!message.contains('\n'));
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    };
    let none = Start::default;
    let penalty = |alpha_w, alpha_h, l1_ratio| Penalty {
        alpha_w,
        alpha_h,
        l1_ratio,
    };
    refused(Nmf::new(2), none(), &["V", "row", "negative"]);
    refused(with(2, "simplex"), none(), &["negative"]);
    refused(
        with(2, "semi").penalty(penalty(0.0, 0.1, 0.5)),
        none(),
        &["h:semi", "L1"],
    );
    refused(
        with(2, "w:semi").penalty(penalty(0.1, 0.0, 1.0)),
        none(),
        &["w:semi", "L1"],
    );
    refused(
        with(2, "convex").penalty(penalty(0.1, 0.0, 0.0)),
        none(),
        &["h:convex", "penalties"],
    );
    refused(
        with(2, "convex").n_init(NonZeroUsize::new(3).unwrap()),
        none(),
        &["n_init 1"],
    );
    refused(
        with(2, "semi").init("nndsvd".parse().unwrap()),
        none(),
        &["random", "nndsvd"],
    );
    refused(
        with(2, "convex").init("nndsvd".parse().unwrap()),
        none(),
        &["spa", "nndsvd"],
    );
    for text in ["semi", "convex"] {
        refused(
            with(2, text).constraint(named("w:simplex")),
            none(),
            &["alone", "w:simplex"],
        );
        refused(
            with(2, text).solver("mu".parse().unwrap()),
            none(),
            &["'mu'"],
        );
        refused(
            with(2, text).loss(Loss::KULLBACK_LEIBLER),
            none(),
            &["frobenius"],
        );
        let transformed = with(2, text).solver("mu".parse().unwrap());
        let h = random::<f64>(2, 5, 1.0, 1);
        assert!(transformed.transform(&Matrix::from(&v), &h).is_err());
    }
    refused(
        with(2, "semi").constraint(named("w:semi")),
        none(),
        &["alone"],
    );
    // The other factor is what it always was.
    let w = mapped::<f64, f64>(&random(6, 2, 1.0, 1), |x| x - 0.5);
    let start = Start {
        w: Some(&w),
        ..none()
    };
    refused(with(2, "semi"), start, &["W", "negative"]);
    refused(
        with(2, "convex"),
        Start {
            w: Some(&Dense::filled(6, 2, 1.0)),
            ..none()
        },
        &["start"],
    );
    let mut holes = v.clone();
    holes.as_mut_slice()[7] = f64::NAN;
    let message = with(2, "semi")
        .fit(&Matrix::from(&holes))
        .unwrap_err()
        .to_string();
    assert!(message.contains("row 1, column 2"), "{message}");
}

#[test]
fn a_start_of_any_sign_is_gone_on_from() {
    let v = around_centres(40, 12, 3, 0.2, 6);
    let model = with(3, "semi").fit(&Matrix::from(&v)).unwrap();
    let start = Start {
        w: Some(&model.w),
        h: Some(&model.h),
        ..Start::default()
    };
    let again = with(3, "semi")
        .fit_with(&[Matrix::from(&v)], start, &mut go_on)
        .unwrap();
    assert!(again.objective <= model.objective * (1.0 + 1e-12));
    let held = Start {
        hold: Some(Factor::W),
        ..start
    };
    let nmf = with(3, "semi");
    let kept = nmf.fit_with(&[Matrix::from(&v)], held, &mut go_on).unwrap();
    assert_eq!(kept.w.as_slice(), model.w.as_slice());
}
