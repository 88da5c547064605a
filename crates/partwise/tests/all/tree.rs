//! Trees of rank-2 factorisations: planted trees are found, every split is what a slow look at it says, the bits are the same for
//! any number of threads and the leaves for any storage, and what cannot be split stays whole.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Storage, Stored, mapped, uniform};
use partwise::{
    Dense, Error, Float, Loss, Matrix, Nmf, NmfTree, Solver, Start, SurveyProgress, Tree, TreeModel,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn go_on(_: &SurveyProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn grow<T: Float>(asked: &NmfTree, v: &Matrix<'_, T>) -> TreeModel<T> {
    let found = asked.run(v, &mut go_on).unwrap();
    found.expect("nobody ended it")
}

const WORDS: usize = 92;

/// Documents in 2 · 2 · 2 topics. A word is that of one topic, of a pair of topics, of the four on a side, or of all. Row i has
/// topic i % 8, whose pair is i % 8 / 2 and whose side is i % 8 / 4.
fn documents(rows: usize, seed: u64) -> Dense<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    for i in 0..rows {
        let (topic, size) = (i % 8, 0.5 + uniform(&mut rng));
        for j in 0..WORDS {
            let weight = match j {
                0..48 if j / 6 == topic => 4.0,
                48..72 if (j - 48) / 6 == topic / 2 => 4.0,
                72..88 if (j - 72) / 8 == topic / 4 => 4.0,
                88.. => 0.5,
                _ => 0.0,
            };
            let kept = uniform(&mut rng) < 0.8;
            let value = size * weight * (0.5 + uniform(&mut rng));
            values.push(if kept { value } else { 0.0 });
        }
    }
    Dense::from_rows(values, rows, WORDS).unwrap()
}

fn leaf_of<T>(model: &TreeModel<T>, row: usize) -> usize {
    model.labels[row].expect("nothing was set aside")
}

/// Whether rows share a leaf if and only if they share a topic.
fn found_topics<T>(model: &TreeModel<T>) -> bool {
    let topics: Vec<usize> = (0..8).map(|i| leaf_of(model, i)).collect();
    let mut different = topics.clone();
    different.sort_unstable();
    different.dedup();
    different.len() == 8 && (0..model.labels.len()).all(|i| leaf_of(model, i) == topics[i % 8])
}

#[test]
fn a_planted_tree_is_found_in_every_storage() {
    for seed in 0..3 {
        let v = documents(120, seed);
        let asked = NmfTree::new(8);
        let mut labels = Vec::new();
        for storage in Storage::ALL {
            let model = grow(&asked, &Stored::of(&v, storage).matrix());
            assert!(found_topics(&model), "{seed} {storage:?}");
            // Leaves are numbered from left to right, so pairs and sides are those that were planted.
            for (i, j) in (0..8).flat_map(|i| (0..8).map(move |j| (i, j))) {
                let (a, b) = (leaf_of(&model, i), leaf_of(&model, j));
                assert_eq!(a / 4 == b / 4, i / 4 == j / 4);
                assert_eq!(a / 2 == b / 2, i / 2 == j / 2);
            }
            assert!(model.complete && model.tree.nodes.len() == 15);
            labels.push(model.labels);
        }
        assert!(labels.windows(2).all(|pair| pair[0] == pair[1]));
        let single: Dense<f32> = mapped(&v, |x| x);
        let model = grow(&asked, &Matrix::from(&single));
        assert_eq!(model.labels, labels[0]);
    }
}

fn bits<T: Float>(model: &TreeModel<T>) -> Vec<u64> {
    let parts = [&model.tree.components, &model.fit.w, &model.fit.h];
    let values = parts.iter().flat_map(|part| part.as_slice());
    let scores = model.tree.nodes.iter().flat_map(|node| node.score);
    let values = values.map(|x| x.to_f64()).chain(scores);
    let labels = model
        .labels
        .iter()
        .map(|x| x.map_or(u64::MAX, |x| x as u64));
    values.map(f64::to_bits).chain(labels).collect()
}

#[test]
fn the_bits_are_the_same_for_any_number_of_threads() {
    let v = documents(100, 7);
    for storage in [Storage::RowMajor, Storage::Csr] {
        let stored = Stored::of(&v, storage);
        let with = |threads| {
            let nmf = Nmf::new(2).threads(NonZeroUsize::new(threads));
            bits(&grow(
                &NmfTree::new(8).nmf(nmf).outliers(0.1),
                &stored.matrix(),
            ))
        };
        let one = with(1);
        assert!([2, 5].into_iter().all(|threads| with(threads) == one));
    }
}

/// The rows of each node, from the leaves up.
fn rows_of<T: Float>(tree: &Tree<T>, labels: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); tree.nodes.len()];
    for (i, label) in labels.iter().enumerate() {
        let mut at = label.map(|leaf| tree.leaves()[leaf]);
        while let Some(node) = at {
            rows[node].push(i);
            at = tree.nodes[node].parent;
        }
    }
    rows
}

