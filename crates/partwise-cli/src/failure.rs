//! What went wrong, in one line, and the exit code that says whose fault it is.

use std::ffi::OsString;
use std::io;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::path::Path;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use partwise::Error;

use crate::arguments::Arguments;

/// Exit code when the work itself failed.
const FAILED: u8 = 1;
/// Exit code when the request or its input is at fault.
const BAD_USE: u8 = 2;

/// The flag for entries that are not known.
pub(crate) const UNKNOWN: &str = "--missing-values nan";
/// The flag for entries of any sign.
pub(crate) const SIGNED: &str = "--constraint semi or convex";

/// What is said of an entry of V that is not taken, with the flag under which it would be; of one below zero only where that can be.
pub(crate) fn with_advice(error: anyhow::Error, signed: bool) -> anyhow::Error {
    let line = one_line(&error);
    match error.downcast_ref::<Error>() {
        Some(Error::NotFinite {
            matrix: "V", value, ..
        }) if value.is_nan() => {
            anyhow::anyhow!("{line}, or unknown under {UNKNOWN}")
        }
        Some(Error::Negative { matrix: "V", .. }) if signed => {
            anyhow::anyhow!("{line}, or of any sign under {SIGNED}")
        }
        _ => error,
    }
}

/// The chain of causes joined by ": ". A cause that its parent already quotes is not repeated.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if line.is_empty() {
            line = told(cause);
        } else if !line.contains(text.as_str()) {
            let system = cause.downcast_ref::<io::Error>().and_then(in_words);
            line.push_str(": ");
            line.push_str(system.unwrap_or(&text));
        }
    }
    printable(&joined(&line, " "))
}

/// Text whose control characters, as of a damaged file or a hostile name, are written out, so that they cannot steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// What an error says that is of no file, with the flag for a parameter of the engine, and the command for a kind of file that another
/// one reads.
fn told(cause: &(dyn std::error::Error + 'static)) -> String {
    if let Some(Error::Parameter { name, value, legal }) = cause.downcast_ref() {
        return format!("{} = {value}: {legal}", flag(name));
    }
    if let Some(Error::OfMatrix { number, error }) = cause.downcast_ref() {
        return format!("matrix {number}: {}", told(error.as_ref()));
    }
    // One that is there is read, and not to be written.
    if let Some(partwise_io::Error::UnknownFormat { file, .. }) = cause.downcast_ref()
        && Path::new(file).exists()
        && let Some((what, command)) = reader_of(file)
    {
        return match given() == command {
            true => format!("{cause}; {what} with these flags are not read"),
            false => format!("{cause}; {what} are for 'partwise {command}'"),
        };
    }
    cause.to_string()
}

/// The flag for a parameter, if the command that was given has one: `--weights` for one of them, too.
fn flag(name: &str) -> String {
    /// Flags with a name of their own.
    const OTHERS: [(&str, &str); 1] = [("taps", "convolutive")];
    let other = OTHERS.iter().find(|(parameter, _)| *parameter == name);
    let one = other.map_or(name, |(_, flag)| flag).replace('_', "-");
    let many = format!("{one}s");
    let program = Arguments::command();
    let mut flags = program
        .find_subcommand(given())
        .into_iter()
        .flat_map(|command| command.get_arguments())
        .filter_map(|flag| flag.get_long());
    match flags.find(|&long| long == one || long == many) {
        Some(long) => format!("--{long}"),
        None => name.to_owned(),
    }
}

/// The command that was given.
fn given() -> OsString {
    std::env::args_os().nth(1).unwrap_or_default()
}

/// A kind of file which is no matrix, and the command that reads it.
fn reader_of(file: &str) -> Option<(&'static str, &'static str)> {
    let name = file.to_lowercase();
    let (_, extension) = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.')?;
    match extension {
        "wav" | "flac" | "ogg" | "oga" | "mp3" | "m4a" | "aac" => Some(("sounds", "audio")),
        "jsonl" | "ndjson" => Some(("documents", "topics")),
        "pwz" => Some(("compressed pictures", "decompress")),
        _ => None,
    }
}

/// What the system says most often of a path, in this program's words.
fn in_words(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound => Some("no such file or folder"),
        io::ErrorKind::IsADirectory => Some("is a folder; expected a file"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Some("a file is where a folder is needed")
        }
        _ => None,
    }
}

