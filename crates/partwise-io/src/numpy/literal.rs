//! The header of an array, a Python literal of three keys, taken apart without recursion.

use super::{Header, Kind, Type};
use crate::error::Error;
use crate::matrix::Order;

/// The three values of the header as they stand there.
#[derive(Default)]
pub(super) struct Fields {
    /// The quoted type; `None` also when it is a list, that is, a structured type.
    descr: Option<String>,
    fortran_order: Option<bool>,
    shape: Option<Vec<u64>>,
    structured: bool,
}

impl Fields {
    /// Splits `{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }`.
    pub(super) fn parse(text: &str) -> Option<Self> {
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

    pub(super) fn into_header(self, file: &str, header_bytes: u64) -> Result<Header, Error> {
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
