//! `random`: |N(0, 1)| · √(mean(V) / k), H drawn before W, as scikit-learn scales it.
//!
//! Each run of rows has a random stream of its own, so that any part of a factor can be drawn alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use super::{Input, Pair};
use crate::Float;
use crate::matrix::Dense;

/// Rows drawn from one stream.
const STREAM_ROWS: usize = 256;
/// The first streams of H and of W.
pub(crate) const H_STREAMS: u64 = 0;
pub(crate) const W_STREAMS: u64 = 1 << 40;

/// Both factors.
pub(super) fn start<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    let size = (input.blocks.mean() / input.k as f64).sqrt();
    let ht = draw(input.blocks.cols, input.k, size, input.seed, H_STREAMS);
    let w = draw(input.blocks.rows, input.k, size, input.seed, W_STREAMS);
    Pair { w, ht }
}

/// Rows of |N(0, 1)| · size, drawn in double precision.
pub(crate) fn draw<T: Float>(
    rows: usize,
    k: usize,
    size: f64,
    seed: u64,
    first_stream: u64,
) -> Dense<T> {
    let mut values = Vec::with_capacity(rows * k);
    for run in 0..rows.div_ceil(STREAM_ROWS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(first_stream + run as u64);
        let count = STREAM_ROWS.min(rows - run * STREAM_ROWS) * k;
        values.extend((0..count).map(|_| {
            let draw: f64 = StandardNormal.sample(&mut rng);
            T::from_f64(draw.abs() * size)
        }));
    }
    Dense::from_rows(values, rows, k).expect("as many values as entries")
}
