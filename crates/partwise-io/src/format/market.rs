//! Matrix Market `.mtx`: coordinate or array; real, integer or pattern; general or symmetric.
//!
//! Source: Boisvert, Pozo, Remington, "The Matrix Market Exchange Formats", NISTIR 5935 (1996).

use std::fs::File;
use std::io::{BufWriter, Write};

use super::{FileFormat, ReadOptions, WriteMatrix, flush, write_error};
use crate::convert::{Pour, Repeat};
use crate::delimited::shown;
use crate::error::Error;
use crate::lines::Lines;
use crate::matrix::{AnyMatrix, Dense, Matrix, Order, Table};
use crate::memory::{Budget, Chunks};
use crate::real::{Real, at_precision};
use crate::source::Source;
use crate::sparse::{Index, Triplets, at_index};
use crate::store::Kind;
use crate::write::MatrixToWrite;

const BANNER: &str = "%%MatrixMarket";
const SECOND: &str = "a second entry for the same place; expected at most one";

pub(crate) struct MatrixMarket;

impl FileFormat for MatrixMarket {
    fn name(&self) -> &'static str {
        "mtx"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["mtx", "mm"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.len() >= BANNER.len() && head[..BANNER.len()].eq_ignore_ascii_case(BANNER.as_bytes())
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        let length = source.length();
        let mut text = Text {
            lines: Lines::new(source)?,
            budget,
        };
        let banner = text.banner()?;
        let matrix =
            at_precision!(options.dtype.resolve(false), T => text.matrix::<T>(&banner, length)?);
        Ok(Table::unnamed(matrix, banner.field))
    }

    fn pour(&self, source: Source, pour: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        // An array lies column after column.
        let banner = source
            .head
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let banner = String::from_utf8_lossy(banner).to_lowercase();
        if banner.split_ascii_whitespace().nth(2) != Some("coordinate") {
            return Ok(Some(source));
        }
        let budget = pour.budget;
        let mut text = Text {
            lines: Lines::new(source)?,
            budget,
        };
        let banner = text.banner()?;
        let (shape, declared) = text.shape(&banner)?;
        pour.check_shape(shape.0, shape.1)?;
        let precision = pour.precision(false);
        pour.store
            .begin(Kind::Sparse, shape.1, precision, &banner.field)?;
        let mut sorter = pour.sorter();
        at_precision!(precision, T => {
            text.for_each_entry::<T>(&banner, shape, declared, |line, place, value| {
                pour.sort(&mut sorter, place, line, value)
            })?;
            let second = |line| text.fault(line, SECOND);
            pour.sorted::<T>(sorter, shape.0, &Repeat::Refuse(&second))?;
        });
        Ok(None)
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(|file, out: &mut BufWriter<File>, matrix| {
            write_array(out, matrix).map_err(|source| write_error(file, source))?;
            flush(file, out)
        })
    }
}

struct Banner {
    coordinate: bool,
    pattern: bool,
    symmetric: bool,
    field: String,
}

struct Text<'a> {
    lines: Lines,
    budget: &'a Budget,
}

