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
        Some(sketch) => svd::of_sketch(sketch, blocks, k),
        None => svd::decompose(blocks, k, input.seed, START_STEPS, input.threads),
    };
    let mut w = Dense::zeros(blocks.rows, k);
    let mut ht = Dense::zeros(blocks.cols, k);
    for t in 0..k {
        let (positive, negative) = if t == 0 {
            // The leading pair of a non-negative matrix has one sign.
            (
                size(&svd.left, t, f64::abs) * size(&svd.right, t, f64::abs),
                -1.0,
            )
        } else {
            let side = |sign: f64| {
                let part = |x: f64| (sign * x).max(0.0);
                size(&svd.left, t, part) * size(&svd.right, t, part)
            };
            (side(1.0), side(-1.0))
        };
        let part = |x: f64| {
            if t == 0 {
                x.abs()
            } else if positive > negative {
                x.max(0.0)
            } else {
                (-x).max(0.0)
            }
        };
        let share = (svd.values[t] * positive.max(negative)).sqrt();
        for (vectors, factor) in [(&svd.left, &mut w), (&svd.right, &mut ht)] {
            let norm = size(vectors, t, part);
            if norm == 0.0 {
                continue;
            }
            for (i, row) in factor.as_mut_slice().chunks_exact_mut(k).enumerate() {
                row[t] = T::from_f64(share * part(vectors.get(i, t).to_f64()) / norm);
            }
        }
    }
    for factor in [&mut w, &mut ht] {
        drop_negligible(factor);
    }
    Pair { w, ht }
}

/// The norm of one side of a singular vector.
fn size<T: Float>(vectors: &Dense<T>, t: usize, part: impl Fn(f64) -> f64) -> f64 {
    let squares = (0..vectors.rows()).map(|i| part(vectors.get(i, t).to_f64()).powi(2));
    squares.sum::<f64>().sqrt()
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
