//! `nndsvd`, `nndsvda`, `nndsvdar`: the non-negative halves of singular vectors.
//!
//! Of each singular pair (u, v) the positive or the negative parts are taken, whichever have the larger product of
//! norms. Zeros stay (`nndsvd`), become the mean of V (`nndsvda`) or small random values (`nndsvdar`).
//! (Boutsidis & Gallopoulos 2008, Pattern Recognition 41:4, doi 10.1016/j.patcog.2007.09.010.)

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::{Input, Pair};
use crate::Float;
use crate::matrix::Dense;
use crate::svd::{self, START_STEPS};

/// Entries below this become zero, as in scikit-learn...
const NEGLIGIBLE: f64 = 1e-6;
/// ...or, in a factor without an entry above this, entries below the same share of the largest.
const ORDINARY: f64 = 1e-3;

/// The mean of V as a fill, as in scikit-learn, up to this multiple of the largest entry of the factors. Entries of V are
/// products of two factors', so where V is of the order of 1e6 or more, a mean of V would drown the rest.
const LARGE_FILL: f64 = 1e3;

/// Zeros stay zero. Solvers that multiply cannot leave them.
pub(super) fn with_zeros<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    halves(input)
}

/// Zeros become the mean of V.
pub(super) fn with_mean<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    filled(input, || 1.0)
}

/// Zeros become |N(0, 1)| · mean(V) / 100.
pub(super) fn with_noise<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(input.seed);
    // The singular vectors use the first stream.
    rng.set_stream(1);
    filled(input, || {
        let draw: f64 = StandardNormal.sample(&mut rng);
        draw.abs() / 100.0
    })
}

/// Zeros become the mean of V, times `share`.
fn filled<T: Float>(input: &Input<'_, '_, T>, mut share: impl FnMut() -> f64) -> Pair<T> {
    let mut pair = halves(input);
    let mean = input.blocks.mean();
    let size = if mean > LARGE_FILL * largest(&pair.w).max(largest(&pair.ht)) {
        (mean / input.k as f64).sqrt()
    } else {
        mean
    };
    for factor in [&mut pair.w, &mut pair.ht] {
        for value in factor.as_mut_slice() {
            if *value == T::ZERO {
                *value = T::from_f64(share() * size);
            }
        }
    }
    pair
}

fn largest<T: Float>(factor: &Dense<T>) -> f64 {
    let values = factor.as_slice().iter();
    values.fold(0.0, |max: f64, x| max.max(x.to_f64()))
}

fn halves<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    let (blocks, k) = (input.blocks, input.k);
    let svd = match input.sketch {
        Some(sketch) => svd::of_sketch(sketch, blocks, k, input.threads),
        None => svd::decompose(blocks, k, input.seed, START_STEPS, input.threads),
    };
    let (left, right) = (norms(&svd.left), norms(&svd.right));
    let halves: Vec<Half> = (0..k)
        .map(|t| {
            if t == 0 {
                // The leading pair of a non-negative matrix has one sign.
                return Half::Both;
            }
            let size = |side: usize| left[t][side] * right[t][side];
            if size(0) > size(1) {
                Half::Positive
            } else {
                Half::Negative
            }
        })
        .collect();
    let size = |norms: &[f64; 2], half: Half| match half {
        Half::Both => norms[0].hypot(norms[1]),
        Half::Positive => norms[0],
        Half::Negative => norms[1],
    };
    let shares: Vec<f64> = (0..k)
        .map(|t| (svd.values[t] * size(&left[t], halves[t]) * size(&right[t], halves[t])).sqrt())
        .collect();
    let factor = |mut vectors: Dense<T>, norms: &[[f64; 2]]| {
        for row in vectors.as_mut_slice().chunks_exact_mut(k) {
            for (t, x) in row.iter_mut().enumerate() {
                let (part, norm) = (halves[t].of(x.to_f64()), size(&norms[t], halves[t]));
                *x = match norm > 0.0 {
                    true => T::from_f64(shares[t] * part / norm),
                    false => T::ZERO,
                };
            }
        }
        drop_negligible(&mut vectors);
        vectors
    };
    Pair {
        w: factor(svd.left, &left),
        ht: factor(svd.right, &right),
        picked: Vec::new(),
    }
}

/// The part of a singular vector that a factor gets.
#[derive(Clone, Copy)]
enum Half {
    Both,
    Positive,
    Negative,
}

impl Half {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Both => x.abs(),
            Self::Positive => x.max(0.0),
            Self::Negative => (-x).max(0.0),
        }
    }
}

/// The norms of the positive and of the negative entries of each column.
fn norms<T: Float>(vectors: &Dense<T>) -> Vec<[f64; 2]> {
    let mut squares = vec![[0.0; 2]; vectors.cols()];
    for row in vectors.as_slice().chunks_exact(vectors.cols()) {
        for (sums, x) in squares.iter_mut().zip(row) {
            let x = x.to_f64();
            sums[0] += x.max(0.0).powi(2);
            sums[1] += x.min(0.0).powi(2);
        }
    }
    squares.iter().map(|sums| sums.map(f64::sqrt)).collect()
}

fn drop_negligible<T: Float>(factor: &mut Dense<T>) {
    let largest = largest(factor);
    let threshold = if largest >= ORDINARY {
        NEGLIGIBLE
    } else {
        largest * NEGLIGIBLE / ORDINARY
    };
    for value in factor.as_mut_slice() {
        if value.to_f64() < threshold {
            *value = T::ZERO;
        }
    }
}