impl Text<'_> {
    fn fault(&self, line: u64, problem: impl Into<String>) -> Error {
        Error::Line {
            file: self.budget.file.clone(),
            line,
            problem: problem.into(),
        }
    }

    fn banner(&mut self) -> Result<Banner, Error> {
        let (line, bytes) = self
            .lines
            .next_whole(self.budget)?
            .ok_or_else(|| Error::Empty {
                file: self.budget.file.clone(),
            })?;
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [banner, "matrix", format, field, symmetry] = words[..] else {
            return Err(self.fault(
                line,
                format!(
                    "expected '{BANNER} matrix FORMAT FIELD SYMMETRY', found '{}'",
                    shown(&bytes)
                ),
            ));
        };
        if !banner.eq_ignore_ascii_case(BANNER) {
            return Err(self.fault(
                line,
                format!("expected '{BANNER}', found '{}'", shown(banner.as_bytes())),
            ));
        }
        let coordinate = match format {
            "coordinate" => true,
            "array" => false,
            other => {
                return Err(self.fault(
                    line,
                    format!(
                        "format '{}'; expected coordinate or array",
                        shown(other.as_bytes())
                    ),
                ));
            }
        };
        let pattern = match field {
            "real" | "double" | "integer" => false,
            "pattern" if coordinate => true,
            "complex" => {
                return Err(self.fault(
                    line,
                    "holds complex numbers; expected real, integer or pattern",
                ));
            }
            other => {
                return Err(self.fault(
                    line,
                    format!(
                        "field '{}'; expected real, integer or pattern",
                        shown(other.as_bytes())
                    ),
                ));
            }
        };
        let symmetric = match symmetry {
            "general" => false,
            "symmetric" => true,
            "skew-symmetric" => {
                return Err(self.fault(
                    line,
                    "skew-symmetric: every entry has its negative across the diagonal, and a factored matrix has none; \
                     expected general or symmetric",
                ));
            }
            other => {
                return Err(self.fault(
                    line,
                    format!(
                        "symmetry '{}'; expected general or symmetric",
                        shown(other.as_bytes())
                    ),
                ));
            }
        };
        Ok(Banner {
            coordinate,
            pattern,
            symmetric,
            field: field.to_owned(),
        })
    }

    /// The line of sizes: `wanted` whole numbers.
    fn sizes(&mut self, wanted: usize) -> Result<(u64, Vec<u64>), Error> {
        while let Some((line, bytes)) = self.lines.next_whole(self.budget)? {
            if is_skipped(&bytes) {
                continue;
            }
            let text = String::from_utf8_lossy(&bytes);
            let sizes: Option<Vec<u64>> = text
                .split_ascii_whitespace()
                .take(wanted + 1)
                .map(|word| word.parse().ok())
                .collect();
            return match sizes {
                Some(sizes) if sizes.len() == wanted => Ok((line, sizes)),
                _ => Err(self.fault(
                    line,
                    format!("expected {wanted} sizes, found '{}'", shown(&bytes)),
                )),
            };
        }
        Err(self.fault(1, "the line of sizes is missing"))
    }

    fn matrix<T: Real>(
        &mut self,
        banner: &Banner,
        length: Option<u64>,
    ) -> Result<AnyMatrix, Error> {
        let ((rows, cols), declared) = self.shape(banner)?;
        let matrix = if banner.coordinate {
            at_index!(rows, cols, I => self.coordinates::<I, T>(banner, (rows, cols), declared, length)?)
        } else {
            Matrix::Dense(self.array(banner, rows, cols, length)?)
        };
        Ok(T::any(matrix))
    }

    /// Rows and columns, and the number of entries that are declared.
    fn shape(&mut self, banner: &Banner) -> Result<((usize, usize), u64), Error> {
        let (line, sizes) = self.sizes(if banner.coordinate { 3 } else { 2 })?;
        let (rows, cols) = (sizes[0], sizes[1]);
        if rows.max(cols) > i64::MAX as u64 {
            return Err(self.fault(
                line,
                format!("a shape of {rows} × {cols} is beyond any memory"),
            ));
        }
        if banner.symmetric && rows != cols {
            return Err(self.fault(
                line,
                format!("a symmetric matrix of {rows} × {cols}; expected a square one"),
            ));
        }
        let declared = sizes.get(2).copied().unwrap_or(0);
        Ok(((rows as usize, cols as usize), declared))
    }

    fn coordinates<I: Index, T: Real>(
        &mut self,
        banner: &Banner,
        (rows, cols): (usize, usize),
        declared: u64,
        length: Option<u64>,
    ) -> Result<Matrix<T>, Error> {
        let budget = self.budget;
        let most = declared.saturating_mul(if banner.symmetric { 2 } else { 1 });
        let an_entry = (2 * size_of::<I>() + size_of::<T>()) as u64;
        budget.check(
            most.saturating_mul(an_entry)
                .saturating_add((rows as u64).saturating_mul(8)),
        )?;
        // No entry takes less than four bytes of the file; so a false promise cannot take much memory.
        let expected = length.map(|bytes| (bytes / 4).min(declared) * (most / declared.max(1)));
        let mut row = Chunks::<I>::new(budget, expected)?;
        let mut col = Chunks::<I>::new(budget, expected)?;
        let mut values = Chunks::<T>::new(budget, expected)?;
        let mut places = LinesOfEntries::default();
        self.for_each_entry::<T>(banner, (rows, cols), declared, |line, (i, j), value| {
            places.push(values.len(), line);
            row.push(I::new(i))?;
            col.push(I::new(j))?;
            values.push(value)
        })?;
        let triplets = Triplets {
            rows,
            cols,
            row: row.finish()?,
            col: col.finish()?,
            values: values.finish()?,
        };
        match triplets.unique(budget)? {
            Ok(sparse) => Ok(Matrix::Sparse(sparse)),
            Err(position) => Err(self.fault(places.line(position), SECOND)),
        }
    }

    /// Hands over line, place and value of each entry, those across the diagonal of a symmetric matrix, too.
    fn for_each_entry<T: Real>(
        &mut self,
        banner: &Banner,
        (rows, cols): (usize, usize),
        declared: u64,
        mut sink: impl FnMut(u64, (usize, usize), T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut found = 0;
        while let Some(piece) = self.lines.next()? {
            if is_skipped(piece.bytes) {
                continue;
            }
            let entry = if piece.begins && piece.ends {
                parse_entry::<T>(piece.bytes, banner.pattern, rows, cols)
            } else {
                Err("a line of a megabyte; expected one entry".into())
            };
            let line = piece.line;
            let (i, j, value) = entry.map_err(|problem| self.fault(line, problem))?;
            if found == declared {
                return Err(
                    self.fault(line, format!("one entry more than the {declared} declared"))
                );
            }
            found += 1;
            sink(line, (i, j), value)?;
            if banner.symmetric && i != j {
                sink(line, (j, i), value)?;
            }
        }
        if found < declared {
            return Err(self.mismatch(found, declared));
        }
        Ok(())
    }

    fn mismatch(&self, found: u64, declared: u64) -> Error {
        Error::Malformed {
            file: self.budget.file.clone(),
            problem: format!("holds {found} entries; {declared} are declared"),
        }
    }

    fn array<T: Real>(
        &mut self,
        banner: &Banner,
        rows: usize,
        cols: usize,
        length: Option<u64>,
    ) -> Result<Dense<T>, Error> {
        let all = (rows as u64).saturating_mul(cols as u64);
        let declared = if banner.symmetric {
            (all - rows as u64) / 2 + rows as u64
        } else {
            all
        };
        self.budget
            .check(all.saturating_mul(size_of::<T>() as u64))?;
        let expected = length.map(|bytes| (bytes / 2 + 1).min(declared));
        let mut values = Chunks::<T>::new(self.budget, expected)?;
        while let Some(piece) = self.lines.next()? {
            if is_skipped(piece.bytes) {
                continue;
            }
            let line = piece.line;
            let parsed = fast_float2::parse(piece.bytes.trim_ascii());
            let value =
                parsed.map_err(|_| format!("expected one number, found '{}'", shown(piece.bytes)));
            let value = value.map_err(|problem| self.fault(line, problem))?;
            if values.len() as u64 == declared {
                return Err(
                    self.fault(line, format!("one entry more than the {declared} declared"))
                );
            }
            values.push(value)?;
        }
        if (values.len() as u64) < declared {
            return Err(self.mismatch(values.len() as u64, declared));
        }
        let mut data = values.finish()?;
        if banner.symmetric {
            data = unfold(self.budget, &data, rows)?;
        }
        Ok(Dense {
            rows,
            cols,
            order: Order::ColumnMajor,
            data,
        })
    }
}

