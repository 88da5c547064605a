//! A V that is not in memory: its lines are read a run at a time, the next ones while the last are at work.
//!
//! The lines of a dense V are cut into runs here. Those of a sparse V come in the runs in which they are kept, since only
//! who keeps them knows how much is in each. A sparse V in memory that may take no room for its twin is walked as if it were read.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

use faer::MatRef;

use super::{Compressed, Cut, Lines, SPARSE_BLOCK, Twin, Twins, tiles};
use crate::error::ReadError;
use crate::threads::{self, Threads};
use crate::{Error, Float};

/// Runs in memory at once: one at work, one read and one being read.
const BUFFERS: usize = 3;

/// What a reader of rows may fail with: it ends the fit with [`Error::Read`].
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The rows of a dense matrix, wherever they are kept.
///
/// A fit reads them from the first to the last, again and again, on a thread of its own.
pub trait RowBlocks<T>: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Number of columns.
    fn cols(&self) -> usize;
    /// Fills `out` with whole rows, one after another, from row `first` on: as many as it has room for.
    ///
    /// # Errors
    /// Whatever keeps the rows from being read: it ends the fit with [`Error::Read`].
    fn read(
        &self,
        first: usize,
        out: &mut [T],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// The rows of a sparse matrix, wherever they are kept, in runs of whole rows.
///
/// A fit reads the runs from the first to the last, again and again, on a thread of its own, and has three of them in memory.
pub trait SparseRows<T>: Sync {
    /// Number of columns.
    fn cols(&self) -> usize;
    /// Number of runs.
    fn runs(&self) -> usize;
    /// The size of run `index`.
    fn size(&self, index: usize) -> RunSize;
    /// Puts run `index` in the place of what is in `out`.
    ///
    /// # Errors
    /// Whatever keeps the rows from being read: it ends the fit with [`Error::Read`].
    fn read(
        &self,
        index: usize,
        out: &mut SparseRun<T>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
    /// Whether the entries of all runs are kept sorted by columns, once they have been: that takes the memory of the whole matrix, and
    /// spares each walk the sorting.
    fn keeps_columns(&self) -> bool {
        false
    }
}

/// How much is in a run of sparse rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunSize {
    /// Rows: at least one, and a multiple of [`Self::UNIT`] in every run but the last.
    pub rows: usize,
    /// Stored entries.
    pub stored: usize,
}

impl RunSize {
    /// Rows are taken so many at a time, wherever the runs end: so the runs have no say in the order of sums.
    pub const UNIT: usize = SPARSE_BLOCK;
}

/// Some rows of a sparse matrix, compressed as in CSR.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseRun<T> {
    /// Where the entries of each row begin, and the end of the last: one more than there are rows, from 0 on.
    pub offsets: Vec<usize>,
    /// The column of each entry, only once in a row; from the first to the last in each row to give the bits of a matrix in
    /// memory that has them so.
    pub indices: Vec<u32>,
    /// The value of each entry.
    pub values: Vec<T>,
}

