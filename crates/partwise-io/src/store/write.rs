//! A store being written: rows in, blocks out, the index behind them.

use std::io::Write;

use super::block;
use super::index::{Entry, Index};
use super::{BLOCK_ENTRIES, HEAD_BYTES, Kind, MAGIC, VERSION};
use crate::error::Error;
use crate::format::write_error;
use crate::matrix::Precision;
use crate::real::Real;

/// A store on its way into `out`. What is held is a block.
pub(crate) struct Writer<'a> {
    file: &'a str,
    out: &'a mut dyn Write,
    deflate: bool,
    /// Looked at after every block with the rows and entries so far; says whether to go on.
    watch: &'a mut dyn FnMut(u64, u64) -> bool,
    at: u64,
    index: Index,
    /// The rows of the next block.
    lengths: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

/// A store that was made, in figures.
pub(crate) struct Made {
    pub(crate) kind: Kind,
    pub(crate) rows: u64,
    pub(crate) cols: u64,
    pub(crate) stored: u64,
    pub(crate) stored_as: String,
    pub(crate) bytes: u64,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        file: &'a str,
        out: &'a mut dyn Write,
        deflate: bool,
        watch: &'a mut dyn FnMut(u64, u64) -> bool,
    ) -> Self {
        Self {
            file,
            out,
            deflate,
            watch,
            at: 0,
            index: Index {
                kind: Kind::Dense,
                rows: 0,
                cols: 0,
                stored: 0,
                precision: Precision::F64,
                stored_as: String::new(),
                blocks: Vec::new(),
                row_names: None,
                col_names: None,
            },
            lengths: Vec::new(),
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Says what rows will come; before any of them.
    pub(crate) fn begin(
        &mut self,
        kind: Kind,
        cols: usize,
        precision: Precision,
        stored_as: &str,
    ) -> Result<(), Error> {
        if cols == 0 {
            return Err(self.empty());
        }
        if cols > u32::MAX as usize {
            return Err(self.unwritable(format!(
                "a store has at most {} columns, not {cols}",
                u32::MAX
            )));
        }
        self.index.kind = kind;
        self.index.cols = cols as u64;
        self.index.precision = precision;
        stored_as.clone_into(&mut self.index.stored_as);
        let mut head = MAGIC.to_vec();
        head.extend(VERSION.to_le_bytes());
        head.resize(HEAD_BYTES as usize, 0);
        self.put(&head)
    }

    pub(crate) fn col_names(&mut self, names: Option<Vec<String>>) {
        self.index.col_names = names;
    }

    /// The names of the next rows.
    pub(crate) fn row_names(&mut self, names: impl IntoIterator<Item = String>) {
        self.index.row_names.get_or_insert_default().extend(names);
    }

    /// The next row of a sparse matrix: columns in order, each once.
    pub(crate) fn sparse_row<T: Real>(
        &mut self,
        entries: impl Iterator<Item = (u32, T)>,
    ) -> Result<(), Error> {
        let before = self.indices.len();
        for (index, value) in entries {
            self.indices.push(index);
            self.values.push(value.to_f64());
        }
        self.lengths.push(self.indices.len() - before);
        let enough = BLOCK_ENTRIES.max(self.index.cols as usize);
        let whole = self.lengths.len().is_multiple_of(partwise::RunSize::UNIT);
        // Rows without entries take room, too.
        if whole && self.indices.len() + self.lengths.len() >= enough {
            self.end_block(self.lengths.len(), self.values.len())?;
        }
        Ok(())
    }

    /// The next values of a dense matrix, row after row; where they end is of no account.
    pub(crate) fn dense<T: Real>(&mut self, mut values: &[T]) -> Result<(), Error> {
        let cols = self.index.cols as usize;
        let rows = (BLOCK_ENTRIES / cols).max(1);
        while !values.is_empty() {
            let room = rows * cols - self.values.len();
            let (now, later) = values.split_at(room.min(values.len()));
            self.values.extend(now.iter().map(|value| value.to_f64()));
            if self.values.len() == rows * cols {
                self.end_block(rows, self.values.len())?;
            }
            values = later;
        }
        Ok(())
    }

    /// Whether to go on is also asked while nothing is written: `read` entries have been read.
    pub(crate) fn watch(&mut self, read: u64) -> Result<(), Error> {
        if (self.watch)(self.index.rows, read) {
            return Ok(());
        }
        Err(Error::Stopped {
            file: self.file.to_owned(),
        })
    }

    /// Writes what is left, and the index.
    pub(crate) fn finish(mut self) -> Result<Made, Error> {
        let rows = match self.index.kind {
            Kind::Sparse => self.lengths.len(),
            Kind::Dense => self.values.len() / (self.index.cols as usize).max(1),
        };
        if rows > 0 {
            self.end_block(rows, self.values.len())?;
        }
        if self.index.rows == 0 {
            return Err(self.empty());
        }
        for (what, names, count) in [
            ("row", &self.index.row_names, self.index.rows),
            ("column", &self.index.col_names, self.index.cols),
        ] {
            if let Some(names) = names.as_ref().filter(|names| names.len() as u64 != count) {
                let found = names.len();
                return Err(self.unwritable(format!("{found} {what} names for {count} {what}s")));
            }
        }
        let bytes = self.index.to_bytes(self.at);
        self.put(&bytes)?;
        self.out
            .flush()
            .map_err(|source| write_error(self.file, source))?;
        Ok(Made {
            kind: self.index.kind,
            rows: self.index.rows,
            cols: self.index.cols,
            stored: self.index.stored,
            stored_as: self.index.stored_as,
            bytes: self.at,
        })
    }

    fn end_block(&mut self, rows: usize, stored: usize) -> Result<(), Error> {
        let packed = block::pack(&self.lengths, &self.indices, &self.values, self.deflate)
            .map_err(|source| write_error(self.file, source))?;
        self.index.blocks.push(Entry {
            rows: rows as u64,
            stored: stored as u64,
            bytes: packed.bytes.len() as u64,
            raw: packed.raw,
            code: packed.code,
            sum: crc32fast::hash(&packed.bytes),
        });
        self.put(&packed.bytes)?;
        self.index.rows += rows as u64;
        self.index.stored += stored as u64;
        self.lengths.clear();
        self.indices.clear();
        self.values.clear();
        self.watch(self.index.stored)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.at += bytes.len() as u64;
        self.out
            .write_all(bytes)
            .map_err(|source| write_error(self.file, source))
    }

    fn empty(&self) -> Error {
        self.unwritable(
            "the matrix has no rows or no columns; a store has at least one of each".into(),
        )
    }

    fn unwritable(&self, problem: String) -> Error {
        Error::Unwritable {
            file: self.file.to_owned(),
            problem,
        }
    }
}
