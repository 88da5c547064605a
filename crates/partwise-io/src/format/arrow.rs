//! Apache Arrow's messages: files (`.arrow`, Feather 2) and streams, read one batch of rows at a time. See [`crate::rows::columns`]
//! for what is a name and what a number.
//!
//! A file is a stream between two words, with a list of its messages at the end, which is not needed: a look at the head of each
//! message says where it ends and how many rows it has.

use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, MessageHeader, MetadataVersion, root_as_message};
use arrow_schema::{Schema, SchemaRef};

use super::{ReadOptions, RowsFormat};
use crate::error::Error;
use crate::memory::Budget;
use crate::rows::columns::{Columns, Names};
use crate::rows::{Bands, Body, Lines, Rows, guarded, precision};
use crate::shared::Shared;
use crate::source::{Source, fill, read_error};

/// The first bytes of a file, and its last six.
const MAGIC: &[u8; 8] = b"ARROW1\0\0";
/// The first bytes of a stream: what every message begins with.
const MESSAGE: [u8; 4] = [0xff; 4];
/// The first bytes of the format that Feather was before it was Arrow's.
const OLD_FEATHER: &[u8] = b"FEA1";
/// The largest head of a message that is believed: that of a schema of a million columns.
const HEAD_BYTES: u64 = 1 << 28;

pub(crate) struct Arrow;

impl RowsFormat for Arrow {
    fn name(&self) -> &'static str {
        "arrow"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["arrow", "feather", "arrows", "ipc"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let begins = [&MAGIC[..], &MESSAGE, OLD_FEATHER];
        begins.iter().any(|begin| head.starts_with(begin))
    }

    fn open(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
        open(source, budget, options)
    }
}

