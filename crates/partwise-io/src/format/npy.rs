//! numpy's `.npy`: one array of any real type, in C or Fortran order.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use super::{FileFormat, ReadOptions, WriteMatrix, write_error};
use crate::convert::Pour;
use crate::error::Error;
use crate::matrix::{AnyDense, AnyMatrix, Dense, Matrix, Order, Table};
use crate::memory::Budget;
use crate::numpy::{Header, MAGIC, write_header};
use crate::real::{Dtype, Real, at_precision};
use crate::source::{Source, fill, read_error};
use crate::store::Kind;
use crate::stored::Arrays;
use crate::write::{MatrixToWrite, Values};

pub(crate) struct Npy;

impl FileFormat for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["npy"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(MAGIC)
    }

    fn recognises_folder(&self, folder: &Path) -> bool {
        Arrays::are_in(folder)
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        if let Some(arrays) = in_folder(&source, options)? {
            return arrays.table(budget);
        }
        let available = source.length();
        let mut reader = source.into_reader();
        let mut header = Header::read(&budget.file, &mut reader)?;
        if options.column && header.shape.len() == 1 {
            header.shape.push(1);
        }
        let dense = read_dense(&header, &mut reader, available, budget, options.dtype)?;
        let matrix = match dense {
            AnyDense::F32(dense) => AnyMatrix::F32(Matrix::Dense(dense)),
            AnyDense::F64(dense) => AnyMatrix::F64(Matrix::Dense(dense)),
        };
        Ok(Table::unnamed(matrix, header.entry.name()))
    }

    fn pour(&self, source: Source, pour: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        match in_folder(&source, pour.options)? {
            Some(arrays) if arrays.by_columns() => return Ok(Some(source)),
            Some(arrays) => return arrays.pour(pour).map(|()| None),
            None => {}
        }
        // A header that is longer than what is shown of the file is for the ordinary reader.
        let order = Header::read(&source.name, &mut &source.head[..]).map(|header| header.order);
        if order.ok() != Some(Order::RowMajor) {
            return Ok(Some(source));
        }
        let available = source.length();
        let mut reader = source.into_reader();
        let file = &pour.budget.file;
        let first = Header::read(file, &mut reader)?;
        begin_rows(&first, pour)?;
        pour_rows(&first, &mut reader, available, pour)?;
        // Arrays may follow each other in a pipe. In a file numpy does not see them either.
        while available.is_none() {
            let mut head = [0; MAGIC.len()];
            let found = fill(&mut reader, &mut head).map_err(|source| read_error(file, source))?;
            if found == 0 {
                break;
            }
            let header = Header::read(file, &mut head[..found].chain(&mut reader))?;
            let wanted = first.two_dimensions(file)?.1;
            let cols = header.two_dimensions(file)?.1;
            if cols != wanted || header.order != Order::RowMajor {
                return Err(Error::Unsupported {
                    file: file.clone(),
                    problem: format!(
                        "has an array of {cols} columns behind one of {wanted}; expected as many, in C order"
                    ),
                });
            }
            pour_rows(&header, &mut reader, None, pour)?;
        }
        Ok(None)
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(|file, out: &mut BufWriter<File>, matrix| {
            write_dense(out, matrix).map_err(|source| write_error(file, source))
        })
    }
}

/// The files of a folder, if the source is one.
fn in_folder(source: &Source, options: &ReadOptions) -> Result<Option<Arrays>, Error> {
    match source.folder() {
        Some(folder) => Arrays::open(folder, options.dtype),
        None => Ok(None),
    }
}

/// Reads the two-dimensional array that follows its header; `available` bytes hold both, where that is known.
pub(crate) fn read_dense(
    header: &Header,
    reader: &mut impl Read,
    available: Option<u64>,
    budget: &Budget,
    dtype: Dtype,
) -> Result<AnyDense, Error> {
    let (rows, cols) = header.two_dimensions(&budget.file)?;
    let count = header.checked_count(&budget.file, available)?;
    at_precision!(dtype.resolve(header.entry.is_f32()), T => {
        let data = header.read_reals::<T>(budget, reader, count, available.is_some())?;
        Ok(T::any_dense(Dense { rows, cols, order: header.order, data }))
    })
}

/// Begins a store of the rows of an array.
pub(crate) fn begin_rows(header: &Header, pour: &mut Pour<'_, '_>) -> Result<(), Error> {
    let (_, cols) = header.two_dimensions(&pour.budget.file)?;
    // A row at the least is in memory at a time.
    pour.budget.check((cols as u64).saturating_mul(8))?;
    let precision = pour.precision(header.entry.is_f32());
    pour.store
        .begin(Kind::Dense, cols, precision, &header.entry.name())
}

/// Puts the rows of an array in C order, which follow its header, into a store that has begun.
pub(crate) fn pour_rows(
    header: &Header,
    reader: &mut impl Read,
    available: Option<u64>,
    pour: &mut Pour<'_, '_>,
) -> Result<(), Error> {
    let file = &pour.budget.file;
    let (_, cols) = header.two_dimensions(file)?;
    let count = header.checked_count(file, available)?;
    header.check_real(file)?;
    let precision = pour.precision(header.entry.is_f32());
    let store = &mut pour.store;
    let most = store.wants(cols).max(1);
    at_precision!(precision, T => {
        let mut values = vec![T::default(); count.min(most as u64) as usize];
        let mut left = count;
        while left > 0 {
            let now = left.min(most as u64) as usize;
            header.convert(file, reader, &mut values[..now])?;
            store.dense(&values[..now])?;
            left -= now as u64;
        }
    });
    Ok(())
}

/// Writes header and numbers.
pub(crate) fn write_dense(out: &mut impl Write, matrix: &MatrixToWrite<'_>) -> std::io::Result<()> {
    let shape = [matrix.rows, matrix.cols];
    match matrix.values {
        Values::F32(values) => {
            write_header(out, "<f4", &shape)?;
            values
                .iter()
                .try_for_each(|value| out.write_all(&value.to_le_bytes()))
        }
        Values::F64(values) => {
            write_header(out, "<f8", &shape)?;
            values
                .iter()
                .try_for_each(|value| out.write_all(&value.to_le_bytes()))
        }
    }
}

/// The entries of a dense matrix row after row, copied only if they lie otherwise.
pub(crate) fn row_major<T: Copy>(dense: &Dense<T>) -> std::borrow::Cow<'_, [T]> {
    match dense.order {
        Order::RowMajor => (&dense.data[..]).into(),
        Order::ColumnMajor => {
            let entries =
                (0..dense.rows).flat_map(|row| (0..dense.cols).map(move |col| (row, col)));
            entries
                .map(|(row, col)| dense.data[col * dense.rows + row])
                .collect::<Vec<_>>()
                .into()
        }
    }
}
