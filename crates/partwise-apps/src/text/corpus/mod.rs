//! Where documents come from: a folder of texts, a file of JSON or of plain lines, a column of a table.
//!
//! Text is UTF-8; gzip is recognised by its first bytes and undone. A corpus is never held: it is cut into blocks of about
//! [`BLOCK_BYTES`], by the bytes alone, and may be walked over again. Standard input is kept in an unnamed file for that.

mod blocks;
mod record;
mod table;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use blocks::Blocks;

use crate::AppError;

/// About how many bytes of text a block has.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes of a buffer between a file and its decompression.
const BUFFER_BYTES: usize = 1 << 16;
/// What is said of bytes that should be text.
const NO_TEXT: &str = "is no UTF-8 text; save the file as UTF-8";
/// The one field that a file in a folder has: the folder that it lies in.
pub const FOLDER_FIELD: &str = "folder";

/// How documents are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorpusFormat {
    /// Files .txt and .md (also .gz) in a folder and the folders in it, in the order of their names.
    Folder,
    /// One JSON object a line.
    JsonLines,
    /// A table with a line of names on top, fields separated by commas or semicolons.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One document a line; lines of blanks are none.
    Lines,
}

impl CorpusFormat {
    /// Every format with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("folder", Self::Folder),
        ("jsonl", Self::JsonLines),
        ("csv", Self::Csv),
        ("tsv", Self::Tsv),
        ("lines", Self::Lines),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, format)| *format == self);
        named.map_or("", |(name, _)| name)
    }

    /// The format of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, format)| *format)
    }

    /// The format of a folder, or of a file by its extension (a closing `.gz` is ignored).
    pub fn by_path(path: &Path) -> Option<Self> {
        if path.is_dir() {
            return Some(Self::Folder);
        }
        match extension(path).as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "txt" | "md" => Some(Self::Lines),
            _ => None,
        }
    }

    /// Whether documents have fields with names.
    pub fn has_fields(self) -> bool {
        matches!(self, Self::JsonLines | Self::Csv | Self::Tsv)
    }
}

/// Which fields of a document mean what.
///
/// | name | default | purpose |
/// |---|---|---|
/// | `text` | `"text"` | the text; every document must have it |
/// | `id` | `None` | the name of a document; `None` takes "id" where it is there, else the number of the line |
/// | `label` | `None` | a date or a label, to compare topics over |
#[derive(Debug, Clone)]
pub struct Fields {
    /// The field that holds the text.
    pub text: String,
    /// The field that names the document.
    pub id: Option<String>,
    /// The field of a date or a label.
    pub label: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            text: "text".to_owned(),
            id: None,
            label: None,
        }
    }
}

impl Fields {
    fn id_name(&self) -> &str {
        self.id.as_deref().unwrap_or("id")
    }
}

/// Documents that can be walked over.
#[derive(Debug)]
pub struct Corpus {
    name: String,
    place: Place,
    format: CorpusFormat,
    fields: Fields,
}

#[derive(Debug)]
enum Place {
    Path(PathBuf),
    /// What came from standard input.
    Kept(File),
}

/// One document on its way to be counted.
pub(super) struct Document<'a> {
    pub(super) id: &'a str,
    pub(super) text: &'a str,
    pub(super) label: Option<&'a str>,
}

impl Corpus {
    /// Opens a folder or a file, or standard input for `-`.
    ///
    /// # Errors
    /// [`AppError::Corpus`] if nothing says what it is, or it has no fields and some are asked for; whatever the system
    /// says.
    pub fn open(
        path: &Path,
        format: Option<CorpusFormat>,
        fields: Fields,
    ) -> Result<Self, AppError> {
        let standard_input = path == Path::new("-");
        let name = match standard_input {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        let fault = |problem: String| AppError::Corpus {
            name: name.clone(),
            problem,
        };
        let read = |source| AppError::Read {
            path: path.to_path_buf(),
            source,
        };
        if !standard_input {
            path.metadata().map_err(read)?;
        }
        let format = format.or_else(|| CorpusFormat::by_path(path)).ok_or_else(|| {
            fault(
                "its name does not say how documents are stored; name the format: jsonl, csv, tsv or lines, or matrix for counts"
                    .to_owned(),
            )
        })?;
        if (format == CorpusFormat::Folder) != path.is_dir() {
            return Err(fault(match format {
                CorpusFormat::Folder => "is no folder".to_owned(),
                format => format!("is a folder; expected a file of format {}", format.name()),
            }));
        }
        if let Some(label) = &fields.label {
            let known =
                format.has_fields() || (format == CorpusFormat::Folder && label == FOLDER_FIELD);
            if !known {
                return Err(fault(match format {
                    CorpusFormat::Folder => format!(
                        "files in a folder have no field '{label}'; their one field is '{FOLDER_FIELD}'"
                    ),
                    _ => format!("plain lines have no field '{label}'"),
                }));
            }
        }
        let place = match standard_input {
            true => Place::Kept(kept(io::stdin().lock()).map_err(read)?),
            false => Place::Path(path.to_path_buf()),
        };
        Ok(Self {
            name,
            place,
            format,
            fields,
        })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its documents are stored.
    pub fn format(&self) -> CorpusFormat {
        self.format
    }

    /// The beginning of the documents with these numbers (from 0, ascending): up to `most` characters each, blanks and
    /// line ends as one blank. Walks over the corpus again, as far as need be.
    ///
    /// # Errors
    /// As counting; [`AppError::Corpus`] if the documents have become fewer.
    pub fn openings(&self, wanted: &[usize], most: usize) -> Result<Vec<String>, AppError> {
        let mut found = Vec::with_capacity(wanted.len());
        let mut blocks = self.blocks()?;
        let mut before = 0;
        while found.len() < wanted.len() {
            let Some(block) = blocks.next()? else {
                return Err(AppError::Corpus {
                    name: self.name.clone(),
                    problem: "has fewer documents than before".to_owned(),
                });
            };
            let is_wanted = |number: usize| wanted.binary_search(&(before + number)).is_ok();
            let count = block.each(self, is_wanted, |document| {
                found.push(opening(document.text, most));
            })?;
            before += count;
        }
        Ok(found)
    }

    pub(super) fn blocks(&self) -> Result<Blocks<'_>, AppError> {
        Blocks::begin(self)
    }

    pub(super) fn has_labels(&self) -> bool {
        self.fields.label.is_some()
    }

    /// That no document has the field of labels.
    pub(super) fn without_label(&self) -> AppError {
        let name = self.fields.label.as_deref().unwrap_or_default();
        AppError::Corpus {
            name: self.name.clone(),
            problem: format!("no document has the field '{name}'"),
        }
    }

    /// Its bytes from the first one, decompressed.
    fn reader(&self) -> Result<Box<dyn Read + Send>, AppError> {
        match &self.place {
            Place::Path(path) => {
                File::open(path)
                    .and_then(decompressed)
                    .map_err(|source| AppError::Read {
                        path: path.clone(),
                        source,
                    })
            }
            Place::Kept(file) => (|| {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(0))?;
                decompressed(file)
            })()
            .map_err(|source| self.unreadable(source)),
        }
    }

