//! The constraint `graph`, and the graphs that it takes.

use std::ops::ControlFlow;

use crate::common::{Storage, Stored, bits, random, short, uniform};
use partwise::{
    Constraint, Dense, Factor, Factorization, Graph, Loss, Matrix, Nmf, Progress, Solver, Start,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn named(text: &str) -> Constraint {
    text.parse().unwrap()
}

/// Weights of a graph in which each pair has an edge with this chance.
fn weights(n: usize, chance: f64, seed: u64) -> Dense<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..i {
            if uniform(&mut rng) < chance {
                let weight = 0.5 + uniform(&mut rng);
                (weights[i * n + j], weights[j * n + i]) = (weight, weight);
            }
        }
    }
    Dense::from_rows(weights, n, n).unwrap()
}

fn graph(weights: &Dense<f64>) -> Graph {
    Graph::new(&Matrix::from(weights)).unwrap()
}

/// ½ Σ_t ‖y_t‖² ½ Σ_ij S_ij (x_it − x_jt)², entry by entry.
fn roughness(model: &Factorization<f64>, weights: &Dense<f64>, factor: Factor) -> f64 {
    let (x, y) = match factor {
        Factor::W => (model.w.clone(), model.h.transposed()),
        Factor::H => (model.h.transposed(), model.w.clone()),
    };
    let mut sum = 0.0;
    for t in 0..x.cols() {
        let length: f64 = (0..y.rows()).map(|i| y.get(i, t).powi(2)).sum();
        for i in 0..x.rows() {
            for j in 0..x.rows() {
                let step = (x.get(i, t) - x.get(j, t)).powi(2);
                sum += 0.25 * length * weights.get(i, j) * step;
            }
        }
    }
    sum
}

#[test]
fn the_graph_is_in_the_objective_and_smooths() {
    let v = random::<f64>(24, 17, 0.8, 1);
    for factor in [Factor::W, Factor::H] {
        let n = if factor == Factor::W { 24 } else { 17 };
        let weights = weights(n, 0.2, 2);
        let mut last = f64::INFINITY;
        for weight in [0.1, 1.0, 10.0] {
            let constraint = named("graph").on(factor).unwrap();
            let nmf = Nmf::new(3)
                .constraint(constraint.with_value(weight).unwrap())
                .graph(graph(&weights));
            let model = nmf.fit(&Matrix::from(&v)).unwrap();
            let rough = roughness(&model, &weights, factor);
            let expected = model.divergence + weight * rough;
            assert!(
                (model.objective / expected - 1.0).abs() < 1e-10,
                "{factor:?} {weight}: {} {expected}",
                model.objective
            );
            assert!(rough < last, "{factor:?} {weight}: {rough} {last}");
            last = rough;
        }
    }
}

/// With the other factor held the problem is convex: against plain projected gradient.
#[test]
fn half_steps_end_where_projected_gradient_does() {
    let (m, n, k, weight) = (15, 9, 3, 0.7);
    let (v, h) = (random::<f64>(m, n, 0.9, 3), random::<f64>(k, n, 1.0, 4));
    let weights = weights(m, 0.3, 5);
    let start = Start {
        h: Some(&h),
        hold: Some(Factor::H),
        ..Start::default()
    };
    let model = Nmf::new(k)
        .constraint(named("graph").with_value(weight).unwrap())
        .graph(graph(&weights))
        .tol(0.0)
        .max_iter(300)
        .fit_with(&[Matrix::from(&v)], start, &mut go_on)
        .unwrap();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let gram = |s: usize, t: usize| dot(h.row(s), h.row(t));
    let degree = |i: usize| weights.row(i).iter().sum::<f64>();
    let most = (0..m).map(degree).fold(0.0, f64::max);
    let trace: f64 = (0..k).map(|t| gram(t, t)).sum();
    let step = 1.0 / (trace * (1.0 + 2.0 * weight * most));
    let mut x = vec![0.0; m * k];
    for _ in 0..20_000 {
        let mut next = x.clone();
        for i in 0..m {
            for t in 0..k {
                let data: f64 = (0..k).map(|s| gram(s, t) * x[i * k + s]).sum();
                let near = |j: usize| weights.get(i, j) * (x[i * k + t] - x[j * k + t]);
                let pull: f64 = (0..m).map(near).sum();
                let slope = data - dot(v.row(i), h.row(t)) + weight * gram(t, t) * pull;
                next[i * k + t] = (x[i * k + t] - step * slope).max(0.0);
            }
        }
        x = next;
    }
    for (at, (ours, theirs)) in model.w.as_slice().iter().zip(&x).enumerate() {
        assert!((ours - theirs).abs() < 1e-6, "{at}: {ours} {theirs}");
    }
}

