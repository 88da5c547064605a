//! CSV and TSV: tables whose first line may name the columns and whose first column may name the rows.
//!
//! Whether they do is found out from the first two lines, unless the caller says so:
//!
//! - The first line is a header if a field of it is no number, and none of the ways to leave a number out (nothing, `NA`, `null`). Only when its first field alone is no number, and neither
//!   is the second line's, can it be a row with a name as well; then it is a header if its numbers count up by one
//!   (`gene,0,1,2`), else a row.
//! - The first column holds names if the first row's field there is a text (a number or nothing, without quotes, is none), if the header's corner is empty, or if the
//!   header is one field shorter than the rows.
//! - Numbers with decimal commas, which the separator may have cut in two, are no names unless the header says so, and refused.
//! - A number in quotes counts as a name, unless the second line has nothing but quoted fields.

use std::fs::File;
use std::io::{BufWriter, Write};

use super::{FileFormat, ReadOptions, WriteMatrix, flush, write_error};
use crate::convert::Pour;
use crate::delimited::{Dialect, Fields, Rows, Separator, Size, Unclosed, lines_of, unclosed};
use crate::error::{Error, has_decimal_commas};
use crate::lines::{BUFFER_BYTES, Lines, Piece};
use crate::matrix::Table;
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::source::Source;
use crate::write::MatrixToWrite;

/// Comma-separated values. When the first line has no comma, semicolons or tabs are taken instead.
pub(crate) static CSV: Named = Named {
    name: "csv",
    extensions: &["csv"],
    separators: b",;\t",
    writer: |file, out, matrix| write_table(file, out, matrix, b','),
};

/// Tab-separated values.
pub(crate) static TSV: Named = Named {
    name: "tsv",
    extensions: &["tsv", "tab"],
    separators: b"\t",
    writer: |file, out, matrix| write_table(file, out, matrix, b'\t'),
};

pub(crate) struct Named {
    name: &'static str,
    extensions: &'static [&'static str],
    /// In order of preference.
    separators: &'static [u8],
    writer: WriteMatrix,
}

impl FileFormat for Named {
    fn name(&self) -> &'static str {
        self.name
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.extensions
    }

    fn recognises(&self, _: &[u8]) -> bool {
        false
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        let begun = self.begin(lines_of(source, true)?, budget, options)?;
        let col_names = begun.col_names.clone();
        at_precision!(options.dtype.resolve(false), T => {
            let (matrix, row_names) = begun.rows::<T>(budget, |_| Ok(()))?.finish()?;
            Ok(Table { matrix, row_names, col_names, stored_as: "text".into() })
        })
    }

    fn pour(&self, source: Source, pour: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        let begun = self.begin(lines_of(source, false)?, pour.budget, pour.options)?;
        pour.store.col_names(begun.col_names.clone());
        at_precision!(pour.precision(false), T => {
            let store = &mut pour.store;
            begun.rows::<T>(pour.budget, |rows| rows.pour(store, false))?.pour(store, true)?;
        });
        Ok(None)
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(self.writer)
    }
}

/// A table of which the first lines have been read.
struct Begun {
    lines: Lines,
    size: Option<Size>,
    dialect: Dialect,
    col_names: Option<Vec<String>>,
    /// The rows among the lines read.
    records: Vec<Record>,
}

