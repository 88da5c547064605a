//! One look at every entry of V before any work: is it legal, and how large is it?

use super::streamed::Kept;
use super::{Compressed, Counted, Cut, Dense, Lines, Matrix, Twins};
use crate::kernel::{padded, vectorised};
use crate::threads::Threads;
use crate::{Error, Float, Loss};

/// Rows or lines in a task.
const LINES: usize = 64;

/// What a matrix may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Signs {
    /// Finite numbers of at least zero.
    #[default]
    NonNegative,
    /// Finite numbers.
    Any,
}

impl Signs {
    /// Written so that NaN fails too.
    #[inline(always)]
    fn allow(self, value: f64) -> bool {
        let least = match self {
            Self::NonNegative => 0.0,
            Self::Any => f64::MIN,
        };
        (least..f64::INFINITY).contains(&value)
    }
}

/// What the look found. Entries of any sign count by their size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    /// Σ |v|.
    pub(crate) sum: f64,
    /// Σ v².
    pub(crate) squares: f64,
    /// The largest |v|.
    pub(crate) largest: f64,
    /// Number of entries looked at.
    pub(crate) counted: usize,
    /// Number of entries that are not zero.
    pub(crate) nonzeros: usize,
    /// Σ of the weights of the entries: their number, where all count alike.
    pub(crate) weight: f64,
    /// The smallest |v| above zero, if there is any.
    pub(crate) smallest: Option<f64>,
    /// The first zero met, explicit or not.
    pub(crate) zero: Option<(usize, usize)>,
    /// A fingerprint of the entries in their order, of one term a line, or an entry where they are weighted.
    pub(crate) order: u64,
    /// The terms of that.
    pub(crate) terms: usize,
}

/// The next place in a fingerprint is worth so many times as much: an odd number, so that no term is forgotten.
const PLACE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The sums of a run of lines, or the first bad entry among them.
type Part = Result<Summary, (f64, usize, usize)>;

impl Summary {
    /// Looks at every entry of a matrix.
    ///
    /// # Errors
    /// The first illegal entry in the order of memory; an empty matrix; entries whose squares overflow.
    pub(crate) fn of<T: Float>(
        matrix: &Matrix<'_, T>,
        signs: Signs,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        let found = Self::look(matrix, signs, threads);
        let total = found.map_err(|(value, (row, col))| bad_entry("V", value, row, col))?;
        total.check_scale()?;
        Ok(total)
    }