#[test]
fn samples_of_v_are_features_of_its_transpose() {
    let v = random::<f64>(31, 22, 0.7, 6);
    let weights = weights(31, 0.2, 7);
    let solver = "anls".parse().unwrap();
    let (w, h) = (random(31, 3, 1.0, 5), random(3, 22, 1.0, 6));
    let fit = |matrix: Matrix<'_, f64>, text: &str, w: &Dense<f64>, h: &Dense<f64>| {
        let start = Start {
            w: Some(w),
            h: Some(h),
            ..Start::default()
        };
        let nmf = short(3, solver, Loss::FROBENIUS, 5).constraint(named(text));
        nmf.graph(graph(&weights))
            .fit_with(&[matrix], start, &mut go_on)
            .unwrap()
            .objective
    };
    let stored = Stored::of(&v, Storage::Csr);
    let by_rows = fit(Matrix::from(&v), "w:graph", &w, &h);
    assert!((fit(stored.matrix(), "w:graph", &w, &h) / by_rows - 1.0).abs() < 1e-10);
    // The other factor is improved first there, and both end in the same place after enough iterations only.
    let (ht, wt) = (h.transposed(), w.transposed());
    let turned = fit(Matrix::from(&v).transpose(), "h:graph", &ht, &wt);
    assert!((turned / by_rows - 1.0).abs() < 0.05, "{turned} {by_rows}");
}

/// The graph that is made of V, by looking at all angles.
#[test]
fn without_a_graph_the_nearest_are_neighbours() {
    let v = random::<f64>(150, 90, 0.5, 8);
    for factor in [Factor::W, Factor::H] {
        let lines = if factor == Factor::W {
            v.clone()
        } else {
            v.transposed()
        };
        let n = lines.rows();
        let dot = |i: usize, j: usize| {
            let pairs = lines.row(i).iter().zip(lines.row(j));
            pairs.map(|(a, b)| a * b).sum::<f64>()
        };
        let mut weights = Dense::<f64>::zeros(n, n);
        for i in 0..n {
            let mut others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
            let cosine = |j: usize| dot(i, j) / (dot(i, i) * dot(j, j)).sqrt();
            others.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)));
            for &j in &others[..Graph::NEIGHBOURS] {
                let values = weights.as_mut_slice();
                (values[i * n + j], values[j * n + i]) = (1.0, 1.0);
            }
        }
        let given = graph(&weights);
        for storage in Storage::ALL {
            let stored = Stored::of(&v, storage);
            let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 3)
                .constraint(named("graph").on(factor).unwrap());
            let made = nmf.fit(&stored.matrix()).unwrap();
            let other = nmf.graph(given.clone()).fit(&stored.matrix()).unwrap();
            assert_eq!(bits(&made), bits(&other), "{factor:?} {storage:?}");
        }
    }
}

