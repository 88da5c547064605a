//! One file read from several places at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// A reader with a position of its own in a file that others read, too. Meant to be behind a buffer.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    file: Arc<Mutex<File>>,
    length: u64,
    position: u64,
    end: u64,
}

impl Shared {
    /// A reader of a whole file of so many bytes.
    pub(crate) fn new(file: File, length: u64) -> Self {
        Self {
            file: Arc::new(Mutex::new(file)),
            length,
            position: 0,
            end: length,
        }
    }

    /// Another reader, of these bytes.
    pub(crate) fn range(&self, from: u64, to: u64) -> Self {
        Self {
            position: from,
            end: to,
            ..self.clone()
        }
    }

    /// Another reader of the whole file.
    pub(crate) fn again(&self) -> Self {
        self.range(0, self.length)
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = most.min(buffer.len());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.position))?;
        let count = file.read(&mut buffer[..wanted])?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Shared {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let position = match place {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
