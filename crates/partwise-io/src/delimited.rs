//! Rows of numbers out of lines of text, each number read once, in place.

use crate::error::Error;
use crate::lines::{Lines, Piece, count_lines};
use crate::matrix::{AnyMatrix, Dense, Matrix, Order};
use crate::memory::{Budget, Chunks};
use crate::real::Real;
use crate::source::{Source, read_error};
use crate::store::{Kind, Writer};

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    /// Spaces and tabs, as many as you like.
    Blank,
    /// One byte, with blanks around it.
    Byte(u8),
}

/// How lines are read as rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) separator: Separator,
    /// Whether `#` begins a comment anywhere, or only at the beginning of a line.
    pub(crate) comments_within_lines: bool,
    /// Whether each line begins with the name of its row.
    pub(crate) row_names: bool,
}

impl Dialect {
    /// Whether this piece holds no row.
    pub(crate) fn is_skipped(&self, piece: Piece<'_>) -> bool {
        piece.is_blank() || (piece.begins && self.is_comment(piece.bytes))
    }

    fn is_comment(&self, bytes: &[u8]) -> bool {
        if self.comments_within_lines {
            bytes.trim_ascii_start()
        } else {
            bytes
        }
        .starts_with(b"#")
    }

    fn is_blank(&self, byte: u8) -> bool {
        (byte == b' ' || byte == b'\t' || byte == 0x0b || byte == 0x0c)
            && self.separator != Separator::Byte(byte)
    }
}

/// The lines of a source and, to `count` them, how many rows they hold at most, where that can be known before reading.
pub(crate) fn lines_of(mut source: Source, count: bool) -> Result<(Lines, Option<Size>), Error> {
    let size = match (source.length(), source.file()) {
        (Some(bytes), Some(file)) if count => {
            let lines = count_lines(file);
            Some(Size {
                lines: lines.map_err(|error| read_error(&source.name, error))?,
                bytes,
            })
        }
        _ => None,
    };
    Ok((Lines::new(source)?, size))
}

/// What is known of a text before it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Lines that are neither empty nor comments.
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// Rows being collected.
pub(crate) struct Rows<'a, T> {
    budget: &'a Budget,
    dialect: Dialect,
    size: Option<Size>,
    values: Chunks<T>,
    names: Vec<String>,
    rows: usize,
    /// Numbers a row and the line that says so, once the first row is read.
    width: Option<(usize, u64)>,
    in_row: usize,
    in_comment: bool,
    /// Whether a part of the rows is in a store.
    poured: bool,
}

impl<'a, T: Real> Rows<'a, T> {
    pub(crate) fn new(
        budget: &'a Budget,
        dialect: Dialect,
        size: Option<Size>,
    ) -> Result<Self, Error> {
        Ok(Self {
            budget,
            dialect,
            size,
            values: Chunks::new(budget, None)?,
            names: Vec::new(),
            rows: 0,
            width: None,
            in_row: 0,
            in_comment: false,
            poured: false,
        })
    }

    /// Reads a line, or a part of one.
    pub(crate) fn push(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        if piece.begins {
            self.in_row = 0;
            self.in_comment = false;
        }
        if self.dialect.is_skipped(piece) {
            self.in_comment = !piece.ends;
            return Ok(());
        }
        if !self.in_comment {
            let after_name = if piece.begins && self.dialect.row_names {
                self.push_name(piece)?
            } else {
                0
            };
            self.push_numbers(piece, after_name)?;
        }
        // A line of a comment or of blanks alone is no row, however long.
        if piece.ends && self.in_row > 0 {
            self.end_row(piece.line)
        } else {
            Ok(())
        }
    }

    fn push_name(&mut self, piece: Piece<'_>) -> Result<usize, Error> {
        let mut fields = Fields::new(piece.bytes, self.dialect.separator);
        let field = fields
            .next()
            .transpose()
            .map_err(|Unclosed| unclosed(&self.budget.file, piece.line))?;
        self.names
            .push(field.map(|field| field.text()).unwrap_or_default());
        Ok(fields.position.min(piece.bytes.len()))
    }

