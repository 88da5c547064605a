//! The two precisions, where the files' types meet the engine's.

use partwise::{Dense, Float};
use partwise_io::{AnyDense, AnyMatrix, Dtype, Matrix, Order, Sparse, Streams, Values};

/// f32 or f64, for files and for the engine.
pub(crate) trait Number: Float + Into<f64> + Streams {
    /// What to ask a reader for.
    const DTYPE: Dtype;

    /// Values for a writer.
    fn values(values: &[Self]) -> Values<'_>;

    /// Hides the precision.
    fn any(dense: partwise_io::Dense<Self>) -> AnyDense;

    /// The matrix, if it has this precision.
    fn from_any(matrix: AnyMatrix) -> Option<Matrix<Self>>;
}

impl Number for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn values(values: &[Self]) -> Values<'_> {
        values.into()
    }

    fn any(dense: partwise_io::Dense<Self>) -> AnyDense {
        AnyDense::F32(dense)
    }

    fn from_any(matrix: AnyMatrix) -> Option<Matrix<Self>> {
        match matrix {
            AnyMatrix::F32(matrix) => Some(matrix),
            AnyMatrix::F64(_) => None,
        }
    }
}

impl Number for f64 {
    const DTYPE: Dtype = Dtype::F64;

    fn values(values: &[Self]) -> Values<'_> {
        values.into()
    }

    fn any(dense: partwise_io::Dense<Self>) -> AnyDense {
        AnyDense::F64(dense)
    }

    fn from_any(matrix: AnyMatrix) -> Option<Matrix<Self>> {
        match matrix {
            AnyMatrix::F64(matrix) => Some(matrix),
            AnyMatrix::F32(_) => None,
        }
    }
}

/// A factor of the engine as a file takes it, its values moved.
pub(crate) fn to_file<T: Number>(dense: Dense<T>) -> AnyDense {
    let (rows, cols) = (dense.rows(), dense.cols());
    T::any(partwise_io::Dense {
        rows,
        cols,
        order: Order::RowMajor,
        data: dense.into_values(),
    })
}

/// A dense matrix of a file as a factor of the engine; in rows, its values are moved.
pub(crate) fn from_file<T: Number>(dense: partwise_io::Dense<T>) -> anyhow::Result<Dense<T>> {
    let (rows, cols) = (dense.rows, dense.cols);
    Ok(match dense.order {
        Order::RowMajor => Dense::from_rows(dense.data, rows, cols)?,
        Order::ColumnMajor => Dense::from_rows(dense.data, cols, rows)?.transposed(),
    })
}

/// Any matrix of a file as a factor of the engine.
pub(crate) fn dense_from_file<T: Number>(matrix: Matrix<T>) -> anyhow::Result<Dense<T>> {
    match matrix {
        Matrix::Dense(dense) => from_file(dense),
        Matrix::Sparse(sparse) => Ok(scattered(&sparse)),
    }
}

fn scattered<T: Number>(sparse: &Sparse<T>) -> Dense<T> {
    let mut dense = Dense::zeros(sparse.rows, sparse.cols);
    for (row, col, value) in sparse.entries() {
        dense.as_mut_slice()[row * sparse.cols + col] = value;
    }
    dense
}

/// Runs a generic expression for the matrix within an enum of both precisions.
macro_rules! at_precision {
    ($kind:ident, $any:expr, $matrix:ident => $body:expr) => {
        match $any {
            partwise_io::$kind::F32($matrix) => $body,
            partwise_io::$kind::F64($matrix) => $body,
        }
    };
}
pub(crate) use at_precision;
