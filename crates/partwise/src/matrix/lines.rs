//! A matrix as lines to walk: its rows, or its columns.

use std::sync::Arc;

use faer::MatRef;

use super::{Compressed, Dense, Matrix, Twin};
use crate::Float;
use crate::kernel;
use crate::threads::Threads;

/// V with what is needed to walk it both ways: nothing more if dense, the twin if sparse.
#[derive(Debug)]
pub(crate) enum Source<'a, T: Float> {
    Dense(MatRef<'a, T>),
    /// Sparse by rows, and its twin by columns.
    Csr(Compressed<'a, T>, Arc<Twin<T>>),
    /// Sparse by columns, and its twin by rows.
    Csc(Compressed<'a, T>, Arc<Twin<T>>),
}

/// The rows or the columns of a matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines<'a, T: Float> {
    /// Lines in memory as they are, zeros included.
    Dense(MatRef<'a, T>),
    /// Lines of stored entries.
    Sparse(Compressed<'a, T>),
}

impl<'a, T: Float> Source<'a, T> {
    pub(crate) fn new(matrix: Matrix<'a, T>) -> Self {
        Self::with_twin(matrix, None)
    }

    /// The same, with the twin that was made of the matrix before.
    pub(crate) fn with_twin(matrix: Matrix<'a, T>, twin: Option<Arc<Twin<T>>>) -> Self {
        let made = |sparse| twin.unwrap_or_else(|| Arc::new(Twin::of(sparse)));
        match matrix {
            Matrix::Dense(view) => Self::Dense(view),
            Matrix::Csr(sparse) => Self::Csr(sparse, made(&sparse)),
            Matrix::Csc(sparse) => Self::Csc(sparse, made(&sparse)),
        }
    }

    /// The twin, if there is one.
    pub(crate) fn twin(&self) -> Option<Arc<Twin<T>>> {
        match self {
            Self::Dense(_) => None,
            Self::Csr(_, twin) | Self::Csc(_, twin) => Some(twin.clone()),
        }
    }

    pub(crate) fn rows(&self) -> Lines<'_, T> {
        match self {
            Self::Dense(view) => Lines::Dense(*view),
            Self::Csr(sparse, _) => Lines::Sparse(*sparse),
            Self::Csc(_, twin) => Lines::Sparse(twin.view()),
        }
    }

    pub(crate) fn columns(&self) -> Lines<'_, T> {
        match self {
            Self::Dense(view) => Lines::Dense(view.transpose()),
            Self::Csr(_, twin) => Lines::Sparse(twin.view()),
            Self::Csc(sparse, _) => Lines::Sparse(*sparse),
        }
    }
}

impl<T: Float> Lines<'_, T> {
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
}

/// Lines in a task of a product.
const PRODUCT_LINES: usize = 256;

impl<T: Float> Lines<'_, T> {
    /// The product with a matrix (length × k), a row for each line.
    pub(crate) fn times(&self, other: &Dense<T>, threads: &Threads) -> Dense<T> {
        let k = other.cols();
        let mut out = Dense::zeros(self.count(), k);
        threads.map_chunks(out.as_mut_slice(), PRODUCT_LINES * k, |index, out| {
            let from = index * PRODUCT_LINES;
            let count = out.len() / k;
            match self {
                Self::Dense(view) => kernel::times(out, view.subrows(from, count), other.view()),
                Self::Sparse(sparse) => {
                    kernel::gather_lines(out, sparse, from, other.as_slice(), k);
                }
            }
        });
        out
    }

    /// Σ v² of each line.
    pub(crate) fn squares(&self, threads: &Threads) -> Vec<f64> {
        threads.map(self.count(), |line| match self {
            Self::Dense(view) => view.row(line).iter().map(|v| v.to_f64().powi(2)).sum(),
            Self::Sparse(sparse) => {
                let values = sparse.row(line).values.iter();
                values.map(|v| v.to_f64().powi(2)).sum()
            }
        })
    }
}
