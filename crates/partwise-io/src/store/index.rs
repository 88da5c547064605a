//! What stands at the end of a store: the index of its blocks, the names, and the tail with the counts.

use super::block::{self, Bytes, put_number};
use super::{END, HEAD_BYTES, Kind};
use crate::matrix::Precision;

/// Bytes of the tail.
pub(super) const TAIL_BYTES: u64 = 96;
/// Bytes for the name of the type.
const NAME_BYTES: usize = 16;

/// A block, as the index has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) rows: u64,
    pub(super) stored: u64,
    pub(super) bytes: u64,
    pub(super) raw: u64,
    pub(super) code: u8,
    pub(super) sum: u32,
}

/// All that is known of a store beside its blocks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Index {
    pub(super) kind: Kind,
    pub(super) rows: u64,
    pub(super) cols: u64,
    pub(super) stored: u64,
    pub(super) precision: Precision,
    /// The type that the entries had where they came from.
    pub(super) stored_as: String,
    pub(super) blocks: Vec<Entry>,
    pub(super) row_names: Option<Vec<String>>,
    pub(super) col_names: Option<Vec<String>>,
}

/// The tail: where the index is, and what it must come to.
pub(super) struct Tail {
    kind: Kind,
    rows: u64,
    cols: u64,
    stored: u64,
    blocks: u64,
    precision: Precision,
    stored_as: String,
    pub(super) index_at: u64,
    pub(super) index_bytes: u64,
    index_sum: u32,
}

impl Index {
    /// Index and tail, `index_at` bytes from the beginning.
    pub(super) fn to_bytes(&self, index_at: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for block in &self.blocks {
            for number in [block.rows, block.stored, block.bytes, block.raw] {
                put_number(number, &mut bytes);
            }
            bytes.push(block.code);
            bytes.extend(block.sum.to_le_bytes());
        }
        for names in [&self.row_names, &self.col_names] {
            bytes.push(names.is_some().into());
            for name in names.iter().flatten() {
                put_number(name.len() as u64, &mut bytes);
                bytes.extend(name.as_bytes());
            }
        }
        let (length, sum) = (bytes.len() as u64, crc32fast::hash(&bytes));
        let mut tail = Vec::with_capacity(TAIL_BYTES as usize);
        let blocks = self.blocks.len() as u64;
        for number in [self.rows, self.cols, self.stored, blocks, index_at, length] {
            tail.extend(number.to_le_bytes());
        }
        tail.extend(sum.to_le_bytes());
        tail.push((self.kind == Kind::Sparse).into());
        tail.push((self.precision == Precision::F64).into());
        tail.extend([0; 2]);
        let mut name = [0; NAME_BYTES];
        let end = self.stored_as.floor_char_boundary(NAME_BYTES);
        name[..end].copy_from_slice(&self.stored_as.as_bytes()[..end]);
        tail.extend(name);
        tail.extend([0; 12]);
        tail.extend(crc32fast::hash(&tail).to_le_bytes());
        tail.extend(END);
        debug_assert_eq!(tail.len() as u64, TAIL_BYTES);
        bytes.extend(tail);
        bytes
    }

    /// The index from its bytes, or what is wrong with them.
    pub(super) fn parse(tail: Tail, bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "the index ends too early";
        if crc32fast::hash(bytes) != tail.index_sum {
            return Err("the checksum of the index is wrong");
        }
        let mut bytes = Bytes(bytes);
        let sparse = tail.kind == Kind::Sparse;
        let mut blocks = Vec::new();
        let (mut rows, mut stored, mut end) = (0u64, 0u64, HEAD_BYTES);
        for _ in 0..tail.blocks {
            let mut number = || bytes.number().ok_or(SHORT);
            let mut entry = Entry {
                rows: number()?,
                stored: number()?,
                bytes: number()?,
                raw: number()?,
                code: 0,
                sum: 0,
            };
            [entry.code] = bytes.array().ok_or(SHORT)?;
            entry.sum = u32::from_le_bytes(bytes.array().ok_or(SHORT)?);
            let sizes = (entry.bytes, entry.raw);
            let whole = sparse || entry.rows.checked_mul(tail.cols) == Some(entry.stored);
            if !whole || !block::is_possible(entry.code, sizes, entry.rows, entry.stored, sparse) {
                return Err("the index has sizes of a block that do not go together");
            }
            rows = rows.saturating_add(entry.rows);
            stored = stored.saturating_add(entry.stored);
            end = end.saturating_add(entry.bytes);
            blocks.push(entry);
        }
        if (rows, stored, end) != (tail.rows, tail.stored, tail.index_at) {
            return Err("the blocks of the index do not come to the counts at the end");
        }
        let mut names = |count: u64| -> Result<Option<Vec<String>>, &'static str> {
            if bytes.array().ok_or(SHORT)? == [0u8] {
                return Ok(None);
            }
            let mut names = Vec::new();
            for _ in 0..count {
                let length = bytes
                    .number()
                    .and_then(|length| usize::try_from(length).ok());
                let name = length.and_then(|length| bytes.take(length)).ok_or(SHORT)?;
                names.push(String::from_utf8_lossy(name).into_owned());
            }
            Ok(Some(names))
        };
        let (row_names, col_names) = (names(tail.rows)?, names(tail.cols)?);
        if !bytes.0.is_empty() {
            return Err("the index is longer than what it holds");
        }
        Ok(Self {
            kind: tail.kind,
            rows: tail.rows,
            cols: tail.cols,
            stored: tail.stored,
            precision: tail.precision,
            stored_as: tail.stored_as,
            blocks,
            row_names,
            col_names,
        })
    }
}

impl Tail {
    /// The tail from the last bytes of a file of `length`, or what is wrong with them.
    pub(super) fn parse(
        bytes: &[u8; TAIL_BYTES as usize],
        length: u64,
    ) -> Result<Self, &'static str> {
        const TORN: &str = "has no end: it was cut off, or is still being written";
        let mut rest = Bytes(bytes);
        let mut numbers = [0u64; 6];
        for number in &mut numbers {
            *number = u64::from_le_bytes(rest.array().ok_or(TORN)?);
        }
        let index_sum = u32::from_le_bytes(rest.array().ok_or(TORN)?);
        let [sparse, wide, ..] = rest.array::<4>().ok_or(TORN)?;
        let name = rest.array::<NAME_BYTES>().ok_or(TORN)?;
        if !bytes.ends_with(&END) {
            return Err(TORN);
        }
        let (summed, sum) = bytes[..bytes.len() - END.len()].split_at(bytes.len() - END.len() - 4);
        if crc32fast::hash(summed).to_le_bytes() != sum {
            return Err("the checksum of its end is wrong");
        }
        let [rows, cols, stored, blocks, index_at, index_bytes] = numbers;
        let end = index_at
            .checked_add(index_bytes)
            .and_then(|end| end.checked_add(TAIL_BYTES));
        if end != Some(length) || index_at < HEAD_BYTES {
            return Err("is not as long as its end says");
        }
        let text = String::from_utf8_lossy(&name);
        Ok(Self {
            kind: if sparse == 0 {
                Kind::Dense
            } else {
                Kind::Sparse
            },
            rows,
            cols,
            stored,
            blocks,
            precision: if wide == 0 {
                Precision::F32
            } else {
                Precision::F64
            },
            stored_as: text.trim_end_matches('\0').to_owned(),
            index_at,
            index_bytes,
            index_sum,
        })
    }
}
