//! Arrays in and out without a copy: NumPy arrays of any strides and the three arrays of a SciPy matrix become views of
//! the engine, and the engine's factors become NumPy arrays.

use numpy::{
    Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods,
};
use partwise::{Dense, Error, Float, IndexSlice, Matrix};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors;

/// The number types of the engine, as NumPy knows them.
pub(crate) trait Number: Float + Element {}
impl Number for f32 {}
impl Number for f64 {}

/// A matrix as Python holds it, borrowed for reading.
pub(crate) enum Stored<'py, T: Element> {
    Dense(PyReadonlyArray2<'py, T>),
    Sparse {
        by_rows: bool,
        shape: (usize, usize),
        offsets: Indices<'py>,
        indices: Indices<'py>,
        values: PyReadonlyArray1<'py, T>,
    },
}

/// An array of indices.
pub(crate) enum Indices<'py> {
    I32(PyReadonlyArray1<'py, i32>),
    I64(PyReadonlyArray1<'py, i64>),
}

/// Either number type.
pub(crate) enum AnyStored<'py> {
    F32(Stored<'py, f32>),
    F64(Stored<'py, f64>),
}

/// (by rows, shape, indptr, indices, data) of a SciPy matrix.
type Parts<'py> = (
    bool,
    (usize, usize),
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
);

impl<'py> AnyStored<'py> {
    /// Borrows a two-dimensional array, or the parts of a SciPy matrix as a tuple.
    pub(crate) fn of(x: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(stored) = Stored::try_of(x)? {
            return Ok(Self::F64(stored));
        }
        Stored::of(x).map(Self::F32)
    }
}

impl<'py, T: Element> Stored<'py, T> {
    /// As [`AnyStored::of`], of one number type.
    pub(crate) fn of(x: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::try_of(x)?.ok_or_else(|| {
            PyTypeError::new_err(
                "X must be a two-dimensional array of float64 or float32, or the parts of a CSR or CSC matrix; \
                 weights must have its dtype",
            )
        })
    }

    /// `None` if it is of another number type, or no matrix.
    pub(crate) fn try_of(x: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let Ok((by_rows, shape, offsets, indices, values)) = x.extract::<Parts<'py>>() else {
            return Self::dense(x);
        };
        let Ok(values) = values.extract() else {
            return Ok(None);
        };
        Ok(Some(Self::Sparse {
            by_rows,
            shape,
            offsets: Indices::of(&offsets)?,
            indices: Indices::of(&indices)?,
            values,
        }))
    }

    fn dense(x: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let Ok(array) = x.cast::<PyArray2<T>>() else {
            return Ok(None);
        };
        check_addresses(array.as_untyped(), size_of::<T>())?;
        Ok(Some(Self::Dense(array.try_readonly()?)))
    }
}

impl<T: Number> Stored<'_, T> {
    /// The same memory without Python: what can be looked at while other threads of Python work.
    pub(crate) fn view(&self) -> PyResult<View<'_, T>> {
        Ok(match self {
            Self::Dense(array) => View::Dense(array.as_array().into()),
            Self::Sparse {
                by_rows,
                shape,
                offsets,
                indices,
                values,
            } => View::Sparse {
                by_rows: *by_rows,
                shape: *shape,
                offsets: offsets.slice()?,
                indices: indices.slice()?,
                values: values.as_slice()?,
            },
        })
    }
}

/// Memory that holds a matrix, if its parts fit together.
#[derive(Clone, Copy)]
pub(crate) enum View<'a, T: Number> {
    Dense(Matrix<'a, T>),
    Sparse {
        by_rows: bool,
        shape: (usize, usize),
        offsets: IndexSlice<'a>,
        indices: IndexSlice<'a>,
        values: &'a [T],
    },
}

impl<'a, T: Number> View<'a, T> {
    /// Looks at every index.
    pub(crate) fn matrix(self) -> Result<Matrix<'a, T>, Error> {
        match self {
            Self::Dense(matrix) => Ok(matrix),
            Self::Sparse {
                by_rows,
                shape: (rows, cols),
                offsets,
                indices,
                values,
            } => {
                let make = if by_rows { Matrix::csr } else { Matrix::csc };
                make(rows, cols, offsets, indices, values)
            }
        }
    }
}

impl<'py> Indices<'py> {
    fn of(x: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = x.cast::<PyArray1<i32>>() {
            return Ok(Self::I32(array.try_readonly()?));
        }
        let array = x.cast::<PyArray1<i64>>().map_err(|_| {
            PyTypeError::new_err("the indices of a sparse matrix must be int32 or int64")
        })?;
        Ok(Self::I64(array.try_readonly()?))
    }

    pub(crate) fn slice(&self) -> PyResult<IndexSlice<'_>> {
        Ok(match self {
            Self::I32(array) => array.as_slice()?.into(),
            Self::I64(array) => array.as_slice()?.into(),
        })
    }
}

/// Refuses entries at addresses that are no multiples of their size: no Rust reference may point there.
fn check_addresses(array: &Bound<'_, PyUntypedArray>, size: usize) -> PyResult<()> {
    let steps = array.strides().iter().map(|stride| stride.unsigned_abs());
    let aligned: bool = array.getattr("flags")?.getattr("aligned")?.extract()?;
    if aligned && steps.into_iter().all(|step| step % size == 0) {
        return Ok(());
    }
    Err(PyValueError::new_err(
        "the entries of an array must lie at multiples of their size; copy it first",
    ))
}

/// A factor, copied into rows.
pub(crate) fn factor<T: Number>(x: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Dense<T>>> {
    let Some(x) = x else { return Ok(None) };
    let array = x.cast::<PyArray2<T>>().map_err(|_| {
        PyTypeError::new_err("H and W should have the same dtype as X and two dimensions")
    })?;
    check_addresses(array.as_untyped(), size_of::<T>())?;
    let array = array.try_readonly()?;
    let view = array.as_array();
    let (rows, cols) = view.dim();
    let values = match view.as_slice() {
        Some(values) => values.to_vec(),
        None => view.iter().copied().collect(),
    };
    Dense::from_rows(values, rows, cols)
        .map(Some)
        .map_err(errors::to_python)
}

/// A matrix of the engine as an array, without a copy.
pub(crate) fn to_numpy<T: Number>(py: Python<'_>, dense: Dense<T>) -> PyResult<Bound<'_, PyAny>> {
    let shape = [dense.rows(), dense.cols()];
    let flat = PyArray1::from_vec(py, dense.into_values());
    Ok(flat.reshape(shape)?.into_any())
}
