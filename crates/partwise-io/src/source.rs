//! Where bytes come from: a file, standard input, or either through gzip; with its first bytes shown before it is read.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::Error;

/// How many bytes are shown to the formats that ask whether a file is theirs.
const HEAD_BYTES: u64 = 4096;

/// Bytes about to be read.
pub(crate) struct Source {
    /// For messages.
    pub(crate) name: String,
    /// Extension in lower case, without dot and without a closing `.gz`; empty if there is none.
    pub(crate) extension: String,
    /// The first bytes, at most [`HEAD_BYTES`].
    pub(crate) head: Vec<u8>,
    input: Input,
}

enum Input {
    /// A plain file and its length.
    File(File, u64),
    /// A folder that is a matrix to some format.
    Folder(PathBuf),
    /// Anything else; its head was taken off and is put back by [`Source::into_reader`].
    Stream(Box<dyn Read>),
}

impl Source {
    /// Opens a file, or standard input for `-`. Gzip is recognised by its first bytes and undone.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Self::from_stream(
                "standard input".into(),
                String::new(),
                Box::new(io::stdin()),
            );
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| read_error(&name, source))?;
        let metadata = file
            .metadata()
            .map_err(|source| read_error(&name, source))?;
        if metadata.is_dir() {
            return Ok(Self {
                name,
                extension: extension(path),
                head: Vec::new(),
                input: Input::Folder(path.to_owned()),
            });
        }
        let extension = extension(path);
        if !metadata.is_file() {
            return Self::from_stream(name, extension, Box::new(file));
        }
        let mut file = file;
        let head = head_of(&mut file).map_err(|source| read_error(&name, source))?;
        file.seek(SeekFrom::Start(0))
            .map_err(|source| read_error(&name, source))?;
        if is_gzip(&head) {
            return Self::from_gzip(name, extension, file);
        }
        Ok(Self {
            name,
            extension,
            head,
            input: Input::File(file, metadata.len()),
        })
    }

    pub(crate) fn from_stream(
        name: String,
        extension: String,
        mut stream: Box<dyn Read>,
    ) -> Result<Self, Error> {
        let head = head_of(&mut stream).map_err(|source| read_error(&name, source))?;
        if is_gzip(&head) {
            return Self::from_gzip(name, extension, Cursor::new(head).chain(stream));
        }
        Ok(Self {
            name,
            extension,
            head,
            input: Input::Stream(stream),
        })
    }

    fn from_gzip(
        name: String,
        extension: String,
        compressed: impl Read + 'static,
    ) -> Result<Self, Error> {
        let mut stream = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, compressed));
        let head = head_of(&mut stream).map_err(|source| read_error(&name, source))?;
        Ok(Self {
            name,
            extension,
            head,
            input: Input::Stream(Box::new(stream)),
        })
    }

    /// The number of bytes, where it is known before reading: for plain files.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.input {
            Input::File(_, length) => Some(length),
            Input::Folder(_) | Input::Stream(_) => None,
        }
    }

    /// The plain file behind this source, if it is one, to be walked over before it is read.
    pub(crate) fn file(&mut self) -> Option<&mut File> {
        match &mut self.input {
            Input::File(file, _) => Some(file),
            Input::Folder(_) | Input::Stream(_) => None,
        }
    }

    /// The folder, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.input {
            Input::Folder(folder) => Some(folder),
            Input::File(..) | Input::Stream(_) => None,
        }
    }

    /// All bytes from the first.
    pub(crate) fn into_reader(self) -> Box<dyn Read> {
        match self.input {
            Input::File(file, _) => Box::new(file),
            // The formats of files never see a folder.
            Input::Folder(_) => Box::new(io::empty()),
            Input::Stream(stream) => Box::new(Cursor::new(self.head).chain(stream)),
        }
    }

    /// The same bytes two times over, one to look at and one to read afterwards; the two share a position in the file.
    pub(crate) fn twice(self) -> Result<(Self, Self), Error> {
        let (name, extension, head) =
            (self.name.clone(), self.extension.clone(), self.head.clone());
        let (file, length) = self.into_seekable()?;
        let again = file
            .try_clone()
            .map_err(|source| read_error(&name, source))?;
        let source_of = |file| Self {
            name: name.clone(),
            extension: extension.clone(),
            head: head.clone(),
            input: Input::File(file, length),
        };
        Ok((source_of(file), source_of(again)))
    }

    /// A file to jump about in, and its length; a stream is first written to an unnamed temporary file.
    pub(crate) fn into_seekable(self) -> Result<(File, u64), Error> {
        if let Input::File(file, length) = self.input {
            return Ok((file, length));
        }
        let name = self.name.clone();
        let spooled = (|| {
            let mut file = tempfile::tempfile()?;
            let length = io::copy(&mut self.into_reader(), &mut file)?;
            file.seek(SeekFrom::Start(0))?;
            Ok((file, length))
        })();
        spooled.map_err(|source| read_error(&name, source))
    }
}

/// A file, and the array in it that is meant: `cells.h5ad#layers/counts`. What follows the `#` is no array if there is a file of the
/// whole name.
pub(crate) fn locate(path: &Path) -> (PathBuf, Option<String>) {
    let whole = || (path.to_owned(), None);
    let Some(text) = path.to_str().filter(|_| !path.exists()) else {
        return whole();
    };
    let split = text.rmatch_indices('#').find_map(|(at, _)| {
        let (file, array) = (Path::new(&text[..at]), &text[at + 1..]);
        (file.exists() || file == Path::new("-")).then(|| (file.to_owned(), array.to_owned()))
    });
    split.map_or_else(whole, |(file, array)| (file, Some(array)))
}

/// The operating system's error in our words.
pub(crate) fn read_error(file: &str, source: io::Error) -> Error {
    let file = file.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => Error::NotFound { file },
        io::ErrorKind::IsADirectory => Error::IsFolder { file },
        io::ErrorKind::UnexpectedEof => Error::Malformed {
            file,
            problem: "the data ends too early (truncated)".into(),
        },
        // What the decompressor calls invalid is the file's fault, not the system's.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Error::Malformed {
            file,
            problem: format!("the compressed data cannot be read ({source})"),
        },
        _ => Error::Read { file, source },
    }
}

fn head_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
}

/// The extension in lower case; of `name.csv.gz`, `csv`.
pub(crate) fn extension(path: &Path) -> String {
    let lower = |path: &Path| {
        path.extension()
            .map(|extension| extension.to_string_lossy().to_lowercase())
    };
    match lower(path) {
        Some(extension) if extension == "gz" => path
            .file_stem()
            .and_then(|stem| lower(Path::new(stem)))
            .unwrap_or_default(),
        Some(extension) => extension,
        None => String::new(),
    }
}

/// The reader's next bytes, as many as there are up to the buffer's length.
pub(crate) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
