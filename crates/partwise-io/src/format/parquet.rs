//! Apache Parquet: columns in groups of rows, read some rows at a time. See [`crate::rows::columns`] for what is a name and what a
//! number.

mod thrift;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

use super::{ReadOptions, RowsFormat};
use crate::convert::VALUES;
use crate::error::Error;
use crate::memory::Budget;
use crate::rows::columns::{Columns, Names};
use crate::rows::{Bands, Body, Lines, Rows, guarded, precision};
use crate::source::Source;

const MAGIC: &[u8] = b"PAR1";
/// Bytes at the end of a file: the length of the footer before them, and the magic.
const END: u64 = 8;
/// Bytes of pages and dictionaries that a column has in memory while it is read, at most, as writers make them.
const COLUMN_BYTES: u64 = 3 << 20;
/// Bytes of what reads a column, pages aside; and of a Zstandard decompressor, of which each column has one.
const READER_BYTES: u64 = 8 << 10;
const ZSTANDARD_BYTES: u64 = 102 << 10;

pub(crate) struct Parquet;

impl RowsFormat for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["parquet", "pq"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(MAGIC)
    }

    fn open(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
        open(source, budget, options)
    }
}

fn open(source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
    let name = source.name.clone();
    let (file, length) = source.into_seekable()?;
    guarded(&name, || {
        let file = Pages::new(&name, file, length, budget)?;
        let meta = file.meta.metadata();
        let rows = (0..meta.num_row_groups()).map(|group| meta.row_group(group).num_rows());
        let rows = rows.fold(0, |sum: u64, rows| sum.saturating_add(rows.max(0) as u64));
        let columns = Columns::new(&name, file.meta.schema())?;
        let width = columns.numbers().len();
        let held = file.memory();
        budget.check(held)?;
        let row_names = match columns.names() {
            Some(column) => Some(file.names(column, rows, budget)?),
            None => None,
        };
        let col_names = columns.col_names();
        let stored_as = columns.stored_as.clone();
        let band = (VALUES / width.max(1)).max(1);
        let source = Groups {
            file,
            columns,
            band,
            at: Mutex::new(None),
        };
        Rows {
            file: name.clone(),
            format: "parquet",
            shape: (rows as usize, width),
            precision: precision(options.dtype, &stored_as),
            stored_as,
            row_names,
            col_names: Some(col_names),
            held,
            body: Body::Dense(Lines::new(Box::new(source), rows, width, band as u64)),
        }
        .checked()
    })
}

