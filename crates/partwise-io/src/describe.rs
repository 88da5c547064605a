//! What a file holds, in figures.

use std::path::Path;

use crate::archive::Archive;
use crate::error::Error;
use crate::format::{Format, ReadOptions, read_source};
use crate::matrix::{AnyMatrix, Precision};
use crate::memory::Budget;
use crate::model::{self, Model};
use crate::real::{Real, at_precision};
use crate::source::Source;
use crate::store::{Block, Kind, Store};
use crate::stored::open_store;

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
    let (path, options) = &options.at(path.as_ref());
    if options.array.is_none()
        && options.format.is_none_or(|format| format.name() == "pws")
        && let Some(store) = open_store(path, options.dtype)?
    {
        return describe_store(&store);
    }
    let source = Source::open(path)?;
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
    let mut figures = Figures::default();
    match &table.matrix {
        AnyMatrix::F32(matrix) => figures.add(matrix.stored()),
        AnyMatrix::F64(matrix) => figures.add(matrix.stored()),
    }
    Ok(figures.describe(
        format.name(),
        table.matrix.shape(),
        (table.stored_as, table.matrix.precision()),
        table.matrix.is_sparse(),
        (table.row_names, table.col_names),
    ))
}

/// A store is looked at block by block.
fn describe_store(store: &Store) -> Result<Description, Error> {
    let mut figures = Figures::default();
    at_precision!(store.precision(), T => store.for_each_block::<T>(|block| {
        figures.add(match block {
            Block::Dense(values) => values,
            Block::Sparse(run) => &run.values,
        });
        Ok(())
    })?);
    let (row_names, col_names) = store.names();
    let owned = |names: Option<&[String]>| names.map(<[String]>::to_vec);
    Ok(figures.describe(
        "pws",
        store.shape(),
        (store.stored_as().to_owned(), store.precision()),
        store.kind() == Kind::Sparse,
        (owned(row_names), owned(col_names)),
    ))
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
    fn add<T: Real>(&mut self, stored: &[T]) {
        for value in stored {
            let value = value.to_f64();
            self.stored += 1;
            self.nonzeros += usize::from(value != 0.0);
            if value.is_nan() {
                self.nans += 1;
                continue;
            }
            self.negatives += usize::from(value < 0.0);
            self.infinities += usize::from(value.is_infinite());
            self.sum += value;
            self.min = Some(self.min.map_or(value, |min| min.min(value)));
            self.max = Some(self.max.map_or(value, |max| max.max(value)));
        }
    }

    fn describe(
        self,
        format: &'static str,
        (rows, cols): (usize, usize),
        (stored_as, precision): (String, Precision),
        sparse: bool,
        (row_names, col_names): (Option<Vec<String>>, Option<Vec<String>>),
    ) -> Description {
        let all = rows as f64 * cols as f64;
        let counted = all - self.nans as f64;
        let implicit_zeros = (self.stored as f64) < all;
        let or_zero = |value: Option<f64>, pick: fn(f64, f64) -> f64| match (value, implicit_zeros)
        {
            (Some(value), true) => Some(pick(value, 0.0)),
            (None, true) => Some(0.0),
            (value, false) => value,
        };
        Description::Matrix(MatrixDescription {
            format,
            rows,
            cols,
            stored_as,
            precision,
            sparse,
            stored: self.stored,
            nonzeros: self.nonzeros,
            zeros_share: if all > 0.0 {
                (all - self.nonzeros as f64) / all
            } else {
                0.0
            },
            min: or_zero(self.min, f64::min),
            max: or_zero(self.max, f64::max),
            mean: (counted > 0.0).then(|| self.sum / counted),
            negatives: self.negatives,
            nans: self.nans,
            infinities: self.infinities,
            row_names,
            col_names,
        })
    }
}