    /// The short way, for most numbers of most files: bare ones with one separator right behind each. Returns the place
    /// where that ends.
    fn push_plain(&mut self, bytes: &[u8], mut position: usize) -> Result<usize, Error> {
        let separator = match self.dialect.separator {
            Separator::Blank => b' ',
            Separator::Byte(separator) => separator,
        };
        let mut count = 0;
        while let Ok((value, length)) = fast_float2::parse_partial(&bytes[position..]) {
            if bytes.get(position + length) != Some(&separator) {
                break;
            }
            self.values.push(value)?;
            count += 1;
            position += length + 1;
        }
        self.in_row += count;
        Ok(position)
    }

    fn push_numbers(&mut self, piece: Piece<'_>, start: usize) -> Result<(), Error> {
        let bytes = piece.bytes;
        let mut position = start;
        loop {
            position = self.push_plain(bytes, position)?;
            while position < bytes.len() && self.dialect.is_blank(bytes[position]) {
                position += 1;
            }
            let Some(&first) = bytes.get(position) else {
                // Behind a separator (or a lone name) a number must follow, unless the next piece brings it.
                return match self.dialect.separator {
                    Separator::Byte(_) if piece.ends => self.refuse(piece, position),
                    _ => Ok(()),
                };
            };
            if first == b'#' && self.dialect.comments_within_lines {
                self.in_comment = true;
                return Ok(());
            }
            let Some((value, length)) = parse_number(&bytes[position..]) else {
                return self.refuse(piece, position);
            };
            let mut next = position + length;
            while next < bytes.len() && self.dialect.is_blank(bytes[next]) {
                next += 1;
            }
            match (bytes.get(next), self.dialect.separator) {
                (None, _) => {
                    self.in_row += 1;
                    return self.values.push(value);
                }
                (Some(&byte), Separator::Byte(separator)) if byte == separator => next += 1,
                (Some(_), Separator::Blank) if next > position + length => {}
                (Some(b'#'), _) if self.dialect.comments_within_lines => {}
                _ => return self.refuse(piece, position),
            }
            self.in_row += 1;
            self.values.push(value)?;
            if bytes.get(next) == Some(&b'#') && self.dialect.comments_within_lines {
                self.in_comment = true;
                return Ok(());
            }
            position = next;
        }
    }

    fn end_row(&mut self, line: u64) -> Result<(), Error> {
        self.rows += 1;
        match self.width {
            Some((width, _)) if width == self.in_row => Ok(()),
            Some((width, first_line)) => {
                let names = usize::from(self.dialect.row_names);
                Err(Error::Ragged {
                    file: self.budget.file.clone(),
                    line,
                    found: self.in_row + names,
                    expected: width + names,
                    first_line,
                })
            }
            None => {
                self.width = Some((self.in_row, line));
                if let Some(size) = self.size {
                    // No number takes less than a digit and a separator.
                    let most = size.bytes / 2 + 1;
                    let expected = size.lines.saturating_mul(self.in_row as u64).min(most);
                    self.values.expect(expected)?;
                }
                Ok(())
            }
        }
    }

    #[cold]
    fn refuse(&self, piece: Piece<'_>, position: usize) -> Result<(), Error> {
        let rest = &piece.bytes[position..];
        let end = rest.iter().position(|byte| match self.dialect.separator {
            Separator::Blank => byte.is_ascii_whitespace(),
            Separator::Byte(separator) => *byte == separator,
        });
        Err(Error::NotANumber {
            file: self.budget.file.clone(),
            line: piece.line,
            column: self.in_row + usize::from(self.dialect.row_names) + 1,
            token: shown(&rest[..end.unwrap_or(rest.len())]),
        })
    }

    /// Puts what there is into a store, once it is enough; all of it `at_end`.
    pub(crate) fn pour(&mut self, store: &mut Writer<'_>, at_end: bool) -> Result<(), Error> {
        let Some((width, _)) = self.width else {
            return if at_end { Err(self.empty()) } else { Ok(()) };
        };
        if !at_end && self.values.len() < store.wants(width) {
            return Ok(());
        }
        if !self.poured {
            self.poured = true;
            store.begin(Kind::Dense, width, T::PRECISION, "text")?;
        }
        if self.dialect.row_names {
            store.row_names(self.names.drain(..));
        }
        self.values.drain(|values| store.dense(values))
    }

