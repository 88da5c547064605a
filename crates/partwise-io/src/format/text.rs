//! Plain text as `numpy.loadtxt` reads it: a row a line, numbers between blanks or commas, `#` for comments.

use std::fs::File;
use std::io::{BufWriter, Write};

use super::{FileFormat, ReadOptions, WriteMatrix, flush, write_error};
use crate::convert::Pour;
use crate::delimited::{Dialect, Rows, Separator, Size, lines_of};
use crate::error::Error;
use crate::lines::Lines;
use crate::matrix::Table;
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::source::Source;
use crate::write::MatrixToWrite;

pub(crate) struct Text;

impl FileFormat for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["txt", "dat"]
    }

    fn recognises(&self, _: &[u8]) -> bool {
        false
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        let lines = lines_of(source, true)?;
        at_precision!(options.dtype.resolve(false), T => {
            let rows = rows_of::<T>(lines, budget, |_| Ok(()))?;
            Ok(Table::unnamed(rows.finish()?.0, "text"))
        })
    }

    fn pour(&self, source: Source, pour: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        let lines = lines_of(source, false)?;
        at_precision!(pour.precision(false), T => {
            let store = &mut pour.store;
            rows_of::<T>(lines, pour.budget, |rows| rows.pour(store, false))?.pour(store, true)?;
        });
        Ok(None)
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(|file, out: &mut BufWriter<File>, matrix| {
            write_rows(out, matrix).map_err(|source| write_error(file, source))?;
            flush(file, out)
        })
    }
}

/// All rows, `each` being called with those so far after every one.
fn rows_of<T: Real>(
    (mut lines, size): (Lines, Option<Size>),
    budget: &Budget,
    mut each: impl FnMut(&mut Rows<'_, T>) -> Result<(), Error>,
) -> Result<Rows<'_, T>, Error> {
    let mut dialect = Dialect {
        separator: Separator::Blank,
        comments_within_lines: true,
        row_names: false,
    };
    let mut rows = None::<Rows<'_, T>>;
    while let Some(piece) = lines.next()? {
        if let Some(rows) = &mut rows {
            rows.push(piece)?;
            each(rows)?;
            continue;
        }
        // The first line with numbers decides what stands between them.
        if !dialect.is_skipped(piece) {
            let before_comment = piece.bytes.split(|byte| *byte == b'#').next();
            if before_comment.unwrap_or_default().contains(&b',') {
                dialect.separator = Separator::Byte(b',');
            }
            rows.insert(Rows::new(budget, dialect, size)?).push(piece)?;
        }
    }
    rows.ok_or_else(|| Error::Empty {
        file: budget.file.clone(),
    })
}

fn write_rows(out: &mut impl Write, matrix: &MatrixToWrite<'_>) -> std::io::Result<()> {
    for row in 0..matrix.rows {
        for col in 0..matrix.cols {
            if col > 0 {
                out.write_all(b" ")?;
            }
            matrix.write_value(out, row * matrix.cols + col)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}
