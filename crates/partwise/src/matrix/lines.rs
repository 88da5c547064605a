//! A matrix as lines to walk: its rows, or its columns.

use faer::MatRef;

use super::{Compressed, Dense};
use crate::Float;
use crate::kernel;
use crate::threads::Threads;

/// The rows or the columns of a matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines<'a, T: Float> {
    /// Lines in memory as they are, zeros included.
    Dense(MatRef<'a, T>),
    /// Lines of stored entries.
    Sparse(Compressed<'a, T>),
}

impl<'a, T: Float> Lines<'a, T> {
    /// Number of lines.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Dense(view) => view.nrows(),
            Self::Sparse(sparse) => sparse.major(),
        }
    }

    /// Entries in a line, stored or not.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Dense(view) => view.ncols(),
            Self::Sparse(sparse) => sparse.minor(),
        }
    }

    /// Lines `from..to`, over the same memory.
    pub(crate) fn range(&self, from: usize, to: usize) -> Self {
        match self {
            Self::Dense(view) => Self::Dense(view.subrows(from, to - from)),
            Self::Sparse(sparse) => Self::Sparse(sparse.line_range(from, to)),
        }
    }

    /// Writes lines `from..to` into `out`, one after another, zeros included.
    pub(crate) fn pack(&self, from: usize, to: usize, out: &mut [T]) {
        match self {
            Self::Dense(view) => kernel::pack(out, view.subrows(from, to - from)),
            Self::Sparse(sparse) => {
                out.fill(T::ZERO);
                for (line, out) in (from..to).zip(out.chunks_exact_mut(sparse.minor())) {
                    kernel::for_each_entry(sparse.row(line), |index, value| out[index] = value);
                }
            }
        }
    }

    /// Lines `from..to` as slices, zeros included: where they do not lie in memory like that, copies of them in `room`.
    pub(crate) fn slices<'b>(
        &self,
        from: usize,
        to: usize,
        room: &'b mut [T],
    ) -> impl Iterator<Item = &'b [T]>
    where
        'a: 'b,
    {
        match self {
            Self::Dense(view) => kernel::lines(view.subrows(from, to - from), room),
            Self::Sparse(_) => {
                let length = self.length();
                let packed = &mut room[..(to - from) * length];
                self.pack(from, to, packed);
                let packed = MatRef::from_row_major_slice(&*packed, to - from, length);
                kernel::lines(packed, &mut [])
            }
        }
    }
}

/// Lines in a task of a product.
const PRODUCT_LINES: usize = 256;

impl<T: Float> Lines<'_, T> {
    /// The product with a matrix (length × k), a row for each line.
    pub(crate) fn times(&self, other: &Dense<T>, threads: &Threads) -> Dense<T> {
        let mut out = Dense::zeros(self.count(), other.cols());
        self.times_into(out.as_mut_slice(), other, PRODUCT_LINES, threads);
        out
    }

    /// As [`Self::times`], into `out`, with `block` lines a task.
    pub(crate) fn times_into(
        &self,
        out: &mut [T],
        other: &Dense<T>,
        block: usize,
        threads: &Threads,
    ) {
        let k = other.cols();
        threads.map_chunks(out, block * k, |index, out| {
            let from = index * block;
            let count = out.len() / k;
            match self {
                Self::Dense(view) => kernel::times(out, view.subrows(from, count), other.view()),
                Self::Sparse(sparse) => {
                    kernel::gather_lines(out, sparse, from, other.as_slice(), k);
                }
            }
        });
    }

    /// The entries that a line stores, one after another: where they do not lie in memory like that, a copy of them in `room`.
    pub(crate) fn stored<'b>(&'b self, line: usize, room: &'b mut Vec<T>) -> &'b [T] {
        match self {
            Self::Dense(view) => {
                let row = view.row(line);
                match row.try_as_row_major() {
                    Some(row) => row.as_slice(),
                    None => {
                        room.clear();
                        room.extend(row.iter().copied());
                        room
                    }
                }
            }
            Self::Sparse(sparse) => sparse.row(line).values,
        }
    }

    /// Σ v² of each line.
    pub(crate) fn squares(&self, threads: &Threads) -> Vec<f64> {
        threads.map(self.count(), |line| {
            let mut room = Vec::new();
            let values = self.stored(line, &mut room);
            kernel::inner(values, values)
        })
    }
}