/// Where lines come from.
#[derive(Clone, Copy)]
pub(crate) enum Stream<'a, T> {
    Dense(&'a dyn RowBlocks<T>),
    Sparse(&'a dyn SparseRows<T>, RunSize),
    /// In memory, without a twin that is kept.
    Lean(Compressed<'a, T>),
}

/// A borrowed matrix that is read when it is needed: lines of [`RowBlocks`] or [`SparseRows`], which are its rows or its
/// columns. Also a sparse matrix in memory that is walked in the same way ([`super::Matrix::lean`]).
#[derive(Clone, Copy)]
pub struct Streamed<'a, T> {
    pub(super) lines: Stream<'a, T>,
    /// Whether the lines are columns of the matrix.
    pub(super) by_columns: bool,
}

impl<'a, T> Streamed<'a, T> {
    /// The lines of a sparse matrix in memory.
    pub(super) fn lean(lines: Compressed<'a, T>, by_columns: bool) -> Self {
        Self {
            lines: Stream::Lean(lines),
            by_columns,
        }
    }

    pub(super) fn dense(rows: &'a dyn RowBlocks<T>) -> Self {
        Self {
            lines: Stream::Dense(rows),
            by_columns: false,
        }
    }

    pub(super) fn sparse(rows: &'a dyn SparseRows<T>) -> Result<Self, Error> {
        let refuse = |reason| {
            Err(Error::Malformed {
                what: "streamed sparse matrix",
                reason,
            })
        };
        let mut total = RunSize::default();
        for index in 0..rows.runs() {
            let size = rows.size(index);
            let last = index + 1 == rows.runs();
            if size.rows == 0 || !last && !size.rows.is_multiple_of(SPARSE_BLOCK) {
                return refuse(format!(
                    "run {index} has {} rows; expected a multiple of {SPARSE_BLOCK} in every run but the last",
                    size.rows
                ));
            }
            total.rows = total.rows.saturating_add(size.rows);
            total.stored = total.stored.saturating_add(size.stored);
        }
        let cols = rows.cols();
        if total.rows.max(cols) > u32::MAX as usize {
            return refuse(format!(
                "the shape {} × {cols} has an axis above {}",
                total.rows,
                u32::MAX
            ));
        }
        Ok(Self {
            lines: Stream::Sparse(rows, total),
            by_columns: false,
        })
    }

    /// Rows and columns of the matrix.
    pub(super) fn shape(&self) -> (usize, usize) {
        let (lines, length) = (self.lines.count(), self.lines.length());
        if self.by_columns {
            (length, lines)
        } else {
            (lines, length)
        }
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.lines.is_sparse()
    }
}

impl<T> Stream<'_, T> {
    pub(super) fn is_sparse(&self) -> bool {
        !matches!(self, Self::Dense(_))
    }

    /// Number of lines.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Dense(lines) => lines.rows(),
            Self::Sparse(_, total) => total.rows,
            Self::Lean(lines) => lines.major(),
        }
    }

    /// Entries in a line, stored or not.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Dense(lines) => lines.cols(),
            Self::Sparse(lines, _) => lines.cols(),
            Self::Lean(lines) => lines.minor(),
        }
    }

    /// Stored entries.
    pub(super) fn stored(&self) -> usize {
        match self {
            Self::Dense(lines) => lines.rows().saturating_mul(lines.cols()),
            Self::Sparse(_, total) => total.stored,
            Self::Lean(lines) => lines.stored(),
        }
    }
}

impl<T: Float> Streamed<'_, T> {
    /// Bytes that a walk takes for its runs and, where every run of a sparse matrix has a twin, for these.
    pub(crate) fn walk_bytes(&self, twins: bool) -> u64 {
        let value = size_of::<T>() as u64;
        match self.lines {
            Stream::Dense(lines) => {
                let (count, length) = (lines.rows(), lines.cols());
                let run = Cut::of_dense::<T>(length).run.min(count);
                (BUFFERS as u64 * run as u64 * value).saturating_mul(length as u64)
            }
            Stream::Sparse(lines, _) => {
                let bytes = (0..lines.runs()).map(|index| {
                    let size = lines.size(index);
                    (size.stored as u64)
                        .saturating_mul(value + size_of::<u32>() as u64)
                        .saturating_add(8 * size.rows as u64)
                });
                // As packed as it is read, as unpacked, and with its twin.
                let copies = BUFFERS as u64 * if twins { 2 } else { 1 };
                let run = bytes.max().unwrap_or(0).saturating_mul(copies + 2);
                let offsets = match twins {
                    true => 8 * (BUFFERS as u64 + 1) * lines.cols() as u64,
                    false => 0,
                };
                let kept = (0..lines.runs()).filter(|_| lines.keeps_columns());
                let kept = kept.map(|index| {
                    let entries = lines.size(index).stored as u64;
                    let entries = entries.saturating_mul(value + size_of::<u32>() as u64);
                    entries.saturating_add(8 * lines.cols() as u64)
                });
                kept.fold(run.saturating_add(offsets), u64::saturating_add)
            }
            Stream::Lean(lines) if twins => tiles::passing_bytes(&lines),
            Stream::Lean(_) => 0,
        }
    }
}

