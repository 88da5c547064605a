//! Matrices that are read here and there while they stay in their files, whatever the format: rows of one width, or the arrays of
//! a compressed sparse matrix side by side.
//!
//! A format says what is in its file ([`Rows`]) and reads some rows of an array ([`Bands`]). Reading into memory, into a store and
//! in the course of a fit follow from that, and are written once.

// Without a format that needs it, nothing does.
#![cfg_attr(
    not(any(feature = "arrow", feature = "hdf5", feature = "zarr")),
    allow(dead_code)
)]

#[cfg(any(feature = "hdf5", feature = "zarr"))]
pub(crate) mod annotated;
#[cfg(feature = "arrow")]
pub(crate) mod columns;
mod load;
mod streams;

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

use partwise::RunSize;

use crate::convert::VALUES;
use crate::error::Error;
use crate::matrix::{Layout, Precision};
use crate::memory::Budget;
use crate::real::{Dtype, Real};

/// An array in a file, or columns of one length: rows of numbers.
pub(crate) trait Bands: std::fmt::Debug + Send + Sync {
    /// Puts `count` rows, from row `first` on, behind what is in `out`.
    fn read(&self, first: u64, count: usize, out: &mut Vec<f64>) -> Result<(), Error>;
}

/// What is in a file.
#[derive(Debug)]
pub(crate) struct Rows {
    /// For messages.
    pub(crate) file: String,
    /// The name of the format.
    pub(crate) format: &'static str,
    /// (rows, columns).
    pub(crate) shape: (usize, usize),
    /// How the file holds an entry: a numpy type.
    pub(crate) stored_as: String,
    pub(crate) precision: Precision,
    pub(crate) row_names: Option<Vec<String>>,
    pub(crate) col_names: Option<Vec<String>>,
    /// Bytes that the reader of the format holds while it reads rows.
    pub(crate) held: u64,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Dense(Lines),
    Sparse(Compressed),
}

/// Rows of an array, a band of which is in memory.
#[derive(Debug)]
pub(crate) struct Lines {
    source: Box<dyn Bands>,
    rows: u64,
    width: usize,
    /// Rows in a band.
    band: usize,
    /// The number of the first row in memory, and the rows.
    held: Mutex<(u64, Vec<f64>)>,
}

