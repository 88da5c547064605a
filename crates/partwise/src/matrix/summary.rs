//! One look at every entry of V before any work: is it legal, and how large is it?

use super::{Compressed, Matrix};
use crate::threads::Threads;
use crate::{Error, Float, Loss};

/// Rows or lines in a task.
const LINES: usize = 64;

/// What the look found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    /// Σ v.
    pub(crate) sum: f64,
    /// Σ v².
    pub(crate) squares: f64,
    /// The largest entry.
    pub(crate) largest: f64,
    /// Number of entries above zero.
    pub(crate) positive: usize,
    /// The smallest entry above zero, if there is any.
    smallest: Option<f64>,
    /// The first zero met, explicit or not.
    zero: Option<(usize, usize)>,
}

/// The sums of a run of lines, or the first bad entry among them.
type Part = Result<Summary, (f64, usize, usize)>;

impl Summary {
    /// Looks at every entry of a matrix.
    ///
    /// # Errors
    /// The first negative or non-finite entry in the order of memory; an empty matrix; entries whose squares overflow.
    pub(crate) fn of<T: Float>(matrix: &Matrix<'_, T>, threads: &Threads) -> Result<Self, Error> {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        let transposed = matrix.prefers_columns() || matches!(matrix, Matrix::Csc(_));
        let lines = if transposed { cols } else { rows };
        let parts = threads.map(lines.div_ceil(LINES), |task| {
            let range = task * LINES..((task + 1) * LINES).min(lines);
            match matrix {
                Matrix::Dense(view) => {
                    let view = if transposed { view.transpose() } else { *view };
                    let row = |i: usize| (0..view.ncols()).map(move |j| (j, view[(i, j)]));
                    look(range, row, |_| None)
                }
                Matrix::Csr(sparse) | Matrix::Csc(sparse) => {
                    let row = |i: usize| {
                        let row = sparse.row(i);
                        (0..row.values.len()).map(move |p| (row.indices.get(p), row.values[p]))
                    };
                    look(range, row, |i| missing(sparse, i))
                }
            }
        });
        let place = |line, entry| {
            if transposed {
                (entry, line)
            } else {
                (line, entry)
            }
        };
        let mut total = Self::default();
        for part in parts {
            match part {
                Ok(part) => total.add(&part),
                Err((value, line, entry)) => {
                    let (row, col) = place(line, entry);
                    return Err(bad_entry("V", value, row, col));
                }
            }
        }
        total.zero = total.zero.map(|(line, entry)| place(line, entry));
        total.check_scale()?;
        Ok(total)
    }

    /// Merges the summary of rows that follow, `rows_before` of which came before.
    pub(crate) fn append(&mut self, mut following: Self, rows_before: usize) {
        following.zero = following.zero.map(|(row, col)| (row + rows_before, col));
        self.add(&following);
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.squares += other.squares;
        self.positive += other.positive;
        self.largest = self.largest.max(other.largest);
        self.smallest = match (self.smallest, other.smallest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.zero = self.zero.or(other.zero);
    }

    pub(crate) fn check_scale(&self) -> Result<(), Error> {
        if self.squares.is_finite() && self.sum.is_finite() {
            return Ok(());
        }
        Err(Error::Scale {
            matrix: "V",
            value: self.largest,
            what: "the sum of its squares",
        })
    }

    /// Refuses a zero where the loss has none, and values whose powers leave the range of numbers.
    pub(crate) fn check_loss(&self, loss: Loss, entries: f64) -> Result<(), Error> {
        if let (Some((row, col)), true) = (self.zero, loss.needs_positive()) {
            return Err(Error::ZeroEntry {
                loss: loss.to_string(),
                row,
                col,
            });
        }
        let beta = loss.exponent();
        let Some(smallest) = self.smallest else {
            return Ok(());
        };
        let extreme = if beta < 0.0 { smallest } else { self.largest };
        let refuse = |value, what| {
            Err(Error::Scale {
                matrix: "V",
                value,
                what,
            })
        };
        if !(extreme.powf(beta) * entries).is_finite() {
            return refuse(extreme, "the sum of its powers (beta)");
        }
        // The unit of the gradient, which penalties are measured in.
        let unit = (self.sum / entries).powf(beta - 1.0);
        if !loss.is_quadratic() && !unit.is_normal() {
            return refuse(self.largest, "its power (beta - 1)");
        }
        Ok(())
    }
}

/// Sums the entries of some lines; `absent` names an entry of a line that is not stored.
fn look<T: Float, I: Iterator<Item = (usize, T)>>(
    lines: std::ops::Range<usize>,
    entries: impl Fn(usize) -> I,
    absent: impl Fn(usize) -> Option<usize>,
) -> Part {
    let mut part = Summary::default();
    for line in lines {
        for (entry, value) in entries(line) {
            // Written so that NaN fails too.
            if !(value >= T::ZERO && value.is_finite()) {
                return Err((value.to_f64(), line, entry));
            }
            let value = value.to_f64();
            part.sum += value;
            part.squares += value * value;
            part.largest = part.largest.max(value);
            if value > 0.0 {
                part.positive += 1;
                part.smallest = Some(part.smallest.map_or(value, |least| least.min(value)));
            } else if part.zero.is_none() {
                part.zero = Some((line, entry));
            }
        }
        if part.zero.is_none() {
            part.zero = absent(line).map(|entry| (line, entry));
        }
    }
    Ok(part)
}

/// The first index that a sparse line does not store.
fn missing<T: Float>(sparse: &Compressed<'_, T>, line: usize) -> Option<usize> {
    let row = sparse.row(line);
    if row.values.len() == sparse.minor() {
        return None;
    }
    // The first gap comes after at most as many indices as there are entries, however long the line.
    let mut stored = vec![false; row.values.len() + 1];
    for position in 0..row.values.len() {
        if let Some(stored) = stored.get_mut(row.indices.get(position)) {
            *stored = true;
        }
    }
    stored.iter().position(|stored| !stored)
}

/// The error for an entry that is negative or not finite.
pub(crate) fn bad_entry(matrix: &'static str, value: f64, row: usize, col: usize) -> Error {
    if value.is_finite() {
        Error::Negative {
            matrix,
            value,
            row,
            col,
        }
    } else {
        Error::NotFinite {
            matrix,
            value,
            row,
            col,
        }
    }
}
