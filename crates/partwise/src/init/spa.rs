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
    from_rows(input, extreme_rows(input))
}

/// Both factors, with some rows of V as components.
pub(super) fn from_rows<T: Float>(input: &Input<'_, '_, T>, picked: Vec<usize>) -> Pair<T> {
    let Pair { mut ht, mut w, .. } = random::start(input);
    // Every component of the order of √V, so that W and the products of the factors are in proportion too.
    let size = input.blocks.mean().sqrt();
    for (t, &i) in picked.iter().enumerate() {
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
    Pair { w, ht, picked }
}

/// The rows of V, each divided by its sum, and what is left of the squares of their lengths as some of them are picked.
pub(super) struct Candidates {
    pub(super) inverse: Vec<f64>,
    pub(super) lengths: Vec<f64>,
    longest: f64,
}

impl Candidates {
    pub(super) fn of<T: Float>(input: &Input<'_, '_, T>) -> Self {
        let (blocks, threads) = (input.blocks, input.threads);
        let ones = Dense::filled(blocks.cols, 1, T::ONE);
        let sums = blocks.times(&ones, threads);
        let inverse: Vec<f64> = (0..blocks.rows)
            // A row of next to nothing counts as one of nothing.
            .map(|i| match sums.get(i, 0).to_f64().recip() {
                inverse if inverse.is_finite() => inverse,
                _ => 0.0,
            })
            .collect();
        // √ first: the square of a small row must not underflow before it is scaled.
        let squares = blocks.row_squares(threads);
        let lengths: Vec<f64> = squares
            .iter()
            .zip(&inverse)
            .map(|(squares, inverse)| (squares.sqrt() * inverse).powi(2))
            .collect();
        let longest = lengths.iter().fold(0.0, |max: f64, &x| max.max(x));
        Self {
            inverse,
            lengths,
            longest,
        }
    }

    /// The row of which most is left, unless that is rounding.
    pub(super) fn longest(&self) -> Option<usize> {
        let longer = |best: (usize, f64), (i, &x): (usize, &f64)| {
            if x > best.1 { (i, x) } else { best }
        };
        let (longest, length) = self.lengths.iter().enumerate().fold((0, 0.0), longer);
        Some(longest).filter(|_| length > EXHAUSTED * self.longest)
    }

    /// A row of V, divided by its sum.
    pub(super) fn row<T: Float>(&self, input: &Input<'_, '_, T>, i: usize) -> Vec<f64> {
        let row = input.blocks.row(i);
        row.iter().map(|v| v.to_f64() * self.inverse[i]).collect()
    }

    /// The product of every row with a vector.
    pub(super) fn times<T: Float>(&self, input: &Input<'_, '_, T>, x: &[f64]) -> Vec<f64> {
        let column = x.iter().map(|&x| T::from_f64(x)).collect();
        let column = Dense::from_rows(column, x.len(), 1).expect("one value for each column");
        let products = input.blocks.times(&column, input.threads);
        let pairs = products.as_slice().iter().zip(&self.inverse);
        pairs.map(|(x, inverse)| x.to_f64() * inverse).collect()
    }
}

/// At most k rows, fewer where V has a lower rank.
fn extreme_rows<T: Float>(input: &Input<'_, '_, T>) -> Vec<usize> {
    let mut candidates = Candidates::of(input);
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let mut found = Vec::new();
    while found.len() < input.k {
        let Some(longest) = candidates.longest() else {
            break;
        };
        let mut direction = candidates.row(input, longest);
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
        let along = candidates.times(input, &direction);
        for (length, along) in candidates.lengths.iter_mut().zip(along) {
            *length = (*length - along * along).max(0.0);
        }
        candidates.lengths[longest] = 0.0;
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
