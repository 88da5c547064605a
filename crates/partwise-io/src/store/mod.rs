//! `.pws`: a matrix of any size in one file, made to be read from the first row to the last, again and again.
//!
//! One file and not a folder: it is copied, named and renamed as a whole, so it is there or it is not; and one sequential
//! reading is what a disk gives fastest. Everything that is known only at the end stands at the end (shape, number of entries,
//! the index of the blocks), so that a store is written in one pass, to a pipe as well. All numbers are little-endian.
//!
//! | part | bytes | what |
//! |---|---|---|
//! | head | 16 | `\x89PWS\r\n\x1a\n`, the version (u32) and zeros: a transfer that changes line ends is found out |
//! | blocks | | whole rows each, one behind the other (`block.rs`) |
//! | index | | of each block: rows, entries, bytes here and unpacked (as LEB128), its code (u8), its CRC-32 (u32); then the names of rows and columns |
//! | tail | 96 | counts, the place and the CRC-32 of the index, its own CRC-32, and `PWS\r\n\x1a\n\x89` |
//!
//! **Blocks.** A sparse block has a multiple of 256 rows ([`partwise::RunSize::UNIT`]), and about 262,144 entries or as many as
//! there are columns, if those are more: sorting a block by its columns then costs no more than looking at its entries. A dense
//! block has about as many entries. Every block has a checksum, and none is used unless it fits.

mod block;
mod index;
mod read;
mod write;

pub(crate) use read::{Block, Store};
pub use write::Batch;
pub(crate) use write::{Goal, Writer};

/// The first bytes.
pub(crate) const MAGIC: [u8; 8] = *b"\x89PWS\r\n\x1a\n";
/// The last bytes.
const END: [u8; 8] = *b"PWS\r\n\x1a\n\x89";
const VERSION: u32 = 1;
const HEAD_BYTES: u64 = 16;

/// Entries of a block, about.
const BLOCK_ENTRIES: usize = 1 << 18;
/// Rows of a block, at most, about: those without entries take room, too.
const MOST_ROWS: usize = 1 << 22;

/// What is stored of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every entry.
    Dense,
    /// Some entries, each with its column.
    Sparse,
}

/// Bytes of a sparse store in memory, with values of so many bytes.
pub(crate) fn bytes_in_memory(store: &Store, value: u64) -> u64 {
    let (rows, cols) = store.shape();
    let index = if crate::sparse::fits_i32(rows, cols) {
        4
    } else {
        8
    };
    (store.stored() as u64)
        .saturating_mul(index + value)
        .saturating_add(8 * (rows as u64 + 1))
}
