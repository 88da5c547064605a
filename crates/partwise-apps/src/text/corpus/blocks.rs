//! A corpus block by block, and the documents of a block.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::{memchr_iter, memrchr};
use walkdir::WalkDir;

use super::record::Record;
use super::table::{Rows, TableBlocks};
use super::{BLOCK_BYTES, Corpus, CorpusFormat, Document, NO_TEXT, Place, decompressed, extension};
use crate::AppError;

/// Files of a block.
const FILES: usize = 64;

/// What comes next of a corpus.
pub(in crate::text) enum Blocks<'a> {
    Lines(LineBlocks<'a>),
    Table(TableBlocks<'a>),
    Files(std::vec::IntoIter<PathBuf>),
}

/// Some documents that follow each other, not looked at yet.
pub(in crate::text) enum Block {
    /// Whole lines.
    Lines {
        bytes: Vec<u8>,
        /// Line of the file, from 1.
        first_line: u64,
    },
    /// Fields of a table.
    Rows(Rows),
    /// Paths.
    Files(Vec<PathBuf>),
}

impl<'a> Blocks<'a> {
    pub(super) fn begin(corpus: &'a Corpus) -> Result<Self, AppError> {
        Ok(match corpus.format {
            CorpusFormat::JsonLines | CorpusFormat::Lines => {
                Self::Lines(LineBlocks::begin(corpus)?)
            }
            CorpusFormat::Csv | CorpusFormat::Tsv => Self::Table(TableBlocks::begin(corpus)?),
            CorpusFormat::Folder => Self::Files(files(corpus)?.into_iter()),
        })
    }

    /// The next block; `None` at the end.
    pub(in crate::text) fn next(&mut self) -> Result<Option<Block>, AppError> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Table(table) => Ok(table.next()?.map(Block::Rows)),
            Self::Files(paths) => {
                let paths: Vec<_> = paths.take(FILES).collect();
                Ok((!paths.is_empty()).then_some(Block::Files(paths)))
            }
        }
    }
}

/// The files of a folder, by their names.
fn files(corpus: &Corpus) -> Result<Vec<PathBuf>, AppError> {
    let Place::Path(folder) = &corpus.place else {
        return Ok(Vec::new());
    };
    let mut paths = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_path_buf();
            let source = error.into();
            AppError::Read { path, source }
        })?;
        let is_text = matches!(extension(entry.path()).as_str(), "txt" | "md");
        if is_text && entry.path().is_file() {
            paths.push(entry.into_path());
        }
    }
    if paths.is_empty() {
        return Err(AppError::Corpus {
            name: corpus.name.clone(),
            problem: "holds no file .txt or .md".to_owned(),
        });
    }
    Ok(paths)
}

/// Whole lines, about a block's bytes of them at a time.
pub(in crate::text) struct LineBlocks<'a> {
    corpus: &'a Corpus,
    reader: Box<dyn Read + Send>,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    line: u64,
}

impl<'a> LineBlocks<'a> {
    fn begin(corpus: &'a Corpus) -> Result<Self, AppError> {
        Ok(Self {
            corpus,
            reader: corpus.reader()?,
            rest: Vec::new(),
            line: 1,
        })
    }

    fn next(&mut self) -> Result<Option<Block>, AppError> {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.reserve(BLOCK_BYTES);
        loop {
            let begun = bytes.len();
            let found = (&mut self.reader)
                .take(BLOCK_BYTES as u64)
                .read_to_end(&mut bytes)
                .map_err(|source| self.corpus.unreadable(source))?;
            if found == 0 {
                break;
            }
            if let Some(end) = memrchr(b'\n', &bytes[begun..]) {
                self.rest = bytes.split_off(begun + end + 1);
                break;
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.line;
        if first_line == 1 {
            check_mark(self.corpus, &mut bytes)?;
        }
        self.line += memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(Block::Lines { bytes, first_line }))
    }
}

/// Takes the byte-order mark of UTF-8 off, and refuses that of UTF-16.
fn check_mark(corpus: &Corpus, bytes: &mut Vec<u8>) -> Result<(), AppError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(corpus.line(1, "is UTF-16 text; save it as UTF-8"));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(())
}

impl Block {
    /// Calls `visit` with those documents whose number in the block, from 0, is wanted; returns how many there are.
    pub(in crate::text) fn each(
        &self,
        corpus: &Corpus,
        wanted: impl Fn(usize) -> bool,
        mut visit: impl FnMut(Document<'_>),
    ) -> Result<usize, AppError> {
        match self {
            Self::Lines { bytes, first_line } => {
                let mut number = 0;
                for (line, bytes) in (*first_line..).zip(bytes.split(|byte| *byte == b'\n')) {
                    let bytes = bytes.trim_ascii();
                    if bytes.is_empty() {
                        continue;
                    }
                    if wanted(number) {
                        visit_line(corpus, line, bytes, &mut visit)?;
                    }
                    number += 1;
                }
                Ok(number)
            }
            Self::Rows(rows) => {
                for number in (0..rows.len()).filter(|number| wanted(*number)) {
                    visit(rows.document(number));
                }
                Ok(rows.len())
            }
            Self::Files(paths) => {
                let wanted = paths
                    .iter()
                    .enumerate()
                    .filter(|(number, _)| wanted(*number));
                for (_, path) in wanted {
                    visit_file(corpus, path, &mut visit)?;
                }
                Ok(paths.len())
            }
        }
    }
}

fn visit_line(
    corpus: &Corpus,
    line: u64,
    bytes: &[u8],
    visit: &mut impl FnMut(Document<'_>),
) -> Result<(), AppError> {
    if corpus.format == CorpusFormat::Lines {
        let text = std::str::from_utf8(bytes).map_err(|_| corpus.line(line, NO_TEXT))?;
        visit(Document {
            id: &line.to_string(),
            text,
            label: None,
        });
        return Ok(());
    }
    let record =
        Record::parse(bytes, &corpus.fields).map_err(|problem| corpus.line(line, problem))?;
    let number;
    let id = match &record.id {
        Some(id) => id.as_ref(),
        None => {
            number = line.to_string();
            number.as_str()
        }
    };
    visit(Document {
        id,
        text: &record.text,
        label: record.label.as_deref(),
    });
    Ok(())
}

fn visit_file(
    corpus: &Corpus,
    path: &Path,
    visit: &mut impl FnMut(Document<'_>),
) -> Result<(), AppError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(decompressed)
        .and_then(|mut reader| reader.read_to_end(&mut bytes))
        .map_err(|source| AppError::Read {
            path: path.to_path_buf(),
            source,
        })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        AppError::Line {
            file: path.display().to_string(),
            line: memchr_iter(b'\n', valid).count() as u64 + 1,
            problem: NO_TEXT.to_owned(),
        }
    })?;
    let folder = match &corpus.place {
        Place::Path(folder) => folder.as_path(),
        Place::Kept(_) => Path::new(""),
    };
    let id = path.strip_prefix(folder).unwrap_or(path);
    let label = id.parent().unwrap_or(Path::new("")).to_string_lossy();
    visit(Document {
        id: &id.to_string_lossy(),
        text: text.strip_prefix('\u{feff}').unwrap_or(&text),
        label: corpus.fields.label.as_ref().map(|_| label.as_ref()),
    });
    Ok(())
}