impl Lines {
    /// Rows of so many numbers. `unit` rows come at once from the file, where it has any such number.
    pub(crate) fn new(source: Box<dyn Bands>, rows: u64, width: usize, unit: u64) -> Self {
        let unit = usize::try_from(unit.clamp(1, rows.max(1))).unwrap_or(usize::MAX);
        let units = VALUES / unit.saturating_mul(width.max(1)).max(1);
        let band = unit.saturating_mul(units.max(1));
        let held = Mutex::default();
        Self {
            source,
            rows,
            width,
            band,
            held,
        }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that a band takes, and what it is made from.
    fn memory(&self) -> u64 {
        let rows = self.rows.min(self.band as u64);
        rows.saturating_mul(self.width as u64).saturating_mul(16)
    }

    /// Hands over the numbers of `count` rows, from row `first` on, in parts.
    fn visit(
        &self,
        first: u64,
        count: u64,
        mut sink: impl FnMut(&[f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut row, end, band) = (first, first + count, self.band as u64);
        while row < end {
            let start = row - row % band;
            let rows = (self.rows - start).min(band);
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let (from, values) = &mut *held;
            if *from != start || values.is_empty() {
                values.clear();
                let read = self.source.read(start, rows as usize, values);
                // Part of a band is none.
                read.inspect_err(|_| values.clear())?;
                *from = start;
            }
            let until = end.min(start + rows);
            let at = |row: u64| (row - start) as usize * self.width;
            sink(&values[at(row)..at(until)])?;
            row = until;
        }
        Ok(())
    }

    /// Fills `out` with whole rows, from row `first` on.
    fn read<T: Real>(&self, first: usize, out: &mut [T]) -> Result<(), Error> {
        let (count, mut at) = (out.len() / self.width.max(1), 0);
        self.visit(first as u64, count as u64, |values| {
            for (out, &value) in out[at..].iter_mut().zip(values) {
                *out = T::from_f64(value);
            }
            at += values.len();
            Ok(())
        })
    }
}

/// A compressed sparse matrix: three arrays, of which the bounds of the lines are in memory.
#[derive(Debug)]
pub(crate) struct Compressed {
    pub(crate) layout: Layout,
    /// Length of each line.
    inner: usize,
    /// Bounds of each line; one more than there are.
    offsets: Vec<u64>,
    indices: Lines,
    values: Lines,
    /// Lines that are read at once: the first, and how many they are.
    runs: Vec<(usize, RunSize)>,
    file: String,
}

impl Compressed {
    /// Checks the bounds.
    pub(crate) fn new(
        file: &str,
        (layout, (rows, cols)): (Layout, (usize, usize)),
        offsets: Vec<u64>,
        (indices, values): (Lines, Lines),
    ) -> Result<Self, Error> {
        let malformed = |problem| {
            Err(Error::Malformed {
                file: file.to_owned(),
                problem,
            })
        };
        let (lines, inner) = match layout {
            Layout::Csr => (rows, cols),
            Layout::Csc => (cols, rows),
        };
        if rows.max(cols) > u32::MAX as usize {
            return Err(Error::Unsupported {
                file: file.to_owned(),
                problem: format!(
                    "has a sparse matrix of {rows} × {cols}; expected at most {} rows and columns",
                    u32::MAX
                ),
            });
        }
        let there = indices.rows().min(values.rows());
        if offsets.len() != lines + 1 {
            let found = offsets.len();
            return malformed(format!(
                "indptr has {found} entries; expected {lines} and 1 more"
            ));
        }
        if offsets[0] != 0 {
            return malformed(format!("indptr begins with {}; expected 0", offsets[0]));
        }
        if let Some(place) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
            return malformed(format!("indptr falls at entry {}", place + 1));
        }
        if offsets[lines] > there {
            let asked = offsets[lines];
            return malformed(format!(
                "indptr asks for {asked} entries, but there are {there}"
            ));
        }
        Ok(Self {
            layout,
            inner,
            runs: runs(&offsets),
            offsets,
            indices,
            values,
            file: file.to_owned(),
        })
    }

    /// Number of stored entries.
    fn stored(&self) -> u64 {
        self.offsets[self.offsets.len() - 1]
    }

    fn malformed(&self, problem: String) -> Error {
        Error::Malformed {
            file: self.file.clone(),
            problem,
        }
    }
}

/// Whole lines, a multiple of [`RunSize::UNIT`] in all runs but the last, about [`VALUES`] entries each.
fn runs(offsets: &[u64]) -> Vec<(usize, RunSize)> {
    let (mut runs, mut first, lines) = (Vec::new(), 0, offsets.len() - 1);
    let size = |from: usize, to: usize| RunSize {
        rows: to - from,
        stored: (offsets[to] - offsets[from]) as usize,
    };
    for end in (RunSize::UNIT..lines).step_by(RunSize::UNIT) {
        let next = (end + RunSize::UNIT).min(lines);
        if size(first, next).stored + next - first > VALUES {
            runs.push((first, size(first, end)));
            first = end;
        }
    }
    if first < lines {
        runs.push((first, size(first, lines)));
    }
    runs
}

impl Rows {
    /// Whether only some entries are stored.
    pub(crate) fn is_sparse(&self) -> bool {
        matches!(self.body, Body::Sparse(_))
    }

    /// Bytes that it would take in memory.
    pub(crate) fn bytes_in_memory(&self) -> u64 {
        let value = match self.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let (rows, cols) = (self.shape.0 as u64, self.shape.1 as u64);
        match &self.body {
            Body::Dense(_) => rows.saturating_mul(cols).saturating_mul(value),
            Body::Sparse(sparse) => {
                let narrow = crate::sparse::fits_i32(self.shape.0, self.shape.1);
                let index = if narrow { 4 } else { 8 };
                let entries = sparse.stored().saturating_mul(index + value);
                entries.saturating_add(sparse.offsets.len() as u64 * 8)
            }
        }
    }

