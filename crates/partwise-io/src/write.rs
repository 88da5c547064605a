//! A matrix to be written, borrowed.

use crate::error::Error;

/// The entries of a matrix to be written, row after row.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 64-bit floats.
    F64(&'a [f64]),
}

impl Values<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }
}

impl<'a> From<&'a [f32]> for Values<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a [f64]> for Values<'a> {
    fn from(values: &'a [f64]) -> Self {
        Self::F64(values)
    }
}

/// A dense matrix to be written.
#[derive(Debug, Clone, Copy)]
pub struct MatrixToWrite<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// The entries in row-major order, `rows * cols` of them.
    pub values: Values<'a>,
    /// One name a row.
    pub row_names: Option<&'a [String]>,
    /// One name a column.
    pub col_names: Option<&'a [String]>,
}

impl MatrixToWrite<'_> {
    /// That all parts fit the shape.
    pub(crate) fn check(&self, file: &str) -> Result<(), Error> {
        let unwritable = |problem: String| {
            Err(Error::Unwritable {
                file: file.to_owned(),
                problem,
            })
        };
        if self.rows.checked_mul(self.cols) != Some(self.values.len()) {
            return unwritable(format!(
                "{} values given for a matrix of {} × {}",
                self.values.len(),
                self.rows,
                self.cols
            ));
        }
        for (what, names, count) in [
            ("row", self.row_names, self.rows),
            ("column", self.col_names, self.cols),
        ] {
            if let Some(names) = names.filter(|names| names.len() != count) {
                return unwritable(format!(
                    "{} {what} names given for {count} {what}s",
                    names.len()
                ));
            }
        }
        Ok(())
    }

    /// Writes entry `index` (row-major) as text: the shortest that reads back as the same number, always with a point
    /// or an exponent.
    pub(crate) fn write_value(
        &self,
        out: &mut impl std::io::Write,
        index: usize,
    ) -> std::io::Result<()> {
        match self.values {
            Values::F32(values) => write_number(out, values[index], values[index].is_finite()),
            Values::F64(values) => write_number(out, values[index], values[index].is_finite()),
        }
    }
}

fn write_number(
    out: &mut impl std::io::Write,
    value: impl std::fmt::Debug,
    finite: bool,
) -> std::io::Result<()> {
    if finite {
        write!(out, "{value:?}")
    } else {
        // As numpy writes them: nan, inf, -inf.
        write!(out, "{}", format!("{value:?}").to_lowercase())
    }
}
