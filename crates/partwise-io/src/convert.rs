//! Any matrix into a store of row blocks, holding as little of it as its format allows.
//!
//! | input | how | temporary disk |
//! |---|---|---|
//! | `.npy` in C order, folders of `.npy`, dense arrays of `.npz` in C order | a block at a time | none |
//! | CSV, TSV, text | line by line | none |
//! | CSR of scipy | a block at a time, its three arrays side by side | none |
//! | CSC and COO of scipy, coordinates of Matrix Market | sorted outside of memory (`sorter.rs`) | 24 bytes an entry |
//! | a store | a block at a time | none |
//! | Parquet, Arrow; dense arrays and CSR of HDF5 and Zarr | some rows at a time (`rows/`) | none |
//! | CSC of HDF5 and Zarr | some columns at a time, sorted outside of memory | 24 bytes an entry |
//! | all else | through memory | none |

use std::path::Path;

use crate::atomic::{folder_of, write_atomically};
use crate::error::Error;
use crate::format::{self, Format, ReadOptions, write_error};
use crate::matrix::{AnyMatrix, Dense, Layout, Matrix, Order, Precision, Sparse, Table};
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::sorter::{Entry, Sorter};
use crate::source::Source;
use crate::store::{Batch, Block, Goal, Kind, Store, Writer};
use crate::stored::open_store;

/// Entries between two looks at whether to go on, where nothing is written yet.
const WATCH: u64 = 1 << 16;
/// Values of a dense matrix that are handed over at a time.
pub(crate) const VALUES: usize = 1 << 17;

/// How far a conversion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converting {
    /// Rows in the store.
    pub rows: u64,
    /// Entries in the store; or, while there are no rows in it, read to be sorted.
    pub entries: u64,
}

/// What came of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// The name of the format that was read.
    pub format: &'static str,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Number of stored entries.
    pub stored: usize,
    /// Whether only some entries are stored.
    pub sparse: bool,
    /// How the input held an entry.
    pub stored_as: String,
    /// Bytes of the store.
    pub bytes: u64,
    /// Whether all of the matrix was in memory, since its format does not give it in parts.
    pub held: bool,
}

/// Makes a store of row blocks (`.pws`) of any matrix that [`read`](crate::read()) reads, or of a folder of `.npy` files, whole
/// or not at all. `compress` says whether blocks are compressed where that halves them. `watch` is called after every
/// block, and says whether to go on.
///
/// # Errors
///
/// As [`read`](crate::read()) and [`write`](crate::write()); [`Error::Stopped`] if `watch` says so; more than
/// 4,294,967,295 rows or columns.
pub fn convert(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &ReadOptions,
    compress: bool,
    watch: &mut dyn FnMut(Converting) -> bool,
) -> Result<Converted, Error> {
    let output = output.as_ref();
    let name = output.display().to_string();
    let folder = folder_of(output);
    let mut watch = |rows, entries| watch(Converting { rows, entries });
    let mut converted = None;
    write_atomically(output, |out| -> Result<(), Error> {
        let mut store = Writer::new(&name, Goal::Store { out, compress }, &mut watch);
        let (format, held) = pour(input.as_ref(), &mut store, options, &folder)?;
        let made = store.finish()?;
        converted = Some(Converted {
            format,
            rows: made.rows as usize,
            cols: made.cols as usize,
            stored: made.stored as usize,
            sparse: made.kind == Kind::Sparse,
            stored_as: made.stored_as,
            bytes: made.bytes,
            held,
        });
        Ok(())
    })?;
    Ok(converted.expect("it was set before the file took its name"))
}

