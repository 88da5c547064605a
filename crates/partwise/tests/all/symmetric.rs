//! The constraint `symmetric`.

use std::ops::ControlFlow;

use crate::common::{Storage, Stored, random, uniform};
use partwise::{
    Constraint, Dense, Factor, Factorization, Loss, Matrix, Nmf, Penalty, Progress, Solver, Start,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn symmetric() -> Nmf {
    Nmf::new(3).constraint("symmetric".parse().unwrap())
}

/// X Xᵀ.
fn square(x: &Dense<f64>) -> Dense<f64> {
    partwise::reconstruct(x, &x.transposed())
}

/// ½‖V − X Xᵀ‖², entry by entry.
fn loss(v: &Dense<f64>, x: &Dense<f64>) -> f64 {
    let pairs = v.as_slice().iter().zip(square(x).into_values());
    0.5 * pairs.map(|(v, y)| (v - y).powi(2)).sum::<f64>()
}

#[test]
fn the_figures_are_those_of_the_factor_and_v() {
    let v = square(&random::<f64>(30, 8, 0.6, 1));
    for storage in Storage::ALL {
        let stored = Stored::of(&v, storage);
        for solver in Solver::all() {
            let nmf = symmetric().solver(solver);
            if nmf.check().is_err() {
                continue;
            }
            let model = nmf.fit(&stored.matrix()).unwrap();
            assert_eq!(model.w.as_slice(), model.h.transposed().as_slice());
            let expected = loss(&v, &model.w);
            let what = format!("{solver} {storage:?}");
            assert!((model.divergence / expected - 1.0).abs() < 1e-9, "{what}");
            assert!((model.objective / expected - 1.0).abs() < 1e-9, "{what}");
            // What was minimised before has the price of a difference in it, of which little is left.
            let last = model.trace.last().unwrap().objective;
            assert!(
                (last / expected - 1.0).abs() < 0.02,
                "{what}: {last} {expected}"
            );
        }
    }
}

/// Against projected gradient descent on X alone, with a step that halves until the loss falls, from several starts.
#[test]
fn it_ends_as_low_as_descent_on_one_factor() {
    for seed in 0..5 {
        let v = square(&random::<f64>(24, 6, 0.6, seed));
        let model = symmetric()
            .tol(1e-8)
            .max_iter(3000)
            .fit(&Matrix::from(&v))
            .unwrap();
        let descend = |start: u64| {
            let mut x = random::<f64>(24, 3, 1.0, 50 + start);
            let (mut value, mut step) = (loss(&v, &x), 0.1);
            for _ in 0..3000 {
                let product = square(&x);
                let slope = |at: usize| {
                    let (i, t) = (at / 3, at % 3);
                    let part = |j: usize| (product.get(i, j) - v.get(i, j)) * x.get(j, t);
                    2.0 * (0..24).map(part).sum::<f64>()
                };
                let slopes: Vec<f64> = (0..72).map(slope).collect();
                step *= 2.0;
                loop {
                    let pairs = x.as_slice().iter().zip(&slopes);
                    let next = pairs.map(|(x, s)| (x - step * s).max(0.0)).collect();
                    let next = Dense::from_rows(next, 24, 3).unwrap();
                    let there = loss(&v, &next);
                    if there <= value {
                        (x, value) = (next, there);
                        break;
                    }
                    step /= 2.0;
                    if step < 1e-12 {
                        return value;
                    }
                }
            }
            value
        };
        let best = (0..5).map(descend).fold(f64::INFINITY, f64::min);
        let ours = model.divergence;
        assert!(ours < 1.03 * best, "seed {seed}: {ours}, descent {best}");
        let last = model.trace.last().unwrap().objective;
        assert!(
            (last / ours - 1.0).abs() < 1e-4,
            "seed {seed}: {last} {ours}"
        );
    }
}

#[test]
fn groups_of_a_graph_are_found() {
    let (n, k) = (90, 3);
    let mut right = 0;
    for seed in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut edges = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                let chance = if i % k == j % k { 0.4 } else { 0.05 };
                if uniform(&mut rng) < chance {
                    (edges[i * n + j], edges[j * n + i]) = (1.0, 1.0);
                }
            }
        }
        let graph = Dense::from_rows(edges, n, n).unwrap();
        let stored = Stored::of(&graph, Storage::Csr);
        let model: Factorization<f64> = symmetric().seed(seed).fit(&stored.matrix()).unwrap();
        let cluster = |i: usize| {
            (0..k)
                .max_by(|&a, &b| model.w.get(i, a).total_cmp(&model.w.get(i, b)))
                .unwrap()
        };
        // Pairs that are together or apart as they should be.
        let agree = |i: usize, j: usize| (cluster(i) == cluster(j)) == (i % k == j % k);
        let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
        let agreeing = pairs.filter(|&(i, j)| agree(i, j)).count();
        right += usize::from(agreeing as f64 > 0.97 * (n * (n - 1) / 2) as f64);
    }
    assert!(right >= 9, "{right} of 10");
}

