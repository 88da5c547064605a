//! `partwise fit --split-w`: W as a folder of .npy files, which our readers take for one matrix. There is a file for each piece of V's
//! rows, written by the process that holds it: no process needs room for all of W.

use std::path::Path;

use partwise_io::MatrixToWrite;

use crate::number::Number;

/// The folder, among the results.
pub(super) const FOLDER: &str = "W";

/// Writes the rows of W (k numbers each) that belong to a piece of V.
///
/// # Errors
/// If the system refuses.
pub(super) fn write<T: Number>(
    folder: &Path,
    piece: usize,
    rows: &[T],
    k: usize,
) -> anyhow::Result<()> {
    let rows = MatrixToWrite {
        rows: rows.len() / k,
        cols: k,
        values: T::values(rows),
        row_names: None,
        col_names: None,
    };
    let path = folder.join(format!("part-{piece:05}.npy"));
    Ok(partwise_io::write(path, &rows)?)
}