    /// What is said where nothing is in it.
    pub(super) fn empty(&self) -> AppError {
        AppError::Corpus {
            name: self.name.clone(),
            problem: "holds no documents".to_owned(),
        }
    }

    fn unreadable(&self, source: io::Error) -> AppError {
        AppError::Read {
            path: PathBuf::from(&self.name),
            source,
        }
    }

    /// What is wrong with a line, said in one line whatever it quotes from the file.
    fn line(&self, line: u64, problem: impl Into<String>) -> AppError {
        AppError::Line {
            file: self.name.clone(),
            line,
            problem: problem.into().replace(char::is_control, "\u{fffd}"),
        }
    }
}

/// Writes a stream to an unnamed file.
fn kept(mut stream: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut stream, &mut file)?;
    Ok(file)
}

fn decompressed(mut file: File) -> io::Result<Box<dyn Read + Send>> {
    let mut head = [0; 2];
    let is_gzip = match file.read_exact(&mut head) {
        Ok(()) => head == [0x1f, 0x8b],
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(0))?;
    Ok(match is_gzip {
        true => Box::new(MultiGzDecoder::new(BufReader::with_capacity(
            BUFFER_BYTES,
            file,
        ))),
        false => Box::new(file),
    })
}

/// The extension in lower case; of `name.txt.gz`, `txt`.
fn extension(path: &Path) -> String {
    let lower = |path: &Path| {
        path.extension()
            .map(|extension| extension.to_string_lossy().to_lowercase())
            .unwrap_or_default()
    };
    match lower(path).as_str() {
        "gz" => lower(Path::new(path.file_stem().unwrap_or_default())),
        other => other.to_owned(),
    }
}

/// Names of fields, as far as a message has room for them.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    const LETTERS: usize = 40;
    let more = (names.len() > SHOWN).then(|| "…".to_owned());
    let shown = names.take(SHOWN).map(|name| opening(name, LETTERS));
    let shown: Vec<_> = shown.chain(more).collect();
    match shown.is_empty() {
        true => "none".to_owned(),
        false => shown.join(", "),
    }
}

fn opening(text: &str, most: usize) -> String {
    let mut short = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        for letter in (!short.is_empty())
            .then_some(' ')
            .into_iter()
            .chain(word.chars())
        {
            if count == most {
                short.push('…');
                return short;
            }
            short.push(letter);
            count += 1;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::text::{Analysis, count};

    #[test]
    fn openings_are_one_line_of_bounded_length() {
        assert_eq!(opening(" one\n\ttwo  ", 20), "one two");
        assert_eq!(opening("größer als", 4), "größ…");
        assert_eq!(opening("", 4), "");
    }

    #[test]
    fn a_message_is_one_line_whatever_the_fields_are_called() {
        for (format, content, words) in [
            (
                CorpusFormat::Csv,
                "id,text,\"green\ntree\"\n1,one,2\n",
                "line 1: has no column 'label'; it has id, text, green tree",
            ),
            (
                CorpusFormat::Csv,
                "a,b,c,d,e,f,g,h,i,j,k,l,m\n",
                "line 1: has no column 'text'; it has a, b, c, d, e, f, g, h, i, j, k, l, …",
            ),
            (CorpusFormat::Csv, "", ": holds no documents"),
            (
                CorpusFormat::JsonLines,
                r#"{"green\ntree": "one"}"#,
                "line 1: has no field 'text'; it has green tree",
            ),
        ] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let fields = Fields {
                label: Some("label".to_owned()),
                ..Fields::default()
            };
            let corpus = Corpus::open(file.path(), Some(format), fields).unwrap();
            let error = count(&corpus, &Analysis::default(), None).unwrap_err();
            let said = error.to_string();
            assert!(said.ends_with(words), "{said}");
        }
    }

    #[test]
    fn the_format_follows_the_name() {
        for (path, format) in [
            ("a.jsonl.gz", Some(CorpusFormat::JsonLines)),
            ("A.CSV", Some(CorpusFormat::Csv)),
            ("notes.md", Some(CorpusFormat::Lines)),
            ("counts.npz", None),
        ] {
            assert_eq!(CorpusFormat::by_path(Path::new(path)), format, "{path}");
        }
    }
}
