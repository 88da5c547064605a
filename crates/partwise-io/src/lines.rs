//! Text taken from a reader line by line through one buffer of fixed size, whatever the length of the file or of a line.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use memchr::{memchr2, memchr2_iter};

use crate::error::Error;
use crate::memory::Budget;
use crate::source::{Source, fill, read_error};

/// Bytes of the buffer.
pub(crate) const BUFFER_BYTES: usize = 1 << 20;

/// A line without its end, or, if it is longer than the buffer, the next part of one, cut behind a separator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// Line of the file, from 1.
    pub(crate) line: u64,
    /// Whether this is the beginning of its line.
    pub(crate) begins: bool,
    /// Whether this is the end of its line.
    pub(crate) ends: bool,
}

impl Piece<'_> {
    /// Whether this is a whole line of nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.begins && self.ends && self.bytes.trim_ascii().is_empty()
    }
}

/// The lines of a text. They end with LF, CR LF or CR; a byte-order mark of UTF-8 is skipped.
pub(crate) struct Lines {
    file: String,
    reader: Box<dyn Read>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    inside_line: bool,
    after_carriage_return: bool,
    at_end: bool,
}

impl Lines {
    pub(crate) fn new(source: Source) -> Result<Self, Error> {
        if source.head.starts_with(&[0xff, 0xfe]) || source.head.starts_with(&[0xfe, 0xff]) {
            return Err(Error::Unsupported {
                file: source.name,
                problem: "is UTF-16 text; save it as UTF-8".into(),
            });
        }
        let mark = if source.head.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        let file = source.name.clone();
        let mut lines = Self {
            file,
            reader: source.into_reader(),
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            line: 1,
            inside_line: false,
            after_carriage_return: false,
            at_end: false,
        };
        lines.refill()?;
        lines.start = mark.min(lines.end);
        Ok(lines)
    }

    /// The next line or part of one; `None` at the end of the text.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>, Error> {
        let mut searched = 0;
        loop {
            if self.after_carriage_return && self.start < self.end {
                self.after_carriage_return = false;
                if self.buffer[self.start] == b'\n' {
                    self.start += 1;
                }
            }
            let unread = &self.buffer[self.start..self.end];
            if let Some(length) = memchr2(b'\n', b'\r', &unread[searched.min(unread.len())..]) {
                let length = length + searched;
                self.after_carriage_return = unread[length] == b'\r';
                return Ok(Some(self.take(length, 1, true)));
            }
            if self.at_end {
                if unread.is_empty() && !self.inside_line {
                    return Ok(None);
                }
                return Ok(Some(self.take(unread.len(), 0, true)));
            }
            if unread.len() == self.buffer.len() {
                let cut = unread
                    .iter()
                    .rposition(|byte| b" \t,;".contains(byte))
                    .ok_or_else(|| Error::Line {
                        file: self.file.clone(),
                        line: self.line,
                        problem: format!(
                            "a field of more than {BUFFER_BYTES} bytes; expected a number"
                        ),
                    })?;
                return Ok(Some(self.take(cut + 1, 0, false)));
            }
            searched = unread.len();
            self.refill()?;
        }
    }

    /// The next line as a whole; `None` at the end of the text.
    pub(crate) fn next_whole(&mut self, budget: &Budget) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next()? {
            // What the buffer holds is there already.
            if !piece.begins {
                budget.check_so_far((whole.len() + piece.bytes.len()) as u64)?;
            }
            whole.extend_from_slice(piece.bytes);
            if piece.ends {
                return Ok(Some((piece.line, whole)));
            }
        }
        Ok(None)
    }

    fn take(&mut self, length: usize, end_of_line: usize, ends: bool) -> Piece<'_> {
        let (start, line, begins) = (self.start, self.line, !self.inside_line);
        self.start += length + end_of_line;
        self.inside_line = !ends;
        self.line += u64::from(ends);
        Piece {
            bytes: &self.buffer[start..start + length],
            line,
            begins,
            ends,
        }
    }

    fn refill(&mut self) -> Result<(), Error> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let found = fill(&mut self.reader, &mut self.buffer[self.end..])
            .map_err(|source| read_error(&self.file, source))?;
        self.at_end = found == 0;
        self.end += found;
        Ok(())
    }
}

/// The number of lines that are neither blank nor a comment: an upper bound of the number of rows. Leaves the file at its
/// beginning.
pub(crate) fn count_lines(file: &mut File) -> io::Result<u64> {
    // Blanks as long as the buffer count as a row: the bound need not be sharp.
    let holds_row = |line: &[u8]| {
        let first = line.iter().find(|byte| **byte != b' ' && **byte != b'\t');
        u64::from(first.is_none_or(|byte| !matches!(byte, b'\n' | b'\r' | b'#')))
    };
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut count = 0;
    let mut at_start = true;
    loop {
        let length = fill(file, &mut buffer)?;
        let bytes = &buffer[..length];
        let Some(&last) = bytes.last() else { break };
        if at_start {
            count += holds_row(bytes);
        }
        for end in memchr2_iter(b'\n', b'\r', &bytes[..length - 1]) {
            count += holds_row(&bytes[end + 1..]);
        }
        at_start = matches!(last, b'\n' | b'\r');
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(count)
}