/// The whole of a symmetric matrix from its lower triangle, column by column.
fn unfold<T: Real>(budget: &Budget, lower: &[T], size: usize) -> Result<Vec<T>, Error> {
    let count = size * size;
    let mut whole = budget.allocate(count as u64)?;
    whole.resize(count, T::default());
    let mut values = lower.iter();
    for col in 0..size {
        for (row, &value) in (col..size).zip(&mut values) {
            whole[col * size + row] = value;
            whole[row * size + col] = value;
        }
    }
    Ok(whole)
}

fn is_skipped(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    text.is_empty() || text[0] == b'%'
}

fn parse_entry<T: Real>(
    bytes: &[u8],
    pattern: bool,
    rows: usize,
    cols: usize,
) -> Result<(usize, usize, T), String> {
    let mut words = bytes
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let mut index = |what: &str, bound: usize| {
        let word = words.next().unwrap_or_default();
        let index = whole_number(word)
            .ok_or_else(|| format!("expected a {what} index, found '{}'", shown(word)))?;
        match index {
            1.. if index <= bound as u64 => Ok(index as usize - 1),
            _ => Err(format!(
                "{what} index {index} is out of range; expected 1 to {bound}"
            )),
        }
    };
    let row = index("row", rows)?;
    let col = index("column", cols)?;
    let value = if pattern {
        T::from_f32(1.0)
    } else {
        let word = words
            .next()
            .ok_or("an entry without a value; expected row, column, value")?;
        fast_float2::parse(word).map_err(|_| format!("'{}' is not a number", shown(word)))?
    };
    match words.next() {
        None => Ok((row, col, value)),
        Some(word) => Err(format!(
            "'{}' behind the entry; expected the end of the line",
            shown(word)
        )),
    }
}

fn whole_number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 19 {
        return None;
    }
    word.iter().try_fold(0, |number: u64, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

/// The line of each entry, kept only where it is not one behind the entry before.
#[derive(Default)]
struct LinesOfEntries {
    /// (entry, its line), where the count starts anew.
    jumps: Vec<(usize, u64)>,
}

impl LinesOfEntries {
    fn push(&mut self, entry: usize, line: u64) {
        if self.jumps.is_empty() || self.line(entry) != line {
            self.jumps.push((entry, line));
        }
    }

    fn line(&self, entry: usize) -> u64 {
        let place = self.jumps.partition_point(|jump| jump.0 <= entry);
        let (first, line) = self.jumps[place.saturating_sub(1)];
        line + (entry - first) as u64
    }
}

fn write_array(out: &mut impl Write, matrix: &MatrixToWrite<'_>) -> std::io::Result<()> {
    writeln!(out, "{BANNER} matrix array real general")?;
    writeln!(out, "{} {}", matrix.rows, matrix.cols)?;
    for col in 0..matrix.cols {
        for row in 0..matrix.rows {
            matrix.write_value(out, row * matrix.cols + col)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
