//! The file formats, in one table. A new format is one file beside this one's children and one line in [`FORMATS`].

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::atomic::write_atomically;
use crate::convert::Pour;
use crate::error::Error;
use crate::matrix::Table;
use crate::memory::Budget;
use crate::real::Dtype;
use crate::rows::Rows;
use crate::source::{self, Source};
use crate::stored::no_arrays;
use crate::write::MatrixToWrite;

#[cfg(feature = "arrow")]
mod arrow;
#[cfg(feature = "hdf5")]
mod hdf5;
mod image;
mod market;
mod named;
pub(crate) mod npy;
pub(crate) mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod pws;
mod text;
#[cfg(feature = "zarr")]
mod zarr;

/// Every format, in the order in which they are asked whether a file is theirs.
static FORMATS: &[&dyn FileFormat] = &[
    &npy::Npy,
    &npz::Npz,
    &pws::RowBlocks,
    &market::MatrixMarket,
    &image::Image,
    #[cfg(feature = "parquet")]
    &parquet::Parquet,
    #[cfg(feature = "arrow")]
    &arrow::Arrow,
    #[cfg(feature = "hdf5")]
    &hdf5::Hdf5,
    #[cfg(feature = "zarr")]
    &zarr::Zarr,
    &named::CSV,
    &named::TSV,
    &text::Text,
];

/// What a file format can do.
pub(crate) trait FileFormat: Sync {
    /// Short lower-case name.
    fn name(&self) -> &'static str;

    /// Extensions in lower case, without dot.
    fn extensions(&self) -> &'static [&'static str];

    /// Whether the first bytes of a file, with no regard to its name, are surely of this format.
    fn recognises(&self, head: &[u8]) -> bool;

    /// Whether a folder is a matrix of this format.
    fn recognises_folder(&self, _: &Path) -> bool {
        false
    }

    /// Whether a file may hold several arrays, of which [`ReadOptions::array`] names one.
    fn has_arrays(&self) -> bool {
        false
    }

    /// Reads the matrix.
    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error>;

    /// Puts the matrix into a store without holding all of it. The source comes back if that cannot be done.
    fn pour(&self, source: Source, _: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        Ok(Some(source))
    }

    /// What is in the file, to be read here and there. `None` if the format does not allow that.
    fn rows(&self, _: Source, _: &Budget, _: &ReadOptions) -> Result<Option<Rows>, Error> {
        Ok(None)
    }

    /// The function that writes a matrix in this format; `None` if it is only read.
    fn writer(&self) -> Option<WriteMatrix> {
        None
    }
}

/// A format whose matrix can be read here and there while it stays in its file; all else follows from that.
pub(crate) trait RowsFormat: Sync {
    /// As [`FileFormat::name`].
    fn name(&self) -> &'static str;

    /// As [`FileFormat::extensions`].
    fn extensions(&self) -> &'static [&'static str];

    /// As [`FileFormat::recognises`].
    fn recognises(&self, head: &[u8]) -> bool;

    /// As [`FileFormat::recognises_folder`].
    fn recognises_folder(&self, _: &Path) -> bool {
        false
    }

    /// As [`FileFormat::has_arrays`].
    fn has_arrays(&self) -> bool {
        false
    }

    /// What is in the file.
    fn open(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Rows, Error>;
}

impl<F: RowsFormat> FileFormat for F {
    fn name(&self) -> &'static str {
        RowsFormat::name(self)
    }

    fn extensions(&self) -> &'static [&'static str] {
        RowsFormat::extensions(self)
    }

    fn recognises(&self, head: &[u8]) -> bool {
        RowsFormat::recognises(self, head)
    }

    fn recognises_folder(&self, folder: &Path) -> bool {
        RowsFormat::recognises_folder(self, folder)
    }

    fn has_arrays(&self) -> bool {
        RowsFormat::has_arrays(self)
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        self.open(source, budget, options)?.table(budget)
    }

    fn pour(&self, source: Source, pour: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        let rows = self.open(source, pour.budget, pour.options)?;
        rows.within(pour.budget)?.pour(pour)?;
        Ok(None)
    }

    fn rows(
        &self,
        source: Source,
        budget: &Budget,
        options: &ReadOptions,
    ) -> Result<Option<Rows>, Error> {
        let rows = self.open(source, budget, options)?;
        rows.within(budget).map(Some)
    }
}