impl<T> fmt::Debug for Streamed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("lines", &self.lines.count())
            .field("length", &self.lines.length())
            .field("stored", &self.lines.stored())
            .field("by_columns", &self.by_columns)
            .finish()
    }
}

impl<T: Float> Stream<'_, T> {
    /// Hands over all lines in order, `run` of them at a time where they are dense, with the number of the first; and the `twins` of
    /// sparse runs that are wanted. Of a matrix that is not in memory a second thread reads ahead. `kept` has what one walk leaves to the next.
    pub(super) fn walk(
        &self,
        run: usize,
        twins: Twins<'_>,
        kept: &Kept<T>,
        mut visit: impl FnMut(usize, Lines<'_, T>, Option<&Twin<T>>),
    ) {
        match *self {
            Self::Dense(lines) => {
                let (count, length) = (lines.rows(), lines.cols());
                let rows = |index: usize| run.min(count - index * run);
                ahead(
                    count.div_ceil(run),
                    &kept.rooms,
                    |index, room| {
                        let values = &mut room.run.values;
                        values.resize(rows(index) * length, T::ZERO);
                        lines.read(index * run, values)
                    },
                    |index, room| {
                        let values = &room.run.values;
                        let view = MatRef::from_row_major_slice(values, rows(index), length);
                        visit(index * run, Lines::Dense(view), None);
                    },
                );
            }
            Self::Sparse(lines, _) => {
                let keeping = twins.makers().filter(|_| lines.keeps_columns());
                let columns = keeping.map(|threads| {
                    let twins = &kept.twins;
                    twins.get_or_init(|| twins_of(lines, threads))
                });
                let passing = matches!(twins, Twins::All(_)) && columns.is_none();
                let mut first = 0;
                ahead(
                    lines.runs(),
                    &kept.rooms,
                    |index, room| {
                        let view = read_checked(lines, index, &mut room.run)?;
                        room.rises = view.rises();
                        if passing {
                            room.twin.refill(&view);
                        }
                        Ok(())
                    },
                    |index, room| {
                        let view =
                            room.run
                                .trusted(lines.size(index).rows, lines.cols(), room.rises);
                        let twin = columns.map(|twins| &twins[index]);
                        let twin = twin.or(passing.then_some(&room.twin));
                        visit(first, Lines::Sparse(view), twin);
                        first += view.major();
                    },
                );
            }
            Self::Lean(lines) => tiles::walk(&lines, None, twins, visit),
        }
    }

    /// Line `i`, zeros included.
    pub(super) fn line(&self, i: usize) -> Vec<T> {
        let mut out = vec![T::ZERO; self.length()];
        let read = match *self {
            Self::Dense(lines) => lines.read(i, &mut out),
            Self::Sparse(lines, _) => {
                let (mut index, mut first) = (0, 0);
                while first + lines.size(index).rows <= i {
                    first += lines.size(index).rows;
                    index += 1;
                }
                let mut buffer = SparseRun::default();
                let read = read_checked(lines, index, &mut buffer);
                read.map(|view| Lines::Sparse(view).pack(i - first, i - first + 1, &mut out))
            }
            Self::Lean(lines) => {
                Lines::Sparse(lines).pack(i, i + 1, &mut out);
                Ok(())
            }
        };
        read.unwrap_or_else(|error| failed(error));
        out
    }
}

impl<T: Float> SparseRun<T> {
    pub(super) fn trusted(&self, rows: usize, cols: usize, rises: bool) -> Compressed<'_, T> {
        let (offsets, indices, values) = (&self.offsets, &self.indices, &self.values);
        Compressed::trusted((rows, cols), offsets, indices, values, rises)
    }
}

