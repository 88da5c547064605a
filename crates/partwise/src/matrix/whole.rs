//! Matrices of whole numbers, as counts and pictures come: they are walked as if they were not in memory, so that a run of lines at a
//! time becomes floating point, and never the whole.

use faer::MatRef;

use super::sparse::Index;
use super::{Compressed, Matrix, RowBlocks, RunSize, SparseRows, SparseRun, tiles, with_indices};
use crate::{Error, Float};

/// What a reader may fail with. This one does not.
type Never = Box<dyn std::error::Error + Send + Sync>;

/// A whole number of any size, with a sign or without; also a floating-point number, of which one of another width is made.
pub trait Whole: Copy + Send + Sync {
    /// The number in double precision: the nearest one, beyond 2⁵³.
    fn to_f64(self) -> f64;
}

macro_rules! whole {
    ($($type:ty),*) => {$(impl Whole for $type {
        #[inline(always)]
        fn to_f64(self) -> f64 {
            self as f64
        }
    })*};
}
whole!(u8, u16, u32, u64, i8, i16, i32, i64);

/// Floating point, which becomes floating point of another width.
impl<T: Float> Whole for T {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        Float::to_f64(self)
    }
}

/// A dense matrix of whole numbers, of any strides.
#[derive(Clone, Copy, Debug)]
pub struct WholeDense<'a, N> {
    /// The rows of the matrix, or its columns if they lie together.
    lines: MatRef<'a, N>,
    by_columns: bool,
}

impl<'a, N: Whole> WholeDense<'a, N> {
    /// Borrows a view.
    pub fn new(view: MatRef<'a, N>) -> Self {
        let by_columns = view.row_stride().unsigned_abs() < view.col_stride().unsigned_abs();
        let lines = if by_columns { view.transpose() } else { view };
        Self { lines, by_columns }
    }

    /// The matrix, to be fitted.
    pub fn matrix<T: Float>(&self) -> Matrix<'_, T> {
        let matrix = Matrix::streamed(self);
        if self.by_columns {
            matrix.transpose()
        } else {
            matrix
        }
    }
}

#[cfg(feature = "ndarray")]
impl<'a, N: Whole> From<ndarray::ArrayView2<'a, N>> for WholeDense<'a, N> {
    fn from(array: ndarray::ArrayView2<'a, N>) -> Self {
        Self::new(crate::kernel::view::from_ndarray(array))
    }
}

impl<T: Float, N: Whole> RowBlocks<T> for WholeDense<'_, N> {
    fn rows(&self) -> usize {
        self.lines.nrows()
    }

    fn cols(&self) -> usize {
        self.lines.ncols()
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), Never> {
        let length = self.lines.ncols().max(1);
        for (i, out) in out.chunks_exact_mut(length).enumerate() {
            let line = self.lines.row(first + i);
            match line.try_as_row_major() {
                Some(line) => widen(out, line.as_slice().iter()),
                None => widen(out, line.iter()),
            }
        }
        Ok(())
    }
}

fn widen<'b, T: Float, N: Whole + 'b>(out: &mut [T], line: impl Iterator<Item = &'b N>) {
    for (out, value) in out.iter_mut().zip(line) {
        *out = T::from_f64(value.to_f64());
    }
}

/// A sparse matrix of whole numbers.
#[derive(Clone, Debug)]
pub struct WholeSparse<'a, N> {
    /// The rows of the matrix, or its columns.
    lines: Compressed<'a, N>,
    by_columns: bool,
    /// The first line of each run, and the line behind its last one.
    runs: Vec<(usize, usize)>,
    lean: bool,
}

impl<'a, N: Whole> WholeSparse<'a, N> {
    /// A matrix from its rows.
    pub fn csr(rows: Compressed<'a, N>) -> Self {
        Self {
            runs: tiles::widened(&rows),
            lines: rows,
            by_columns: false,
            lean: false,
        }
    }

    /// A matrix from its columns.
    pub fn csc(columns: Compressed<'a, N>) -> Self {
        Self {
            by_columns: true,
            ..Self::csr(columns)
        }
    }

    /// Keeps no copy by the other axis, as [`Matrix::lean`] does. Else there is one, which holds floating point: its entries are
    /// all that ever does.
    #[must_use]
    pub fn lean(self) -> Self {
        Self { lean: true, ..self }
    }

    /// The matrix, to be fitted. For other losses than the squared one H takes the steps of [`Matrix::streamed_sparse`].
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is too large.
    pub fn matrix<T: Float>(&self) -> Result<Matrix<'_, T>, Error> {
        let matrix = Matrix::streamed_sparse(self)?;
        Ok(if self.by_columns {
            matrix.transpose()
        } else {
            matrix
        })
    }
}

impl<T: Float, N: Whole> SparseRows<T> for WholeSparse<'_, N> {
    fn cols(&self) -> usize {
        self.lines.minor()
    }

    fn runs(&self) -> usize {
        self.runs.len()
    }

    fn size(&self, index: usize) -> RunSize {
        let (from, to) = self.runs[index];
        RunSize {
            rows: to - from,
            stored: self.lines.span(to - 1).1 - self.lines.span(from).0,
        }
    }

    fn read(&self, index: usize, out: &mut SparseRun<T>) -> Result<(), Never> {
        let (from, to) = self.runs[index];
        let (first, last) = (self.lines.span(from).0, self.lines.span(to - 1).1);
        out.offsets.clear();
        let ends = (from..to).map(|line| self.lines.span(line).1 - first);
        out.offsets.extend(std::iter::once(0).chain(ends));
        out.indices.clear();
        with_indices!(self.lines.indices().slice(first, last), indices => {
            out.indices.extend(indices.iter().map(|index| index.at() as u32));
        });
        out.values.clear();
        let values = self.lines.values()[first..last].iter();
        out.values.extend(values.map(|x| T::from_f64(x.to_f64())));
        Ok(())
    }

    fn keeps_columns(&self) -> bool {
        !self.lean
    }
}