/// 2 if the request, a path or the input is at fault; 1 if the system failed, as when a disk is full.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let failed = error.chain().any(|cause| {
        cause.is::<partwise_report::ReportError>()
            || cause.downcast_ref::<io::Error>().is_some_and(is_system)
    });
    if failed { FAILED } else { BAD_USE }
}

/// Whether the system, and not the path that it was given, is at fault.
fn is_system(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Unsupported
    )
}

/// Whether a panic is that of a library where the system gives no memory: of linear algebra, or of deflate.
pub(crate) fn is_lack_of_memory(panic: &(dyn std::any::Any + Send)) -> bool {
    says(panic, "AllocError") || says(panic, "MemError")
}

/// Whether a panic is that of a thread which gets no memory to begin with: nothing catches it.
pub(crate) fn is_no_thread(panic: &(dyn std::any::Any + Send)) -> bool {
    says(panic, "failed to allocate an alternative stack")
}

fn says(panic: &(dyn std::any::Any + Send), words: &str) -> bool {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.contains(words))
}

/// A refused command line: what `clap` says of it, on one line.
pub(crate) fn usage(error: &clap::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::MissingSubcommand {
        return anyhow::anyhow!("no command given; try 'partwise --help'");
    }
    let mut text = error.render().to_string();
    if let Some(source) = std::error::Error::source(error)
        && let Some(expected) = number_in_words(source)
    {
        text = text.replace(&source.to_string(), expected);
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (text, usage) = text.split_once("\n\nUsage:").unwrap_or((text, ""));
    let text = text
        .split("\n\nFor more information")
        .next()
        .unwrap_or(text);
    let parts = text.split("\n\n").map(|part| joined(part, " "));
    // No value begins with a flag that there is not.
    let mut parts: Vec<_> = parts
        .filter(|part| !part.starts_with("tip: to pass '-"))
        .collect();
    // A file more than a command reads is the one to write, or another to read.
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(more)) = error.get(ContextKind::InvalidArg)
        && !more.starts_with('-')
        && usage.contains("--output")
    {
        parts.push("what is written is named by -o".to_owned());
    }
    anyhow::anyhow!(parts.join("; "))
}

/// What a value that is no number should have been; the library speaks of digits and literals.
fn number_in_words(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let whole = error.downcast_ref::<ParseIntError>();
    match whole.map(ParseIntError::kind) {
        Some(IntErrorKind::PosOverflow) => Some("expected a smaller number"),
        Some(IntErrorKind::Zero) => Some("expected a whole number above 0"),
        Some(_) => Some("expected a whole number"),
        None => error.is::<ParseFloatError>().then_some("expected a number"),
    }
}

/// The words of all lines, with `separator` for every break.
fn joined(text: &str, separator: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_cause_is_said_once() {
        let cause = io::Error::other("no room");
        let error = anyhow::Error::new(cause).context("out/w.npy: cannot write: no room");
        assert_eq!(one_line(&error), "out/w.npy: cannot write: no room");
        let cause = io::Error::other("no\nroom");
        let error = anyhow::Error::new(cause).context("cannot write");
        assert_eq!(one_line(&error), "cannot write: no room");
    }

    #[test]
    fn the_system_is_quoted_in_our_words_and_cannot_steer_a_terminal() {
        let said = |kind: io::ErrorKind| {
            one_line(&anyhow::Error::new(io::Error::from(kind)).context("cannot read a\x1b[2J.png"))
        };
        assert_eq!(
            said(io::ErrorKind::NotFound),
            "cannot read a\\u{1b}[2J.png: no such file or folder"
        );
        assert_eq!(
            said(io::ErrorKind::IsADirectory),
            "cannot read a\\u{1b}[2J.png: is a folder; expected a file"
        );
    }

    #[test]
    fn a_full_disk_is_a_failure_and_a_bad_path_is_bad_use() {
        let code = |kind| exit_code(&anyhow::Error::new(io::Error::from(kind)).context("out"));
        assert_eq!(code(io::ErrorKind::StorageFull), 1);
        assert_eq!(code(io::ErrorKind::NotADirectory), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("k is 0")), 2);
    }
}
