//! The engine against a slow and obvious version of it, on random and on nasty inputs.
//!
//! Every test iterates over the tables of solvers and starts, so that a new one is tested by itself.

mod half_steps;
mod held;
mod layouts;
mod naive;
mod objective;
mod starts;
mod weighted;

use std::ops::ControlFlow;

use partwise::{
    Dense, Factor, Factorization, Float, Loss, Matrix, Nmf, Penalty, Progress, Solver, Start,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Losses of every kind: named, between, above and below them.
const BETAS: [f64; 9] = [2.0, 1.0, 0.0, 0.5, 1.5, 3.0, 2.5, -1.0, -0.5];

fn losses() -> impl Iterator<Item = Loss> {
    BETAS
        .into_iter()
        .map(|beta| Loss::beta_divergence(beta).unwrap())
}

/// Every solver with every loss that it minimises itself: `auto` does what the solver does that it stands for.
fn pairs() -> impl Iterator<Item = (Solver, Loss)> {
    let all = losses().flat_map(|loss| Solver::all().map(move |solver| (solver, loss)));
    all.filter(|(solver, loss)| solver.resolve(*loss) == Ok(*solver))
}

const PENALTIES: [Penalty; 4] = [
    Penalty {
        alpha_w: 0.0,
        alpha_h: 0.0,
        l1_ratio: 0.0,
    },
    Penalty {
        alpha_w: 0.01,
        alpha_h: 0.02,
        l1_ratio: 1.0,
    },
    Penalty {
        alpha_w: 0.003,
        alpha_h: 0.001,
        l1_ratio: 0.0,
    },
    Penalty {
        alpha_w: 0.004,
        alpha_h: 0.006,
        l1_ratio: 0.3,
    },
];

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Values from `low` to 1, a share of them zero.
fn uniform<T: Float>(
    rng: &mut ChaCha8Rng,
    rows: usize,
    cols: usize,
    low: f64,
    zeros: f64,
) -> Dense<T> {
    let value = |rng: &mut ChaCha8Rng| {
        let value = rng.random_range(low..1.0);
        let zero = rng.random_bool(zeros);
        T::from_f64(if zero { 0.0 } else { value })
    };
    let values = (0..rows * cols).map(|_| value(rng)).collect();
    Dense::from_rows(values, rows, cols).unwrap()
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// `iterations` iterations from a start.
fn go<T: Float>(
    nmf: &Nmf,
    blocks: &[Matrix<'_, T>],
    (w, h): (&Dense<T>, &Dense<T>),
    hold: Option<Factor>,
    iterations: usize,
) -> Factorization<T> {
    let start = Start {
        w: Some(w),
        h: Some(h),
        hold,
        ..Start::default()
    };
    let nmf = nmf.clone().tol(0.0).max_iter(iterations);
    nmf.fit_with(blocks, start, &mut go_on).unwrap()
}

/// ‖a − b‖ / ‖b‖.
fn distance(a: &naive::Rows, b: &naive::Rows) -> f64 {
    assert_eq!((a.len(), a[0].len()), (b.len(), b[0].len()));
    let (mut difference, mut total) = (0.0, 0.0);
    for (a, b) in naive::pairs(a, b) {
        difference += (a - b) * (a - b);
        total += b * b;
    }
    if difference == 0.0 {
        0.0
    } else {
        (difference / total).sqrt()
    }
}

/// Offsets, indices and values.
type Arrays<T> = (Vec<usize>, Vec<usize>, Vec<T>);

/// The three arrays of a dense matrix in compressed rows, each line turned round if `reversed`.
fn compressed<T: Float>(dense: &Dense<T>, reversed: bool) -> Arrays<T> {
    let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..dense.rows() {
        let mut line: Vec<_> = dense.row(i).iter().copied().enumerate().collect();
        line.retain(|(_, x)| *x > T::ZERO);
        if reversed {
            line.reverse();
        }
        for (j, x) in line {
            indices.push(j);
            values.push(x);
        }
        offsets.push(values.len());
    }
    (offsets, indices, values)
}