/// The exact answer of min ‖v − x₀ a − x₁ b‖ over x ≥ 0, by all four sets of passive unknowns.
fn nearest(v: &[f64], a: &[f64], b: &[f64]) -> [f64; 2] {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let (aa, ab, bb, va, vb) = (dot(a, a), dot(a, b), dot(b, b), dot(v, a), dot(v, b));
    let determinant = aa * bb - ab * ab;
    let free = [
        (bb * va - ab * vb) / determinant,
        (aa * vb - ab * va) / determinant,
    ];
    let candidates = [free, [va / aa, 0.0], [0.0, vb / bb], [0.0, 0.0]];
    let missed = |x: &[f64; 2]| {
        let squares = v.iter().zip(a.iter().zip(b));
        squares
            .map(|(v, (a, b))| (v - x[0] * a - x[1] * b).powi(2))
            .sum::<f64>()
    };
    let legal = candidates
        .into_iter()
        .filter(|x| x[0] >= 0.0 && x[1] >= 0.0);
    legal
        .min_by(|x, y| missed(x).total_cmp(&missed(y)))
        .unwrap()
}

#[test]
fn every_split_is_what_a_slow_look_at_it_says() {
    let v = documents(90, 3);
    let model = grow(&NmfTree::new(7), &Matrix::from(&v));
    let (tree, rows) = (&model.tree, rows_of(&model.tree, &model.labels));
    assert_eq!(rows[0].len(), 90);
    for (at, node) in tree.nodes.iter().enumerate() {
        assert_eq!(node.rows, rows[at].len());
        let length: f64 = tree.components.row(at).iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-12);
        let Some(children) = node.children else {
            continue;
        };
        // Its rows go where the exact solution for each of them says.
        let [a, b] = children.map(|child| tree.components.row(child));
        for &i in &rows[at] {
            let x = nearest(v.row(i), a, b);
            let side = usize::from(x[1] > x[0]);
            assert!(rows[children[side]].contains(&i), "row {i} of node {at}");
        }
        // Its children's components are those of a fit of its rows alone.
        let own: Vec<f64> = rows[at].iter().flat_map(|&i| v.row(i)).copied().collect();
        let own = Dense::from_rows(own, rows[at].len(), WORDS).unwrap();
        let nmf = Nmf::new(2).solver("anls".parse().unwrap());
        let fit = nmf.fit(&Matrix::from(&own)).unwrap();
        for child in [a, b] {
            let cosine = |t: usize| {
                let h = fit.h.row(t);
                let product: f64 = h.iter().zip(child).map(|(x, y)| x * y).sum();
                product / h.iter().map(|x| x * x).sum::<f64>().sqrt()
            };
            assert!(cosine(0).max(cosine(1)) > 1.0 - 1e-9);
        }
        // When it was split no other leaf had a better split.
        let first = children[0];
        for (other, rival) in tree.nodes.iter().enumerate().take(first) {
            let still_leaf = rival.children.is_none_or(|[child, _]| child > first);
            if other != at && still_leaf {
                assert!(node.score.unwrap() >= rival.score.unwrap_or(-1.0));
            }
        }
    }
    // The flat model is the exact solution with the components of the leaves.
    let h = tree.leaf_components();
    assert_eq!(h, model.fit.h);
    let flat = Nmf::new(7).solver("anls".parse().unwrap());
    let w = flat.transform(&Matrix::from(&v), &h).unwrap().w;
    assert_eq!(w, model.fit.w);
}

#[test]
fn a_smaller_tree_is_the_beginning_of_a_larger_one() {
    let v = documents(100, 11);
    let large = grow(&NmfTree::new(9), &Matrix::from(&v)).tree;
    for leaves in [2, 3, 5, 8] {
        let small = grow(&NmfTree::new(leaves), &Matrix::from(&v)).tree;
        assert_eq!(small.nodes.len(), 2 * leaves - 1);
        for node in 0..small.nodes.len() {
            assert_eq!(small.components.row(node), large.components.row(node));
            assert_eq!(small.nodes[node].parent, large.nodes[node].parent);
            assert_eq!(small.nodes[node].rows, large.nodes[node].rows);
        }
    }
}

