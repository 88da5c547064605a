//! The array of numpy's `.npy` files, versions 1 to 3: its header, and its numbers in any of numpy's real types.
//!
//! The header is a Python literal with three keys. It is read here without recursion, so that a hostile one of thousands
//! of nested brackets cannot exhaust the stack, and nothing in it is ever evaluated or unpickled.
//! Source: `numpy.lib.format`, "Format Version 1.0" to "3.0".

use std::io::{Read, Write};

use half::f16;

use crate::error::Error;
use crate::matrix::Order;
use crate::memory::{Budget, Chunks};
use crate::real::Real;
use crate::source::{fill, read_error};

/// The first bytes of every `.npy` file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// No honest header comes near this; numpy itself asks for trust above 10,000 bytes.
const MOST_HEADER_BYTES: u32 = 1 << 20;

/// Bytes converted at a time.
const BLOCK_BYTES: usize = 1 << 16;

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

    /// Hands over the entries' bytes, block by block; an error if they end early.
    fn for_each_block(
        &self,
        file: &str,
        reader: &mut impl Read,
        count: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let expected = count.saturating_mul(self.entry.size as u64);
        let block = (BLOCK_BYTES / self.entry.size.max(1)).max(1) * self.entry.size;
        let mut buffer = vec![0; block];
        let mut done = 0;
        while done < expected {
            let want = (expected - done).min(block as u64) as usize;
            let found =
                fill(reader, &mut buffer[..want]).map_err(|source| read_error(file, source))?;
            done += found as u64;
            if found < want {
                return Err(Error::Truncated {
                    file: file.to_owned(),
                    expected: expected + self.header_bytes,
                    found: done + self.header_bytes,
                });
            }
            sink(&buffer[..want])?;
        }
        Ok(())
    }

    /// Reads `count` real numbers. `sure` says that so many are really there, so that memory may be taken at once.
    pub(crate) fn read_reals<T: Real>(
        &self,
        budget: &Budget,
        reader: &mut impl Read,
        count: u64,
        sure: bool,
    ) -> Result<Vec<T>, Error> {
        let decode = self.real_decoder::<T>(&budget.file)?;
        budget.check(count.saturating_mul(size_of::<T>() as u64))?;
        let mut values = Chunks::new(budget, sure.then_some(count))?;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        self.for_each_block(&budget.file, reader, count, |bytes| {
            block.clear();
            decode(bytes, &mut block);
            values.extend_from_slice(&block)
        })?;
        values.finish()
    }

    /// Reads `count` integers, handing them over block by block.
    pub(crate) fn read_integers(
        &self,
        file: &str,
        reader: &mut impl Read,
        count: u64,
        mut sink: impl FnMut(&[i64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let big = self.entry.big_endian;
        macro_rules! integers {
            ($source:ty) => {
                |bytes: &[u8], out: &mut Vec<i64>| {
                    decode::<$source, _>(bytes, big, out, |value| value as i64)
                }
            };
        }
        let decode: &dyn Fn(&[u8], &mut Vec<i64>) = match (self.entry.kind, self.entry.size) {
            (Kind::Signed, 1) => &integers!(i8),
            (Kind::Signed, 2) => &integers!(i16),
            (Kind::Signed, 4) => &integers!(i32),
            (Kind::Signed, 8) => &integers!(i64),
            (Kind::Unsigned, 1) => &integers!(u8),
            (Kind::Unsigned, 2) => &integers!(u16),
            (Kind::Unsigned, 4) => &integers!(u32),
            // Beyond the range of i64 it turns negative and is refused as an index.
            (Kind::Unsigned, 8) => &integers!(u64),
            _ => {
                return Err(Error::Malformed {
                    file: file.to_owned(),
                    problem: format!("holds {}; expected integers", self.entry.name()),
                });
            }
        };
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        self.for_each_block(file, reader, count, |bytes| {
            block.clear();
            decode(bytes, &mut block);
            sink(&block)
        })
    }

    /// Reads `count` texts of fixed length, without the zeros that fill them up.
    pub(crate) fn read_texts(
        &self,
        budget: &Budget,
        reader: &mut impl Read,
        count: u64,
    ) -> Result<Vec<String>, Error> {
        if !self.entry.is_text() {
            return Err(Error::Malformed {
                file: budget.file.clone(),
                problem: format!("holds {}; expected text", self.entry.name()),
            });
        }
        if self.entry.size == 0 {
            budget.check(count.saturating_mul(size_of::<String>() as u64))?;
            // Nothing in the file bounds how many empty texts there are.
            return Ok(vec![
                String::new();
                usize::try_from(count).unwrap_or(0).min(1 << 24)
            ]);
        }
        let (kind, size, big) = (self.entry.kind, self.entry.size, self.entry.big_endian);
        let mut texts = Vec::new();
        self.for_each_block(&budget.file, reader, count, |bytes| {
            for entry in bytes.chunks_exact(size) {
                let mut text: String = match kind {
                    Kind::Unicode => {
                        let mut codes = Vec::new();
                        decode::<u32, _>(entry, big, &mut codes, |code| code);
                        codes
                            .into_iter()
                            .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
                            .collect()
                    }
                    _ => String::from_utf8_lossy(entry).into_owned(),
                };
                text.truncate(text.trim_end_matches('\0').len());
                texts.push(text);
            }
            Ok(())
        })?;
        Ok(texts)
    }

    fn real_decoder<T: Real>(&self, file: &str) -> Result<Box<Decoder<T>>, Error> {
        let big = self.entry.big_endian;
        macro_rules! reals {
            ($source:ty, $convert:expr) => {
                Box::new(move |bytes: &[u8], out: &mut Vec<T>| {
                    decode::<$source, T>(bytes, big, out, $convert)
                })
            };
        }
        Ok(match (self.entry.kind, self.entry.size) {
            (Kind::Bool, 1) => reals!(u8, |value| T::from_f64(f64::from(u8::from(value != 0)))),
            (Kind::Signed, 1) => reals!(i8, |value| T::from_f64(value.into())),
            (Kind::Signed, 2) => reals!(i16, |value| T::from_f64(value.into())),
            (Kind::Signed, 4) => reals!(i32, |value| T::from_f64(value.into())),
            (Kind::Signed, 8) => reals!(i64, |value| T::from_f64(value as f64)),
            (Kind::Unsigned, 1) => reals!(u8, |value| T::from_f64(value.into())),
            (Kind::Unsigned, 2) => reals!(u16, |value| T::from_f64(value.into())),
            (Kind::Unsigned, 4) => reals!(u32, |value| T::from_f64(value.into())),
            (Kind::Unsigned, 8) => reals!(u64, |value| T::from_f64(value as f64)),
            (Kind::Float, 2) => reals!(u16, |value| T::from_f32(f16::from_bits(value).to_f32())),
            (Kind::Float, 4) => reals!(f32, T::from_f32),
            (Kind::Float, 8) => reals!(f64, T::from_f64),
            _ => {
                return Err(Error::Unsupported {
                    file: file.to_owned(),
                    problem: format!(
                        "holds {}; expected real numbers (save it as float64)",
                        self.entry.name()
                    ),
                });
            }
        })
    }
}

type Decoder<T> = dyn Fn(&[u8], &mut Vec<T>);

/// A number of fixed size in either byte order.
trait FixedSize: Sized {
    fn from_bytes(bytes: &[u8], big_endian: bool) -> Self;
}

macro_rules! fixed_size {
    ($($number:ty)*) => {$(
        impl FixedSize for $number {
            fn from_bytes(bytes: &[u8], big_endian: bool) -> Self {
                let mut array = [0; size_of::<$number>()];
                array.copy_from_slice(bytes);
                if big_endian { Self::from_be_bytes(array) } else { Self::from_le_bytes(array) }
            }
        }
    )*};
}
fixed_size!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

fn decode<S: FixedSize, T>(
    bytes: &[u8],
    big_endian: bool,
    out: &mut Vec<T>,
    convert: impl Fn(S) -> T,
) {
    let entries = bytes.chunks_exact(size_of::<S>());
    if big_endian {
        out.extend(entries.map(|entry| convert(S::from_bytes(entry, true))));
    } else {
        out.extend(entries.map(|entry| convert(S::from_bytes(entry, false))));
    }
}

/// The three values of the header as they stand there.
#[derive(Default)]
struct Fields {
    /// The quoted type; `None` also when it is a list, that is, a structured type.
    descr: Option<String>,
    fortran_order: Option<bool>,
    shape: Option<Vec<u64>>,
    structured: bool,
}

impl Fields {
    /// Splits `{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = Self::default();
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" if value.starts_with(['\'', '"']) => {
                    let (descr, after) = quoted(value)?;
                    fields.descr = Some(descr.to_owned());
                    after
                }
                "descr" => {
                    fields.structured = true;
                    // Anything but a plain type is refused, so what follows need not be understood.
                    return Some(fields);
                }
                "fortran_order" => {
                    let end = value
                        .find(|letter: char| !letter.is_ascii_alphabetic())
                        .unwrap_or(value.len());
                    fields.fortran_order = Some(match &value[..end] {
                        "True" => true,
                        "False" => false,
                        _ => return None,
                    });
                    &value[end..]
                }
                "shape" => {
                    let (inside, after) = value.strip_prefix('(')?.split_once(')')?;
                    fields.shape = Some(lengths(inside)?);
                    after
                }
                _ => return None,
            }
            .trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None if rest.is_empty() => {}
                None => return None,
            }
        }
        Some(fields)
    }

    fn into_header(self, file: &str, header_bytes: u64) -> Result<Header, Error> {
        if self.structured {
            return Err(Error::Unsupported {
                file: file.to_owned(),
                problem: "holds structured records; expected real numbers".into(),
            });
        }
        let (Some(descr), Some(fortran_order), Some(shape)) =
            (self.descr, self.fortran_order, self.shape)
        else {
            return Err(Error::Malformed {
                file: file.to_owned(),
                problem: "the .npy header lacks 'descr', 'fortran_order' or 'shape'".into(),
            });
        };
        Ok(Header {
            entry: parse_type(&descr).map_err(|problem| Error::Unsupported {
                file: file.to_owned(),
                problem,
            })?,
            order: if fortran_order {
                Order::ColumnMajor
            } else {
                Order::RowMajor
            },
            shape,
            header_bytes,
        })
    }
}

