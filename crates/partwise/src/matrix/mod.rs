//! V: dense of any strides, or sparse by rows or by columns, borrowed and never copied; or read while it is walked.
//!
//! **Reflection.** V ≈ W H is Vᵀ ≈ Hᵀ Wᵀ, so a matrix whose columns lie together in memory is factored as the
//! transposed problem, whose rows do.

mod across;
mod blocks;
mod counted;
mod dense;
mod held;
mod holes;
mod lines;
mod rounded;
mod source;
mod sparse;
mod streamed;
mod summary;
mod tiles;
mod whole;

pub(crate) use across::Across;
pub(crate) use blocks::Blocks;
pub(crate) use counted::{Counted, Entries, Weighed};
pub use counted::{Missing, Weighting};
pub use dense::Dense;
pub use held::Held;
pub(crate) use holes::{Holes, Places};
pub(crate) use lines::Lines;
pub(crate) use rounded::Rounded;
pub(crate) use source::{Cut, SPARSE_BLOCK, Source, Twins, Wanted, column_tile};
pub use sparse::{Compressed, IndexSlice};
pub(crate) use sparse::{Index, Row, Twin, with_indices};
use streamed::Stream;
pub use streamed::{RowBlocks, RunSize, SparseRows, SparseRun, Streamed};
pub(crate) use summary::{Signs, Summary, bad_entry, check_entries};
pub(crate) use tiles::Tiles;
pub use whole::{Whole, WholeDense, WholeSparse};

use faer::MatRef;

use crate::error::refuse;
use crate::{Error, Float};

/// A borrowed non-negative matrix, m × n: samples in rows, features in columns.
#[derive(Clone, Copy, Debug)]
pub enum Matrix<'a, T: Float> {
    /// Dense, with any strides (row-major, column-major, a slice with steps, reversed).
    Dense(MatRef<'a, T>),
    /// Compressed sparse rows: the major axis of the [`Compressed`] are the rows of V.
    Csr(Compressed<'a, T>),
    /// Compressed sparse columns: the major axis of the [`Compressed`] are the columns of V.
    Csc(Compressed<'a, T>),
    /// Not in memory, or without a copy by its other axis: see [`Matrix::streamed`], [`Matrix::streamed_sparse`] and [`Matrix::lean`].
    Streamed(Streamed<'a, T>),
}

impl<'a, T: Float> Matrix<'a, T> {
    /// A dense matrix from `rows * cols` values, one row after another (C order).
    ///
    /// # Errors
    /// [`Error::Malformed`] if the slice has another length.
    pub fn row_major(values: &'a [T], rows: usize, cols: usize) -> Result<Self, Error> {
        dense::check_length(values.len(), rows, cols)?;
        Ok(Self::Dense(MatRef::from_row_major_slice(
            values, rows, cols,
        )))
    }

    /// A dense matrix from `rows * cols` values, one column after another (Fortran order).
    ///
    /// # Errors
    /// [`Error::Malformed`] if the slice has another length.
    pub fn column_major(values: &'a [T], rows: usize, cols: usize) -> Result<Self, Error> {
        dense::check_length(values.len(), rows, cols)?;
        Ok(Self::Dense(MatRef::from_column_major_slice(
            values, rows, cols,
        )))
    }

    /// A sparse matrix by rows from its three arrays.
    ///
    /// # Errors
    /// [`Error::Malformed`] as in [`Compressed::new`].
    pub fn csr(
        rows: usize,
        cols: usize,
        offsets: impl Into<IndexSlice<'a>>,
        indices: impl Into<IndexSlice<'a>>,
        values: &'a [T],
    ) -> Result<Self, Error> {
        Compressed::new("CSR matrix", rows, cols, offsets, indices, values).map(Self::Csr)
    }

    /// A sparse matrix by columns from its three arrays.
    ///
    /// # Errors
    /// [`Error::Malformed`] as in [`Compressed::new`].
    pub fn csc(
        rows: usize,
        cols: usize,
        offsets: impl Into<IndexSlice<'a>>,
        indices: impl Into<IndexSlice<'a>>,
        values: &'a [T],
    ) -> Result<Self, Error> {
        Compressed::new("CSC matrix", cols, rows, offsets, indices, values).map(Self::Csc)
    }

    /// A dense matrix whose rows are read when they are needed, with a bounded number of them in memory. A fit reads all of
    /// them once for the first look, then once an iteration for the squared loss and twice for the others, and a few times
    /// more for a sketch and for a start other than `random`. It gives the same bits as for the same matrix in memory, with
    /// every solver that is [`crate::Solver::alike_in_blocks`].
    ///
    /// For a matrix whose columns are read, take the [`Self::transpose`] of that of its columns.
    pub fn streamed(rows: &'a dyn RowBlocks<T>) -> Self {
        Self::Streamed(Streamed::dense(rows))
    }

    /// A sparse matrix whose rows are read when they are needed, as those of [`Self::streamed`] are. With columns in order in
    /// every row it gives the same bits as the same CSR matrix in memory, with every solver that is
    /// [`crate::Solver::alike_in_blocks`]. What its rows say of H is added up run by run, in twice the room of H.
    ///
    /// # Errors
    /// [`Error::Malformed`] if a run but the last has no multiple of [`RunSize::UNIT`] rows, or there are too many.
    pub fn streamed_sparse(rows: &'a dyn SparseRows<T>) -> Result<Self, Error> {
        Streamed::sparse(rows).map(Self::Streamed)
    }

    /// Number of rows (samples), m.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(view) => view.nrows(),
            Self::Csr(sparse) => sparse.major(),
            Self::Csc(sparse) => sparse.minor(),
            Self::Streamed(streamed) => streamed.shape().0,
        }
    }

    /// Number of columns (features), n.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(view) => view.ncols(),
            Self::Csr(sparse) => sparse.minor(),
            Self::Csc(sparse) => sparse.major(),
            Self::Streamed(streamed) => streamed.shape().1,
        }
    }

    /// Number of stored entries: m · n for a dense matrix.
    pub fn stored(&self) -> usize {
        match self {
            Self::Dense(view) => view.nrows().saturating_mul(view.ncols()),
            Self::Csr(sparse) | Self::Csc(sparse) => sparse.stored(),
            Self::Streamed(streamed) => streamed.lines.stored(),
        }
    }

    /// Whether the matrix is stored sparsely.
    pub fn is_sparse(&self) -> bool {
        match self {
            Self::Dense(_) => false,
            Self::Csr(_) | Self::Csc(_) => true,
            Self::Streamed(streamed) => streamed.is_sparse(),
        }
    }

    /// The transposed matrix: the same memory, seen the other way.
    #[must_use]
    pub fn transpose(self) -> Self {
        match self {
            Self::Dense(view) => Self::Dense(view.transpose()),
            Self::Csr(sparse) => Self::Csc(sparse),
            Self::Csc(sparse) => Self::Csr(sparse),
            Self::Streamed(streamed) => Self::Streamed(Streamed {
                by_columns: !streamed.by_columns,
                ..streamed
            }),
        }
    }

    /// A sparse matrix in memory that is walked as a streamed one is: no copy by its other axis is made, which takes as much
    /// memory as the matrix itself. In its place each entry goes to the sum of its column (for other losses than the squared one
    /// entries are sorted run by run on each walk), which takes somewhat longer. The bits of the answer are those of
    /// [`Self::streamed_sparse`]; what cannot be done with a streamed matrix is refused. A dense matrix needs no copy and stays
    /// as it is.
    #[must_use]
    pub fn lean(self) -> Self {
        match self {
            Self::Csr(sparse) => Self::Streamed(Streamed::lean(sparse, false)),
            Self::Csc(sparse) => Self::Streamed(Streamed::lean(sparse, true)),
            Self::Dense(_) | Self::Streamed(_) => self,
        }
    }

    /// Rows `from..to`, over the same memory; `None` for a matrix stored by columns or not in memory, which has no rows to part.
    pub(crate) fn row_range(self, from: usize, to: usize) -> Option<Self> {
        match self {
            Self::Dense(view) => Some(Self::Dense(view.subrows(from, to - from))),
            Self::Csr(sparse) => Some(Self::Csr(sparse.line_range(from, to))),
            Self::Csc(_) | Self::Streamed(_) => None,
        }
    }

    /// Whether the columns lie together in memory, so that the transposed problem is the one to walk. A sparse matrix
    /// is walked both ways in any case.
    pub(crate) fn prefers_columns(&self) -> bool {
        match self {
            Self::Dense(view) => {
                view.row_stride().unsigned_abs() < view.col_stride().unsigned_abs()
            }
            Self::Streamed(streamed) => streamed.by_columns,
            Self::Csr(_) | Self::Csc(_) => false,
        }
    }

    /// Refuses a matrix that is not in memory, or lean, where `what` needs it whole.
    pub(crate) fn check_held(&self, what: &str) -> Result<(), Error> {
        let Self::Streamed(streamed) = self else {
            return Ok(());
        };
        let (value, wanted) = match streamed.lines {
            Stream::Lean(_) => ("lean", "with a copy by its other axis"),
            _ => ("streamed", "in memory"),
        };
        refuse("V", value, format!("{what} expects V {wanted}"))
    }
}