#[test]
fn rows_go_down_the_tree_again() {
    let v = documents(90, 5);
    let new = documents(60, 6);
    let asked = NmfTree::new(8);
    for storage in Storage::ALL {
        let (stored, others) = (Stored::of(&v, storage), Stored::of(&new, storage));
        let model = grow(&asked, &stored.matrix());
        let again = asked.predict(&stored.matrix(), &model.tree).unwrap();
        assert!(
            (0..90).all(|i| again[i] == leaf_of(&model, i)),
            "{storage:?}"
        );
        let labels = asked.predict(&others.matrix(), &model.tree).unwrap();
        assert!(
            (0..60).all(|i| labels[i] == leaf_of(&model, i)),
            "{storage:?}"
        );
    }
    let model = grow(&asked, &Matrix::from(&v));
    let narrow = Dense::<f64>::filled(3, WORDS - 1, 1.0);
    let error = asked
        .predict(&Matrix::from(&narrow), &model.tree)
        .unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
}

#[test]
fn rows_of_no_topic_are_set_aside() {
    // Eight topics of fifteen documents, and two documents that have nothing with anything, but are large.
    let topics = documents(120, 2);
    let mut values = Vec::new();
    for i in 0..122 {
        if i < 120 {
            values.extend_from_slice(topics.row(i));
        } else {
            values.extend([0.0; WORDS]);
        }
        values.extend((0..4).map(|j| {
            if i >= 120 && j / 2 == i - 120 {
                90.0
            } else {
                0.0
            }
        }));
    }
    let v = Dense::from_rows(values, 122, WORDS + 4).unwrap();
    let all = grow(&NmfTree::new(8), &Matrix::from(&v));
    assert!(all.labels.iter().all(Option::is_some));
    let model = grow(&NmfTree::new(8).outliers(0.1), &Matrix::from(&v));
    let aside = |i: &usize| model.labels[*i].is_none();
    assert_eq!((0..122).filter(aside).collect::<Vec<_>>(), [120, 121]);
    assert_eq!(
        model
            .tree
            .nodes
            .iter()
            .map(|node| node.aside)
            .sum::<usize>(),
        2
    );
    let topics: Vec<_> = (0..8).map(|i| model.labels[i]).collect();
    assert!(
        (0..120).all(|i| model.labels[i] == topics[i % 8]),
        "{:?}",
        model.labels
    );
}

#[test]
fn what_cannot_be_split_stays_whole() {
    let proportional: Vec<f64> = (0..8 * 5)
        .map(|at| ((at / 5 + 1) * (at % 5)) as f64)
        .collect();
    let zeros = vec![0.0; 8 * 5];
    let alike = [1.0, 0.0, 2.0, 3.0, 1.0].repeat(8);
    for values in [proportional, zeros, alike] {
        let model = grow(&NmfTree::new(4), &Matrix::row_major(&values, 8, 5).unwrap());
        assert_eq!(model.labels, [Some(0); 8]);
        assert_eq!((model.fit.h.rows(), model.tree.nodes[0].score), (1, None));
        assert!(model.complete && model.fit.w.as_slice().iter().all(|x| x.is_finite()));
    }
    // One column, and two kinds of rows that are all there is.
    let one = Matrix::row_major(&[1.0, 2.0, 0.0, 4.0], 4, 1).unwrap();
    assert_eq!(grow(&NmfTree::new(2), &one).labels, [Some(0); 4]);
    let two = [[1.0, 0.0, 0.0], [0.0, 0.0, 3.0]].concat().repeat(5);
    let model = grow(&NmfTree::new(8), &Matrix::row_major(&two, 10, 3).unwrap());
    assert_eq!(model.tree.nodes.len(), 3);
    assert!((0..10).all(|i| leaf_of(&model, i) == leaf_of(&model, i % 2)));
}

#[test]
fn rows_of_zeros_and_any_scale_are_no_trouble() {
    let v = documents(64, 9);
    let mut with_zeros = v.as_slice().to_vec();
    with_zeros.extend([0.0; 2 * WORDS]);
    let plain = grow(&NmfTree::new(8), &Matrix::from(&v));
    let model = grow(
        &NmfTree::new(8),
        &Matrix::row_major(&with_zeros, 66, WORDS).unwrap(),
    );
    assert_eq!(model.labels[..64], plain.labels);
    // They go with the first child all the way down.
    assert_eq!(model.labels[64..], [Some(0), Some(0)]);
    for scale in [1e-140, 1e140] {
        let scaled: Dense<f64> = mapped(&v, |x| x * scale);
        assert_eq!(
            grow(&NmfTree::new(8), &Matrix::from(&scaled)).labels,
            plain.labels
        );
    }
    for scale in [1e-15, 1e15] {
        let scaled: Dense<f32> = mapped(&v, |x| x * scale);
        assert_eq!(
            grow(&NmfTree::new(8), &Matrix::from(&scaled)).labels,
            plain.labels
        );
    }
    // As many leaves as rows.
    let few = documents(8, 1);
    let model = grow(&NmfTree::new(8), &Matrix::from(&few));
    assert!(found_topics(&model));
}