fn open(source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error> {
    let name = source.name.clone();
    if source.head.starts_with(OLD_FEATHER) {
        return Err(Error::Unsupported {
            file: name,
            problem: "is a Feather file of version 1; write it as version 2, which is Arrow's"
                .into(),
        });
    }
    let (file, length) = source.into_seekable()?;
    guarded(&name, || {
        let messages = Messages::walk(&name, Shared::new(file, length), length, budget)?;
        let columns = Columns::new(&name, &messages.schema)?;
        let width = columns.numbers().len();
        let row_names = match columns.names() {
            Some(column) => Some(messages.names(column)?),
            None => None,
        };
        let (col_names, stored_as) = (columns.col_names(), columns.stored_as.clone());
        let rows = messages.starts[messages.batches.len()];
        let held = messages.memory(width as u64);
        let decoder = messages.decoder(columns.numbers())?;
        let source = Batches {
            messages,
            columns,
            decoder,
            held: Mutex::new(None),
        };
        Rows {
            file: name.clone(),
            format: "arrow",
            shape: (rows as usize, width),
            precision: precision(options.dtype, &stored_as),
            stored_as,
            row_names,
            col_names: Some(col_names),
            held,
            body: Body::Dense(Lines::new(Box::new(source), rows, width, 1)),
        }
        .checked()
    })
}

/// Where the messages of a file or a stream are.
#[derive(Debug)]
struct Messages {
    budget: Budget,
    source: Shared,
    schema: SchemaRef,
    version: MetadataVersion,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    /// The number of the first row of each batch, and of all rows.
    starts: Vec<u64>,
}

impl Messages {
    fn walk(name: &str, mut source: Shared, length: u64, budget: &Budget) -> Result<Self, Error> {
        let malformed = |problem: String| Error::Malformed {
            file: name.to_owned(),
            problem,
        };
        let mut head = [0; 8];
        let found = fill(&mut source, &mut head).map_err(|error| read_error(name, error))?;
        let (mut at, mut end) = (0, length);
        if head[..found] == MAGIC[..] {
            let mut tail = [0; 10];
            if length < 18 {
                return Err(malformed("the data ends too early (truncated)".into()));
            }
            let read = source
                .seek(SeekFrom::Start(length - 10))
                .and_then(|_| source.read_exact(&mut tail));
            read.map_err(|error| read_error(name, error))?;
            let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
            if tail[4..] != MAGIC[..6] || footer > length - 18 {
                return Err(malformed(
                    "has no end: it was cut off, or is still being written".into(),
                ));
            }
            (at, end) = (8, length - 10 - footer);
        }
        let mut found = Found::default();
        let mut starts = vec![0_u64];
        while at < end {
            let mut prefix = [0; 8];
            let mut reader = source.range(at, end);
            let count = fill(&mut reader, &mut prefix).map_err(|error| read_error(name, error))?;
            if count == 4 && prefix[..4] == [0; 4] {
                break;
            }
            // A writer may begin at a multiple of 64 bytes.
            if prefix == [0; 8] && (8..64).contains(&at) {
                at += 8;
                continue;
            }
            if count < 8 || prefix[..4] != MESSAGE {
                return Err(malformed(format!("expected a message at byte {at}")));
            }
            let size = u64::from(u32::from_le_bytes([
                prefix[4], prefix[5], prefix[6], prefix[7],
            ]));
            if size == 0 {
                break;
            }
            if size > HEAD_BYTES || size > end - at - 8 {
                return Err(malformed(format!(
                    "the message at byte {at} is truncated or damaged"
                )));
            }
            let mut bytes = budget.allocate::<u8>(size)?;
            bytes.resize(size as usize, 0);
            reader
                .read_exact(&mut bytes)
                .map_err(|error| read_error(name, error))?;
            let message = root_as_message(&bytes)
                .map_err(|error| malformed(format!("the message at byte {at}: {error}")))?;
            let body = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
            if body > end - at - 8 - size {
                return Err(malformed(format!(
                    "the message at byte {at} is truncated or damaged"
                )));
            }
            let block = Block::new(at as i64, (size + 8) as i32, body as i64);
            match message.header_type() {
                MessageHeader::Schema => {
                    let schema = arrow_ipc::convert::try_schema_from_flatbuffer_bytes(&bytes)
                        .map_err(|error| malformed(error.to_string()))?;
                    found.schema.get_or_insert((schema, message.version()));
                }
                MessageHeader::DictionaryBatch => found.dictionaries.push(block),
                MessageHeader::RecordBatch => {
                    let rows = message.header_as_record_batch().map(|batch| batch.length());
                    let rows = rows.and_then(|rows| u64::try_from(rows).ok());
                    let total = starts[found.batches.len()];
                    let total = rows.and_then(|rows| total.checked_add(rows));
                    starts.push(
                        total
                            .filter(|&total| i64::try_from(total).is_ok())
                            .ok_or_else(|| {
                                malformed(format!("the message at byte {at} has no number of rows"))
                            })?,
                    );
                    found.batches.push(block);
                }
                other => {
                    return Err(malformed(format!(
                        "the message at byte {at} is a {other:?}; expected rows of a table"
                    )));
                }
            }
            at += 8 + size + body;
        }
        let Some((schema, version)) = found.schema else {
            return Err(malformed("does not say what its columns are".into()));
        };
        Ok(Self {
            budget: budget.clone(),
            source,
            schema: Arc::new(schema),
            version,
            dictionaries: found.dictionaries,
            batches: found.batches,
            starts,
        })
    }

    /// A reader of some columns.
    fn decoder(&self, columns: Vec<usize>) -> Result<FileDecoder, Error> {
        let mut decoder =
            FileDecoder::new(self.schema.clone(), self.version).with_projection(columns);
        let mut taken = 0;
        for block in &self.dictionaries {
            let (bytes, unpacked) = self.bytes(block)?;
            // Later ones may be added to it.
            taken = unpacked.saturating_add(taken);
            self.budget.check_so_far(taken)?;
            decoder
                .read_dictionary(block, &bytes.into())
                .map_err(|error| self.refused(error))?;
        }
        Ok(decoder)
    }

    /// Bytes that the largest batch takes, as it is in the file and unpacked.
    fn memory(&self, columns: u64) -> u64 {
        let bytes = self.batches.iter().map(|block| block.bodyLength() as u64);
        let rows = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let unpacked = rows.max().unwrap_or(0).saturating_mul(columns);
        let unpacked = unpacked.saturating_mul(size_of::<f64>() as u64);
        bytes.max().unwrap_or(0).saturating_add(unpacked)
    }

    /// A message, and bytes that its buffers take.
    fn bytes(&self, block: &Block) -> Result<(Vec<u8>, u64), Error> {
        let (at, size) = (block.offset() as u64, block.metaDataLength() as u64);
        let size = size + block.bodyLength() as u64;
        let mut bytes = self.budget.allocate::<u8>(size)?;
        let mut reader = self.source.range(at, at + size);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| read_error(&self.budget.file, error))?;
        if (bytes.len() as u64) < size {
            return Err(read_error(
                &self.budget.file,
                std::io::ErrorKind::UnexpectedEof.into(),
            ));
        }
        let unpacked = self.unpacked(&bytes, block.metaDataLength() as usize)?;
        self.budget.allocate::<u8>(unpacked)?;
        Ok((bytes, unpacked))
    }

    /// Bytes that the buffers of a message take: a compressed one begins with its size.
    fn unpacked(&self, bytes: &[u8], body_at: usize) -> Result<u64, Error> {
        let message = root_as_message(&bytes[8..]).map_err(|error| self.refused(error))?;
        let batch = message.header_as_record_batch().or_else(|| {
            let dictionary = message.header_as_dictionary_batch();
            dictionary.and_then(|dictionary| dictionary.data())
        });
        let Some(buffers) = batch
            .filter(|batch| batch.compression().is_some())
            .and_then(|batch| batch.buffers())
        else {
            return Ok((bytes.len() - body_at) as u64);
        };
        let body = &bytes[body_at..];
        let sizes = buffers.iter().filter_map(|buffer| {
            let at = usize::try_from(buffer.offset()).ok()?;
            let prefix = body.get(at..)?.first_chunk::<8>()?;
            u64::try_from(i64::from_le_bytes(*prefix))
                .ok()
                .filter(|_| buffer.length() >= 8)
        });
        Ok(sizes.fold(0, u64::saturating_add))
    }

    fn names(&self, column: usize) -> Result<Vec<String>, Error> {
        let decoder = self.decoder(vec![column])?;
        let mut names = Names::new(&self.budget);
        for number in 0..self.batches.len() {
            names.add(self.batch(&decoder, number)?.column(0))?;
        }
        Ok(names.texts)
    }

    fn batch(&self, decoder: &FileDecoder, number: usize) -> Result<RecordBatch, Error> {
        let block = &self.batches[number];
        let (bytes, _) = self.bytes(block)?;
        let batch = decoder
            .read_record_batch(block, &bytes.into())
            .map_err(|error| self.refused(error))?;
        let rows = self.starts[number + 1] - self.starts[number];
        batch
            .filter(|batch| batch.num_rows() as u64 == rows)
            .ok_or_else(|| self.refused(format!("batch {number} has not as many rows as it says")))
    }

    fn refused(&self, error: impl std::fmt::Display) -> Error {
        Error::Malformed {
            file: self.budget.file.clone(),
            problem: error.to_string(),
        }
    }
}

#[derive(Default)]
struct Found {
    schema: Option<(Schema, MetadataVersion)>,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
}

/// The columns of numbers, a batch of which is in memory.
#[derive(Debug)]
struct Batches {
    messages: Messages,
    columns: Columns,
    decoder: FileDecoder,
    held: Mutex<Option<(usize, RecordBatch)>>,
}

impl Bands for Batches {
    fn read(&self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Error> {
        guarded(&self.messages.budget.file, || {
            let (mut row, end) = (first, first + count as u64);
            let starts = &self.messages.starts;
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            while row < end {
                let number = starts.partition_point(|&start| start <= row) - 1;
                let batch = match held.take() {
                    Some((last, batch)) if last == number => batch,
                    _ => self.messages.batch(&self.decoder, number)?,
                };
                let until = end.min(starts[number + 1]);
                let part = batch.slice((row - starts[number]) as usize, (until - row) as usize);
                self.columns.rows(&part, row, out)?;
                *held = Some((number, batch));
                row = until;
            }
            Ok(())
        })
    }
}
