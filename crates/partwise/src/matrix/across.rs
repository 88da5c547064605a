//! Products with the columns of a sparse V whose rows come a run at a time.
//!
//! Scattering every entry to its column costs several times as much as gathering (see the twin). So the entries of each run
//! are sorted by column, and each column gathers what the run has for it onto its sums so far. They are kept as the gather
//! over a whole column keeps them: the bits are those of a V in memory, wherever runs end.

use super::{SPARSE_BLOCK, Twin};
use crate::Float;
use crate::kernel::Sums;
use crate::threads::Threads;

/// Sums on their way: columns × k.
pub(crate) struct Across<T> {
    sums: Vec<T>,
    odd: Vec<bool>,
    k: usize,
}

impl<T: Float> Across<T> {
    pub(crate) fn new(columns: usize, k: usize) -> Self {
        Self {
            sums: vec![T::ZERO; columns * 2 * k],
            odd: vec![false; columns],
            k,
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(columns: u64, k: u64) -> u64 {
        columns.saturating_mul((2 * size_of::<T>() as u64).saturating_mul(k) + 1)
    }

    /// Adds the product of a run, by its columns, with its rows of k values.
    pub(crate) fn add(&mut self, run: &Twin<T>, rows: &[T], threads: &Threads) {
        let (run, k) = (run.view(), self.k);
        threads.map_chunks_of_two(
            (&mut self.sums, SPARSE_BLOCK * 2 * k),
            (&mut self.odd, SPARSE_BLOCK),
            |index, sums, odd| Sums { sums, odd }.add(&run, index * SPARSE_BLOCK, rows, k),
        );
    }

    /// Writes what all runs came to, and is empty again.
    pub(crate) fn finish(&mut self, out: &mut [T], threads: &Threads) {
        let k = self.k;
        let both = (&mut self.sums[..], SPARSE_BLOCK * 2 * k);
        threads.map_chunks_of_two((out, SPARSE_BLOCK * k), both, |_, out, sums| {
            for (out, both) in out.chunks_exact_mut(k).zip(sums.chunks_exact_mut(2 * k)) {
                let (even, odd) = both.split_at(k);
                for ((out, &even), &odd) in out.iter_mut().zip(even).zip(odd) {
                    *out = even + odd;
                }
                both.fill(T::ZERO);
            }
        });
        self.odd.fill(false);
    }
}