#[test]
fn other_losses_and_solvers_grow_trees_too() {
    let v = documents(90, 13);
    for nmf in [
        Nmf::new(2).loss(Loss::KULLBACK_LEIBLER),
        Nmf::new(2).solver("hals".parse::<Solver>().unwrap()),
        Nmf::new(2).init("random".parse().unwrap()).seed(4),
    ] {
        let model = grow(&NmfTree::new(8).nmf(nmf.clone()), &Matrix::from(&v));
        assert!(found_topics(&model), "{nmf:?}");
    }
}

#[test]
fn an_ended_tree_has_the_splits_that_were_done() {
    let v = documents(100, 17);
    let whole = grow(&NmfTree::new(8), &Matrix::from(&v)).tree;
    let until = |most: usize| {
        let mut end = |progress: &SurveyProgress| {
            assert!(progress.done <= progress.total && progress.total == 15);
            if progress.done >= most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        NmfTree::new(8).run(&Matrix::from(&v), &mut end).unwrap()
    };
    assert!(until(0).is_none());
    let model = until(4).unwrap();
    assert!(!model.complete);
    let nodes = model.tree.nodes.len();
    assert!((3..15).contains(&nodes), "{nodes}");
    for node in 0..nodes {
        assert_eq!(model.tree.components.row(node), whole.components.row(node));
    }
    assert_eq!(model.fit.h.rows(), nodes.div_ceil(2));
}

#[test]
fn bad_requests_are_refused_before_any_work() {
    let v = documents(20, 1);
    let v = Matrix::from(&v);
    let refused = |asked: NmfTree| asked.run(&v, &mut go_on).unwrap_err().to_string();
    for (asked, words) in [
        (NmfTree::new(1), "leaves = 1: expected at least 2 leaves"),
        (
            NmfTree::new(21),
            "leaves = 21: expected at most 20, the rows of V",
        ),
        (
            NmfTree::new(3).outliers(0.5),
            "outliers = 0.5: expected a share",
        ),
        (
            NmfTree::new(3).outliers(f64::NAN),
            "outliers = NaN: expected a share",
        ),
        (NmfTree::new(3).nmf(Nmf::new(2).max_iter(0)), "max_iter = 0"),
        (
            NmfTree::new(3).nmf(Nmf::new(2).constraint("simplex".parse().unwrap())),
            "expected none in a tree",
        ),
        (
            NmfTree::new(3).nmf(Nmf::new(2).loss(Loss::ITAKURA_SAITO)),
            "zero",
        ),
    ] {
        let error = refused(asked);
        assert!(error.contains(words), "{error}");
    }
    let negative = [1.0, 2.0, -3.0, 4.0];
    let negative = Matrix::row_major(&negative, 2, 2).unwrap();
    let error = NmfTree::new(2).run(&negative, &mut go_on).unwrap_err();
    assert!(
        matches!(error, Error::Negative { row: 1, col: 0, .. }),
        "{error}"
    );
    let empty = Matrix::<f64>::row_major(&[], 0, 3).unwrap();
    let error = NmfTree::new(2).run(&empty, &mut go_on).unwrap_err();
    assert!(matches!(error, Error::Empty { .. }), "{error}");
}

#[test]
fn with_two_components_anls_solves_both_half_steps_exactly() {
    let v = documents(40, 19);
    let nmf = Nmf::new(2)
        .solver("anls".parse().unwrap())
        .max_iter(30)
        .tol(0.0);
    let fit = nmf.fit(&Matrix::from(&v)).unwrap();
    assert!(
        fit.trace
            .windows(2)
            .all(|pair| pair[1].objective <= pair[0].objective * (1.0 + 1e-12))
    );
    let start = Start {
        h: Some(&fit.h),
        hold: Some(partwise::Factor::H),
        ..Start::default()
    };
    let held = nmf.fit_with(&[Matrix::from(&v)], start, &mut |_: &_| {
        ControlFlow::Continue(())
    });
    let w = held.unwrap().w;
    for i in 0..40 {
        let x = nearest(v.row(i), fit.h.row(0), fit.h.row(1));
        assert!(
            (0..2).all(|t| (x[t] - w.get(i, t)).abs() < 1e-9 * (1.0 + x[t])),
            "{i}"
        );
    }
}
