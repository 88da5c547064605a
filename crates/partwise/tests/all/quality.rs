//! How good a fit is: against slow versions, in every storage, and where flaws of components say something.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common::{Storage, Stored, random, short};
use partwise::{
    Dense, Error, Factorization, Float, Loss, Matrix, Nmf, Penalty, Progress, Solver, Start,
    StopReason, reconstruct,
};

/// Eigenvalues of VᵀV, which are the squares of V's singular values, the largest first: cyclic Jacobi rotations.
fn squared_singular_values(v: &Dense<f64>) -> Vec<f64> {
    let n = v.cols();
    let column = |j: usize| (0..v.rows()).map(move |i| v.get(i, j));
    let mut a: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let product = |j| column(i).zip(column(j)).map(|(x, y)| x * y).sum();
            (0..n).map(product).collect()
        })
        .collect();
    for _ in 0..30 {
        for p in 0..n {
            for q in p + 1..n {
                let angle = 0.5 * (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]);
                let (sin, cos) = angle.sin_cos();
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (cos * x - sin * y, sin * x + cos * y);
                }
                let (upper, lower) = a.split_at_mut(q);
                for (x, y) in upper[p].iter_mut().zip(&mut lower[0]) {
                    (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
                }
            }
        }
    }
    let mut values: Vec<f64> = (0..n).map(|i| a[i][i].max(0.0)).collect();
    values.sort_by(|x, y| y.total_cmp(x));
    values
}

fn half_squares(v: &Dense<f64>) -> f64 {
    0.5 * v.as_slice().iter().map(|x| x * x).sum::<f64>()
}

#[test]
fn the_least_loss_is_that_of_the_singular_values() {
    fn try_all<T: Float>(v: &Dense<f64>, accuracy: f64) {
        let values: Vec<T> = v.as_slice().iter().map(|&x| T::from_f64(x)).collect();
        let single = Dense::from_rows(values, v.rows(), v.cols()).unwrap();
        let squares = squared_singular_values(v);
        let half = half_squares(v);
        for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
            for k in [1, 3, 6, 14, 20] {
                let nmf = Nmf::new(k)
                    .loss(loss)
                    .init("random".parse().unwrap())
                    .max_iter(30);
                for storage in Storage::ALL {
                    let stored = Stored::of(&single, storage);
                    let fit = nmf.fit(&stored.matrix()).unwrap();
                    let found = fit.quality(&stored.matrix(), None, None).unwrap();
                    let what = format!("{} {loss} rank {k} {storage:?}", T::NAME);
                    let bound = 0.5 * squares.iter().skip(k).sum::<f64>();
                    let close = |x: f64, y: f64| (x - y).abs() <= accuracy * half;
                    assert!(close(found.bound, bound), "{what}: {found:?} {bound}");
                    let least = (bound / half).sqrt();
                    let error = (found.least_relative_error - least).abs();
                    assert!(error < accuracy.sqrt(), "{what}: {found:?} {least}");
                    let product = reconstruct(&fit.w, &fit.h);
                    let pairs = product.as_slice().iter().zip(single.as_slice());
                    let square = |(x, y): (&T, &T)| (x.to_f64() - y.to_f64()).powi(2);
                    let loss = 0.5 * pairs.map(square).sum::<f64>();
                    assert!(close(found.loss, loss), "{what}: {found:?} {loss}");
                    assert_eq!(found.relative_error, fit.relative_error);
                    assert!(found.gap() >= 0.0 && close(found.gap(), loss - bound));
                    if k >= 14 {
                        assert_eq!((found.bound, found.least_relative_error), (0.0, 0.0));
                    }
                }
            }
        }
    }
    let v = random::<f64>(23, 14, 0.7, 4);
    try_all::<f64>(&v, 1e-9);
    try_all::<f32>(&v, 1e-5);
}

/// The best matrix of rank 1 has no entry below zero (Perron & Frobenius).
#[test]
fn at_rank_one_the_bound_is_reached() {
    for seed in 0..5 {
        let v = random::<f64>(40, 30, 0.5, seed);
        let nmf = Nmf::new(1).tol(1e-12).max_iter(2000);
        let found = nmf.fit(&(&v).into()).unwrap();
        let found = found.quality(&(&v).into(), None, None).unwrap();
        assert!(found.gap() < 1e-6 * found.bound, "{seed}: {found:?}");
    }
}