impl<'a, T: Float> From<MatRef<'a, T>> for Matrix<'a, T> {
    fn from(view: MatRef<'a, T>) -> Self {
        Self::Dense(view)
    }
}

impl<'a, T: Float> From<&'a Dense<T>> for Matrix<'a, T> {
    fn from(dense: &'a Dense<T>) -> Self {
        Self::Dense(dense.view())
    }
}

#[cfg(feature = "ndarray")]
impl<'a, T: Float> From<ndarray::ArrayView2<'a, T>> for Matrix<'a, T> {
    fn from(array: ndarray::ArrayView2<'a, T>) -> Self {
        Self::Dense(crate::kernel::view::from_ndarray(array))
    }
}

#[cfg(feature = "sprs")]
impl<'a, T, I, Iptr> TryFrom<sprs::CsMatViewI<'a, T, I, Iptr>> for Matrix<'a, T>
where
    T: Float,
    I: sprs::SpIndex,
    Iptr: sprs::SpIndex,
    &'a [I]: Into<IndexSlice<'a>>,
    &'a [Iptr]: Into<IndexSlice<'a>>,
{
    type Error = Error;

    fn try_from(sparse: sprs::CsMatViewI<'a, T, I, Iptr>) -> Result<Self, Error> {
        let (rows, cols) = sparse.shape();
        let by_rows = sparse.is_csr();
        let (offsets, indices, values) = sparse.into_raw_storage();
        if by_rows {
            Self::csr(rows, cols, offsets, indices, values)
        } else {
            Self::csc(rows, cols, offsets, indices, values)
        }
    }
}
