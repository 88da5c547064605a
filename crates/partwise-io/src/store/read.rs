//! A store being read: its index at once, its blocks when they are needed.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use partwise::{RunSize, SparseRun};

use super::block;
use super::index::{Entry, Index, TAIL_BYTES, Tail};
use super::{HEAD_BYTES, Kind, MAGIC, VERSION};
use crate::error::Error;
use crate::matrix::Precision;
use crate::real::{Dtype, Real};
use crate::source::{fill, read_error};

/// An open store.
#[derive(Debug)]
pub(crate) struct Store {
    name: String,
    index: Index,
    /// Where each block begins: its first byte and its first row.
    starts: Vec<(u64, usize)>,
    precision: Precision,
    open: Mutex<Open>,
}

/// The file, and the block that was read last, unpacked.
#[derive(Debug)]
struct Open {
    file: File,
    block: Option<usize>,
    packed: Vec<u8>,
    raw: Vec<u8>,
}

/// Rows of a store.
pub(crate) enum Block<'a, T> {
    /// Whole rows, one after another.
    Dense(&'a [T]),
    Sparse(&'a SparseRun<T>),
}

impl Store {
    /// Reads the index of a store.
    pub(crate) fn open(
        name: &str,
        mut file: File,
        length: u64,
        dtype: Dtype,
    ) -> Result<Self, Error> {
        let malformed = |problem: &str| Error::Malformed {
            file: name.to_owned(),
            problem: problem.to_owned(),
        };
        let refused = |source| read_error(name, source);
        let mut head = [0; HEAD_BYTES as usize];
        file.seek(SeekFrom::Start(0)).map_err(refused)?;
        let found = fill(&mut file, &mut head).map_err(refused)?;
        if !head.starts_with(&MAGIC) {
            return Err(malformed("does not begin as a store of row blocks (.pws)"));
        }
        if found < head.len() || length < HEAD_BYTES + TAIL_BYTES {
            return Err(malformed(
                "has no end: it was cut off, or is still being written",
            ));
        }
        let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if version != VERSION || head[12..] != [0; 4] {
            return Err(Error::Unsupported {
                file: name.to_owned(),
                problem: format!("is a store of a version that is not known; known is {VERSION}"),
            });
        }
        let mut tail = [0; TAIL_BYTES as usize];
        file.seek(SeekFrom::Start(length - TAIL_BYTES))
            .and_then(|_| file.read_exact(&mut tail))
            .map_err(refused)?;
        let tail = Tail::parse(&tail, length).map_err(malformed)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(tail.index_at)).map_err(refused)?;
        let mut rest = (&mut file).take(tail.index_bytes);
        rest.read_to_end(&mut bytes).map_err(refused)?;
        let index = Index::parse(tail, &bytes).map_err(malformed)?;
        let countable = [index.rows, index.cols, index.stored];
        if countable
            .iter()
            .any(|&count| usize::try_from(count).is_err())
            || index.rows.max(index.cols) > u64::from(u32::MAX)
            || index.rows == 0
            || index.cols == 0
        {
            return Err(malformed("has a shape that no store has"));
        }
        let (sparse, last) = (index.kind == Kind::Sparse, index.blocks.len() - 1);
        let unit = partwise::RunSize::UNIT as u64;
        let whole = |(number, block): (usize, &Entry)| {
            block.rows > 0 && (!sparse || number == last || block.rows.is_multiple_of(unit))
        };
        if !index.blocks.iter().enumerate().all(whole) {
            return Err(malformed(
                "has a block with a number of rows that no block has",
            ));
        }
        let (mut at, mut row) = (HEAD_BYTES, 0);
        let starts = index.blocks.iter().map(|block| {
            let start = (at, row);
            at += block.bytes;
            row += block.rows as usize;
            start
        });
        Ok(Self {
            name: name.to_owned(),
            starts: starts.collect(),
            precision: dtype.resolve(index.precision == Precision::F32),
            index,
            open: Mutex::new(Open {
                file,
                block: None,
                packed: Vec::new(),
                raw: Vec::new(),
            }),
        })
    }

    /// (rows, columns).
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.index.rows as usize, self.index.cols as usize)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.index.kind
    }

    /// Number of stored entries.
    pub(crate) fn stored(&self) -> usize {
        self.index.stored as usize
    }

    /// The precision with which it is read.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// The type that the entries had where they came from.
    pub(crate) fn stored_as(&self) -> &str {
        &self.index.stored_as
    }

    /// The names of rows and columns.
    pub(crate) fn names(&self) -> (Option<&[String]>, Option<&[String]>) {
        (
            self.index.row_names.as_deref(),
            self.index.col_names.as_deref(),
        )
    }

    /// Bytes that its index takes, the names and what a model has of them once more, and the largest block, packed and unpacked.
    pub(crate) fn memory(&self) -> u64 {
        let block = size_of::<Entry>() + size_of::<(u64, usize)>();
        let names = [&self.index.row_names, &self.index.col_names];
        let names = names.into_iter().flatten().flatten();
        // As they are allocated.
        let name = |name: &String| (name.len() + 32).next_multiple_of(16) + size_of::<String>();
        let names: usize = names.map(name).sum();
        let blocks = self.index.blocks.iter();
        let largest = blocks.map(|block| block.raw.saturating_add(block.bytes));
        let index = (self.index.blocks.len() * block + 2 * names) as u64;
        index.saturating_add(largest.max().unwrap_or(0))
    }

    /// Hands over all rows, a block at a time.
    pub(crate) fn for_each_block<T: Real>(
        &self,
        mut visit: impl FnMut(Block<'_, T>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut run, mut values) = (SparseRun::default(), Vec::new());
        for (index, block) in self.index.blocks.iter().enumerate() {
            match self.index.kind {
                Kind::Sparse => {
                    self.read_sparse(index, &mut run)?;
                    visit(Block::Sparse(&run))?;
                }
                Kind::Dense => {
                    values.resize(block.stored as usize, T::default());
                    self.read_dense(self.starts[index].1, &mut values)?;
                    visit(Block::Dense(&values))?;
                }
            }
        }
        Ok(())
    }

    /// Looks at block `index`, unpacked.
    fn with_raw<R>(&self, index: usize, look: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.block != Some(index) {
            open.block = None;
            let (
                block,
                Open {
                    file, packed, raw, ..
                },
            ) = (&self.index.blocks[index], &mut *open);
            packed.clear();
            file.seek(SeekFrom::Start(self.starts[index].0))
                .and_then(|_| file.take(block.bytes).read_to_end(packed))
                .map_err(|source| read_error(&self.name, source))?;
            if packed.len() as u64 != block.bytes {
                return Err(self.bad_block(index, "the file ends in it"));
            }
            if crc32fast::hash(packed) != block.sum {
                return Err(self.bad_block(index, "its checksum is wrong"));
            }
            block::decompress(block.code, packed, block.raw, raw).map_err(|kind| match kind {
                ErrorKind::OutOfMemory => Error::OutOfMemory {
                    file: self.name.clone(),
                    needed: block.raw,
                },
                _ => self.bad_block(index, "it cannot be unpacked"),
            })?;
            open.block = Some(index);
        }
        Ok(look(&open.raw))
    }

    /// How many runs the rows of a sparse matrix come in.
    pub(crate) fn runs(&self) -> usize {
        self.index.blocks.len()
    }

    /// The size of run `index`.
    pub(crate) fn size(&self, index: usize) -> RunSize {
        let block = &self.index.blocks[index];
        RunSize {
            rows: block.rows as usize,
            stored: block.stored as usize,
        }
    }

    /// Puts run `index` in the place of what is in `out`.
    pub(crate) fn read_sparse<T: Real>(
        &self,
        index: usize,
        out: &mut SparseRun<T>,
    ) -> Result<(), Error> {
        let block = &self.index.blocks[index];
        let size = (block.rows as usize, self.shape().1, block.stored as usize);
        self.with_raw(index, |raw| {
            block::sparse_entries(block.code, raw, size, out)
        })?
        .map_err(|problem| self.bad_block(index, problem))
    }

    /// Fills `out` with whole rows, from row `first` on.
    pub(crate) fn read_dense<T: Real>(&self, first: usize, mut out: &mut [T]) -> Result<(), Error> {
        let (mut row, cols) = (first, self.shape().1);
        while !out.is_empty() {
            let index = self.starts.partition_point(|start| start.1 <= row) - 1;
            let (block, start) = (&self.index.blocks[index], self.starts[index].1);
            let rows = (start + block.rows as usize - row).min(out.len() / cols);
            let (now, later) = out.split_at_mut(rows * cols);
            self.with_raw(index, |raw| {
                block::dense_values(block.code, raw, (row - start) * cols, now);
            })?;
            row += rows;
            out = later;
        }
        Ok(())
    }

    fn bad_block(&self, index: usize, problem: &str) -> Error {
        let (at, row) = self.starts[index];
        Error::Malformed {
            file: self.name.clone(),
            problem: format!("block {index}, from row {row} and byte {at} on: {problem}"),
        }
    }
}
