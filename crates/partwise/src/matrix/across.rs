//! Products with the columns of a sparse V whose rows come a run at a time.
//!
//! Where the entries of a run are at hand by columns, each column gathers what the run has for it onto its sums so far. Else each
//! entry is scattered onto the sums of its column: that costs more than a gather, and less than sorting and a gather. Sums are kept as the
//! gather over a whole column keeps them: the bits are those of a V in memory, wherever runs end.

use super::{Compressed, SPARSE_BLOCK, Twin};
use crate::Float;
use crate::kernel::{self, Sums};
use crate::threads::Threads;

/// Sums on their way: columns × 2 × k, with room for whole vectors.
pub(crate) struct Across<T> {
    sums: Vec<T>,
    odd: Vec<bool>,
    k: usize,
    /// Values from one sum to the next.
    stride: usize,
}

/// Of so many entries of a run the column is looked at, where its columns are shared among threads.
const LOOKED_AT: usize = 512;

impl<T: Float> Across<T> {
    pub(crate) fn new(columns: usize, k: usize) -> Self {
        let stride = kernel::sum_stride::<T>(k);
        Self {
            sums: vec![T::ZERO; columns * 2 * stride],
            odd: vec![false; columns],
            k,
            stride,
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(columns: u64, k: u64) -> u64 {
        // A rank beyond that is refused elsewhere.
        let k = usize::try_from(k).unwrap_or(usize::MAX).min(usize::MAX / 2);
        let stride = kernel::sum_stride::<T>(k) as u64;
        columns.saturating_mul((2 * size_of::<T>() as u64).saturating_mul(stride) + 1)
    }

    /// Adds the product of a run, with its twin if it has one, with its rows of k values.
    pub(crate) fn add(
        &mut self,
        (run, twin): (&Compressed<'_, T>, Option<&Twin<T>>),
        rows: &[T],
        threads: &Threads,
    ) {
        match twin {
            Some(twin) => self.gather(twin, rows, threads),
            None => self.scatter(run, rows, threads),
        }
    }

    fn gather(&mut self, run: &Twin<T>, rows: &[T], threads: &Threads) {
        let (run, k) = (run.view(), self.k);
        threads.map_chunks_of_two(
            (&mut self.sums, SPARSE_BLOCK * 2 * self.stride),
            (&mut self.odd, SPARSE_BLOCK),
            |index, sums, odd| Sums { sums, odd }.gather(&run, index * SPARSE_BLOCK, rows, k),
        );
    }

    /// Each thread has some of the columns, so that every column's entries come in the order of their rows.
    fn scatter(&mut self, run: &Compressed<'_, T>, rows: &[T], threads: &Threads) {
        let shares = if run.rises() { threads.count() } else { 1 };
        let (mut sums, mut odd) = (&mut self.sums[..], &mut self.odd[..]);
        let mut pieces = Vec::with_capacity(shares);
        let mut first = 0;
        for last in shared(run, shares) {
            let (these, others) = odd.split_at_mut(last - first);
            let (ours, theirs) = sums.split_at_mut(these.len() * 2 * self.stride);
            pieces.push((
                first,
                Sums {
                    sums: ours,
                    odd: these,
                },
            ));
            (sums, odd, first) = (theirs, others, last);
        }
        let k = self.k;
        threads.map_pieces(pieces, |_, (first, sums)| sums.scatter(run, first, rows, k));
    }

    /// Writes what all runs came to, and is empty again.
    pub(crate) fn finish(&mut self, out: &mut [T], threads: &Threads) {
        let (k, stride) = (self.k, self.stride);
        let both = (&mut self.sums[..], SPARSE_BLOCK * 2 * stride);
        threads.map_chunks_of_two((out, SPARSE_BLOCK * k), both, |_, out, sums| {
            for (out, both) in out
                .chunks_exact_mut(k)
                .zip(sums.chunks_exact_mut(2 * stride))
            {
                let (even, odd) = both.split_at(stride);
                for ((out, &even), &odd) in out.iter_mut().zip(even).zip(odd) {
                    *out = even + odd;
                }
                both.fill(T::ZERO);
            }
        });
        self.odd.fill(false);
    }
}

/// Where each of so many shares of a run's columns ends: shares with about as many entries, the last with the last column.
fn shared<T>(run: &Compressed<'_, T>, shares: usize) -> Vec<usize> {
    if shares == 1 {
        return vec![run.minor()];
    }
    let (from, to) = (run.span(0).0, run.span(run.major() - 1).1);
    let step = ((to - from) / LOOKED_AT).max(1);
    let mut met: Vec<_> = (from..to)
        .step_by(step)
        .map(|entry| run.indices().get(entry))
        .collect();
    met.sort_unstable();
    let share = |index: usize| met.get(index * met.len() / shares).copied().unwrap_or(0);
    let ends = (1..shares).map(share);
    ends.chain([run.minor()]).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    /// Rows with some entries in each, of which the indices rise or not.
    fn entries<T: Float>(
        (rows, cols): (usize, usize),
        rises: bool,
    ) -> (Vec<usize>, Vec<u32>, Vec<T>) {
        let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..rows {
            let mut line: Vec<_> = (0..cols).filter(|j| (i * 7 + j * 5) % 11 < i % 4).collect();
            if !rises {
                line.reverse();
            }
            for j in line {
                indices.push(j as u32);
                values.push(T::from_f64(((i * 31 + j * 17) as f64 * 0.618).fract()));
            }
            offsets.push(indices.len());
        }
        (offsets, indices, values)
    }

    fn every_rank<T: Float>() {
        let (rows, cols) = (90, 70);
        for rises in [true, false] {
            let (offsets, indices, values) = entries::<T>((rows, cols), rises);
            let v = Compressed::new("V", rows, cols, &offsets, &indices, &values).unwrap();
            assert_eq!(v.rises(), rises);
            let columns = Twin::of(&v);
            for k in [1, 3, 4, 7, 8, 9, 16, 20, 31, 33, 64, 65, 130, 200] {
                let w: Vec<_> = (0..rows * k)
                    .map(|at| T::from_f64((at as f64 * 0.414).fract()))
                    .collect();
                let mut expected = vec![T::ZERO; cols * k];
                kernel::gather_lines(&mut expected, &columns.view(), 0, &w, k);
                for (threads, bounds) in [
                    (1, vec![0, rows]),
                    (1, vec![0, 7, 8, 40, rows]),
                    (2, vec![0, 33, rows]),
                    (5, vec![0, 2, 50, rows]),
                ] {
                    let threads = Threads::new(NonZeroUsize::new(threads));
                    let mut across = Across::new(cols, k);
                    // Twice, since it is empty again after the first time.
                    for _ in 0..2 {
                        for (run, span) in bounds.windows(2).enumerate() {
                            let lines = v.line_range(span[0], span[1]);
                            let of_run = &w[span[0] * k..span[1] * k];
                            // Some of the runs have twins.
                            let twin = (run % 3 == 1).then(|| Twin::of(&lines));
                            across.add((&lines, twin.as_ref()), of_run, &threads);
                        }
                        let mut found = vec![T::ZERO; cols * k];
                        across.finish(&mut found, &threads);
                        let bits = |x: &[T]| -> Vec<u64> {
                            x.iter().map(|x| x.to_f64().to_bits()).collect()
                        };
                        assert!(bits(&found) == bits(&expected), "k = {k}, {bounds:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn runs_add_up_to_the_bits_of_whole_columns() {
        every_rank::<f64>();
        every_rank::<f32>();
    }
}