/// Hands over the rows of any matrix that [`convert()`] converts, so many at a time (the last may be fewer), while they are read:
/// from a pipe as they come. `visit` says whether to go on. From a pipe, arrays of `.npy` may follow each other.
///
/// # Errors
///
/// As [`convert()`]; [`Error::Stopped`] if `visit` says so.
pub fn for_each_batch(
    input: impl AsRef<Path>,
    options: &ReadOptions,
    rows: usize,
    visit: &mut dyn FnMut(Batch<'_>) -> bool,
) -> Result<(), Error> {
    let input = input.as_ref();
    let name = input.display().to_string();
    let mut go_on = |_, _| true;
    let rows = rows.max(1);
    let mut batches = Writer::new(&name, Goal::Visit { rows, visit }, &mut go_on);
    pour(input, &mut batches, options, &std::env::temp_dir())?;
    batches.finish().map(drop)
}

/// The format of the input, and whether all of it was in memory.
fn pour(
    input: &Path,
    store: &mut Writer<'_>,
    options: &ReadOptions,
    folder: &Path,
) -> Result<(&'static str, bool), Error> {
    let (input, options) = &options.at(input);
    let budget = Budget {
        file: input.display().to_string(),
        limit: options.memory_limit,
    };
    let mut pour = Pour {
        store,
        budget: &budget,
        options,
        folder,
    };
    let named = options.array.is_some();
    if !named
        && options.format.is_none_or(|format| format.name() == "pws")
        && let Some(stored) = open_store(input, options.dtype)?
    {
        at_precision!(stored.precision(), T => pour.again::<T>(&stored)?);
        return Ok(("pws", false));
    }
    let source = Source::open(input)?;
    let format = match options.format {
        Some(format) => format,
        None => Format::detect(&source)?,
    };
    let budget = Budget {
        file: source.name.clone(),
        ..budget
    };
    pour.budget = &budget;
    let Some(source) = format::pour(format, source, &mut pour)? else {
        return Ok((format.name(), false));
    };
    let options = ReadOptions {
        format: Some(format),
        ..options.clone()
    };
    let table = format::read_source(source, &options)?;
    pour.table(table)?;
    Ok((format.name(), true))
}

/// A store being made, and what the readers that pour into it need.
pub(crate) struct Pour<'a, 'w> {
    pub(crate) store: &'a mut Writer<'w>,
    pub(crate) budget: &'a Budget,
    pub(crate) options: &'a ReadOptions,
    /// Where temporary files go: beside the store.
    folder: &'a Path,
}

/// What a second entry for the same place means.
pub(crate) enum Repeat<'a> {
    /// It is added to the first.
    Sum,
    /// It is an error: what to say of it, by its number.
    Refuse(&'a dyn Fn(u64) -> Error),
}

impl Pour<'_, '_> {
    /// Another store.
    fn again<T: Real>(&mut self, stored: &Store) -> Result<(), Error> {
        let precision = stored.precision();
        let cols = stored.shape().1;
        self.store
            .begin(stored.kind(), cols, precision, stored.stored_as())?;
        let (row_names, col_names) = stored.names();
        self.store.col_names(col_names.map(<[String]>::to_vec));
        if let Some(names) = row_names {
            self.store.row_names(names.iter().cloned());
        }
        stored.for_each_block::<T>(|block| match block {
            Block::Dense(values) => self.store.dense(values),
            Block::Sparse(run) => run.offsets.windows(2).try_for_each(|row| {
                let (from, to) = (row[0], row[1]);
                let indices = run.indices[from..to].iter().copied();
                let values = run.values[from..to].iter().copied();
                self.store.sparse_row(indices.zip(values))
            }),
        })
    }

    /// A matrix in memory, with its names.
    fn table(&mut self, table: Table) -> Result<(), Error> {
        let (rows, cols) = table.matrix.shape();
        let precision = table.matrix.precision();
        let kind = if table.matrix.is_sparse() {
            Kind::Sparse
        } else {
            Kind::Dense
        };
        self.check_shape(rows, cols)?;
        self.store.begin(kind, cols, precision, &table.stored_as)?;
        self.store.col_names(table.col_names);
        if let Some(names) = table.row_names {
            self.store.row_names(names);
        }
        match table.matrix {
            AnyMatrix::F32(matrix) => self.matrix(matrix),
            AnyMatrix::F64(matrix) => self.matrix(matrix),
        }
    }

    fn matrix<T: Real>(&mut self, matrix: Matrix<T>) -> Result<(), Error> {
        match matrix {
            Matrix::Dense(dense) => self.dense(&dense),
            Matrix::Sparse(sparse) if sparse.layout == Layout::Csr => {
                sparse.offsets.windows(2).try_for_each(|row| {
                    let entries = row[0] as usize..row[1] as usize;
                    let entries =
                        entries.map(|at| (sparse.indices.get(at) as u32, sparse.values[at]));
                    self.store.sparse_row(entries)
                })
            }
            Matrix::Sparse(sparse) => self.turned(&sparse),
        }
    }

    fn dense<T: Real>(&mut self, dense: &Dense<T>) -> Result<(), Error> {
        if dense.order == Order::RowMajor {
            return self.store.dense(&dense.data);
        }
        let run = (VALUES / dense.cols.max(1)).max(1);
        let mut values = Vec::new();
        for first in (0..dense.rows).step_by(run) {
            values.clear();
            for row in first..(first + run).min(dense.rows) {
                let entries = dense.data[row..].iter().step_by(dense.rows);
                values.extend(entries.copied());
            }
            self.store.dense(&values)?;
        }
        Ok(())
    }

    fn turned<T: Real>(&mut self, sparse: &Sparse<T>) -> Result<(), Error> {
        let mut sorter = self.sorter();
        for (number, (row, col, value)) in (0..).zip(sparse.entries()) {
            self.sort(&mut sorter, (row, col), number, value)?;
        }
        self.sorted::<T>(sorter, sparse.rows, &Repeat::Sum)
    }

    /// Refuses a shape that no sparse store has.
    pub(crate) fn check_shape(&self, rows: usize, cols: usize) -> Result<(), Error> {
        if rows.max(cols) <= u32::MAX as usize {
            return Ok(());
        }
        Err(Error::Unsupported {
            file: self.budget.file.clone(),
            problem: format!(
                "has a shape of {rows} × {cols}; a store has at most {} rows and columns",
                u32::MAX
            ),
        })
    }

    /// A sorter for entries in any order.
    pub(crate) fn sorter(&self) -> Sorter {
        Sorter::new(self.folder, self.budget.limit)
    }

    /// Puts an entry, which must lie within the shape, among those to be sorted.
    pub(crate) fn sort<T: Real>(
        &mut self,
        sorter: &mut Sorter,
        (row, col): (usize, usize),
        number: u64,
        value: T,
    ) -> Result<(), Error> {
        let entry = Entry {
            row: row as u32,
            col: col as u32,
            number,
            value: value.to_f64(),
        };
        if number.is_multiple_of(WATCH) {
            self.store.watch(number)?;
        }
        sorter.push(entry).map_err(|source| self.unsorted(source))
    }

    /// Writes all rows, once a store of them has begun.
    pub(crate) fn sorted<T: Real>(
        &mut self,
        sorter: Sorter,
        rows: usize,
        repeat: &Repeat<'_>,
    ) -> Result<(), Error> {
        let mut sorted = sorter.finish().map_err(|source| self.unsorted(source))?;
        let mut next = sorted.next().map_err(|source| self.unsorted(source))?;
        let mut entries: Vec<(u32, T)> = Vec::new();
        for row in 0..rows {
            entries.clear();
            while let Some(entry) = next.filter(|entry| entry.row as usize == row) {
                let value = T::from_f64(entry.value);
                match (entries.last_mut(), repeat) {
                    (Some((col, sum)), Repeat::Sum) if *col == entry.col => *sum += value,
                    (Some((col, _)), Repeat::Refuse(error)) if *col == entry.col => {
                        return Err(error(entry.number));
                    }
                    _ => entries.push((entry.col, value)),
                }
                next = sorted.next().map_err(|source| self.unsorted(source))?;
            }
            self.store.sparse_row(entries.iter().copied())?;
        }
        Ok(())
    }

    fn unsorted(&self, source: std::io::Error) -> Error {
        write_error(
            &format!("temporary file in {}", self.folder.display()),
            source,
        )
    }

    /// The precision of what is read, from whether the file has 32-bit floats.
    pub(crate) fn precision(&self, file_is_f32: bool) -> Precision {
        self.options.dtype.resolve(file_is_f32)
    }
}