    /// The same of a matrix that may be empty or too large; or the first illegal entry, with its row and column.
    pub(crate) fn look<T: Float>(
        matrix: &Matrix<'_, T>,
        signs: Signs,
        threads: &Threads,
    ) -> Result<Self, (f64, (usize, usize))> {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        let transposed = matrix.prefers_columns() || matches!(matrix, Matrix::Csc(_));
        let parts = match matrix {
            Matrix::Dense(view) if transposed => {
                look_at(&Lines::Dense(view.transpose()), (0, signs), threads)
            }
            Matrix::Dense(view) => look_at(&Lines::Dense(*view), (0, signs), threads),
            Matrix::Csr(sparse) | Matrix::Csc(sparse) => {
                look_at(&Lines::Sparse(*sparse), (0, signs), threads)
            }
            Matrix::Streamed(streamed) => {
                let mut parts = Vec::new();
                // Whole tasks: the order of sums is that of a matrix in memory.
                let run = Cut::of_dense::<T>(streamed.lines.length()).run / LINES * LINES;
                streamed
                    .lines
                    .walk(run, Twins::None, &Kept::new(), |first, lines, _| {
                        // After the first bad entry there is nothing to add.
                        if parts.iter().all(Result::is_ok) {
                            parts.extend(look_at(&lines, (first, signs), threads));
                        }
                    });
                parts
            }
        };
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
                Err((value, line, entry)) => return Err((value, place(line, entry))),
            }
        }
        total.zero = total.zero.map(|(line, entry)| place(line, entry));
        total.weight = rows as f64 * cols as f64;
        Ok(total)
    }

    /// Looks at the entries that count, `sum` and `squares` by their weights; `transposed` says that the lines are columns of V.
    ///
    /// # Errors
    /// The first negative or infinite entry; no entry that counts; weights whose sums overflow.
    pub(crate) fn counted<T: Float>(
        lines: &Counted<'_, T>,
        transposed: bool,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let count = lines.count();
        let place = |(line, entry)| {
            if transposed {
                (entry, line)
            } else {
                (line, entry)
            }
        };
        let parts = threads.map(count.div_ceil(LINES), |task| {
            let from = task * LINES;
            let (mut part, mut bad) = (Self::default(), None);
            let mut walk = lines.walk(from, (from + LINES).min(count));
            let mut line = from;
            while let Some(entries) = walk.next() {
                let values = entries.values.iter().zip(&entries.weights);
                for (&entry, (&value, &weight)) in entries.places.iter().zip(values) {
                    let at = (line, entry);
                    if bad.is_none() && !part.take(value, weight.to_f64(), at) {
                        bad = Some((value.to_f64(), at));
                    }
                }
                line += 1;
            }
            bad.map_or(Ok(part), Err)
        });
        let mut total = Self::default();
        for part in parts {
            match part {
                Ok(part) => total.add(&part),
                Err((value, at)) => {
                    let (row, col) = place(at);
                    return Err(bad_entry("V", value, row, col));
                }
            }
        }
        total.zero = total.zero.map(place);
        if total.weight == 0.0 {
            return Err(Error::NothingCounts);
        }
        total.check_scale()?;
        Ok(total)
    }

    /// Adds an entry; whether it is legal.
    fn take<T: Float>(&mut self, value: T, weight: f64, at: (usize, usize)) -> bool {
        let value = value.to_f64();
        if !Signs::NonNegative.allow(value) {
            return false;
        }
        self.counted += 1;
        self.terms += 1;
        let term = value.to_bits() ^ at.1 as u64;
        self.order = self.order.wrapping_mul(PLACE).wrapping_add(term);
        self.weight += weight;
        self.sum += weight * value;
        self.squares += weight * value * value;
        self.largest = self.largest.max(value);
        if value > 0.0 {
            self.nonzeros += 1;
            self.smallest = Some(self.smallest.map_or(value, |least| least.min(value)));
        } else if self.zero.is_none() {
            self.zero = Some(at);
        }
        true
    }

    /// Whether a dense matrix has so many zeros that the others of its entries cost less one by one than all of them together,
    /// where the zeros say nothing: to the Kullback–Leibler divergence.
    pub(crate) fn is_thin(&self) -> bool {
        /// The share of entries other than zero at which both cost the same, or less: 0.3 to 0.5 and more, least for many components in
        /// single precision.
        const SHARE: f64 = 0.3;
        (self.nonzeros as f64) < SHARE * self.counted as f64
    }

    /// The mean of the entries, by their weights.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.weight
    }

    /// Merges the summary of rows that follow, `rows_before` of which came before.
    pub(crate) fn append(&mut self, mut following: Self, rows_before: usize) {
        following.zero = following
            .zero
            .map(|(row, col)| (row.saturating_add(rows_before), col));
        self.add(&following);
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.squares += other.squares;
        self.weight += other.weight;
        self.counted = self.counted.saturating_add(other.counted);
        self.nonzeros = self.nonzeros.saturating_add(other.nonzeros);
        let places = PLACE.wrapping_pow(u32::try_from(other.terms).unwrap_or(u32::MAX));
        self.order = self.order.wrapping_mul(places).wrapping_add(other.order);
        self.terms = self.terms.saturating_add(other.terms);
        self.largest = self.largest.max(other.largest);
        self.smallest = match (self.smallest, other.smallest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.zero = self.zero.or(other.zero);
    }

    pub(crate) fn check_scale(&self) -> Result<(), Error> {
        if self.squares.is_finite() && self.sum.is_finite() && self.weight.is_finite() {
            return Ok(());
        }
        Err(Error::Scale {
            matrix: "V",
            value: self.largest,
            what: "the sum of its squares",
        })
    }

    /// Whether products with factors are in the range of a type. Factors are in proportion to √V.
    pub(crate) fn has_products<T: Float>(&self) -> bool {
        let product = self.largest.powf(1.5);
        let in_range =
            product >= T::MIN_POSITIVE.to_f64() && T::from_f64(product * self.weight).is_finite();
        in_range || self.largest == 0.0
    }

    /// Refuses a zero where the loss has none, and values whose powers leave the range of numbers.
    pub(crate) fn check_loss<T: Float>(&self, loss: Loss) -> Result<(), Error> {
        let entries = self.weight;
        if let (Some((row, col)), true) = (self.zero, loss.needs_positive()) {
            return Err(Error::ZeroEntry {
                loss: loss.to_string(),
                row,
                col,
            });
        }
        let beta = loss.beta();
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
        // Powers are taken in units of the mean, in the type of V.
        let share = extreme / (self.sum / entries);
        if beta > 2.0 && !T::from_f64(share.powf(beta - 1.0) * entries).is_finite() {
            return refuse(extreme, "its power (beta - 1)");
        }
        // The unit of the gradient, which penalties are measured in.
        let unit = (self.sum / entries).powf(beta - 1.0);
        if !loss.is_quadratic() && !unit.is_normal() {
            return refuse(self.largest, "its power (beta - 1)");
        }
        Ok(())
    }
}

