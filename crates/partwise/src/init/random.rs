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
pub(super) const STREAM_ROWS: usize = 256;
/// The first streams of H and of W.
pub(crate) const H_STREAMS: u64 = 0;
pub(crate) const W_STREAMS: u64 = 1 << 40;

/// Both factors.
pub(super) fn start<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    let size = drawn_size(input.blocks.mean(), input.k);
    let ht = draw(input.blocks.cols, input.k, size, input.seed, H_STREAMS);
    let w = draw(input.blocks.rows, input.k, size, input.seed, W_STREAMS);
    Pair {
        w,
        ht,
        picked: Vec::new(),
    }
}

/// √(mean(V) / k).
pub(crate) fn drawn_size(mean: f64, k: usize) -> f64 {
    (mean / k as f64).sqrt()
}

/// Rows of |N(0, 1)| · size, drawn in double precision.
pub(crate) fn draw<T: Float>(
    rows: usize,
    k: usize,
    size: f64,
    seed: u64,
    first_stream: u64,
) -> Dense<T> {
    draw_rows((0, rows), k, size, seed, first_stream)
}

/// Rows `from..to` of the same.
pub(crate) fn draw_rows<T: Float>(
    (from, to): (usize, usize),
    k: usize,
    size: f64,
    seed: u64,
    first_stream: u64,
) -> Dense<T> {
    let mut values = Vec::with_capacity((to - from) * k);
    for run in from / STREAM_ROWS..to.div_ceil(STREAM_ROWS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(first_stream.wrapping_add(run as u64));
        let start = run * STREAM_ROWS;
        let skipped = from.saturating_sub(start) * k;
        let count = (STREAM_ROWS.min(to - start) * k).saturating_sub(skipped);
        let draws = StandardNormal.sample_iter(&mut rng).skip(skipped);
        values.extend(
            draws
                .take(count)
                .map(|draw: f64| T::from_f64(draw.abs() * size)),
        );
    }
    Dense::from_rows(values, to - from, k).expect("as many values as entries")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_a_factor_can_be_drawn_alone() {
        let whole: Dense<f64> = draw(700, 3, 0.5, 7, W_STREAMS);
        for (from, to) in [
            (0, 700),
            (0, 1),
            (255, 257),
            (256, 512),
            (300, 300),
            (0, 0),
            (511, 700),
        ] {
            let part: Dense<f64> = draw_rows((from, to), 3, 0.5, 7, W_STREAMS);
            assert_eq!(part.as_slice(), whole.row_range(from, to), "{from}..{to}");
        }
    }
}
