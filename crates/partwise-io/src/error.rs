//! What can go wrong with a file, each case in one line: the file, the place in it, the value, and what would be right.

use crate::delimited::is_missing;
use std::io;

/// Why a file could not be read or written. Every message is one line and begins with the file's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("{file}: no such file")]
    NotFound {
        /// The file asked for.
        file: String,
    },
    /// A folder was given where a file is needed.
    #[error("{file}: is a folder; expected a file")]
    IsFolder {
        /// The folder.
        file: String,
    },
    /// The operating system refused to read.
    #[error("{file}: cannot read: {source}")]
    Read {
        /// The file being read.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system refused to write. Nothing of the file is left.
    #[error("{file}: cannot write: {source}")]
    Write {
        /// The file being written.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file holds no numbers at all.
    #[error("{file}: holds no numbers; expected a matrix of at least one row and one column")]
    Empty {
        /// The empty file.
        file: String,
    },
    /// Neither the first bytes nor the extension say what the file is.
    #[error("{file}: unknown format; known are {known}")]
    UnknownFormat {
        /// The file of unknown format.
        file: String,
        /// The names of the formats that are known.
        known: String,
    },
    /// The format can be read but not written.
    #[error("{file}: {format} cannot be written; choose one of {known}")]
    NotWritable {
        /// The file to be written.
        file: String,
        /// The format asked for.
        format: &'static str,
        /// The extensions that can be written.
        known: String,
    },
    /// A field of a text file is no number.
    #[error(
        "{file}: line {line}, column {column}: '{token}' is not a number{}",
        left_out(token)
    )]
    NotANumber {
        /// The text file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// Field of the line, from 1, a row's name included.
        column: usize,
        /// The field as it stands there, cut when long.
        token: String,
    },
    /// A line of a text file has more or fewer fields than the first one.
    #[error("{file}: line {line} has {found} columns; expected {expected} as in line {first_line}")]
    Ragged {
        /// The text file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// Fields found in that line.
        found: usize,
        /// Fields expected.
        expected: usize,
        /// The line that set the expectation, from 1.
        first_line: u64,
    },
    /// Some other fault of one line of a text file.
    #[error("{file}: line {line}: {}", one_line(.problem))]
    Line {
        /// The text file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The file ends before its header says it should.
    #[error("{file}: truncated: expected {expected} bytes, found {found}")]
    Truncated {
        /// The file, and the array in it if it holds several.
        file: String,
        /// Bytes that the header promises.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The file is sound but holds something that is no real matrix.
    #[error("{file}: {}", one_line(problem))]
    Unsupported {
        /// The file, and the array in it if it holds several.
        file: String,
        /// What it holds and what was expected.
        problem: String,
    },
    /// The file contradicts its own format.
    #[error("{file}: damaged or not what it seems: {}", one_line(problem))]
    Malformed {
        /// The file, and the array in it if it holds several.
        file: String,
        /// The contradiction.
        problem: String,
    },
    /// The archive holds several arrays and nothing says which is meant.
    #[error(
        "{file}: holds several arrays ({}); name the one to read, as in {file}#{}",
        one_line(&listed(names)),
        one_line(names.first().map_or("NAME", String::as_str))
    )]
    Ambiguous {
        /// The archive.
        file: String,
        /// The names of its arrays.
        names: Vec<String>,
    },
    /// The matrix would need more memory than allowed. Nothing was allocated for it.
    #[error(
        "{file}: needs {}{} of memory; allowed are {}",
        if *.at_least { "at least " } else { "" }, bytes(*.needed), bytes(*.limit)
    )]
    TooLarge {
        /// The file.
        file: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
        /// Whether more may be needed, as of a stream, whose length nobody knows.
        at_least: bool,
    },
    /// The machine does not have the memory that the matrix needs.
    #[error("{file}: needs {} of memory; the machine refuses", bytes(*.needed))]
    OutOfMemory {
        /// The file.
        file: String,
        /// Bytes needed.
        needed: u64,
    },
    /// The caller asked to end. Nothing is left of a file that was being written.
    #[error("{file}: stopped")]
    Stopped {
        /// The file that was being written or read.
        file: String,
    },
    /// The caller's matrix and names do not fit each other or the format.
    #[error("{file}: {problem}")]
    Unwritable {
        /// The file to be written.
        file: String,
        /// What does not fit.
        problem: String,
    },
}

/// How many names a message lists.
const LISTED: usize = 40;

/// The names of arrays for a message, the first ones of many.
pub(crate) fn listed(paths: &[String]) -> String {
    let more = paths.len().saturating_sub(LISTED);
    let shown = paths[..paths.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What to do where a number was left out.
fn left_out(token: &str) -> &'static str {
    if is_missing(token.as_bytes()) {
        "; write nan where it is not known"
    } else if !has_decimal_commas(token) {
        ""
    } else if token.contains(',') {
        "; write decimal points, not commas"
    } else {
        "; where ';' stands between numbers, a ',' is no decimal point"
    }
}

/// Whether a text is a number with a decimal comma, or several numbers between semicolons.
pub(crate) fn has_decimal_commas(text: &str) -> bool {
    let is_number = |part: &str| {
        let part = part.trim().replacen(',', ".", 1);
        fast_float2::parse::<f64, _>(&part).is_ok()
    };
    text.contains([',', ';']) && text.split(';').all(is_number)
}

/// Text out of a file, with its control characters written as `\n` and the like, so that a message stays one line and
/// cannot steer a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default())
        } else {
            line.push(letter)
        }
    }
    line
}

/// A number of bytes for people: exact below 10 kB, then in three digits.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 10_000 {
        return format!("{count} bytes");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {} ({count} bytes)", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::{bytes, one_line};

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(one_line("größe 'a'\n\u{1b}[2J"), "größe 'a'\\n\\u{1b}[2J");
    }

    #[test]
    fn bytes_are_readable_and_exact() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(9_999), "9999 bytes");
        assert_eq!(bytes(10_000), "10.0 kB (10000 bytes)");
        assert_eq!(bytes(999_600), "1.00 MB (999600 bytes)");
        assert_eq!(bytes(4_225_000_000), "4.22 GB (4225000000 bytes)");
        assert_eq!(bytes(u64::MAX), "18.4 EB (18446744073709551615 bytes)");
    }
}
