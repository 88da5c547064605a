//! The only place that prints: results to stdout, all else to stderr.

use std::io::{self, Write};

use anyhow::Context;

/// Prints a result to stdout. A reader that has gone away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// One line on stderr about what went wrong.
pub(crate) fn error(message: &str) {
    note(&format!("error: {message}"));
}

/// One line on stderr about what may surprise.
pub(crate) fn warning(message: &str) {
    note(&format!("warning: {message}"));
}

/// One line on stderr.
pub(crate) fn note(message: &str) {
    // There is nowhere left to report that stderr cannot be written.
    let _ = writeln!(io::stderr().lock(), "partwise: {message}");
}
