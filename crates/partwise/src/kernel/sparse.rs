//! Sparse rows against dense rows: gathers only, never a scatter.

use crate::Float;
use crate::matrix::{Index, Row, with_indices};

/// `out` (k) += Σ value · other\[index\]: one row of V · H for a sparse row of V.
#[inline(always)]
pub(crate) fn gather<T: Float>(out: &mut [T], row: Row<'_, T>, other: &[T]) {
    let k = out.len();
    for_each_entry(row, |index, value| {
        let line = &other[index * k..(index + 1) * k];
        for (sum, &x) in out.iter_mut().zip(line) {
            *sum += value * x;
        }
    });
}

/// The inner product of two rows of k values.
#[inline(always)]
pub(crate) fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::ZERO; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut tail = T::ZERO;
    for (&x, &y) in a_chunks.remainder().iter().zip(b_chunks.remainder()) {
        tail += x * y;
    }
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().fold(tail, |sum, &lane| sum + lane)
}

/// Calls `visit(index, value)` for the entries of a sparse row, in their order.
#[inline(always)]
pub(crate) fn for_each_entry<T: Float>(row: Row<'_, T>, mut visit: impl FnMut(usize, T)) {
    with_indices!(row.indices, indices => {
        for (index, &value) in indices.iter().zip(row.values) {
            visit(index.at(), value);
        }
    });
}