    fn empty(&self) -> Error {
        Error::Empty {
            file: self.budget.file.clone(),
        }
    }

    /// The matrix and, if there are any, the names of its rows.
    pub(crate) fn finish(self) -> Result<(AnyMatrix, Option<Vec<String>>), Error> {
        let cols = self.width.map_or(0, |(width, _)| width);
        if self.rows == 0 || cols == 0 {
            return Err(self.empty());
        }
        let matrix = T::any(Matrix::Dense(Dense {
            rows: self.rows,
            cols,
            order: Order::RowMajor,
            data: self.values.finish()?,
        }));
        Ok((matrix, self.dialect.row_names.then_some(self.names)))
    }
}

/// A number at the beginning, in quotes or not, and how many bytes it takes.
fn parse_number<T: Real>(bytes: &[u8]) -> Option<(T, usize)> {
    if bytes.first() == Some(&b'"') {
        let length = memchr::memchr(b'"', &bytes[1..])?;
        let value = fast_float2::parse(bytes[1..=length].trim_ascii()).ok()?;
        return Some((value, length + 2));
    }
    fast_float2::parse_partial(bytes).ok()
}

/// Whether a number was left out here, in one of the ways in which that is written.
pub(crate) fn is_missing(field: &[u8]) -> bool {
    const WAYS: [&[u8]; 6] = [b"", b"NA", b"N/A", b"null", b"NULL", b"None"];
    WAYS.contains(&field)
}

/// A field for messages: valid text, one line, not long.
pub(crate) fn shown(token: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(token.trim_ascii());
    let mut short: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

pub(crate) fn unclosed(file: &str, line: u64) -> Error {
    Error::Line {
        file: file.to_owned(),
        line,
        problem: "a quoted field does not end on its line".into(),
    }
}

/// A field opened a quote and the line ended.
#[derive(Debug)]
pub(crate) struct Unclosed;

/// One field of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    /// Without quotes and blanks around it; doubled quotes inside are still doubled.
    raw: &'a [u8],
    pub(crate) quoted: bool,
}

impl Field<'_> {
    pub(crate) fn text(&self) -> String {
        let text = String::from_utf8_lossy(self.raw);
        if self.quoted {
            text.replace("\"\"", "\"")
        } else {
            text.into_owned()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether a number was left out here.
    pub(crate) fn is_missing(&self) -> bool {
        !self.quoted && is_missing(self.raw)
    }

    pub(crate) fn is_number(&self) -> bool {
        fast_float2::parse::<f64, _>(self.raw.trim_ascii()).is_ok()
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        std::str::from_utf8(self.raw)
            .ok()
            .and_then(|text| text.parse().ok())
    }
}

/// The fields of a line one by one, quotes understood.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    separator: Separator,
    /// Where the next field begins; beyond the line's length when there is none.
    position: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8], separator: Separator) -> Self {
        Self {
            bytes,
            separator,
            position: 0,
        }
    }

    fn is_separator(&self, byte: u8) -> bool {
        match self.separator {
            Separator::Blank => byte.is_ascii_whitespace(),
            Separator::Byte(separator) => byte == separator,
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Unclosed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position > self.bytes.len() {
            return None;
        }
        let rest = &self.bytes[self.position..];
        let blanks = rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace() && !self.is_separator(**byte))
            .count();
        let mut end = blanks;
        let quoted = rest.get(blanks) == Some(&b'"');
        if quoted {
            end += 1;
            loop {
                let Some(length) = memchr::memchr(b'"', &rest[end..]) else {
                    self.position = self.bytes.len() + 1;
                    return Some(Err(Unclosed));
                };
                end += length + 1;
                if rest.get(end) == Some(&b'"') {
                    end += 1
                } else {
                    break;
                }
            }
        }
        let closing = end;
        while end < rest.len() && !self.is_separator(rest[end]) {
            end += 1;
        }
        self.position += end + 1;
        let raw = if quoted {
            &rest[blanks + 1..closing - 1]
        } else {
            rest[blanks..end].trim_ascii()
        };
        Some(Ok(Field { raw, quoted }))
    }
}