#[test]
fn a_product_of_a_factor_with_itself_is_found() {
    // Of sparse columns, so that no other factor has this product.
    let x = random::<f64>(40, 3, 0.4, 7);
    let v = square(&x);
    let model = symmetric()
        .tol(1e-10)
        .max_iter(5000)
        .fit(&Matrix::from(&v))
        .unwrap();
    assert!(model.relative_error < 1e-3, "{}", model.relative_error);
}

#[test]
fn what_cannot_be_is_refused() {
    let v = square(&random::<f64>(6, 2, 1.0, 1));
    let message = |nmf: Nmf, v: Matrix<'_, f64>, start: Start<'_, f64>| {
        nmf.fit_with(&[v], start, &mut go_on)
            .unwrap_err()
            .to_string()
    };
    let holds = |text: String, parts: &[&str]| {
        for part in ["w:symmetric=0.3"].iter().chain(parts) {
            assert!(text.contains(part), "no {part:?} in {text:?}");
        }
    };
    let none = Start::default;
    let wide = random::<f64>(4, 5, 1.0, 1);
    holds(message(symmetric(), (&wide).into(), none()), &["4 × 5"]);
    let mut lopsided = v.clone();
    lopsided.as_mut_slice()[1] = 77.0;
    for storage in Storage::ALL {
        let stored = Stored::of(&lopsided, storage);
        holds(
            message(symmetric(), stored.matrix(), none()),
            &["77", "(0, 1)", "(1, 0)"],
        );
    }
    let hoyer: Constraint = "h:hoyer".parse().unwrap();
    holds(
        message(symmetric().constraint(hoyer), (&v).into(), none()),
        &["hoyer"],
    );
    let both = Nmf::new(3)
        .constraint(hoyer)
        .constraint("symmetric".parse().unwrap());
    holds(message(both, (&v).into(), none()), &["hoyer"]);
    let penalty = Penalty {
        alpha_w: 0.5,
        ..Penalty::default()
    };
    holds(
        message(symmetric().penalty(penalty), (&v).into(), none()),
        &["alpha_w 0.5"],
    );
    holds(
        message(
            symmetric().loss(Loss::KULLBACK_LEIBLER),
            (&v).into(),
            none(),
        ),
        &["frobenius"],
    );
    let h = random::<f64>(3, 6, 1.0, 2);
    let held = Start {
        h: Some(&h),
        hold: Some(Factor::H),
        ..none()
    };
    holds(message(symmetric(), (&v).into(), held), &["held"]);
    // New nodes by their edges to the old ones.
    let model = symmetric().fit(&(&v).into()).unwrap();
    let new = symmetric().transform(&(&v).into(), &model.h).unwrap();
    assert_eq!(new.w.rows(), 6);
}
