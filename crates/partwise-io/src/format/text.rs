//! Plain text as `numpy.loadtxt` reads it: a row a line, numbers between blanks or commas, `#` for comments.

use std::fs::File;
use std::io::{BufWriter, Write};

use super::{FileFormat, ReadOptions, WriteMatrix, flush, write_error};
use crate::delimited::{Dialect, Rows, Separator, lines_of};
use crate::error::Error;
use crate::matrix::Table;
use crate::memory::Budget;
use crate::real::at_precision;
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
        let (mut lines, size) = lines_of(source)?;
        let mut dialect = Dialect {
            separator: Separator::Blank,
            comments_within_lines: true,
            row_names: false,
        };
        at_precision!(options.dtype.resolve(false), T => {
            let mut rows = None::<Rows<'_, T>>;
            while let Some(piece) = lines.next()? {
                if let Some(rows) = &mut rows {
                    rows.push(piece)?;
                    continue;
                }
                // The first line with numbers decides what stands between them.
                if !dialect.is_skipped(piece) {
                    let before_comment = piece.bytes.split(|byte| *byte == b'#').next().unwrap_or_default();
                    if before_comment.contains(&b',') {
                        dialect.separator = Separator::Byte(b',');
                    }
                    rows.insert(Rows::new(budget, dialect, size)?).push(piece)?;
                }
            }
            let rows = rows.ok_or_else(|| Error::Empty { file: budget.file.clone() })?;
            Ok(Table::unnamed(rows.finish()?.0, "text"))
        })
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(|file, out: &mut BufWriter<File>, matrix| {
            write_rows(out, matrix).map_err(|source| write_error(file, source))?;
            flush(file, out)
        })
    }
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
