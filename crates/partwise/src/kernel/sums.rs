//! Sums in double precision, over lanes that do not wait for each other, always in the same order.

use super::{padded, vectorised};
use crate::Float;

const LANES: usize = 16;

/// Σ aᵢ.
pub(crate) fn sum<T: Float>(a: &[T]) -> f64 {
    vectorised!(total::<T, LANES>(a))
}

/// Σ aᵢ in N lanes, to be called where the code is compiled for vectors already.
#[inline(always)]
pub(crate) fn total<T: Float, const N: usize>(a: &[T]) -> f64 {
    let mut sums = [0.0; N];
    let chunks = a.chunks_exact(N);
    let rest: f64 = chunks.remainder().iter().map(|x| x.to_f64()).sum();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x.to_f64();
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Σ (aᵢ − bᵢ)² in N lanes, as [`total`].
#[inline(always)]
pub(crate) fn squared_distance<T: Float, const N: usize>(a: &[T], b: &[T]) -> f64 {
    let square = |a: T, b: T| {
        let distance = a.to_f64() - b.to_f64();
        distance * distance
    };
    let mut sums = [0.0; N];
    let (a, b) = (a.chunks_exact(N), b.chunks_exact(N));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(&a, &b)| square(a, b)).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..N {
            sums[lane] += square(a[lane], b[lane]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Σ aᵢ bᵢ.
pub(crate) fn inner<T: Float>(a: &[T], b: &[T]) -> f64 {
    vectorised!({
        let mut sums = [0.0; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest = a.remainder().iter().zip(b.remainder());
        let rest: f64 = rest.map(|(a, b)| a.to_f64() * b.to_f64()).sum();
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                sums[lane] += a[lane].to_f64() * b[lane].to_f64();
            }
        }
        sums.iter().sum::<f64>() + rest
    })
}

/// The sum of each of the k columns.
pub(crate) fn column_sums<T: Float>(rows: &[T], k: usize) -> Vec<f64> {
    let mut sums = vec![0.0; k];
    vectorised!({
        for row in rows.chunks_exact(k) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x.to_f64();
            }
        }
    });
    sums
}

/// The largest |aᵢ|; 0 of nothing.
pub(crate) fn largest<T: Float>(a: &[T]) -> f64 {
    let mut largest = [T::ZERO; LANES];
    vectorised!({
        let (whole, rest) = a.as_chunks::<LANES>();
        for chunk in whole.iter().chain([&padded(rest)]) {
            for (largest, x) in largest.iter_mut().zip(chunk) {
                let size = x.abs();
                *largest = if size > *largest { size } else { *largest };
            }
        }
    });
    let largest = largest.iter().map(|x| x.to_f64());
    largest.fold(0.0, f64::max)
}