impl Named {
    /// Reads as many lines as say how the others are to be read.
    fn begin(
        &self,
        (mut lines, size): (Lines, Option<Size>),
        budget: &Budget,
        options: &ReadOptions,
    ) -> Result<Begun, Error> {
        let empty = || Error::Empty {
            file: budget.file.clone(),
        };
        let first = next_record(&mut lines, budget)?.ok_or_else(empty)?;
        let separator = self
            .separators
            .iter()
            .copied()
            .find(|separator| holds_outside_quotes(&first.bytes, *separator));
        let separator = Separator::Byte(separator.unwrap_or(self.separators[0]));
        let second = next_record(&mut lines, budget)?;

        let quotes_mean_text = second
            .as_ref()
            .unwrap_or(&first)
            .has_unquoted_field(separator);
        let of_first = Profile::new(&first, separator, quotes_mean_text, budget)?;
        let of_second = match &second {
            Some(record) => Some(Profile::new(record, separator, quotes_mean_text, budget)?),
            None => None,
        };
        let header = options
            .header
            .unwrap_or_else(|| of_first.is_header(of_second.as_ref()));
        let of_row = if header {
            of_second.as_ref().ok_or_else(empty)?
        } else {
            &of_first
        };
        let named_by_header =
            header && (of_first.first_is_missing || of_first.count + 1 == of_row.count);
        let row_names = options.row_names.unwrap_or_else(|| {
            let is_name = of_row.first_is_text && !of_row.first_is_missing;
            of_row.count > 1 && (is_name || named_by_header)
        });
        // Decimal commas, which cut numbers in two or make them names.
        let record = second.as_ref().filter(|_| header).unwrap_or(&first);
        if row_names
            && options.row_names.is_none()
            && !named_by_header
            && let Some(Ok(name)) = Fields::new(&record.bytes, separator).next()
            && !name.quoted
            && has_decimal_commas(&name.text())
        {
            return Err(Error::NotANumber {
                file: budget.file.clone(),
                line: record.line,
                column: 1,
                token: name.text(),
            });
        }
        let col_names = match (&second, header) {
            (Some(second), true) => Some(column_names(
                &first,
                second.line,
                separator,
                row_names,
                of_row.count,
                budget,
            )?),
            _ => None,
        };

        let dialect = Dialect {
            separator,
            comments_within_lines: false,
            row_names,
        };
        let size = size.map(|mut size| {
            size.lines = size.lines.saturating_sub(header.into());
            size
        });
        let records = (!header).then_some(first).into_iter().chain(second);
        Ok(Begun {
            lines,
            size,
            dialect,
            col_names,
            records: records.collect(),
        })
    }
}

impl Begun {
    /// All rows, `each` being called with those so far after every one.
    fn rows<T: Real>(
        mut self,
        budget: &Budget,
        mut each: impl FnMut(&mut Rows<'_, T>) -> Result<(), Error>,
    ) -> Result<Rows<'_, T>, Error> {
        let mut rows = Rows::new(budget, self.dialect, self.size)?;
        for record in self.records {
            rows.push(record.piece())?;
            each(&mut rows)?;
        }
        while let Some(piece) = self.lines.next()? {
            rows.push(piece)?;
            each(&mut rows)?;
        }
        Ok(rows)
    }
}

/// A whole line that is neither blank nor a comment.
struct Record {
    line: u64,
    bytes: Vec<u8>,
}

impl Record {
    fn piece(&self) -> Piece<'_> {
        Piece {
            bytes: &self.bytes,
            line: self.line,
            begins: true,
            ends: true,
        }
    }

    fn has_unquoted_field(&self, separator: Separator) -> bool {
        Fields::new(&self.bytes, separator)
            .flatten()
            .any(|field| !field.quoted)
    }
}

fn next_record(lines: &mut Lines, budget: &Budget) -> Result<Option<Record>, Error> {
    while let Some((line, bytes)) = lines.next_whole(budget)? {
        if !bytes.trim_ascii().is_empty() && !bytes.starts_with(b"#") {
            return Ok(Some(Record { line, bytes }));
        }
    }
    Ok(None)
}

fn holds_outside_quotes(bytes: &[u8], separator: u8) -> bool {
    let mut quoted = false;
    bytes.iter().any(|&byte| {
        quoted ^= byte == b'"';
        byte == separator && !quoted
    })
}

/// What the fields of a line look like.
struct Profile {
    count: usize,
    first_is_text: bool,
    /// Empty and not quoted, as a corner cell is; an empty name is written in quotes.
    first_is_missing: bool,
    /// A field but the first is neither a number nor one that was left out.
    others_hold_names: bool,
    /// All fields but the first are whole numbers, at least two, each one more than the one before.
    others_count_up: bool,
}