#[test]
fn what_quality_cannot_say_is_refused() {
    let v = random::<f64>(12, 9, 1.0, 1);
    let fit = short(2, Solver::auto(), Loss::FROBENIUS, 5)
        .fit(&(&v).into())
        .unwrap();
    for other in [random(12, 8, 1.0, 1), random(11, 9, 1.0, 1)] {
        let error = fit.quality(&(&other).into(), None, None).unwrap_err();
        assert!(matches!(error, Error::Shape { matrix: "V", .. }), "{error}");
        assert!(error.to_string().contains("12 × 9"), "{error}");
    }
    let mut broken = v.clone();
    broken.as_mut_slice()[40] = f64::NAN;
    let error = fit.quality(&(&broken).into(), None, None).unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    let flag = Some(Arc::new(AtomicBool::new(true)));
    let error = fit.quality(&(&v).into(), None, flag).unwrap_err();
    assert!(matches!(error, Error::Interrupted), "{error}");
    // Nothing at all is as good as can be.
    let zeros = Dense::<f64>::zeros(12, 9);
    let nothing = Nmf::new(2).fit(&Matrix::from(&zeros)).unwrap();
    let found = nothing.quality(&Matrix::from(&zeros), None, None).unwrap();
    assert_eq!((found.loss, found.bound, found.gap()), (0.0, 0.0, 0.0));
}

/// Two kinds of samples.
fn two_kinds() -> Dense<f64> {
    let noise = random::<f64>(20, 12, 1.0, 3);
    let entry = |at: usize| {
        let same = (at / 12) % 2 == at % 2;
        f64::from(u8::from(same)) + 0.1 * noise.as_slice()[at]
    };
    Dense::from_rows((0..240).map(entry).collect(), 20, 12).unwrap()
}

/// A fit of [`two_kinds`] by multiplication, which leaves zeros and equals as they are, from a start with some of them.
fn flawed(nmf: &Nmf, shape: fn(usize, usize) -> f64) -> Factorization<f64> {
    let v = two_kinds();
    let factor = |count: usize, seed: u64, k: usize| -> Vec<f64> {
        let drawn = random::<f64>(count, 4, 1.0, seed);
        let entry = |at: usize| shape(at % k, k) * (0.1 + drawn.get(at / k, (at % k) % 3));
        (0..count * k).map(entry).collect()
    };
    let w = Dense::from_rows(factor(20, 1, 4), 20, 4).unwrap();
    let h = Dense::from_rows(factor(12, 2, 4), 12, 4)
        .unwrap()
        .transposed();
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    let go_on = &mut |_: &Progress| ControlFlow::Continue(());
    nmf.fit_with(&[Matrix::from(&v)], start, go_on).unwrap()
}

#[test]
fn flaws_of_a_start_that_cannot_be_left_are_found() {
    let nmf = Nmf::new(4).solver("mu".parse().unwrap()).max_iter(3000);
    // Components 0 and 3 begin alike, and stay so.
    let fit = flawed(&nmf, |_, _| 1.0);
    let flaws = fit.flaws();
    assert!(flaws.dead.is_empty(), "{flaws}");
    let pairs = flaws.duplicates.iter();
    let pairs: Vec<_> = pairs.map(|pair| (pair.first, pair.second)).collect();
    assert!(pairs.contains(&(0, 3)), "{flaws}");
    let told = fit.telling(&flaws, &Penalty::default());
    assert!(
        told.duplicates
            .iter()
            .any(|pair| (pair.first, pair.second) == (0, 3))
    );
    // Every pair, and no other, has a cosine above 0.99.
    for first in 0..4 {
        for second in first + 1..4 {
            let inner = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
            let (a, b) = (fit.h.row(first), fit.h.row(second));
            let cosine = inner(a, b) / (inner(a, a) * inner(b, b)).sqrt();
            assert_eq!(pairs.contains(&(first, second)), cosine > 0.99);
        }
    }
    let fit = flawed(&nmf, |t, _| f64::from(u8::from(t != 2)));
    assert_eq!(fit.flaws().dead, [2]);
    assert_eq!(fit.stop, StopReason::Converged);
}

