//! `spa`: successive projection. The components are rows of V that are far from each other; W follows from them.
//!
//! Rows are scaled to unit sum. The longest is taken, all rows are projected onto its orthogonal complement, and so on:
//! on separable data (every component occurs pure in some row) this finds the components. (Araújo et al. 2001;
//! Gillis & Vavasis 2014, IEEE Trans. PAMI 36:4, doi 10.1109/TPAMI.2013.226.)
//!
//! Zeros of W become small, so that solvers that multiply can leave them.

use super::{Input, Pair, random};
use crate::Float;
use crate::float::power_of_two_near;
use crate::matrix::Dense;
use crate::pass::Fixed;
use crate::update::{Quadratic, Solver};

/// Sweeps of coordinate descent for W.
const SWEEPS: usize = 10;
/// Rows shorter than this share of the longest, after projection, are rounding.
const EXHAUSTED: f64 = 1e-12;
/// Zeros of W become this share of √(mean(V) / k), the size of a random start.
const FILL: f64 = 1e-3;

/// Both factors.
pub(super) fn start<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    let Pair { mut ht, mut w } = random::start(input);
    // Every component of the order of √V, so that W and the products of the factors are in proportion too.
    let size = input.blocks.mean().sqrt();
    for (t, i) in extreme_rows(input).into_iter().enumerate() {
        let row = input.blocks.row(i);
        let largest = row.iter().fold(0.0, |max: f64, v| max.max(v.to_f64()));
        let inverse = T::from_f64(1.0 / power_of_two_near::<T>(largest / size));
        for (h, v) in ht.as_mut_slice().chunks_exact_mut(input.k).zip(row) {
            h[t] = v * inverse;
        }
    }
    weights(input, &ht, &mut w);
    let fill = T::from_f64(FILL * (input.blocks.mean() / input.k as f64).sqrt());
    for value in w.as_mut_slice() {
        if *value == T::ZERO {
            *value = fill;
        }
    }
    Pair { w, ht }
}

/// At most k rows, fewer where V has a lower rank.
fn extreme_rows<T: Float>(input: &Input<'_, '_, T>) -> Vec<usize> {
    let (blocks, threads) = (input.blocks, input.threads);
    let ones = Dense::filled(blocks.cols, 1, T::ONE);
    let sums = blocks.times(&ones, threads);
    let inverse: Vec<f64> = (0..blocks.rows)
        .map(|i| match sums.get(i, 0).to_f64() {
            0.0 => 0.0,
            sum => 1.0 / sum,
        })
        .collect();
    // √ first: the square of a small row must not underflow before it is scaled.
    let squares = blocks.row_squares(threads);
    let mut lengths: Vec<f64> = squares
        .iter()
        .zip(&inverse)
        .map(|(squares, inverse)| (squares.sqrt() * inverse).powi(2))
        .collect();
    let longest_of_all = lengths.iter().fold(0.0, |max: f64, &x| max.max(x));
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let mut found = Vec::new();
    while found.len() < input.k {
        let (longest, length) =
            lengths.iter().enumerate().fold(
                (0, 0.0),
                |best, (i, &x)| if x > best.1 { (i, x) } else { best },
            );
        if length <= EXHAUSTED * longest_of_all {
            break;
        }
        let row = blocks.row(longest);
        let mut direction: Vec<f64> = row.iter().map(|v| v.to_f64() * inverse[longest]).collect();
        for earlier in &directions {
            let along: f64 = earlier.iter().zip(&direction).map(|(a, b)| a * b).sum();
            for (x, a) in direction.iter_mut().zip(earlier) {
                *x -= along * a;
            }
        }
        let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == 0.0 {
            break;
        }
        direction.iter_mut().for_each(|x| *x /= norm);
        let column = direction.iter().map(|&x| T::from_f64(x)).collect();
        let column = Dense::from_rows(column, blocks.cols, 1).expect("one value for each column");
        let along = blocks.times(&column, threads);
        for (i, length) in lengths.iter_mut().enumerate() {
            let along = along.get(i, 0).to_f64() * inverse[i];
            *length = (*length - along * along).max(0.0);
        }
        lengths[longest] = 0.0;
        directions.push(direction);
        found.push(longest);
    }
    found
}

/// W by a few sweeps of coordinate descent from zero, H held.
fn weights<T: Float>(input: &Input<'_, '_, T>, ht: &Dense<T>, w: &mut Dense<T>) {
    let cross = input.blocks.times(ht, input.threads);
    let fixed = Fixed::new(ht.clone(), input.threads);
    let gram: Vec<T> = fixed.sums.gram.iter().map(|&g| T::from_f64(g)).collect();
    let problem = Quadratic {
        gram: &gram,
        l1: T::ZERO,
        k: input.k,
        sweeps: 1,
    };
    let Some(sweep) = "cd".parse().ok().and_then(Solver::quadratic) else {
        return;
    };
    w.as_mut_slice().fill(T::ZERO);
    for _ in 0..SWEEPS {
        sweep(&problem, cross.as_slice(), w.as_mut_slice());
    }
}