/// Writes a checked matrix to a file whose name (for messages) is given.
pub(crate) type WriteMatrix =
    fn(&str, &mut BufWriter<File>, &MatrixToWrite<'_>) -> Result<(), Error>;

/// A file format.
#[derive(Clone, Copy)]
pub struct Format(&'static dyn FileFormat);

impl Format {
    /// Every format that can be read.
    pub fn all() -> impl Iterator<Item = Self> {
        FORMATS.iter().map(|format| Self(*format))
    }

    /// The format of that name, as [`Self::name`] gives it.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::all().find(|format| format.name() == name)
    }

    /// The format that a file of this extension (with or without `.gz`) should have.
    pub fn by_extension(path: &Path) -> Option<Self> {
        let extension = source::extension(path);
        Self::all().find(|format| format.extensions().contains(&extension.as_str()))
    }

    /// The format of which a folder is a matrix: the last, since the mark of another says more than some `.npy` files.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        Self::all()
            .filter(|format| format.0.recognises_folder(folder))
            .last()
    }

    /// That a source is a folder only where the format is one of folders, and an array named only where there may be several.
    fn check(self, source: &Source, options: &ReadOptions) -> Result<(), Error> {
        let file = || source.name.clone();
        match (source.folder(), &options.array) {
            (Some(folder), _) if !self.0.recognises_folder(folder) => Err(match self.name() {
                "npy" => no_arrays(file()),
                _ => Error::IsFolder { file: file() },
            }),
            (_, Some(array)) if !self.0.has_arrays() => Err(Error::Unsupported {
                file: file(),
                problem: format!("holds one matrix, and no array '{array}'"),
            }),
            _ => Ok(()),
        }
    }

    /// Short lower-case name: `npy`, `npz`, `pws`, `mtx`, `image`, `parquet`, `arrow`, `hdf5`, `zarr`, `csv`, `tsv`, `text`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Extensions in lower case, without dot.
    pub fn extensions(self) -> &'static [&'static str] {
        self.0.extensions()
    }

    /// Whether [`write`](crate::write()) can write it.
    pub fn can_write(self) -> bool {
        self.0.writer().is_some()
    }

    /// The format of a source: by its first bytes if they are telling, else by its extension, else by looking at the text.
    pub(crate) fn detect(source: &Source) -> Result<Self, Error> {
        if let Some(folder) = source.folder() {
            return Self::of_folder(folder).ok_or_else(|| no_arrays(source.name.clone()));
        }
        let by_extension =
            Self::all().find(|format| format.extensions().contains(&source.extension.as_str()));
        if let Some(format) = Self::all().find(|format| format.0.recognises(&source.head)) {
            return Ok(format);
        }
        if source.head.is_empty() {
            return Err(Error::Empty {
                file: source.name.clone(),
            });
        }
        if let Some(format) = by_extension {
            return Ok(format);
        }
        let sniffed = source
            .extension
            .is_empty()
            .then(|| sniff_text(&source.head))
            .flatten();
        sniffed.ok_or_else(|| Error::UnknownFormat {
            file: source.name.clone(),
            known: known(|_| true),
        })
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Format({})", self.name())
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Format {}

/// The kind of text that the first bytes look like, for files without an extension and standard input.
fn sniff_text(head: &[u8]) -> Option<Format> {
    if looks_binary(head) {
        return None;
    }
    let line = head
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .find(|line| !line.trim_ascii().is_empty() && !line.trim_ascii().starts_with(b"#"));
    // Tabs may stand among blanks as well; then two numbers lie between two tabs.
    let numbers = |field: &[u8]| {
        let mut words = field
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        words.clone().count() > 1 && words.all(|word| fast_float2::parse::<f64, _>(word).is_ok())
    };
    let mixed = line.is_some_and(|line| line.split(|byte| *byte == b'\t').any(numbers));
    let holds = |byte| line.is_some_and(|line| line.contains(&byte));
    Format::by_name(match () {
        () if holds(b',') || holds(b';') => "csv",
        () if holds(b'\t') && !mixed => "tsv",
        () => "text",
    })
}

/// Whether these bytes hold any that no text holds.
pub(crate) fn looks_binary(head: &[u8]) -> bool {
    head.iter()
        .any(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x0b))
}

/// The extensions of the formats wanted, for messages.
fn known(wanted: impl Fn(Format) -> bool) -> String {
    let mut extensions = Vec::new();
    for format in Format::all().filter(|format| wanted(*format)) {
        extensions.extend(
            format
                .extensions()
                .iter()
                .map(|extension| format!(".{extension}")),
        );
    }
    extensions.join(" ")
}

