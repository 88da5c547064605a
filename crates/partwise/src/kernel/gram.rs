//! Σ ω h hᵀ over some rows h of a factor: the curvature of one row of the other factor, where only some entries of its line count.

use pulp::{Simd, WithSimd};

use super::{QUAD, machine_for};
use crate::Float;

/// Rows that are gathered at a time: they stay in the first-level cache while all sums go over them.
const RUN: usize = 32;

/// Room for [`weighted_gram`], kept from line to line.
#[derive(Debug, Default)]
pub(crate) struct GramRoom<T> {
    gathered: Vec<T>,
    sums: Vec<T>,
}

/// Fills `out` (k × k) with Σ ω h hᵀ over the rows of a factor (… × k) at these places.
pub(crate) fn weighted_gram<T: Float>(
    rows: &[T],
    k: usize,
    (places, weights): (&[usize], &[T]),
    room: &mut GramRoom<T>,
    out: &mut Vec<f64>,
) {
    machine_for::<T>(k).dispatch(WeightedGram {
        rows,
        k,
        places,
        weights,
        room,
        out,
    });
}

struct WeightedGram<'a, T> {
    rows: &'a [T],
    k: usize,
    places: &'a [usize],
    weights: &'a [T],
    room: &'a mut GramRoom<T>,
    out: &'a mut Vec<f64>,
}

impl<T: Float> WithSimd for WeightedGram<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (k, lanes) = (self.k, T::count::<S>());
        let stride = k.next_multiple_of(lanes.max(QUAD));
        let GramRoom { gathered, sums } = self.room;
        gathered.clear();
        gathered.resize(RUN.min(self.places.len()) * stride, T::ZERO);
        sums.clear();
        sums.resize(stride * stride, T::ZERO);
        let runs = self.places.chunks(RUN).zip(self.weights.chunks(RUN));
        for (places, weights) in runs {
            let lines = gathered.chunks_exact_mut(stride);
            for (line, (&place, &weight)) in lines.zip(places.iter().zip(weights)) {
                let root = weight.sqrt();
                let row = &self.rows[place * k..(place + 1) * k];
                for (to, &h) in line.iter_mut().zip(row) {
                    *to = h * root;
                }
            }
            let gathered = &gathered[..places.len() * stride];
            for (quad, sums) in sums.chunks_exact_mut(QUAD * stride).enumerate() {
                let first = quad * QUAD;
                // Sums left of the diagonal are those above it.
                let mut at = first / lanes * lanes;
                while at + 2 * lanes <= stride {
                    add_tile::<S, T, 2>(simd, (gathered, stride), (first, at), sums);
                    at += 2 * lanes;
                }
                if at < stride {
                    add_tile::<S, T, 1>(simd, (gathered, stride), (first, at), sums);
                }
            }
        }
        self.out.clear();
        self.out.resize(k * k, 0.0);
        for t in 0..k {
            for s in t..k {
                let sum = sums[t * stride + s].to_f64();
                self.out[t * k + s] = sum;
                self.out[s * k + t] = sum;
            }
        }
    }
}

/// Adds the products of four coordinates, from `first` on, with N vectors of coordinates, from `at` on.
#[inline(always)]
fn add_tile<S: Simd, T: Float, const N: usize>(
    simd: S,
    (gathered, stride): (&[T], usize),
    (first, at): (usize, usize),
    sums: &mut [T],
) {
    let width = N * T::count::<S>();
    let mut totals = [[T::splat(simd, T::ZERO); N]; QUAD];
    for (total, sums) in totals.iter_mut().zip(sums.chunks_exact(stride)) {
        total.copy_from_slice(T::split::<S>(&sums[at..at + width]).0);
    }
    for line in gathered.chunks_exact(stride) {
        let across = T::split::<S>(&line[at..at + width]).0;
        for (total, &h) in totals.iter_mut().zip(&line[first..first + QUAD]) {
            let h = T::splat(simd, h);
            for (total, &across) in total.iter_mut().zip(across) {
                *total = T::fma(simd, h, across, *total);
            }
        }
    }
    for (total, sums) in totals.iter().zip(sums.chunks_exact_mut(stride)) {
        T::split_mut::<S>(&mut sums[at..at + width])
            .0
            .copy_from_slice(total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Float>() {
        for (k, count) in [
            (1, 1),
            (2, 3),
            (5, 40),
            (9, 33),
            (16, 100),
            (33, 7),
            (70, 65),
        ] {
            let rows: Vec<T> = (0..k * 50)
                .map(|i| T::from_f64(((i * 37) % 101) as f64 / 64.0))
                .collect();
            let places: Vec<usize> = (0..count).map(|e| (e * 7) % 50).collect();
            let weights: Vec<T> = (0..count)
                .map(|e| T::from_f64([1.0, 4.0, 0.25][e % 3]))
                .collect();
            let (mut room, mut out) = (GramRoom::default(), Vec::new());
            for _ in 0..2 {
                weighted_gram(&rows, k, (&places, &weights), &mut room, &mut out);
                for t in 0..k {
                    for s in 0..k {
                        let terms = places.iter().zip(&weights);
                        let expected: f64 = terms
                            .map(|(&place, &w)| {
                                (w * rows[place * k + t] * rows[place * k + s]).to_f64()
                            })
                            .sum();
                        assert_eq!(out[t * k + s], expected, "{k} {count} {t} {s}");
                    }
                }
            }
        }
    }

    /// Of numbers whose sums are exact.
    #[test]
    fn sums_are_those_entry_by_entry() {
        check::<f32>();
        check::<f64>();
    }
}
