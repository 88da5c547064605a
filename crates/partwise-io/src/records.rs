//! Records that are added to a file one after another by a program that may be killed: what was added before is found again.
//!
//! A file of records is the magic number and a version, and for each record its length, the CRC-32 of length and content, and the
//! content. A program that is killed, or a machine that loses its power, leaves a last record that is cut off or wrong: it and
//! what comes after it count as never added, and their place is taken by the next ones.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::write_error;
use crate::source::read_error;

const MAGIC: &[u8; 8] = b"partwrec";
/// The version of the container; what is in the records has a version of its own.
const VERSION: u32 = 1;
/// Before the first record, and before the content of each.
const HEADER_BYTES: u64 = 12;
const PREFIX_BYTES: u64 = 12;

/// A file of records, to which more can be added; made by the first one.
#[derive(Debug)]
pub struct RecordFile {
    path: PathBuf,
    file: Option<File>,
    /// Where the next record goes.
    end: u64,
}

impl RecordFile {
    /// The file, and the records that are in it: none if it is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is another file, [`Error::Unsupported`] for another version, [`Error::Read`] if the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, Vec<Vec<u8>>), Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let mut records = Self {
            path: path.to_path_buf(),
            file: None,
            end: 0,
        };
        let failed = |source| read_error(&name, source);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((records, Vec::new()));
            }
            Err(error) => return Err(failed(error)),
        };
        let mut left = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::new(file);
        let mut header = vec![0; HEADER_BYTES.min(left) as usize];
        file.read_exact(&mut header).map_err(failed)?;
        if header.len() < HEADER_BYTES as usize && self::header().starts_with(&header) {
            // Killed as it was made.
            return Ok((records, Vec::new()));
        }
        if !header.starts_with(MAGIC) {
            return Err(Error::Malformed {
                file: name,
                problem: "does not begin as a file of records".into(),
            });
        }
        if header != self::header() {
            return Err(Error::Unsupported {
                file: name,
                problem: format!("records of another version; known is {VERSION}"),
            });
        }
        left -= HEADER_BYTES;
        records.end = HEADER_BYTES;
        let mut found = Vec::new();
        while left >= PREFIX_BYTES {
            let mut prefix = [0; PREFIX_BYTES as usize];
            file.read_exact(&mut prefix).map_err(failed)?;
            let mut length = [0; 8];
            length.copy_from_slice(&prefix[..8]);
            let length = u64::from_le_bytes(length);
            left -= PREFIX_BYTES;
            if length > left {
                break;
            }
            let mut content = vec![0; length as usize];
            file.read_exact(&mut content).map_err(failed)?;
            if prefix != self::prefix(&content) {
                break;
            }
            left -= length;
            records.end += PREFIX_BYTES + length;
            found.push(content);
        }
        Ok((records, found))
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses; the records before are as they were.
    pub fn add(&mut self, record: &[u8]) -> Result<(), Error> {
        self.try_to_add(record)
            .map_err(|source| write_error(&self.path.display().to_string(), source))
    }

    fn try_to_add(&mut self, record: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            let mut open = OpenOptions::new();
            let mut file = open
                .create(true)
                .truncate(false)
                .write(true)
                .open(&self.path)?;
            if self.end == 0 {
                file.write_all(&header())?;
                self.end = HEADER_BYTES;
            }
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.set_len(self.end)?;
        file.seek(SeekFrom::Start(self.end))?;
        let mut bytes = prefix(record).to_vec();
        bytes.extend(record);
        file.write_all(&bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

fn header() -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(MAGIC);
    header[8..].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn prefix(content: &[u8]) -> [u8; PREFIX_BYTES as usize] {
    let mut prefix = [0; PREFIX_BYTES as usize];
    let length = (content.len() as u64).to_le_bytes();
    prefix[..8].copy_from_slice(&length);
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(content);
    prefix[8..].copy_from_slice(&sum.finalize().to_le_bytes());
    prefix
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn add(path: &Path, contents: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut records, found) = RecordFile::open(path).unwrap();
        for content in contents {
            records.add(content).unwrap();
        }
        found
    }

    #[test]
    fn what_is_added_is_found_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        assert!(add(&path, &[]).is_empty() && !path.exists());
        assert!(add(&path, &[b"one", b""]).is_empty());
        assert_eq!(add(&path, &[&[7; 70_000]]), [b"one".to_vec(), Vec::new()]);
        assert_eq!(add(&path, &[]).len(), 3);
    }

    #[test]
    fn a_last_record_that_is_cut_off_or_changed_was_never_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        add(&path, &[b"one", b"two"]);
        let whole = fs::read(&path).unwrap();
        let first = (HEADER_BYTES + PREFIX_BYTES) as usize + 3;
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let expected = usize::from(end >= first);
            assert_eq!(add(&path, &[b"again"]).len(), expected, "cut at {end}");
            assert_eq!(add(&path, &[]).last().unwrap(), b"again", "cut at {end}");
        }
        for place in first..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            assert_eq!(add(&path, &[]), [b"one"], "changed at {place}");
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        for (content, words) in [
            (
                &b"something else"[..],
                "does not begin as a file of records",
            ),
            (
                b"partwrec\x09\0\0\0",
                "records of another version; known is 1",
            ),
            (b"no", "does not begin"),
        ] {
            fs::write(&path, content).unwrap();
            let error = RecordFile::open(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }
}
