//! An owned dense matrix in rows: the factors, and anything else the engine hands back.

use faer::MatRef;

use crate::{Error, Float};

/// An owned dense matrix, its rows one after another in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense<T> {
    rows: usize,
    cols: usize,
    values: Vec<T>,
}

pub(super) fn check_length(length: usize, rows: usize, cols: usize) -> Result<(), Error> {
    if rows.checked_mul(cols) == Some(length) {
        return Ok(());
    }
    Err(Error::Malformed {
        what: "dense matrix",
        reason: format!("{length} values for the shape {rows} × {cols}"),
    })
}

impl<T: Float> Dense<T> {
    /// A matrix from its values, one row after another.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there are not `rows * cols` values.
    pub fn from_rows(values: Vec<T>, rows: usize, cols: usize) -> Result<Self, Error> {
        check_length(values.len(), rows, cols)?;
        Ok(Self { rows, cols, values })
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self::filled(rows, cols, T::ZERO)
    }

    /// A matrix with one value everywhere.
    pub fn filled(rows: usize, cols: usize, value: T) -> Self {
        Self {
            rows,
            cols,
            values: vec![value; rows * cols],
        }
    }

    /// Matrices of the same width, one below the other.
    pub(crate) fn stacked(parts: Vec<Self>) -> Self {
        let cols = parts.first().map_or(0, Self::cols);
        let mut parts = parts.into_iter();
        let mut values = parts.next().map_or_else(Vec::new, Self::into_values);
        parts.for_each(|part| values.extend(part.into_values()));
        let rows = values.len().checked_div(cols).unwrap_or(0);
        Self { rows, cols, values }
    }

    /// Adds a matrix of the same shape.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, &x) in self.values.iter_mut().zip(&other.values) {
            *sum += x;
        }
    }

    /// A copy of any view.
    pub fn copy_of(view: MatRef<'_, T>) -> Self {
        let (rows, cols) = (view.nrows(), view.ncols());
        let mut values = Vec::with_capacity(rows * cols);
        for i in 0..rows {
            values.extend((0..cols).map(|j| view[(i, j)]));
        }
        Self { rows, cols, values }
    }

    /// The same numbers as another type has them.
    pub(crate) fn converted<S: Float>(&self) -> Dense<S> {
        let values = self.values.iter().map(|x| S::from_f64(x.to_f64()));
        Dense {
            rows: self.rows,
            cols: self.cols,
            values: values.collect(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All values, one row after another.
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }

    /// All values, one row after another, to change.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The values, one row after another, without a copy.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there is no row `i`.
    #[inline]
    pub fn row(&self, i: usize) -> &[T] {
        &self.values[i * self.cols..(i + 1) * self.cols]
    }

    /// Rows `from..to` as one slice.
    pub(crate) fn row_range(&self, from: usize, to: usize) -> &[T] {
        &self.values[from * self.cols..to * self.cols]
    }

    /// The entry in row `i`, column `j`.
    ///
    /// # Panics
    /// If there is no such entry.
    #[inline]
    pub fn get(&self, i: usize, j: usize) -> T {
        self.row(i)[j]
    }

    /// A view for products and decompositions.
    pub fn view(&self) -> MatRef<'_, T> {
        MatRef::from_row_major_slice(&self.values, self.rows, self.cols)
    }

    /// The transposed matrix, copied.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::copy_of(self.view().transpose())
    }
}
