//! V, a batch of rows at a time.

use crate::Float;
use crate::matrix::{Lines, Matrix, Source, Twin};
use crate::threads::Threads;

/// V, whose rows can be had a batch at a time.
pub(super) struct RowsOf<'a, T: Float> {
    pub(super) v: Matrix<'a, T>,
    /// The rows of a V that is stored by columns.
    twin: Option<Twin<T>>,
    pub(super) count: usize,
}

/// Some rows of V, ready to be walked both ways, and Σ v² over them.
pub(super) struct Batch<'a, T: Float> {
    pub(super) source: Source<'a, T>,
    pub(super) squares: f64,
}

impl<'a, T: Float> RowsOf<'a, T> {
    pub(super) fn new(v: Matrix<'a, T>) -> Self {
        let twin = match &v {
            Matrix::Csc(sparse) => Some(Twin::of(sparse)),
            _ => None,
        };
        let count = v.rows();
        Self { v, twin, count }
    }

    pub(super) fn matrix(&self) -> Matrix<'_, T> {
        match &self.twin {
            Some(twin) => Matrix::Csr(twin.view()),
            None => self.v,
        }
    }

    pub(super) fn part(&self, from: usize, to: usize) -> Matrix<'_, T> {
        let part = self.matrix().row_range(from, to);
        part.expect("columns have been turned into rows")
    }

    pub(super) fn lines(&self, from: usize, to: usize) -> Lines<'_, T> {
        match self.part(from, to) {
            Matrix::Dense(view) => Lines::Dense(view),
            Matrix::Csr(sparse) | Matrix::Csc(sparse) => Lines::Sparse(sparse),
            Matrix::Streamed(_) => unreachable!("a V that is not in memory is refused at the door"),
        }
    }

    pub(super) fn batch(&self, from: usize, to: usize) -> Batch<'_, T> {
        let squares = self.lines(from, to).squares(&Threads::one());
        Batch {
            source: Source::new(self.part(from, to)),
            squares: squares.iter().sum(),
        }
    }

    /// All rows, of which Σ v² is known.
    pub(super) fn whole(&self, squares: f64) -> Batch<'_, T> {
        Batch {
            source: Source::new(self.part(0, self.count)),
            squares,
        }
    }

    /// Whether the batches' twins are kept from walk to walk: unless their offsets would take more memory than V itself.
    pub(super) fn keeps_twins(&self, batches: usize) -> bool {
        match &self.v {
            Matrix::Dense(_) => true,
            _ => batches.saturating_mul(self.v.cols()) <= 2 * self.v.stored(),
        }
    }
}
