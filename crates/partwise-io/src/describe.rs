//! What a file holds, in figures.

use std::path::Path;

use crate::archive::Archive;
use crate::error::Error;
use crate::format::{Format, ReadOptions, read_source};
use crate::matrix::{AnyMatrix, Matrix, Precision};
use crate::memory::Budget;
use crate::model::{self, Model};
use crate::real::Real;
use crate::source::Source;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Description {
    /// A matrix.
    Matrix(MatrixDescription),
    /// A fitted model, as it is: it is small.
    Model(Box<Model>),
}

/// A matrix in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixDescription {
    /// The name of the format, as [`Format::name`] gives it.
    pub format: &'static str,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// How the file holds an entry.
    pub stored_as: String,
    /// The precision with which it is read.
    pub precision: Precision,
    /// Whether only some entries are stored.
    pub sparse: bool,
    /// Stored entries: all of a dense matrix.
    pub stored: usize,
    /// Entries that are not zero; NaN are among them.
    pub nonzeros: usize,
    /// Zeros among all entries, 0 to 1; 0 for an empty matrix.
    pub zeros_share: f64,
    /// Least entry, NaN apart; `None` if there is none.
    pub min: Option<f64>,
    /// Largest entry, NaN apart.
    pub max: Option<f64>,
    /// Mean of all entries, zeros included, NaN apart.
    pub mean: Option<f64>,
    /// Number of negative entries.
    pub negatives: usize,
    /// Number of NaN.
    pub nans: usize,
    /// Number of infinite entries.
    pub infinities: usize,
    /// The names of the rows.
    pub row_names: Option<Vec<String>>,
    /// The names of the columns.
    pub col_names: Option<Vec<String>>,
}

/// Says what a file holds: reads it (as [`read`](crate::read()) would) and counts.
///
/// # Errors
///
/// As [`read`](crate::read()).
pub fn describe(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Description, Error> {
    let source = Source::open(path.as_ref())?;
    let format = match options.format {
        Some(format) => format,
        None => Format::detect(&source)?,
    };
    if format.name() == "npz" && options.array.is_none() {
        let budget = Budget {
            file: source.name.clone(),
            limit: options.memory_limit,
        };
        let (source, again) = source.twice()?;
        let mut archive = Archive::open(source, &budget)?;
        if model::is_model(&archive) {
            return Ok(Description::Model(Box::new(model::read_from(
                &mut archive,
                &budget,
            )?)));
        }
        return describe_matrix(again, format, options);
    }
    describe_matrix(source, format, options)
}

fn describe_matrix(
    source: Source,
    format: Format,
    options: &ReadOptions,
) -> Result<Description, Error> {
    let options = ReadOptions {
        format: Some(format),
        ..options.clone()
    };
    let table = read_source(source, &options)?;
    let figures = match &table.matrix {
        AnyMatrix::F32(matrix) => Figures::of(matrix),
        AnyMatrix::F64(matrix) => Figures::of(matrix),
    };
    let (rows, cols) = table.matrix.shape();
    let all = rows as f64 * cols as f64;
    let counted = all - figures.nans as f64;
    let implicit_zeros = (figures.stored as f64) < all;
    let or_zero = |value: Option<f64>, pick: fn(f64, f64) -> f64| match (value, implicit_zeros) {
        (Some(value), true) => Some(pick(value, 0.0)),
        (None, true) => Some(0.0),
        (value, false) => value,
    };
    Ok(Description::Matrix(MatrixDescription {
        format: format.name(),
        rows,
        cols,
        stored_as: table.stored_as,
        precision: table.matrix.precision(),
        sparse: table.matrix.is_sparse(),
        stored: figures.stored,
        nonzeros: figures.nonzeros,
        zeros_share: if all > 0.0 {
            (all - figures.nonzeros as f64) / all
        } else {
            0.0
        },
        min: or_zero(figures.min, f64::min),
        max: or_zero(figures.max, f64::max),
        mean: (counted > 0.0).then(|| figures.sum / counted),
        negatives: figures.negatives,
        nans: figures.nans,
        infinities: figures.infinities,
        row_names: table.row_names,
        col_names: table.col_names,
    }))
}

/// Figures of the stored entries.
#[derive(Default)]
struct Figures {
    stored: usize,
    nonzeros: usize,
    negatives: usize,
    nans: usize,
    infinities: usize,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
}

impl Figures {
    fn of<T: Real>(matrix: &Matrix<T>) -> Self {
        let mut figures = Self::default();
        for value in matrix.stored() {
            let value = value.to_f64();
            figures.stored += 1;
            figures.nonzeros += usize::from(value != 0.0);
            if value.is_nan() {
                figures.nans += 1;
                continue;
            }
            figures.negatives += usize::from(value < 0.0);
            figures.infinities += usize::from(value.is_infinite());
            figures.sum += value;
            figures.min = Some(figures.min.map_or(value, |min| min.min(value)));
            figures.max = Some(figures.max.map_or(value, |max| max.max(value)));
        }
        figures
    }
}
