//! Rows in, blocks out: of a store, with the index behind them, or handed to whoever learns from rows as they come.

use std::io::Write;

use super::block;
use super::index::{Entry, Index};
use super::{BLOCK_ENTRIES, HEAD_BYTES, Kind, MAGIC, MOST_ROWS, VERSION};
use crate::convert::VALUES;
use crate::error::Error;
use crate::format::write_error;
use crate::matrix::Precision;
use crate::real::Real;

/// Some rows of a matrix, handed over while it is read.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Of sparse rows: the number of entries of each, and the column of each entry, in order.
    pub sparse: Option<(&'a [usize], &'a [u32])>,
    /// The entries, row after row.
    pub values: &'a [f64],
    /// The names of the columns, where there are any.
    pub col_names: Option<&'a [String]>,
}

/// Where blocks go.
pub(crate) enum Goal<'a> {
    /// Into a store.
    Store {
        out: &'a mut dyn Write,
        compress: bool,
    },
    /// To a visitor who says whether to go on, so many rows at a time.
    Visit {
        rows: usize,
        visit: &'a mut dyn FnMut(Batch<'_>) -> bool,
    },
}

/// Blocks on their way. What is held is one.
pub(crate) struct Writer<'a> {
    /// What is written or, for a visitor, read.
    file: &'a str,
    goal: Goal<'a>,
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
        goal: Goal<'a>,
        watch: &'a mut dyn FnMut(u64, u64) -> bool,
    ) -> Self {
        Self {
            file,
            goal,
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
        if let Goal::Visit { .. } = self.goal {
            names.into_iter().for_each(drop);
            return;
        }
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
        let rows = self.lengths.len();
        let enough = match self.goal {
            Goal::Visit { rows: most, .. } => rows == most,
            Goal::Store { .. } => {
                let most = BLOCK_ENTRIES.max(self.index.cols as usize);
                // Rows without entries take room, too.
                rows.is_multiple_of(partwise::RunSize::UNIT)
                    && (self.indices.len() + rows >= most || rows >= MOST_ROWS)
            }
        };
        if enough {
            self.end_block(rows)?;
        }
        Ok(())
    }

    /// Rows in a dense block.
    fn dense_rows(&self) -> usize {
        match self.goal {
            Goal::Visit { rows, .. } => rows,
            Goal::Store { .. } => (BLOCK_ENTRIES / (self.index.cols as usize).max(1)).max(1),
        }
    }

    /// Values of a dense matrix of so many columns that are worth handing over.
    pub(crate) fn wants(&self, cols: usize) -> usize {
        match self.goal {
            Goal::Visit { rows, .. } => rows.saturating_mul(cols).min(VALUES),
            Goal::Store { .. } => VALUES,
        }
    }

    /// The next values of a dense matrix, row after row; where they end is of no account.
    pub(crate) fn dense<T: Real>(&mut self, mut values: &[T]) -> Result<(), Error> {
        let rows = self.dense_rows();
        let whole = rows.saturating_mul(self.index.cols as usize);
        while !values.is_empty() {
            let room = whole - self.values.len();
            let (now, later) = values.split_at(room.min(values.len()));
            self.values.extend(now.iter().map(|value| value.to_f64()));
            if self.values.len() == whole {
                self.end_block(rows)?;
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
        Err(self.stopped())
    }

    /// Hands on what is left, and the index of a store.
    pub(crate) fn finish(mut self) -> Result<Made, Error> {
        let rows = match self.index.kind {
            Kind::Sparse => self.lengths.len(),
            Kind::Dense => self.values.len() / (self.index.cols as usize).max(1),
        };
        if rows > 0 {
            self.end_block(rows)?;
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
        if let Goal::Store { .. } = self.goal {
            let bytes = self.index.to_bytes(self.at);
            self.put(&bytes)?;
        }
        Ok(Made {
            kind: self.index.kind,
            rows: self.index.rows,
            cols: self.index.cols,
            stored: self.index.stored,
            stored_as: self.index.stored_as,
            bytes: self.at,
        })
    }

    fn end_block(&mut self, rows: usize) -> Result<(), Error> {
        let stored = self.values.len() as u64;
        match &mut self.goal {
            Goal::Visit { visit, .. } => {
                let batch = Batch {
                    rows,
                    cols: self.index.cols as usize,
                    sparse: (self.index.kind == Kind::Sparse)
                        .then_some((&self.lengths[..], &self.indices[..])),
                    values: &self.values,
                    col_names: self.index.col_names.as_deref(),
                };
                if !visit(batch) {
                    return Err(self.stopped());
                }
            }
            Goal::Store { compress, .. } => {
                let packed = block::pack(&self.lengths, &self.indices, &self.values, *compress)
                    .map_err(|source| write_error(self.file, source))?;
                self.index.blocks.push(Entry {
                    rows: rows as u64,
                    stored,
                    bytes: packed.bytes.len() as u64,
                    raw: packed.raw,
                    code: packed.code,
                    sum: crc32fast::hash(&packed.bytes),
                });
                self.put(&packed.bytes)?;
            }
        }
        self.index.rows += rows as u64;
        self.index.stored += stored;
        self.lengths.clear();
        self.indices.clear();
        self.values.clear();
        self.watch(self.index.stored)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Goal::Store { out, .. } = &mut self.goal else {
            return Ok(());
        };
        self.at += bytes.len() as u64;
        out.write_all(bytes)
            .map_err(|source| write_error(self.file, source))
    }

    fn stopped(&self) -> Error {
        Error::Stopped {
            file: self.file.to_owned(),
        }
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
