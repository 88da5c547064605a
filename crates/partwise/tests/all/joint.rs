//! The recipes for several matrices that share a factor, and for labels: they are plain factorisations, of matrices side by side.

use std::ops::ControlFlow;

use crate::common::{Storage, Stored, random, uniform};
use partwise::{Dense, Factorization, Matrix, Nmf, Progress, Start};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const FEATURES: usize = 27;

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Matrices of the same rows side by side, each times the root of its weight.
fn beside(parts: &[(&Dense<f64>, f64)]) -> Dense<f64> {
    let rows = parts[0].0.rows();
    let row = |i: usize| {
        let scaled = parts
            .iter()
            .flat_map(move |(part, weight)| part.row(i).iter().map(move |x| x * weight.sqrt()));
        scaled.collect::<Vec<_>>()
    };
    let values: Vec<f64> = (0..rows).flat_map(row).collect();
    let cols = values.len() / rows;
    Dense::from_rows(values, rows, cols).unwrap()
}

fn close(a: &Dense<f64>, b: &Dense<f64>) {
    assert_eq!((a.rows(), a.cols()), (b.rows(), b.cols()));
    for (x, y) in a.as_slice().iter().zip(b.as_slice()) {
        assert!((x - y).abs() <= 1e-9 * (1.0 + x.abs()), "{x} {y}");
    }
}

#[test]
fn matrices_that_share_w_are_blocks_of_the_transposed_problem() {
    // Counts beside measurements of the same 40 samples: one sparse, one dense, and nothing is put together.
    let (counts, measured) = (random::<f64>(40, 30, 0.2, 1), random(40, 12, 1.0, 2));
    let (w, h) = (random::<f64>(40, 4, 1.0, 3), random::<f64>(4, 42, 1.0, 4));
    let nmf = Nmf::new(4)
        .solver("cd".parse().unwrap())
        .max_iter(30)
        .tolerance(0.0);
    let stacked = beside(&[(&counts, 1.0), (&measured, 1.0)]);
    let (ht, wt) = (h.transposed(), w.transposed());
    let start = Start {
        w: Some(&ht),
        h: Some(&wt),
        ..Start::default()
    };
    let whole = nmf
        .fit_with(&[Matrix::from(&stacked).transpose()], start, &mut go_on)
        .unwrap();
    for storage in Storage::ALL {
        let (a, b) = (
            Stored::of(&counts, storage),
            Stored::of(&measured, Storage::RowMajor),
        );
        let blocks = [a.matrix().transpose(), b.matrix().transpose()];
        let fit: Factorization<f64> = nmf.fit_with(&blocks, start, &mut go_on).unwrap();
        close(&fit.h, &whole.h);
        close(&fit.w, &whole.w);
        assert!((fit.objective - whole.objective).abs() <= 1e-9 * whole.objective);
    }
}

#[test]
fn a_weight_is_that_of_the_squared_error_of_a_matrix() {
    let (a, b) = (random::<f64>(30, 20, 1.0, 5), random::<f64>(30, 15, 1.0, 6));
    let missed = |weight: f64| {
        let v = beside(&[(&a, 1.0), (&b, weight)]);
        let fit = Nmf::new(2)
            .max_iter(2000)
            .tolerance(1e-9)
            .fit(&Matrix::from(&v))
            .unwrap();
        let model = fit.reconstruct();
        let of = |columns: std::ops::Range<usize>, weight: f64| {
            let squares = (0..30).flat_map(|i| columns.clone().map(move |j| (i, j)));
            let squares = squares.map(|(i, j)| (v.get(i, j) - model.get(i, j)).powi(2) / weight);
            squares.sum::<f64>()
        };
        let (a, b) = (of(0..20, 1.0), of(20..35, weight));
        assert!((0.5 * (a + weight * b) - fit.objective).abs() < 1e-6 * fit.objective);
        (a, b)
    };
    let (light, even, heavy) = (missed(0.01), missed(1.0), missed(100.0));
    assert!(
        light.0 < even.0 && even.0 < heavy.0,
        "{light:?} {even:?} {heavy:?}"
    );
    assert!(
        light.1 > even.1 && even.1 > heavy.1,
        "{light:?} {even:?} {heavy:?}"
    );
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

#[test]
fn labels_are_columns_and_new_samples_get_theirs() {
    let (x, known) = kinds(120, 7);
    let (new, truth) = kinds(60, 8);
    let mut labels = Dense::zeros(120, 2);
    for (i, kind) in known.iter().enumerate() {
        labels.as_mut_slice()[i * 2 + kind] = 1.0;
    }
    let right = |weight: f64| {
        let v = beside(&[(&x, 1.0), (&labels, weight)]);
        let nmf = Nmf::new(3).max_iter(2000).tolerance(1e-7);
        let fit = nmf.fit(&Matrix::from(&v)).unwrap();
        // H falls into what features and what labels say; new samples are known by their features alone.
        let columns = |from: usize, to: usize| {
            let rows = (0..3)
                .flat_map(|t| fit.h.row(t)[from..to].to_vec())
                .collect();
            Dense::from_rows(rows, 3, to - from).unwrap()
        };
        let (of_features, of_labels) = (columns(0, FEATURES), columns(FEATURES, FEATURES + 2));
        let w = nmf.transform(&Matrix::from(&new), &of_features).unwrap().w;
        let told = partwise::reconstruct(&w, &of_labels);
        let hits = (0..60).filter(|&i| usize::from(told.get(i, 1) > told.get(i, 0)) == truth[i]);
        hits.count()
    };
    let (without, with) = (right(1e-6), right(1000.0));
    assert!(with >= 57 && without <= 45, "{without} {with} of 60");
}