/// Looks at a run of lines, the first of which is number `first`: the sums of each task, in order.
fn look_at<T: Float>(
    lines: &Lines<'_, T>,
    (first, signs): (usize, Signs),
    threads: &Threads,
) -> Vec<Part> {
    threads.map(lines.count().div_ceil(LINES), |task| {
        let mut part = Summary::default();
        let mut room = Vec::new();
        for line in task * LINES..((task + 1) * LINES).min(lines.count()) {
            let values = lines.stored(line, &mut room);
            // Where in the line an entry is, by its position among those stored.
            let place = |position: usize| match lines {
                Lines::Dense(_) => position,
                Lines::Sparse(sparse) => sparse.row(line).indices.get(position),
            };
            let Some(found) = vectorised!(look(values, signs)) else {
                let bad = values.iter().position(|x| !signs.allow(x.to_f64()));
                let bad = bad.expect("an illegal entry was met");
                return Err((values[bad].to_f64(), first + line, place(bad)));
            };
            if part.zero.is_none() {
                let stored = (found.nonzeros < values.len())
                    .then(|| values.iter().position(|value| *value == T::ZERO))
                    .flatten();
                let zero = stored.map(place).or_else(|| match lines {
                    Lines::Dense(_) => None,
                    Lines::Sparse(sparse) => missing(sparse, line),
                });
                part.zero = zero.map(|entry| (first + line, entry));
            }
            part.add(&found);
        }
        Ok(part)
    })
}

/// Sums legal entries in lanes that do not wait for each other; `None` if one is illegal.
#[inline(always)]
fn look<T: Float>(values: &[T], signs: Signs) -> Option<Summary> {
    const LANES: usize = 8;
    let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let (mut largest, mut smallest) = ([0.0; LANES], [f64::INFINITY; LANES]);
    // Counted in numbers of the lanes' own width.
    let (mut nonzeros, mut legal) = ([0.0; LANES], [0.0; LANES]);
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole.iter().chain([&padded(rest)]) {
        for lane in 0..LANES {
            let value = values[lane].to_f64();
            legal[lane] += f64::from(u8::from(signs.allow(value)));
            let value = value.abs();
            let above = value > 0.0;
            nonzeros[lane] += f64::from(u8::from(above));
            sum[lane] += value;
            squares[lane] += value * value;
            if value > largest[lane] {
                largest[lane] = value;
            }
            let value = if above { value } else { f64::INFINITY };
            if value < smallest[lane] {
                smallest[lane] = value;
            }
        }
    }
    let all = (whole.len() + 1) * LANES;
    let counted = values.len();
    let nonzeros = nonzeros.iter().sum::<f64>() as usize;
    let smallest = smallest.into_iter().fold(f64::INFINITY, f64::min);
    // Sums of lanes tell apart most orders of the same entries.
    let terms = sum.iter().map(|sum: &f64| sum.to_bits());
    let order = terms.fold(0u64, |order, term| {
        order.wrapping_mul(PLACE).wrapping_add(term)
    });
    (legal.iter().sum::<f64>() as usize == all).then(|| Summary {
        sum: sum.iter().sum(),
        squares: squares.iter().sum(),
        largest: largest.into_iter().fold(0.0, f64::max),
        counted,
        nonzeros,
        weight: counted as f64,
        smallest: (nonzeros > 0).then_some(smallest),
        zero: None,
        order,
        terms: 1,
    })
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

/// Refuses a factor that holds what it may not hold. One that is kept `transposed` is told of as it is meant.
pub(crate) fn check_entries<T: Float>(
    name: &'static str,
    factor: &Dense<T>,
    transposed: bool,
    signs: Signs,
) -> Result<(), Error> {
    let values = factor.as_slice();
    // Counted before one is looked for, since counting goes through vectors.
    let legal = vectorised!(
        values
            .iter()
            .map(|x| usize::from(signs.allow(x.to_f64())))
            .sum::<usize>()
    );
    if legal == values.len() {
        return Ok(());
    }
    let bad = values.iter().position(|x| !signs.allow(x.to_f64()));
    let bad = bad.expect("an illegal entry was met");
    let (line, entry) = (bad / factor.cols(), bad % factor.cols());
    let (row, col) = if transposed {
        (entry, line)
    } else {
        (line, entry)
    };
    Err(bad_entry(name, values[bad].to_f64(), row, col))
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