/// A quoted text at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|letter| matches!(letter, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// The lengths of `2, 3` or `2,` or, as Python 2 wrote them, `2L, 3L`.
fn lengths(inside: &str) -> Option<Vec<u64>> {
    let mut lengths = Vec::new();
    let inside = inside.trim();
    for length in inside.strip_suffix(',').unwrap_or(inside).split(',') {
        let length = length.trim();
        if length.is_empty() && inside.is_empty() {
            break;
        }
        lengths.push(length.strip_suffix('L').unwrap_or(length).parse().ok()?);
    }
    Some(lengths)
}

/// `<f8` and its like; the reason why not otherwise.
fn parse_type(descr: &str) -> Result<Type, String> {
    let refused = |what: &str| {
        Err(format!(
            "holds {what} (numpy type '{descr}'); expected real numbers"
        ))
    };
    let (order, rest) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
        _ => ('<', descr),
    };
    let mut letters = rest.chars();
    let kind = match letters.next() {
        Some('b' | '?') => Kind::Bool,
        Some('i') => Kind::Signed,
        Some('u') => Kind::Unsigned,
        Some('f') => Kind::Float,
        Some('U') => Kind::Unicode,
        Some('S' | 'a') => Kind::Bytes,
        Some('O') => return refused("Python objects, which could run any code when unpickled"),
        Some('c') => return refused("complex numbers"),
        Some('V') => return refused("raw or structured records"),
        Some('M' | 'm') => return refused("dates or durations"),
        _ => return refused("an unknown type"),
    };
    let letter_size = if kind == Kind::Unicode { 4 } else { 1 };
    let size = match letters.as_str() {
        "" if kind == Kind::Bool => Some(1),
        digits => digits
            .parse::<u32>()
            .ok()
            .map(|count| count as usize * letter_size),
    };
    match size {
        // A text of more than 64 MiB an entry is no name of a row.
        Some(size) if size <= 1 << 26 => Ok(Type {
            kind,
            size,
            big_endian: order == '>' || (order == '=' && cfg!(target_endian = "big")),
        }),
        _ => refused("an unknown type"),
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
    // The numbers begin at a multiple of 64 bytes, as numpy has it, so that a mapped file is aligned.
    let bare = MAGIC.len() + 4 + dictionary.len() + 1;
    let padding = bare.next_multiple_of(64) - bare;
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
