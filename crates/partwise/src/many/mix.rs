//! Draws that belong to places: the same for every storage of V and any number of threads.
//!
//! The finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators") over the seed
//! and the indices.

fn scramble(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Sixty-four bits for a place.
fn bits(seed: u64, first: usize, second: usize) -> u64 {
    scramble(scramble(scramble(seed) ^ first as u64) ^ second as u64)
}

/// A number from 0 to 1, 1 excluded, for the entry in this row and column.
pub(crate) fn uniform(seed: u64, row: usize, col: usize) -> f64 {
    (bits(seed, row, col) >> 11) as f64 / (1u64 << 53) as f64
}

/// A place drawn with a probability in proportion to its weight, by a number from 0 to 1, 1 excluded; `None` where no weight is
/// above zero.
pub(crate) fn place(weights: &[f64], uniform: f64) -> Option<usize> {
    let mut left = uniform * weights.iter().sum::<f64>();
    let found = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a little behind the last.
    found.or_else(|| weights.iter().rposition(|weight| *weight > 0.0))
}

/// The numbers below `count` in an order drawn from the stream of that number.
pub(crate) fn shuffled(seed: u64, stream: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|&i| (bits(seed, stream, i), i));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_drawn_by_their_weights() {
        let weights = [0.0, 1.0, 0.0, 3.0, 0.0];
        let drawn = [0.0, 0.24, 0.25, 0.9, 1.0].map(|uniform| place(&weights, uniform));
        assert_eq!(drawn, [1, 1, 3, 3, 3].map(Some));
        assert_eq!(place(&[0.0, 0.0], 0.5), None);
    }

    #[test]
    fn draws_are_even_and_orders_are_permutations() {
        let mean = (0..10_000)
            .map(|i| uniform(3, i / 100, i % 100))
            .sum::<f64>()
            / 1e4;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let mut order = shuffled(1, 0, 50);
        assert_ne!(order, shuffled(1, 1, 50));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..50));
    }
}
