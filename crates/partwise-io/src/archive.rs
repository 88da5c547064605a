//! numpy's `.npz`: a zip archive of `.npy` arrays, read member by member and written whole.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::{Error, one_line};
use crate::format::write_error;
use crate::matrix::AnyDense;
use crate::memory::Budget;
use crate::numpy::Header;
use crate::real::Dtype;
use crate::shared::Shared;
use crate::source::{Source, read_error};

/// Deflate cannot shrink data further than this; an archive that claims more lies.
const MOST_COMPRESSION: u64 = 1040;

/// An open `.npz` file.
pub(crate) struct Archive {
    zip: ZipArchive<BufReader<Shared>>,
    file: Shared,
    budget: Budget,
    length: u64,
}

/// One array of an archive: its header has been read, its numbers not.
pub(crate) struct Member<'a> {
    pub(crate) header: Header,
    /// The budget, under the name of file and array.
    pub(crate) budget: Budget,
    /// Bytes of header and numbers together.
    pub(crate) available: u64,
    pub(crate) reader: &'a mut dyn Read,
}

impl Archive {
    pub(crate) fn open(source: Source, budget: &Budget) -> Result<Self, Error> {
        let (file, length) = source.into_seekable()?;
        Self::of(Shared::new(file, length), budget, length)
    }

    /// The same archive, to read another array of it at the same time.
    pub(crate) fn again(&self) -> Result<Self, Error> {
        Self::of(self.file.again(), &self.budget, self.length)
    }

    fn of(file: Shared, budget: &Budget, length: u64) -> Result<Self, Error> {
        /// Large enough that several arrays read side by side do not jump about in the file.
        const BUFFER_BYTES: usize = 1 << 18;
        let reader = BufReader::with_capacity(BUFFER_BYTES, file.clone());
        let zip = ZipArchive::new(reader).map_err(|error| zip_error(&budget.file, error))?;
        Ok(Self {
            zip,
            file,
            budget: budget.clone(),
            length,
        })
    }

    /// The names of the arrays.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self
            .zip
            .file_names_raw()
            .map(|name| String::from_utf8_lossy(name).into_owned());
        names
            .map(|name| name.strip_suffix(".npy").map(str::to_owned).unwrap_or(name))
            .collect()
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// Opens one array and hands it to `read`; then reads it to its end, so that its checksum is verified.
    pub(crate) fn member<R>(
        &mut self,
        name: &str,
        read: impl FnOnce(Member<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let budget = Budget {
            file: format!("{}[{}]", self.budget.file, one_line(name)),
            limit: self.budget.limit,
        };
        let malformed = |problem: String| Error::Malformed {
            file: budget.file.clone(),
            problem,
        };
        let mut entry = self
            .zip
            .by_name(&format!("{name}.npy"))
            .map_err(|error| zip_error(&budget.file, error))?;
        let (available, packed) = (entry.size(), entry.compressed_size());
        if packed > self.length
            || available
                > packed
                    .saturating_mul(MOST_COMPRESSION)
                    .saturating_add(MOST_COMPRESSION)
        {
            return Err(malformed(format!(
                "claims {available} bytes in {packed} of a file of {}",
                self.length
            )));
        }
        let header = Header::read(&budget.file, &mut entry)?;
        let result = read(Member {
            header,
            budget: budget.clone(),
            available,
            reader: &mut entry,
        })?;
        io::copy(&mut entry, &mut io::sink()).map_err(|source| read_error(&budget.file, source))?;
        Ok(result)
    }

    /// A two-dimensional array, and its numpy type.
    pub(crate) fn dense(&mut self, name: &str, dtype: Dtype) -> Result<(AnyDense, String), Error> {
        self.member(name, |mut member| {
            let dense = crate::format::npy::read_dense(
                &member.header,
                &mut member.reader,
                Some(member.available),
                &member.budget,
                dtype,
            )?;
            Ok((dense, member.header.entry.name()))
        })
    }

    /// All texts of an array of any shape, which must be as many as expected; `None` if there is no such array.
    pub(crate) fn texts(
        &mut self,
        name: &str,
        expected: usize,
    ) -> Result<Option<Vec<String>>, Error> {
        if !self.holds(name) {
            return Ok(None);
        }
        self.member(name, |mut member| {
            let count = member
                .header
                .checked_count(&member.budget.file, Some(member.available))?;
            // Asked before they are read: nothing in the file bounds how many empty texts there are.
            if member.header.entry.is_text() && count != expected as u64 {
                return Err(Error::Malformed {
                    file: member.budget.file.clone(),
                    problem: format!("{count} names for {expected}"),
                });
            }
            member
                .header
                .read_texts(&member.budget, &mut member.reader, count)
                .map(Some)
        })
    }
}

fn zip_error(file: &str, error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(source) => read_error(file, source),
        zip::result::ZipError::FileNotFound => Error::Malformed {
            file: file.to_owned(),
            problem: "there is no such array".into(),
        },
        other => Error::Malformed {
            file: file.to_owned(),
            problem: format!("cannot be read as an .npz archive, perhaps truncated ({other})"),
        },
    }
}

