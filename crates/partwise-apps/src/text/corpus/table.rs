//! The rows of a table of separated fields, quotes and line breaks inside fields understood.

use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{BLOCK_BYTES, Corpus, CorpusFormat, Document, NO_TEXT, listed};
use crate::AppError;
use crate::text::Texts;

/// Some rows of a table, the wanted fields alone.
pub(in crate::text) struct Rows {
    texts: Texts,
    ids: Texts,
    labels: Option<Texts>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn document(&self, number: usize) -> Document<'_> {
        Document {
            id: self.ids.get(number),
            text: self.texts.get(number),
            label: self.labels.as_ref().map(|labels| labels.get(number)),
        }
    }
}

/// The rows of a table, about a block's bytes of them at a time.
pub(in crate::text) struct TableBlocks<'a> {
    corpus: &'a Corpus,
    reader: Reader<Box<dyn Read + Send>>,
    text: usize,
    id: Option<usize>,
    label: Option<usize>,
}

impl<'a> TableBlocks<'a> {
    pub(super) fn begin(corpus: &'a Corpus) -> Result<Self, AppError> {
        let mut source = corpus.reader()?;
        // The line of names says what separates fields.
        let mut head = Vec::new();
        (&mut source)
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|source| corpus.unreadable(source))?;
        let names = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let delimiter = match corpus.format {
            CorpusFormat::Tsv => b'\t',
            _ if names.contains(&b';') && !names.contains(&b',') => b';',
            _ => b',',
        };
        let source: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(head).chain(source));
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            // Tabs part the fields of .tsv, and nothing is quoted: what a text has in quotes is part of it.
            .quoting(corpus.format != CorpusFormat::Tsv)
            .from_reader(source);
        let names = reader
            .byte_headers()
            .map_err(|error| broken(corpus, error))?;
        let find = |name: &str| names.iter().position(|field| field == name.as_bytes());
        let known = names
            .iter()
            .map(std::str::from_utf8)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| corpus.line(1, NO_TEXT))?;
        if known.is_empty() {
            return Err(corpus.empty());
        }
        let absent = |name: &str| {
            let known = listed(known.iter().copied());
            corpus.line(1, format!("has no column '{name}'; it has {known}"))
        };
        let fields = &corpus.fields;
        let id = find(fields.id_name());
        let label = fields
            .label
            .as_deref()
            .map(|name| find(name).ok_or_else(|| absent(name)));
        if let (Some(name), None) = (&fields.id, id) {
            return Err(absent(name));
        }
        Ok(Self {
            corpus,
            text: find(&fields.text).ok_or_else(|| absent(&fields.text))?,
            id,
            label: label.transpose()?,
            reader,
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Rows>, AppError> {
        let mut rows = Rows {
            texts: Texts::default(),
            ids: Texts::default(),
            labels: self.label.map(|_| Texts::default()),
        };
        let mut record = ByteRecord::new();
        let mut bytes = 0;
        while bytes < BLOCK_BYTES {
            let more = self.reader.read_byte_record(&mut record);
            if !more.map_err(|error| broken(self.corpus, error))? {
                break;
            }
            let line = record.position().map_or(0, csv::Position::line);
            let field = |column: usize| {
                std::str::from_utf8(&record[column]).map_err(|_| self.corpus.line(line, NO_TEXT))
            };
            let text = field(self.text)?;
            bytes += text.len();
            rows.texts.push(text);
            match self.id {
                Some(column) => rows.ids.push(field(column)?),
                None => rows.ids.push(&line.to_string()),
            }
            if let (Some(column), Some(labels)) = (self.label, &mut rows.labels) {
                labels.push(field(column)?);
            }
        }
        Ok((rows.len() > 0).then_some(rows))
    }
}

/// A fault of the table in our words.
fn broken(corpus: &Corpus, error: csv::Error) -> AppError {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(source) => corpus.unreadable(source),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => corpus.line(line, format!("has {len} fields; expected {expected_len}")),
        _ => corpus.line(line, "cannot be read as a row of fields"),
    }
}
