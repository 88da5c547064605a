//! V in single precision, for the part of a fit that needs no more digits: a copy of what is in memory, and rounded on the way of
//! what is not.

use faer::MatRef;

use super::streamed::{Failure, Stream};
use super::{
    Compressed, Dense, Matrix, RowBlocks, RunSize, SparseRows, SparseRun, WholeDense, WholeSparse,
};
use crate::threads::Threads;
use crate::{Error, Float};

/// Bytes of the copy of a dense matrix at most.
const COPY_BYTES: usize = 48 << 20;
/// Lines of a dense matrix in a task.
const LINES: usize = 64;

/// What holds a matrix in single precision.
pub(crate) enum Rounded<'a, T: Float> {
    /// The lines of a dense matrix.
    Dense(Dense<T::Single>),
    /// The values of a sparse one, whose places stay where they are.
    Sparse(Compressed<'a, T>, Vec<T::Single>),
    Rows(Rows<'a, T>),
    Runs(Runs<'a, T>),
    /// Sparse, in memory, and to take no memory.
    Lean(WholeSparse<'a, T>),
}

impl<'a, T: Float> Rounded<'a, T> {
    /// Whether a matrix of this shape may be held so. It is the same wherever it is stored.
    pub(crate) fn fits(v: &Matrix<'_, T>) -> bool {
        let bytes = v.stored().saturating_mul(size_of::<T::Single>());
        v.is_sparse() || bytes <= COPY_BYTES
    }

    /// Of a matrix whose entries are in the range of single precision.
    pub(crate) fn of(v: &Matrix<'a, T>, threads: &Threads) -> Self {
        match *v {
            Matrix::Dense(view) => Self::Dense(copied(view, threads)),
            Matrix::Csr(lines) | Matrix::Csc(lines) => {
                let mut values = vec![T::Single::ZERO; lines.stored()];
                let piece = values.len().div_ceil(threads.count()).max(1);
                threads.map_chunks(&mut values, piece, |index, out| {
                    round(out, &lines.values()[index * piece..]);
                });
                Self::Sparse(lines, values)
            }
            Matrix::Streamed(streamed) => match streamed.lines {
                Stream::Dense(rows) => Self::Rows(Rows(rows)),
                Stream::Sparse(rows, _) => Self::Runs(Runs(rows)),
                Stream::Lean(lines) => Self::Lean(WholeSparse::csr(lines).lean()),
            },
        }
    }

    /// The rounded matrix, stored as `v` is, of which this was made.
    ///
    /// # Errors
    /// [`Error::Malformed`] if `v` is streamed and too large.
    pub(crate) fn matrix(&self, v: &Matrix<'a, T>) -> Result<Matrix<'_, T::Single>, Error> {
        let lines = match self {
            Self::Dense(lines) => Matrix::Dense(lines.view()),
            Self::Sparse(lines, values) => Matrix::Csr(lines.with_values(values)),
            Self::Rows(rows) => Matrix::streamed(rows),
            Self::Runs(runs) => Matrix::streamed_sparse(runs)?,
            Self::Lean(lines) => lines.matrix()?,
        };
        let by_columns = v.prefers_columns() || matches!(v, Matrix::Csc(_));
        Ok(if by_columns { lines.transpose() } else { lines })
    }
}

/// The nearest numbers.
fn round<T: Float, S: Float>(out: &mut [S], values: &[T]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = S::from_f64(value.to_f64());
    }
}

/// The lines of a dense matrix, rounded.
fn copied<T: Float, S: Float>(view: MatRef<'_, T>, threads: &Threads) -> Dense<S> {
    let lines: &dyn RowBlocks<S> = &WholeDense::new(view);
    let length = lines.cols();
    let mut copy = Dense::zeros(lines.rows(), length);
    threads.map_chunks(copy.as_mut_slice(), LINES * length, |index, out| {
        let read = lines.read(index * LINES, out);
        read.expect("what is in memory is there");
    });
    copy
}

/// Rows that are read, rounded.
pub(crate) struct Rows<'a, T>(&'a dyn RowBlocks<T>);

impl<T: Float, S: Float> RowBlocks<S> for Rows<'_, T> {
    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn cols(&self) -> usize {
        self.0.cols()
    }

    fn read(&self, first: usize, out: &mut [S]) -> Result<(), Failure> {
        let mut read = vec![T::ZERO; out.len()];
        self.0.read(first, &mut read)?;
        round(out, &read);
        Ok(())
    }
}

/// Sparse rows that are read, rounded.
pub(crate) struct Runs<'a, T>(&'a dyn SparseRows<T>);

impl<T: Float, S: Float> SparseRows<S> for Runs<'_, T> {
    fn cols(&self) -> usize {
        self.0.cols()
    }

    fn runs(&self) -> usize {
        self.0.runs()
    }

    fn size(&self, index: usize) -> RunSize {
        self.0.size(index)
    }

    fn read(&self, index: usize, out: &mut SparseRun<S>) -> Result<(), Failure> {
        let mut run = SparseRun {
            offsets: std::mem::take(&mut out.offsets),
            indices: std::mem::take(&mut out.indices),
            values: Vec::new(),
        };
        self.0.read(index, &mut run)?;
        out.values.resize(run.values.len(), S::ZERO);
        round(&mut out.values, &run.values);
        (out.offsets, out.indices) = (run.offsets, run.indices);
        Ok(())
    }

    fn keeps_columns(&self) -> bool {
        self.0.keeps_columns()
    }
}