/// An `.npz` being written.
pub(crate) struct ArchiveWriter<'a> {
    file: &'a str,
    zip: ZipWriter<Latch<'a>>,
}

/// Reports the first error of a file and from then on pretends to work: an archive that is given up is closed when it is
/// dropped, and would print the error of a full disk once more.
struct Latch<'a> {
    out: &'a mut BufWriter<File>,
    failed: bool,
    /// Where the next byte goes, and where the last one ends, pretended ones included.
    position: u64,
    end: u64,
}

impl<'a> Latch<'a> {
    fn new(out: &'a mut BufWriter<File>) -> Self {
        Self {
            out,
            failed: false,
            position: 0,
            end: 0,
        }
    }

    fn unless_failed<R>(
        &mut self,
        pretended: R,
        work: impl FnOnce(&mut BufWriter<File>) -> io::Result<R>,
    ) -> io::Result<R> {
        if self.failed {
            return Ok(pretended);
        }
        work(self.out).inspect_err(|_| self.failed = true)
    }
}

impl Write for Latch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.unless_failed(bytes.len(), |out| out.write(bytes))?;
        self.position += count as u64;
        self.end = self.end.max(self.position);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_failed((), BufWriter::flush)
    }
}

impl Seek for Latch<'_> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let pretended = match place {
            SeekFrom::Start(position) => position,
            SeekFrom::End(offset) => self.end.saturating_add_signed(offset),
            SeekFrom::Current(offset) => self.position.saturating_add_signed(offset),
        };
        let found = self.unless_failed(pretended, |out| out.seek(place));
        // After one that fails all seems to be written: an archive that is given up is closed from there.
        self.position = *found.as_ref().unwrap_or(&self.end);
        found
    }
}

impl<'a> ArchiveWriter<'a> {
    pub(crate) fn new(file: &'a str, out: &'a mut BufWriter<File>) -> Self {
        Self {
            file,
            zip: ZipWriter::new(Latch::new(out)),
        }
    }

    /// Adds an array, whose bytes `write` makes. Numbers are stored as they are (factors hardly shrink, and stored ones
    /// can be mapped); texts are deflated.
    pub(crate) fn add(
        &mut self,
        name: &str,
        compressed: bool,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        /// Texts of four bytes a letter are mostly zeros: the fastest level already leaves a fraction.
        const LEVEL: i64 = 1;
        let (method, level) = if compressed {
            (CompressionMethod::Deflated, Some(LEVEL))
        } else {
            (CompressionMethod::Stored, None)
        };
        // Room for more than 4 GiB in every member costs 20 bytes and spares a guess.
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(level)
            .large_file(true);
        self.zip
            .start_file(format!("{name}.npy"), options)
            .map_err(io::Error::from)
            .and_then(|()| write(&mut self.zip))
            .map_err(|source| write_error(self.file, source))
    }

    /// Adds the names of rows or columns, if there are any.
    pub(crate) fn add_names(&mut self, name: &str, names: Option<&[String]>) -> Result<(), Error> {
        match names {
            Some(names) => self.add(name, true, |mut out| {
                crate::numpy::write_texts(&mut out, names, &[names.len()])
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let file = self.file;
        self.zip
            .finish()
            .map(drop)
            .map_err(|error| write_error(file, error.into()))
    }
}
