//! The recipes for several matrices that share a factor, and for labels: they are plain factorisations, of matrices side by side.

use std::ops::ControlFlow;

use crate::common::{Storage, Stored, random};
use partwise::{Dense, Factorization, Matrix, Nmf, Progress, Start};

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