    /// Bytes that it takes while it stays in its file.
    pub(crate) fn memory(&self) -> u64 {
        let names = [&self.row_names, &self.col_names].into_iter().flatten();
        let names: usize = names
            .flatten()
            .map(|name| name.len() + size_of::<String>())
            .sum();
        let body = match &self.body {
            Body::Dense(lines) => lines.memory(),
            Body::Sparse(sparse) => {
                let offsets = sparse.offsets.len() as u64 * 8;
                let entries = [sparse.indices.memory(), sparse.values.memory()];
                entries.into_iter().fold(offsets, u64::saturating_add)
            }
        };
        (names as u64)
            .saturating_add(self.held)
            .saturating_add(body)
    }

    /// Refuses names that do not go with the shape, and a shape that no matrix has.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        for (what, names, count) in [
            ("row", &self.row_names, self.shape.0),
            ("column", &self.col_names, self.shape.1),
        ] {
            if let Some(names) = names.as_ref().filter(|names| names.len() != count) {
                return Err(Error::Malformed {
                    file: self.file.clone(),
                    problem: format!("{} {what} names for {count} {what}s", names.len()),
                });
            }
        }
        if self.shape.0 == 0 || self.shape.1 == 0 {
            return Err(Error::Empty {
                file: self.file.clone(),
            });
        }
        let (rows, cols) = (self.shape.0 as u64, self.shape.1 as u64);
        if rows
            .checked_mul(cols)
            .is_none_or(|entries| entries >> 62 > 0)
        {
            return Err(Error::Unsupported {
                file: self.file,
                problem: format!("has a matrix of {rows} × {cols}, which is too large"),
            });
        }
        Ok(self)
    }

    /// Refuses what takes more memory than allowed even where it lies.
    pub(crate) fn within(self, budget: &Budget) -> Result<Self, Error> {
        if let Body::Sparse(sparse) = &self.body {
            // Lines that are read at once: of each entry its column, its value and what both are made of.
            let most = sparse.runs.iter().map(|(_, size)| size.stored as u64).max();
            budget.check(most.unwrap_or(0).saturating_mul(4 + 8 + 16))?;
        }
        budget.check(self.memory())?;
        Ok(self)
    }
}

/// The precision for entries of that type.
pub(crate) fn precision(dtype: Dtype, stored_as: &str) -> Precision {
    dtype.resolve(stored_as == "float32")
}

thread_local! {
    /// How many readers that may panic are at work.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is within a reader of another crate, in which a panic over a damaged file becomes an [`Error`]: a program's
/// panic hook can leave it unsaid.
pub fn panics_are_errors() -> bool {
    GUARDS.get() > 0
}

/// Runs the work of a reader that was made elsewhere. What it makes of a damaged file may be a panic.
pub(crate) fn guarded<R>(file: &str, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    GUARDS.set(GUARDS.get() + 1);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    GUARDS.set(GUARDS.get() - 1);
    done.unwrap_or_else(|_| {
        Err(Error::Malformed {
            file: file.to_owned(),
            problem: "its parts do not go together".into(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers whose reader gives up after the first.
    #[derive(Debug)]
    struct Torn;

    impl Bands for Torn {
        fn read(&self, _: u64, _: usize, out: &mut Vec<f64>) -> Result<(), Error> {
            out.push(1.0);
            Err(Error::Malformed {
                file: "torn".into(),
                problem: "the data end at row 1".into(),
            })
        }
    }

    #[test]
    fn part_of_a_band_is_not_taken_for_a_band() {
        let lines = Lines::new(Box::new(Torn), 100, 1, 1);
        for first in [0, 50] {
            let error = lines.read(first, &mut [0.0f64; 10]).unwrap_err();
            assert!(error.to_string().contains("the data end"), "{error}");
        }
    }
}