#[test]
fn flaws_tell_where_nothing_asked_for_them() {
    let penalty = |alpha_h, l1_ratio| Penalty {
        alpha_w: 0.0,
        alpha_h,
        l1_ratio,
    };
    let dead = |t: usize, _| f64::from(u8::from(t != 2));
    let nmf = Nmf::new(4).solver("mu".parse().unwrap()).max_iter(3000);
    for (what, penalty, tells) in [
        ("no penalty", penalty(0.0, 0.0), true),
        ("a share of no penalty", penalty(0.0, 1.0), true),
        ("squares", penalty(1e-4, 0.0), false),
        ("sums", penalty(1e-4, 0.5), false),
    ] {
        let fit = flawed(&nmf.clone().penalty(penalty), dead);
        assert_eq!(fit.flaws().dead, [2], "{what}");
        let told = fit.telling(&fit.flaws(), &penalty);
        assert_eq!(told.dead == [2], tells, "{what}");
        assert_eq!(!told.is_empty(), tells, "{what}");
    }
    let told = |fit: &Factorization<f64>| fit.telling(&fit.flaws(), &Penalty::default());
    let cut_short = flawed(&nmf.clone().max_iter(2), dead);
    assert_eq!(cut_short.flaws().dead, [2]);
    assert!(told(&cut_short).is_empty());
    // Data of which nothing is to be said.
    let zeros = Dense::<f64>::zeros(9, 7);
    let nothing = Nmf::new(2).fit(&Matrix::from(&zeros)).unwrap();
    assert_eq!(nothing.flaws().dead, [0, 1]);
    assert!(told(&nothing).is_empty());
    // As many components as features: one is zero, and the fit is one of the others.
    let v = random::<f64>(9, 3, 1.0, 3);
    let h = Dense::from_rows(vec![1., 0., 0., 0., 0., 0., 0., 1., 1.], 3, 3).unwrap();
    let full = Nmf::new(3).transform(&Matrix::from(&v), &h).unwrap();
    assert_eq!(
        (full.stop, full.flaws().dead),
        (StopReason::Converged, vec![1])
    );
    assert!(told(&full).is_empty());
    let wide = random::<f64>(9, 4, 1.0, 3);
    let h = Dense::from_rows(vec![1., 0., 0., 1., 0., 0., 0., 0., 0., 1., 1., 0.], 3, 4).unwrap();
    let fewer = Nmf::new(3).transform(&Matrix::from(&wide), &h).unwrap();
    assert_eq!(told(&fewer).dead, [1]);
}

/// All samples are nearly alike, and still of two kinds: what is alike says different things.
#[test]
fn components_that_are_alike_may_be_needed() {
    let kinds = [[10.0, 10.0, 10.0, 1.0, 0.0], [10.0, 10.0, 10.0, 0.0, 1.0]];
    let noise = random::<f64>(40, 5, 1.0, 8);
    let entry = |at: usize| {
        let (i, j) = (at / 5, at % 5);
        let share = (i % 8) as f64 / 7.0;
        share * kinds[0][j] + (1.0 - share) * kinds[1][j] + 1e-3 * noise.get(i, j)
    };
    let v = Dense::from_rows((0..200).map(entry).collect(), 40, 5).unwrap();
    let nmf = Nmf::new(2).tol(1e-8).max_iter(20_000);
    let fit = nmf.fit(&Matrix::from(&v)).unwrap();
    let flaws = fit.flaws();
    let [pair] = flaws.duplicates[..] else {
        panic!("{flaws}");
    };
    assert!(pair.cost.unwrap() > 1.0, "{pair:?}");
    assert_eq!(fit.stop, StopReason::Converged);
    assert!(fit.telling(&flaws, &Penalty::default()).is_empty());
}

/// A start that is tried is a short fit of its own.
#[test]
fn starts_say_what_they_came_to() {
    let v = random::<f64>(50, 30, 0.8, 2);
    let v = Matrix::from(&v);
    let nmf = Nmf::new(5)
        .solver("hals".parse().unwrap())
        .init("random".parse().unwrap())
        .seed(3);
    let fit = |nmf: &Nmf| nmf.fit(&v).unwrap();
    let four = fit(&nmf.clone().n_init(NonZeroUsize::new(4).unwrap()));
    let alone = |number: u64| fit(&nmf.clone().seed(3 + number).max_iter(10));
    let short: Vec<f64> = (0..4).map(|number| alone(number).objective).collect();
    assert_eq!(four.starts, short);
    let mut sorted = short.clone();
    sorted.sort_by(f64::total_cmp);
    let spread = four.spread().unwrap();
    assert_eq!((spread.least, spread.most), (sorted[0], sorted[3]));
    assert_eq!(spread.median, f64::midpoint(sorted[1], sorted[2]));
    assert!(spread.least < spread.most);
    let one = fit(&nmf);
    assert_eq!((&one.starts[..], one.spread()), (&[][..], None));
    // One start on a sketch is still one.
    let sketched = fit(&nmf.clone().solver("sketched".parse().unwrap()));
    assert_eq!(sketched.spread(), None);
}