/// How a matrix is read.
///
/// | name | default | purpose |
/// |---|---|---|
/// | `dtype` | `Auto` | precision of the result |
/// | `format` | `None` | the format, if the file's first bytes and extension should not decide |
/// | `memory_limit` | `None` | most bytes that the matrix (and what must stand beside it while it is read) may take |
/// | `header` | `None` | CSV, TSV: whether the first line holds the names of columns; `None` finds out |
/// | `row_names` | `None` | CSV, TSV: whether the first column holds the names of rows; `None` finds out |
/// | `array` | `None` | .npz, HDF5, Zarr: the name of the array or group to read; a path may end in it, behind a `#` |
/// | `column` | `false` | .npy: whether an array of one dimension is a matrix of one column |
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Precision of the result.
    pub dtype: Dtype,
    /// The format, if the file's first bytes and extension should not decide.
    pub format: Option<Format>,
    /// Most bytes that the matrix, and what must stand beside it while it is read, may take. Files whose size shows only
    /// while they are read (compressed ones and standard input) are refused when they reach it.
    pub memory_limit: Option<u64>,
    /// CSV and TSV: whether the first line holds the names of columns.
    pub header: Option<bool>,
    /// CSV and TSV: whether the first column holds the names of rows.
    pub row_names: Option<bool>,
    /// .npz, HDF5 and Zarr: the name of the array, or of the group of a sparse matrix, to read.
    pub array: Option<String>,
    /// .npy: whether an array of one dimension is a matrix of one column; else it is refused.
    pub column: bool,
}

impl ReadOptions {
    /// The file that a path names, and these options with the array that it names behind a `#`.
    pub(crate) fn at(&self, path: &Path) -> (PathBuf, Self) {
        let (path, array) = match self.array {
            Some(_) => (path.to_owned(), None),
            None => source::locate(path),
        };
        let array = array.or_else(|| self.array.clone());
        (
            path,
            Self {
                array,
                ..self.clone()
            },
        )
    }
}

/// Reads a matrix from a file, or from standard input if the path is `-`.
///
/// The path may name one of several arrays in the file: `archive.npz#counts`, `cells.h5ad#layers/counts`.
/// The format is found by the first bytes, then by the extension; `.gz` is undone. Negative entries and NaN are read as
/// they stand.
///
/// # Errors
///
/// Every [`Error`] names the file and the place in it. See [`ReadOptions`] for the limit of memory.
pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table, Error> {
    let (path, options) = options.at(path.as_ref());
    read_source(Source::open(&path)?, &options)
}

pub(crate) fn read_source(source: Source, options: &ReadOptions) -> Result<Table, Error> {
    let format = match options.format {
        Some(format) => format,
        None => Format::detect(&source)?,
    };
    let budget = Budget {
        file: source.name.clone(),
        limit: options.memory_limit,
    };
    format.check(&source, options)?;
    format.0.read(source, &budget, options)
}

/// As [`FileFormat::pour`].
pub(crate) fn pour(
    format: Format,
    source: Source,
    pour: &mut Pour<'_, '_>,
) -> Result<Option<Source>, Error> {
    format.check(&source, pour.options)?;
    format.0.pour(source, pour)
}

/// As [`FileFormat::rows`].
pub(crate) fn rows(source: Source, options: &ReadOptions) -> Result<Option<Rows>, Error> {
    let format = match options.format {
        Some(format) => format,
        // What it is is for the ordinary reader to say.
        None => match Format::detect(&source) {
            Ok(format) => format,
            Err(_) => return Ok(None),
        },
    };
    let budget = Budget {
        file: source.name.clone(),
        limit: options.memory_limit,
    };
    format.check(&source, options)?;
    format.0.rows(source, &budget, options)
}

/// Writes a matrix to a file, in the format of its extension, whole or not at all.
///
/// Numbers written as text read back exactly. Names are written by `.csv`, `.tsv` and `.npz`; the other formats have no
/// place for them.
///
/// # Errors
///
/// [`Error::UnknownFormat`] and [`Error::NotWritable`] for other extensions, [`Error::Unwritable`] if the parts do not
/// fit each other, [`Error::Write`] if the system refuses.
pub fn write(path: impl AsRef<Path>, matrix: &MatrixToWrite<'_>) -> Result<(), Error> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let writer = writer(path)?;
    matrix.check(&file)?;
    write_atomically(path, |out| writer(&file, out, matrix))
}

