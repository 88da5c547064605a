//! Arrays of whole numbers: the engine turns them into floating point a run at a time.

use numpy::Element;
use partwise::{Compressed, Matrix, Whole, WholeDense, WholeSparse};
use pyo3::prelude::*;

use crate::arrays::Stored;
use crate::errors::to_python;

/// Whether the entries of an array, or those of the parts of a SciPy matrix, are whole numbers.
pub(crate) fn is_whole(x: &Bound<'_, PyAny>) -> bool {
    let values = match x.get_item(4) {
        Ok(values) if x.is_instance_of::<pyo3::types::PyTuple>() => values,
        _ => x.clone(),
    };
    let kind = values
        .getattr("dtype")
        .and_then(|dtype| dtype.getattr("kind"));
    kind.and_then(|kind| kind.extract::<String>())
        .is_ok_and(|kind| kind == "i" || kind == "u")
}

/// Hands over a matrix of whole numbers as one of double precision.
///
/// # Errors
/// What is neither an array nor the parts of a sparse matrix; parts that do not fit together; those of `visit`.
pub(crate) fn with_matrix<R>(
    x: &Bound<'_, PyAny>,
    lean: bool,
    visit: impl FnOnce(Matrix<'_, f64>) -> PyResult<R>,
) -> PyResult<R> {
    macro_rules! first_of {
        ($($number:ty),*) => {$(
            if let Some(stored) = Stored::<$number>::try_of(x)? {
                return widened(x.py(), &stored, lean, visit);
            }
        )*};
    }
    first_of!(u8, u16, u32, u64, i8, i16, i32);
    widened(x.py(), &Stored::<i64>::of(x)?, lean, visit)
}

fn widened<N: Whole + Element, R>(
    py: Python<'_>,
    stored: &Stored<'_, N>,
    lean: bool,
    visit: impl FnOnce(Matrix<'_, f64>) -> PyResult<R>,
) -> PyResult<R> {
    match stored {
        Stored::Dense(array) => visit(WholeDense::from(array.as_array()).matrix()),
        Stored::Sparse {
            by_rows,
            shape: (rows, cols),
            offsets,
            indices,
            values,
        } => {
            let (what, lines, length) = if *by_rows {
                ("CSR matrix", *rows, *cols)
            } else {
                ("CSC matrix", *cols, *rows)
            };
            let (offsets, indices) = (offsets.slice()?, indices.slice()?);
            let values = values.as_slice()?;
            let lines = py
                .detach(|| Compressed::new(what, lines, length, offsets, indices, values))
                .map_err(to_python)?;
            let whole = if *by_rows {
                WholeSparse::csr(lines)
            } else {
                WholeSparse::csc(lines)
            };
            let whole = if lean { whole.lean() } else { whole };
            visit(whole.matrix().map_err(to_python)?)
        }
    }
}