/// Noisy samples of three kinds, each with friends of which most are of its kind: the graph says what V alone hides.
#[test]
fn friends_tell_the_kinds_of_noisy_samples() {
    let (m, n, k) = (150, 20, 3);
    let (mut with, mut without) = (0, 0);
    for seed in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(100 + seed);
        let centres: Vec<f64> = (0..k * n).map(|_| uniform(&mut rng)).collect();
        let mut values = Vec::new();
        for i in 0..m {
            values.extend((0..n).map(|j| 0.5 * centres[i % k * n + j] + 1.5 * uniform(&mut rng)));
        }
        let v = Dense::from_rows(values, m, n).unwrap();
        let mut weights = vec![0.0; m * m];
        for i in 0..m {
            for j in 0..i {
                let chance = if i % k == j % k { 0.15 } else { 0.02 };
                if uniform(&mut rng) < chance {
                    (weights[i * m + j], weights[j * m + i]) = (1.0, 1.0);
                }
            }
        }
        let friends = graph(&Dense::from_rows(weights, m, m).unwrap());
        // Samples of which the largest share is that of most of their kind.
        let right = |model: &Factorization<f64>| {
            let lengths: Vec<f64> = (0..k)
                .map(|t| {
                    (0..m)
                        .map(|i| model.w.get(i, t).powi(2))
                        .sum::<f64>()
                        .sqrt()
                })
                .collect();
            let mut counts = vec![[0; 3]; k];
            for i in 0..m {
                let share = |t: &usize| model.w.get(i, *t) / lengths[*t].max(1e-300);
                let best = (0..k).max_by(|a, b| share(a).total_cmp(&share(b))).unwrap();
                counts[i % k][best] += 1;
            }
            let orders = [
                [0, 1, 2],
                [0, 2, 1],
                [1, 0, 2],
                [1, 2, 0],
                [2, 0, 1],
                [2, 1, 0],
            ];
            let right = |order: &[usize; 3]| (0..k).map(|c| counts[c][order[c]]).sum::<usize>();
            orders.iter().map(right).max().unwrap()
        };
        let nmf = Nmf::new(k).seed(seed).tol(1e-6).max_iter(1000);
        without += right(&nmf.fit(&Matrix::from(&v)).unwrap());
        let nmf = nmf.constraint(named("graph=1")).graph(friends);
        with += right(&nmf.fit(&Matrix::from(&v)).unwrap());
    }
    assert!(
        with > without + 200,
        "of 1500 samples {with} with the graph, {without} without"
    );
}

#[test]
fn graphs_that_cannot_be_are_refused() {
    let refused = |n: usize, values: Vec<f64>, parts: &[&str]| {
        let cols = values.len() / n;
        let error = Graph::new(&Matrix::row_major(&values, n, cols).unwrap()).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    };
    refused(2, vec![0.0; 6], &["2 × 3"]);
    refused(
        2,
        vec![0.0, 1.0, 2.0, 0.0],
        &["1 and 0 is 2", "0 and 1 is 1", "symmetric"],
    );
    refused(
        2,
        vec![0.0, -1.0, -1.0, 0.0],
        &["0 and 1 is -1", "at least 0"],
    );
    refused(2, vec![0.0, f64::NAN, 1.0, 0.0], &["0 and 1 is NaN"]);
    refused(2, vec![0.0, 1e308, 1e308, 0.0], &["overflows"]);

    let v = random::<f64>(6, 5, 1.0, 1);
    let message = |nmf: Nmf| nmf.fit(&Matrix::from(&v)).unwrap_err().to_string();
    let five = graph(&weights(5, 0.5, 1));
    let text = message(Nmf::new(2).constraint(named("graph")).graph(five.clone()));
    assert!(text.contains("graph") && text.contains('6'), "{text}");
    let text = message(Nmf::new(2).graph(five.clone()));
    assert!(
        text.contains("5 rows") && text.contains("'graph'"),
        "{text}"
    );
    let both = Nmf::new(2)
        .constraint(named("w:graph"))
        .constraint(named("h:graph"));
    let text = message(both);
    assert!(
        text.contains("h:graph=1") && text.contains("w:graph=1"),
        "{text}"
    );
    // Weights of a node with itself say nothing, and a sparse graph is the same graph.
    let with_loops = Dense::from_rows(vec![3.0, 1.0, 1.0, 0.0], 2, 2).unwrap();
    let stored = Stored::of(&with_loops, Storage::Csr);
    let sparse = Graph::new(&stored.matrix()).unwrap();
    assert!(sparse == graph(&with_loops) && sparse.edges() == 1);
    // New samples have no neighbours.
    let nmf = Nmf::new(2)
        .constraint(named("graph"))
        .graph(graph(&weights(6, 0.5, 1)));
    let model = nmf.fit(&Matrix::from(&v)).unwrap();
    assert_eq!(
        nmf.transform(&Matrix::from(&v), &model.h).unwrap().w.rows(),
        6
    );
}