impl Profile {
    fn new(
        record: &Record,
        separator: Separator,
        quotes_mean_text: bool,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let mut profile = Self {
            count: 0,
            first_is_text: false,
            first_is_missing: false,
            others_hold_names: false,
            others_count_up: true,
        };
        let mut last = None;
        for field in Fields::new(&record.bytes, separator) {
            let field = field.map_err(|Unclosed| unclosed(&budget.file, record.line))?;
            let is_text = !field.is_number() || (field.quoted && quotes_mean_text);
            if profile.count == 0 {
                profile.first_is_text = is_text;
                profile.first_is_missing = field.is_empty() && !field.quoted;
            } else {
                profile.others_hold_names |= is_text && !field.is_missing();
                let integer = field.integer();
                profile.others_count_up &= integer.is_some()
                    && (profile.count == 1
                        || integer == last.and_then(|last: i64| last.checked_add(1)));
                last = integer;
            }
            profile.count += 1;
        }
        profile.others_count_up &= profile.count > 2;
        Ok(profile)
    }

    fn is_header(&self, second: Option<&Self>) -> bool {
        let second_begins_with_text = second.is_some_and(|second| second.first_is_text);
        self.others_hold_names
            || (self.first_is_text
                && (self.count == 1
                    || self.first_is_missing
                    || self.others_count_up
                    || (second.is_some() && !second_begins_with_text)))
    }
}

fn column_names(
    header: &Record,
    row_line: u64,
    separator: Separator,
    row_names: bool,
    row_count: usize,
    budget: &Budget,
) -> Result<Vec<String>, Error> {
    if header.bytes.len() > BUFFER_BYTES {
        let count = Fields::new(&header.bytes, separator).count();
        budget.check((count * size_of::<String>() + header.bytes.len()) as u64)?;
    }
    let fields: Result<Vec<String>, Unclosed> = Fields::new(&header.bytes, separator)
        .map(|field| field.map(|field| field.text()))
        .collect();
    let mut names = fields.map_err(|Unclosed| unclosed(&budget.file, header.line))?;
    let found = names.len();
    if row_names && found == row_count {
        names.remove(0);
    } else if found + usize::from(row_names) != row_count {
        return Err(Error::Ragged {
            file: budget.file.clone(),
            line: row_line,
            found: row_count,
            expected: found,
            first_line: header.line,
        });
    }
    Ok(names)
}

fn write_table(
    file: &str,
    out: &mut BufWriter<File>,
    matrix: &MatrixToWrite<'_>,
    separator: u8,
) -> Result<(), Error> {
    let names = matrix
        .row_names
        .iter()
        .chain(&matrix.col_names)
        .copied()
        .flatten();
    if let Some(name) = names.into_iter().find(|name| name.contains(['\n', '\r'])) {
        return Err(Error::Unwritable {
            file: file.to_owned(),
            problem: format!(
                "the name {name:?} holds a line break, for which a table of text has no place"
            ),
        });
    }
    write_lines(out, matrix, separator).map_err(|source| write_error(file, source))?;
    flush(file, out)
}

fn write_lines(
    out: &mut impl Write,
    matrix: &MatrixToWrite<'_>,
    separator: u8,
) -> std::io::Result<()> {
    if let Some(names) = matrix.col_names {
        if matrix.row_names.is_some() {
            out.write_all(&[separator])?;
        }
        for (col, name) in names.iter().enumerate() {
            if col > 0 {
                out.write_all(&[separator])?;
            }
            write_name(out, name, separator)?;
        }
        out.write_all(b"\n")?;
    }
    for row in 0..matrix.rows {
        if let Some(names) = matrix.row_names {
            write_name(out, &names[row], separator)?;
            out.write_all(&[separator])?;
        }
        for col in 0..matrix.cols {
            if col > 0 {
                out.write_all(&[separator])?;
            }
            matrix.write_value(out, row * matrix.cols + col)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A name, in quotes where it would not read back as a name without.
fn write_name(out: &mut impl Write, name: &str, separator: u8) -> std::io::Result<()> {
    let plain = !name.is_empty()
        && name.trim_ascii() == name
        && !name.starts_with('#')
        && !name.contains('"')
        && !name
            .bytes()
            .any(|byte| byte == separator || byte == b',' || byte == b';' || byte == b'\t')
        && fast_float2::parse::<f64, _>(name).is_err();
    if plain {
        out.write_all(name.as_bytes())
    } else {
        write!(out, "\"{}\"", name.replace('"', "\"\""))
    }
}