/// A file whose page headers are looked at before they are read.
#[derive(Debug)]
struct Chunks {
    file: File,
    /// Bytes that a page may take.
    most: u64,
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Chunks {
    type T = thrift::Header<BufReader<File>>;

    /// Where a page begins.
    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let file = BufReader::new(self.file.try_clone()?);
        Ok(thrift::Header::new(file, start, self.most)?)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

/// Refuses a footer that must not reach the crate. Of a file that has none, that crate says it.
fn look_at_footer(name: &str, mut file: &File, length: u64) -> Result<(), Error> {
    let mut look = || {
        let end = length.checked_sub(END)?;
        let mut claim = [0; 4];
        file.seek(SeekFrom::Start(end)).ok()?;
        file.read_exact(&mut claim).ok()?;
        let start = end.checked_sub(u32::from_le_bytes(claim).into())?;
        file.seek(SeekFrom::Start(start)).ok()?;
        let footer = BufReader::new(file.take(end - start));
        let (at, what) = thrift::look_at_footer(footer, end - start).err()?;
        Some(Error::Malformed {
            file: name.to_owned(),
            problem: format!("the footer has {what} at byte {}", start + at),
        })
    };
    look().map_or(Ok(()), Err)
}

/// A file and what its end says of it.
#[derive(Debug)]
struct Pages {
    name: String,
    file: File,
    /// Bytes that a page may take.
    most: u64,
    meta: ArrowReaderMetadata,
}

impl Pages {
    fn new(name: &str, file: File, length: u64, budget: &Budget) -> Result<Self, Error> {
        look_at_footer(name, &file, length)?;
        let options = ArrowReaderOptions::new();
        let meta =
            ArrowReaderMetadata::load(&file, options).map_err(|error| refused(name, error))?;
        for group in meta.metadata().row_groups() {
            for column in group.columns() {
                let (at, bytes) = (column.dictionary_page_offset(), column.compressed_size());
                let at = at.unwrap_or(column.data_page_offset());
                let end = u64::try_from(at).ok().zip(u64::try_from(bytes).ok());
                if end
                    .is_none_or(|(at, bytes)| at.checked_add(bytes).is_none_or(|end| end > length))
                {
                    return Err(Error::Malformed {
                        file: name.to_owned(),
                        problem: format!(
                            "column '{}' lies outside of the file",
                            column.column_path()
                        ),
                    });
                }
            }
        }
        Ok(Self {
            name: name.to_owned(),
            file,
            most: budget.limit.unwrap_or(u64::MAX),
            meta,
        })
    }

    /// Bytes that reading all columns side by side takes, with what the footer says of them.
    fn memory(&self) -> u64 {
        let of_column = |column: &ColumnChunkMetaData| {
            let codec = match column.compression() {
                Compression::ZSTD(_) => ZSTANDARD_BYTES,
                _ => 0,
            };
            let pages = (column.uncompressed_size().max(0) as u64).min(COLUMN_BYTES);
            pages + codec + READER_BYTES
        };
        // One page at a time is decompressed.
        let packed = |column: &ColumnChunkMetaData| {
            (column.compressed_size().max(0) as u64).min(COLUMN_BYTES)
        };
        let of_group = |group: &RowGroupMetaData| {
            let most = group.columns().iter().map(packed).max();
            group.columns().iter().map(of_column).sum::<u64>() + most.unwrap_or(0)
        };
        let meta = self.meta.metadata();
        let groups = meta.row_groups().iter().map(of_group);
        groups.max().unwrap_or(0) + meta.memory_size() as u64
    }

    /// Some columns, `batch` rows at a time, from row `first` on.
    fn reader(
        &self,
        columns: Vec<usize>,
        first: u64,
        batch: usize,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let meta = self.meta.metadata();
        let file = self.file.try_clone();
        let file = file.map_err(|source| crate::source::read_error(&self.name, source))?;
        let most = self.most;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            Chunks { file, most },
            self.meta.clone(),
        );
        let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
        let (mut begin, mut group) = (0, 0);
        while group < meta.num_row_groups() {
            let rows = meta.row_group(group).num_rows().max(0) as u64;
            if begin + rows > first {
                break;
            }
            (begin, group) = (begin + rows, group + 1);
        }
        let builder = builder
            .with_projection(mask)
            .with_batch_size(batch)
            .with_row_groups((group..meta.num_row_groups()).collect())
            .with_offset((first - begin) as usize);
        builder.build().map_err(|error| refused(&self.name, error))
    }

    fn names(&self, column: usize, rows: u64, budget: &Budget) -> Result<Vec<String>, Error> {
        budget.check(rows.saturating_mul(size_of::<String>() as u64))?;
        // A text that many rows have is there once for each of a batch.
        let batch = budget.limit.map_or(1 << 12, |limit| limit >> 20);
        let mut names = Names::new(budget);
        for batch in self.reader(vec![column], 0, batch.clamp(16, 1 << 12) as usize)? {
            let batch = batch.map_err(|error| refused(&self.name, error))?;
            names.add(batch.column(0))?;
        }
        Ok(names.texts)
    }
}

/// The columns of numbers, one band of rows behind the other.
#[derive(Debug)]
struct Groups {
    file: Pages,
    columns: Columns,
    band: usize,
    /// The next row, and the reader that has it.
    at: Mutex<Option<(u64, Reader)>>,
}

struct Reader(ParquetRecordBatchReader);

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Bands for Groups {
    fn read(&self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Error> {
        let name = &self.file.name;
        guarded(name, || {
            let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
            let mut reader = match at.take().filter(|(next, _)| *next == first) {
                Some((_, reader)) => reader,
                // One that stands elsewhere has gone by now, and the memory it took.
                None => Reader(self.file.reader(self.columns.numbers(), first, self.band)?),
            };
            let mut row = first;
            while row < first + count as u64 {
                let Some(batch) = reader.0.next() else {
                    return Err(Error::Malformed {
                        file: name.clone(),
                        problem: format!("the data end at row {row}"),
                    });
                };
                let batch = batch.map_err(|error| refused(name, error))?;
                self.columns.rows(&batch, row, out)?;
                row += batch.num_rows() as u64;
            }
            *at = Some((row, reader));
            Ok(())
        })
    }
}

fn refused(file: &str, error: impl std::fmt::Display) -> Error {
    let text = error.to_string();
    let file = file.to_owned();
    match text.strip_prefix("NYI: ") {
        Some(what) => Error::Unsupported {
            file,
            problem: format!("holds what cannot be read here: {what}"),
        },
        None => Error::Malformed {
            file,
            problem: text,
        },
    }
}