/// What one walk leaves to the next.
pub(crate) struct Kept<T> {
    /// The twins of the runs of sparse lines that keep them, once they have been asked for.
    twins: OnceLock<Vec<Twin<T>>>,
    /// Room for runs: freed and taken again in each walk it would stay with the allocator, beside what is taken.
    rooms: Mutex<Vec<Room<T>>>,
}

/// A run that has been read, dense or sparse, and what has been made of it.
struct Room<T> {
    run: SparseRun<T>,
    /// Whether the indices rise in every line.
    rises: bool,
    twin: Twin<T>,
}

impl<T> Kept<T> {
    pub(super) fn new() -> Self {
        Self {
            twins: OnceLock::new(),
            rooms: Mutex::new(Vec::new()),
        }
    }
}

fn twins_of<T: Float>(lines: &dyn SparseRows<T>, threads: &Threads) -> Vec<Twin<T>> {
    threads.map(lines.runs(), |index| {
        let mut buffer = SparseRun::default();
        match read_checked(lines, index, &mut buffer) {
            Ok(view) => Twin::of(&view),
            Err(error) => failed(error),
        }
    })
}

/// Reads a run, and refuses one that is not what it should be.
pub(super) fn read_checked<'b, T: Float>(
    lines: &dyn SparseRows<T>,
    index: usize,
    buffer: &'b mut SparseRun<T>,
) -> Result<Compressed<'b, T>, Failure> {
    lines.read(index, buffer)?;
    let (size, stored) = (lines.size(index), buffer.values.len());
    if stored != size.stored {
        return Err(format!("run {index} has {stored} entries; expected {}", size.stored).into());
    }
    let SparseRun {
        offsets,
        indices,
        values,
    } = &*buffer;
    let what = "run of a streamed sparse matrix";
    Ok(Compressed::new(
        what,
        size.rows,
        lines.cols(),
        offsets,
        indices,
        values,
    )?)
}

/// Fills rooms with runs in order on a second thread, and hands each over while the next ones are read.
fn ahead<T: Float>(
    runs: usize,
    rooms: &Mutex<Vec<Room<T>>>,
    read: impl Fn(usize, &mut Room<T>) -> Result<(), Failure> + Send,
    mut visit: impl FnMut(usize, &Room<T>),
) {
    thread::scope(|scope| {
        let (give_back, empty) = mpsc::channel();
        let (hand_over, full) = mpsc::channel();
        // A walk that unwound has taken its rooms with it.
        let mut kept = std::mem::take(&mut *rooms.lock().unwrap_or_else(PoisonError::into_inner));
        kept.resize_with(BUFFERS.min(runs), || Room {
            run: SparseRun::default(),
            rises: false,
            twin: Twin::default(),
        });
        for room in kept {
            // Both ends are here: nothing can be lost.
            let _ = give_back.send(room);
        }
        let reader = move || {
            for index in 0..runs {
                // Whoever works on the lines may have unwound.
                let Ok(mut room) = empty.recv() else {
                    return empty;
                };
                let read = read(index, &mut room);
                if hand_over.send(read.map(|()| room)).is_err() {
                    return empty;
                }
            }
            empty
        };
        let spawned = thread::Builder::new()
            .name("partwise-read".to_owned())
            .spawn_scoped(scope, reader);
        let reader = spawned.unwrap_or_else(|error| failed(error.into()));
        for index in 0..runs {
            // A reader that panicked panics here too, at the end of the scope.
            let Ok(read) = full.recv() else {
                return;
            };
            let room = read.unwrap_or_else(|error| failed(error));
            visit(index, &room);
            // The reader's end is there until the walk has come to its own.
            let _ = give_back.send(room);
        }
        drop(give_back);
        if let Ok(empty) = reader.join() {
            *rooms.lock().unwrap_or_else(PoisonError::into_inner) = empty.iter().collect();
        }
    });
}

/// Ends the fit: no part of it goes on without V.
fn failed(error: Failure) -> ! {
    threads::end(Error::Read {
        source: ReadError::new(error),
    })
}