/// That [`write()`] knows the format of the extension, to be asked before long work; touches no file.
///
/// # Errors
///
/// [`Error::UnknownFormat`] and [`Error::NotWritable`] for other extensions.
pub fn check_writable(path: impl AsRef<Path>) -> Result<(), Error> {
    writer(path.as_ref()).map(|_| ())
}

/// The writer for the extension.
fn writer(path: &Path) -> Result<WriteMatrix, Error> {
    let file = path.display().to_string();
    let format = Format::by_extension(path)
        .filter(|_| !is_gzip_name(path))
        .ok_or_else(|| Error::UnknownFormat {
            file: file.clone(),
            known: known(Format::can_write),
        })?;
    format.0.writer().ok_or_else(|| Error::NotWritable {
        file,
        format: format.name(),
        known: known(Format::can_write),
    })
}

fn is_gzip_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// The system's refusal to write, in our words.
pub(crate) fn write_error(file: &str, source: std::io::Error) -> Error {
    Error::Write {
        file: file.to_owned(),
        source,
    }
}

/// Ends the writing of a text format.
pub(crate) fn flush(file: &str, out: &mut impl Write) -> Result<(), Error> {
    out.flush().map_err(|source| write_error(file, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_like_a_file() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        for name in [
            "f8.npy",
            "scipy_csr_matrix.npz",
            "both.csv",
            "both.tsv",
            "real.mtx.gz",
            "commas.txt",
            "grey8.png",
        ] {
            let file = File::open(folder.join(name)).unwrap();
            let source =
                Source::from_stream("standard input".into(), String::new(), Box::new(file))
                    .unwrap();
            let table = read_source(source, &ReadOptions::default()).unwrap();
            assert_eq!(
                table,
                read(folder.join(name), &ReadOptions::default()).unwrap(),
                "{name}"
            );
        }
        let file = File::open(folder.join("bad_claim.npy")).unwrap();
        let source =
            Source::from_stream("standard input".into(), String::new(), Box::new(file)).unwrap();
        let error = read_source(source, &ReadOptions::default())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "standard input: truncated: expected 8000000000128 bytes, found 144"
        );
    }

    /// Gives its bytes, and then the system's error.
    struct Breaking(std::io::Cursor<Vec<u8>>);

    impl std::io::Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match std::io::Read::read(&mut self.0, buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                count => Ok(count),
            }
        }
    }

    #[test]
    fn a_read_error_in_the_middle_is_said_as_it_is() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        for name in [
            "data/f8.npy",
            "data/fortran.npy",
            "data/deflated.npz",
            "data/scipy_csr_matrix.npz",
            "data/both.csv",
            "data/both.csv.gz",
            "data/both.tsv",
            "data/commas.txt",
            "data/real.mtx",
            "data/real.mtx.gz",
            "data/array.mtx",
            "data/grey8.png",
            "formats/every.parquet",
            "formats/every.feather",
            "formats/category.arrows",
            "formats/cells.h5ad",
        ] {
            let path = tests.join(name);
            // Behind a feature that is off.
            let Some(format) = Format::by_extension(&path) else {
                continue;
            };
            let whole = std::fs::read(&path).unwrap();
            for tenth in 0..10 {
                let part = whole[..whole.len() * tenth / 10].to_vec();
                let stream = Box::new(Breaking(std::io::Cursor::new(part)));
                let options = ReadOptions {
                    format: Some(format),
                    ..ReadOptions::default()
                };
                let table = Source::from_stream("v".into(), source::extension(&path), stream)
                    .and_then(|source| read_source(source, &options));
                let error = table.unwrap_err().to_string();
                assert!(
                    error.contains("the disk is gone") && error.lines().count() == 1,
                    "{name}, {tenth} tenths: {error}"
                );
            }
        }
    }

    #[test]
    fn the_table_of_formats_is_consistent() {
        let mut extensions: Vec<_> = Format::all().flat_map(Format::extensions).collect();
        let count = extensions.len();
        extensions.sort_unstable();
        extensions.dedup();
        assert_eq!(extensions.len(), count, "two formats claim one extension");
        for format in Format::all() {
            assert_eq!(Format::by_name(format.name()), Some(format));
            for extension in format.extensions() {
                assert_eq!(
                    Format::by_extension(Path::new(&format!("V.{}", extension.to_uppercase()))),
                    Some(format)
                );
            }
        }
    }
}
