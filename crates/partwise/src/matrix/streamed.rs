//! A dense V that is not in memory: its rows are read a run at a time, the next ones while the last are at work.

use std::fmt;
use std::sync::mpsc;
use std::thread;

use faer::MatRef;

use super::Cut;
use crate::error::ReadError;
use crate::threads;
use crate::{Error, Float};

/// Runs in memory at once: one at work, one read and one being read.
const BUFFERS: usize = 3;

/// The rows of a dense matrix, wherever they are kept.
///
/// A fit reads them from the first to the last, again and again, on a thread of its own.
pub trait RowBlocks<T>: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Number of columns.
    fn cols(&self) -> usize;
    /// Fills `out` with whole rows, from row `first` on.
    ///
    /// # Errors
    /// Whatever keeps the rows from being read: it ends the fit with [`Error::Read`].
    fn read(
        &self,
        first: usize,
        out: &mut [T],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// A borrowed dense matrix that is read when it is needed: lines of [`RowBlocks`], which are its rows or its columns.
#[derive(Clone, Copy)]
pub struct Streamed<'a, T> {
    pub(super) lines: &'a dyn RowBlocks<T>,
    /// Whether the lines are columns of the matrix.
    pub(super) by_columns: bool,
}

impl<T> Streamed<'_, T> {
    /// Rows and columns of the matrix.
    pub(super) fn shape(&self) -> (usize, usize) {
        let (lines, length) = (self.lines.rows(), self.lines.cols());
        if self.by_columns {
            (length, lines)
        } else {
            (lines, length)
        }
    }
}

impl<T: Float> Streamed<'_, T> {
    /// Bytes that a walk takes for its runs.
    pub(crate) fn walk_bytes(&self) -> u64 {
        let lines = Cut::of_dense::<T>(self.lines.cols())
            .run
            .min(self.lines.rows());
        let bytes = (BUFFERS * lines * size_of::<T>()) as u64;
        bytes.saturating_mul(self.lines.cols() as u64)
    }
}

impl<T> fmt::Debug for Streamed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("lines", &self.lines.rows())
            .field("length", &self.lines.cols())
            .field("by_columns", &self.by_columns)
            .finish()
    }
}

/// Hands over all lines in order, `run` of them at a time, with the number of the first. A second thread reads ahead.
pub(super) fn walk<T: Float>(
    lines: &dyn RowBlocks<T>,
    run: usize,
    mut visit: impl FnMut(usize, MatRef<'_, T>),
) {
    let (count, length) = (lines.rows(), lines.cols());
    let runs = count.div_ceil(run);
    let rows = |index: usize| run.min(count - index * run);
    thread::scope(|scope| {
        let (give_back, empty) = mpsc::channel();
        let (hand_over, full) = mpsc::channel();
        for _ in 0..BUFFERS.min(runs) {
            // Both ends are here: nothing can be lost.
            let _ = give_back.send(vec![T::ZERO; run.min(count) * length]);
        }
        let reader = move || {
            for index in 0..runs {
                // Whoever works on the lines may have unwound.
                let Ok(mut buffer) = empty.recv() else {
                    return;
                };
                let read = lines.read(index * run, &mut buffer[..rows(index) * length]);
                if hand_over.send(read.map(|()| buffer)).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new()
            .name("partwise-read".to_owned())
            .spawn_scoped(scope, reader);
        if let Err(error) = spawned {
            failed(error.into());
        }
        for index in 0..runs {
            // A reader that panicked panics here too, at the end of the scope.
            let Ok(read) = full.recv() else {
                return;
            };
            let buffer: Vec<T> = read.unwrap_or_else(|error| failed(error));
            let values = &buffer[..rows(index) * length];
            visit(
                index * run,
                MatRef::from_row_major_slice(values, rows(index), length),
            );
            // After its last run the reader is gone.
            let _ = give_back.send(buffer);
        }
    });
}

/// One line.
pub(super) fn line<T: Float>(lines: &dyn RowBlocks<T>, index: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; lines.cols()];
    if let Err(error) = lines.read(index, &mut out) {
        failed(error);
    }
    out
}

/// Ends the fit: no part of it goes on without V.
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> ! {
    threads::end(Error::Read {
        source: ReadError::new(error),
    })
}
