//! The array of numpy's `.npy` files, versions 1 to 3: its header, and its numbers in any of numpy's real types.
//!
//! The header is a Python literal with three keys. It is read here without recursion, so that a hostile one of thousands
//! of nested brackets cannot exhaust the stack, and nothing in it is ever evaluated or unpickled.
//! Source: `numpy.lib.format`, "Format Version 1.0" to "3.0".

use std::io::{Read, Write};

use crate::error::Error;
use crate::matrix::Order;
use crate::source::{fill, read_error};

mod entries;
mod literal;

use literal::Fields;

/// The first bytes of every `.npy` file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// No honest header comes near this; numpy itself asks for trust above 10,000 bytes.
const MOST_HEADER_BYTES: u32 = 1 << 20;

/// The type of an array's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
    /// Text of fixed length, four bytes a character.
    Unicode,
    /// Text of fixed length, one byte a character.
    Bytes,
}

/// A numpy type: kind, bytes an entry, byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    pub(crate) big_endian: bool,
}

impl Type {
    /// The name that numpy gives it.
    pub(crate) fn name(self) -> String {
        match self.kind {
            Kind::Bool => "bool".into(),
            Kind::Signed => format!("int{}", self.size * 8),
            Kind::Unsigned => format!("uint{}", self.size * 8),
            Kind::Float => format!("float{}", self.size * 8),
            Kind::Unicode => format!("<U{}", self.size / 4),
            Kind::Bytes => format!("|S{}", self.size),
        }
    }

    pub(crate) fn is_f32(self) -> bool {
        self.kind == Kind::Float && self.size == 4
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self.kind, Kind::Unicode | Kind::Bytes)
    }
}

/// What stands before the numbers.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) entry: Type,
    pub(crate) order: Order,
    pub(crate) shape: Vec<u64>,
    /// Bytes before the first number.
    pub(crate) header_bytes: u64,
}

impl Header {
    /// Reads up to the first number.
    pub(crate) fn read(file: &str, reader: &mut impl Read) -> Result<Self, Error> {
        let malformed = |problem: String| Error::Malformed {
            file: file.to_owned(),
            problem,
        };
        let mut take = |count: usize| -> Result<Vec<u8>, Error> {
            let mut buffer = vec![0; count];
            let found = fill(reader, &mut buffer).map_err(|source| read_error(file, source))?;
            if found == count {
                Ok(buffer)
            } else {
                Err(malformed(
                    "the header of the .npy array is truncated".into(),
                ))
            }
        };
        if take(MAGIC.len())? != MAGIC {
            return Err(malformed("does not begin as a .npy array".into()));
        }
        let version = take(2)?;
        let (length, length_bytes) = match version[0] {
            1 => (
                u32::from(u16::from_le_bytes(take(2)?.try_into().unwrap_or_default())),
                2,
            ),
            2 | 3 => (
                u32::from_le_bytes(take(4)?.try_into().unwrap_or_default()),
                4,
            ),
            other => {
                return Err(malformed(format!(
                    ".npy version {other}; known are 1, 2 and 3"
                )));
            }
        };
        if length > MOST_HEADER_BYTES {
            return Err(malformed(format!("a .npy header of {length} bytes")));
        }
        let text = String::from_utf8_lossy(&take(length as usize)?).into_owned();
        let fields = Fields::parse(&text)
            .ok_or_else(|| malformed("the header of the .npy array is no dictionary".into()))?;
        let header_bytes = MAGIC.len() as u64 + 2 + length_bytes + u64::from(length);
        fields.into_header(file, header_bytes)
    }

    /// Number of entries, if it can be counted.
    pub(crate) fn count(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1_u64, |product, &length| product.checked_mul(length))
    }

    /// The number of entries, after checking that the file of `available` bytes (where known) holds them all.
    pub(crate) fn checked_count(&self, file: &str, available: Option<u64>) -> Result<u64, Error> {
        let count = self.count();
        let expected = count
            .and_then(|count| count.checked_mul(self.entry.size as u64))
            .and_then(|bytes| bytes.checked_add(self.header_bytes));
        match (count, expected, available) {
            (Some(count), Some(expected), Some(found)) if expected <= found => Ok(count),
            (Some(count), Some(_), None) => Ok(count),
            (_, Some(expected), Some(found)) => Err(Error::Truncated {
                file: file.to_owned(),
                expected,
                found,
            }),
            _ => Err(Error::Malformed {
                file: file.to_owned(),
                problem: format!(
                    "a shape of {:?} has more entries than can be counted",
                    self.shape
                ),
            }),
        }
    }

    /// The shape as (rows, columns), refused unless it has two dimensions.
    pub(crate) fn two_dimensions(&self, file: &str) -> Result<(usize, usize), Error> {
        match self.shape[..] {
            [rows, cols] => Ok((rows as usize, cols as usize)),
            _ => Err(Error::Unsupported {
                file: file.to_owned(),
                problem: format!(
                    "{}-d array: expected 2-d (samples in rows, features in columns)",
                    self.shape.len()
                ),
            }),
        }
    }
}

/// Writes the header of an array of `descr` entries in row-major order (version 1).
pub(crate) fn write_header(
    out: &mut impl Write,
    descr: &str,
    shape: &[usize],
) -> std::io::Result<()> {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let dictionary = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        lengths.join(", ")
    );
    // As numpy does it: room for the first length to grow to 21 digits in place, and then the numbers begin at a multiple
    // of 64 bytes, so that a mapped file is aligned.
    let room = lengths
        .first()
        .map_or(0, |first| 21_usize.saturating_sub(first.len()));
    let bare = MAGIC.len() + 4 + dictionary.len() + room + 1;
    let padding = room + bare.next_multiple_of(64) - bare;
    let length = (dictionary.len() + padding + 1) as u16;
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&length.to_le_bytes())?;
    writeln!(out, "{dictionary}{:padding$}", "")
}

/// Writes one text, or one a row, as an array of type `<U`.
pub(crate) fn write_texts(
    out: &mut impl Write,
    texts: &[String],
    shape: &[usize],
) -> std::io::Result<()> {
    let letters = texts
        .iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .max(1);
    write_header(out, &format!("<U{letters}"), shape)?;
    let mut entry = Vec::with_capacity(letters * 4);
    for text in texts {
        entry.clear();
        for letter in text.chars() {
            entry.extend_from_slice(&u32::from(letter).to_le_bytes());
        }
        entry.resize(letters * 4, 0);
        out.write_all(&entry)?;
    }
    Ok(())
}
