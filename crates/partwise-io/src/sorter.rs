//! Entries of a sparse matrix, in any order, into the order of its rows, with little of them in memory.
//!
//! An external merge sort: what fits is sorted and put behind the last in one temporary file, and at the end all such runs are
//! merged. Unlike buckets of rows this needs no guess at how many entries a row has. The file has no name: whatever ends the
//! program, nothing of it is left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::shared::Shared;
use crate::source::fill;

/// Bytes of an entry in the temporary file.
const ENTRY_BYTES: usize = 24;
/// Bytes of entries that are in memory at once, and then of the buffers of all runs, unless less is allowed.
const MEMORY: u64 = 64 << 20;
/// The smallest buffer of a run, and the largest.
const LEAST_BUFFER: usize = 4096;
const MOST_BUFFER: usize = 1 << 20;

/// An entry, and its number in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    pub(crate) row: u32,
    pub(crate) col: u32,
    pub(crate) number: u64,
    pub(crate) value: f64,
}

impl Entry {
    fn key(&self) -> (u32, u32, u64) {
        (self.row, self.col, self.number)
    }

    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..4].copy_from_slice(&self.row.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.col.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..].copy_from_slice(&self.value.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let half = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let whole = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        Self {
            row: half(0),
            col: half(4),
            number: whole(8),
            value: f64::from_bits(whole(16)),
        }
    }
}

/// Takes entries in any order.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    buffer: Vec<Entry>,
    most: usize,
    file: Option<BufWriter<File>>,
    /// Where each run ends in the file.
    ends: Vec<u64>,
}

impl Sorter {
    /// Temporary files go into this folder.
    pub(crate) fn new(folder: &Path, memory_limit: Option<u64>) -> Self {
        let bytes = memory_limit.map_or(MEMORY, |limit| (limit / 4).min(MEMORY));
        Self::with_room(folder, (bytes / ENTRY_BYTES as u64).max(1024) as usize)
    }

    fn with_room(folder: &Path, most: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            buffer: Vec::new(),
            most,
            file: None,
            ends: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        self.buffer.push(entry);
        if self.buffer.len() < self.most {
            return Ok(());
        }
        self.sort();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(&self.folder)?),
        };
        for entry in self.buffer.drain(..) {
            file.write_all(&entry.to_bytes())?;
        }
        let before = self.ends.last().copied().unwrap_or(0);
        self.ends.push(before + (self.most * ENTRY_BYTES) as u64);
        self.file = Some(file);
        Ok(())
    }

    fn sort(&mut self) {
        self.buffer.sort_unstable_by_key(Entry::key);
    }

    /// All entries by row, then by column, then in the order in which they came.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.sort();
        let mut runs = Vec::new();
        if let Some(file) = self.file {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            let length = self.ends.last().copied().unwrap_or(0);
            let file = Shared::new(file, length);
            let room = self.most * ENTRY_BYTES / self.ends.len();
            let room = room.clamp(LEAST_BUFFER, MOST_BUFFER);
            let mut from = 0;
            for to in self.ends {
                let reader = BufReader::with_capacity(room, file.range(from, to));
                runs.push(Run::File(reader));
                from = to;
            }
        }
        runs.push(Run::Memory(self.buffer.into_iter()));
        let mut sorted = Sorted {
            runs,
            next: BinaryHeap::new(),
        };
        for run in 0..sorted.runs.len() {
            sorted.advance(run)?;
        }
        Ok(sorted)
    }
}

/// Entries in order.
pub(crate) struct Sorted {
    runs: Vec<Run>,
    next: BinaryHeap<Head>,
}

enum Run {
    File(BufReader<Shared>),
    Memory(std::vec::IntoIter<Entry>),
}

/// The next entry of a run; the first in order is the greatest.
struct Head {
    entry: Entry,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        Reverse(self.entry.key()).cmp(&Reverse(other.entry.key()))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl Sorted {
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(head) = self.next.pop() else {
            return Ok(None);
        };
        self.advance(head.run)?;
        Ok(Some(head.entry))
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        let entry = match &mut self.runs[run] {
            Run::Memory(entries) => entries.next(),
            Run::File(reader) => {
                let mut bytes = [0; ENTRY_BYTES];
                match fill(reader, &mut bytes)? {
                    0 => None,
                    ENTRY_BYTES => Some(Entry::from_bytes(&bytes)),
                    _ => return Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        };
        self.next.extend(entry.map(|entry| Head { entry, run }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_order_however_little_fits() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = 7u32;
        let mut draw = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let entries: Vec<_> = (0..5_000)
            .map(|number| Entry {
                row: draw(40),
                col: draw(30),
                number,
                value: f64::from(draw(100)) / 7.0,
            })
            .collect();
        let mut expected = entries.clone();
        expected.sort_by_key(Entry::key);
        for room in [1, 7, 4_999, 5_000, 5_001] {
            let mut sorter = Sorter::with_room(folder.path(), room);
            for &entry in &entries {
                sorter.push(entry).unwrap();
            }
            let mut sorted = sorter.finish().unwrap();
            let found: Vec<_> = std::iter::from_fn(|| sorted.next().unwrap()).collect();
            assert_eq!(found, expected, "room for {room}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut nothing = Sorter::with_room(folder.path(), 3).finish().unwrap();
        assert_eq!(nothing.next().unwrap(), None);
    }
}
