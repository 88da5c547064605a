//! Checkpoints: what a program that may be killed keeps of its work, so that it is found whole or not at all.
//!
//! A checkpoint is the magic number, a version, the content, and a trailer with the content's length and CRC-32. It is
//! written beside its place, flushed to the disk and renamed, always under the same names, so that a program that is killed
//! while it writes leaves the checkpoint before and nothing that piles up.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Take, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::write_error;
use crate::source::read_error;

const MAGIC: &[u8; 8] = b"partwise";
/// The version of the container; what is in it has a version of its own.
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 12;
const TRAILER_BYTES: u64 = 12;
/// Bytes read at a time.
const BLOCK_BYTES: usize = 1 << 16;

/// Counts and sums what goes through it.
struct Summed<W> {
    out: W,
    sum: crc32fast::Hasher,
    length: u64,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a checkpoint in place of the one before, whole or not at all.
///
/// # Errors
///
/// [`Error::Write`] if `write` fails or the system refuses; the checkpoint before is then as it was.
pub fn write_checkpoint(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let path = path.as_ref();
    let beside = beside(path);
    let written = (|| {
        let mut out = BufWriter::with_capacity(BLOCK_BYTES, File::create(&beside)?);
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        let mut summed = Summed {
            out,
            sum: crc32fast::Hasher::new(),
            length: 0,
        };
        write(&mut summed)?;
        let Summed {
            mut out,
            sum,
            length,
        } = summed;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&sum.finalize().to_le_bytes())?;
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(path)
    })();
    written.map_err(|source| {
        // The first failure is the one to report.
        let _ = fs::remove_file(&beside);
        write_error(&path.display().to_string(), source)
    })
}

/// Opens a checkpoint after its sum has been checked: the content. `None` if there is no such file.
///
/// # Errors
///
/// [`Error::Malformed`] if it is no checkpoint or not as it was written, [`Error::Unsupported`] for another version,
/// [`Error::Read`] if the system refuses.
pub fn read_checkpoint(path: impl AsRef<Path>) -> Result<Option<Take<BufReader<File>>>, Error> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read_error(&name, error)),
    };
    let failed = |source| read_error(&name, source);
    let malformed = |problem: &str| {
        Err(Error::Malformed {
            file: name.clone(),
            problem: problem.into(),
        })
    };
    let bytes = file.metadata().map_err(failed)?.len();
    let Some(content) = bytes.checked_sub(HEADER_BYTES + TRAILER_BYTES) else {
        return malformed("no whole checkpoint");
    };
    let mut file = BufReader::with_capacity(BLOCK_BYTES, file);
    let mut header = [0; HEADER_BYTES as usize];
    file.read_exact(&mut header).map_err(failed)?;
    let (magic, version) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return malformed("does not begin as a checkpoint");
    }
    let version = u32::from_le_bytes(version.try_into().unwrap_or_default());
    if version != VERSION {
        return Err(Error::Unsupported {
            file: name,
            problem: format!("checkpoint of version {version}; known is {VERSION}"),
        });
    }
    let mut sum = crc32fast::Hasher::new();
    let (mut left, mut block) = (content, vec![0; BLOCK_BYTES]);
    while left > 0 {
        let length = left.min(BLOCK_BYTES as u64) as usize;
        file.read_exact(&mut block[..length]).map_err(failed)?;
        sum.update(&block[..length]);
        left -= length as u64;
    }
    let mut trailer = [0; TRAILER_BYTES as usize];
    file.read_exact(&mut trailer).map_err(failed)?;
    let mut expected = content.to_le_bytes().to_vec();
    expected.extend(sum.finalize().to_le_bytes());
    if trailer[..] != expected {
        return malformed("the checkpoint was cut off or changed (its checksum is wrong)");
    }
    file.seek(SeekFrom::Start(HEADER_BYTES)).map_err(failed)?;
    Ok(Some(file.take(content)))
}

/// Removes a checkpoint that is no longer needed, and what a killed process left of the next.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses; a checkpoint that is not there is none.
pub fn remove_checkpoint(path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    for file in [beside(path).as_path(), path] {
        match fs::remove_file(file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(write_error(&file.display().to_string(), source));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where a checkpoint is while it is written.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

/// The new name itself must survive a power cut; folders cannot be opened so on every system.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &[u8]) {
        write_checkpoint(path, |out| out.write_all(content)).unwrap();
    }

    fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut content) = read_checkpoint(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        Ok(Some(bytes))
    }

    #[test]
    fn the_last_content_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        assert_eq!(read(&path).unwrap(), None);
        for content in [&b""[..], b"one", &[7; 200_000]] {
            write(&path, content);
            assert_eq!(read(&path).unwrap().unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let failed = write_checkpoint(&path, |_| Err(io::Error::other("no")));
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .ends_with("cannot write: no")
        );
        assert_eq!(read(&path).unwrap().unwrap(), [7; 200_000]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_that_is_removed_leaves_nothing_even_of_a_killed_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        write(&path, b"one");
        fs::write(folder.path().join("c.new"), b"tw").unwrap();
        for _ in 0..2 {
            remove_checkpoint(&path).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        write(&path, b"some content");
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(read(&path).is_err(), "cut at {end}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            assert!(read(&path).is_err(), "changed at {place}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        write(&path, b"some content");
        let mut bytes = fs::read(&path).unwrap();
        bytes[MAGIC.len()] = 3;
        fs::write(&path, &bytes).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("checkpoint of version 3; known is 1"),
            "{error}"
        );
    }
}
