//! Matrices of which some entries are not known, or count more than others.

use std::sync::Arc;

use super::{Compressed, Holes, Lines, Matrix, Row, Signs, Source, Summary, bad_entry};
use crate::kernel;
use crate::threads::Threads;
use crate::{Error, Float};

/// Which entries of V are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// None: every entry counts, and one that is not stored is zero.
    #[default]
    None,
    /// Those that are NaN. An entry that is not stored is zero.
    Nan,
    /// Those that a sparse V does not store, and those that are NaN. A stored zero is a zero.
    Unstored,
}

/// What each entry of V counts for: its share of the divergence is multiplied by its weight, that of its row times its own.
/// An entry that is missing has none.
#[derive(Clone, Copy, Debug)]
pub struct Weighting<'a, T: Float> {
    /// Which entries are not known.
    pub missing: Missing,
    /// The weight of each row (sample), m numbers of zero or more; 1 each if absent.
    pub rows: Option<&'a [T]>,
    /// The weight of each entry, an m × n matrix of zero or more; 1 each if absent. What a sparse one does not store is zero.
    pub entries: Option<Matrix<'a, T>>,
}

impl<T: Float> Default for Weighting<'_, T> {
    fn default() -> Self {
        Self {
            missing: Missing::None,
            rows: None,
            entries: None,
        }
    }
}

impl<T: Float> Weighting<'_, T> {
    /// Whether every entry counts, and as much as any other.
    pub fn is_even(&self) -> bool {
        self.missing == Missing::None && self.rows.is_none() && self.entries.is_none()
    }

    /// # Errors
    /// Weights of another shape than V's, below zero or not finite.
    fn check(&self, rows: usize, cols: usize, threads: &Threads) -> Result<(), Error> {
        let shaped = |matrix, shape: (usize, usize), expected: (usize, usize)| {
            if shape == expected {
                return Ok(());
            }
            Err(Error::Shape {
                matrix,
                rows: shape.0,
                cols: shape.1,
                expected_rows: expected.0,
                expected_cols: expected.1,
            })
        };
        if let Some(weights) = self.rows {
            shaped("the weights of rows", (weights.len(), 1), (rows, 1))?;
            let legal = |x: &T| *x >= T::ZERO && x.is_finite();
            if let Some(row) = weights.iter().position(|x| !legal(x)) {
                let value = weights[row].to_f64();
                return Err(bad_entry("the weights of rows", value, row, 0));
            }
        }
        if let Some(weights) = &self.entries {
            let name = "the weights of entries";
            shaped(name, (weights.rows(), weights.cols()), (rows, cols))?;
            Summary::of(weights, Signs::NonNegative, threads)
                .map_err(|error| error.of_matrix(name))?;
        }
        Ok(())
    }
}

/// The weights of a V, ready to be walked beside its lines.
pub(crate) struct Weighed<'a, T: Float> {
    missing: Missing,
    rows: Option<&'a [T]>,
    entries: Option<Source<'a, T>>,
    /// Whether V is walked as Vᵀ.
    transposed: bool,
}

impl<'a, T: Float> Weighed<'a, T> {
    /// As [`Holes::of`], if what is known counts alike.
    pub(crate) fn holes(
        &self,
        source: &Source<'a, T>,
        squares: f64,
    ) -> Option<(Source<'a, T>, Holes)> {
        let alike = self.rows.is_none() && self.entries.is_none();
        let filled = alike && self.missing == Missing::Nan;
        filled.then(|| Holes::of(source, squares)).flatten()
    }

    /// Checks the weights of an m × n matrix that is walked as it is, or transposed.
    ///
    /// # Errors
    /// As [`Weighting::check`].
    pub(crate) fn new(
        weighting: &Weighting<'a, T>,
        (rows, cols): (usize, usize),
        transposed: bool,
        threads: &Threads,
    ) -> Result<Self, Error> {
        weighting.check(rows, cols, threads)?;
        let entries = weighting.entries.map(|entries| {
            Source::new(if transposed {
                entries.transpose()
            } else {
                entries
            })
        });
        Ok(Self {
            missing: weighting.missing,
            rows: weighting.rows,
            entries,
            transposed,
        })
    }

    /// The rows of a source with their weights.
    pub(crate) fn rows<'b>(&'b self, source: &'b Source<'_, T>) -> Counted<'b, T> {
        self.lines(
            source.rows(),
            self.entries.as_ref().map(Source::rows),
            self.transposed,
        )
    }

    /// The columns of a source with their weights.
    pub(crate) fn columns<'b>(&'b self, source: &'b Source<'_, T>) -> Counted<'b, T> {
        self.lines(
            source.columns(),
            self.entries.as_ref().map(Source::columns),
            !self.transposed,
        )
    }

    /// `across`: the lines go across the rows of V that weights belong to.
    fn lines<'b>(
        &'b self,
        values: Lines<'b, T>,
        weights: Option<Lines<'b, T>>,
        across: bool,
    ) -> Counted<'b, T> {
        Counted {
            values,
            missing: self.missing,
            weights,
            of_lines: self.rows.filter(|_| !across),
            of_places: self.rows.filter(|_| across),
        }
    }
}

/// Lines of V of which only some entries count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a, T: Float> {
    values: Lines<'a, T>,
    missing: Missing,
    weights: Option<Lines<'a, T>>,
    /// A weight for each line, and one for each place in a line.
    of_lines: Option<&'a [T]>,
    of_places: Option<&'a [T]>,
}

/// The entries of a line that count: their places, values and weights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries<T> {
    pub(crate) places: Vec<usize>,
    pub(crate) values: Vec<T>,
    pub(crate) weights: Vec<T>,
    /// The weight that all of them have, if they have the same.
    pub(crate) common: Option<T>,
}

impl<T: Float> Entries<T> {
    fn clear(&mut self) {
        self.places.clear();
        self.values.clear();
        self.weights.clear();
        self.common = None;
    }

    /// Takes all entries of a line, which have this weight.
    fn take_alike(&mut self, row: Row<'_, T>, weight: T) {
        kernel::extend_places(&mut self.places, &row);
        self.values.extend_from_slice(row.values);
        self.weights.resize(row.values.len(), weight);
        self.common = Some(weight).filter(|_| !row.values.is_empty());
    }

    #[inline(always)]
    fn push(&mut self, place: usize, value: T, weight: T) {
        if weight > T::ZERO {
            self.common = match self.common {
                None if self.places.is_empty() => Some(weight),
                common => common.filter(|&common| common == weight),
            };
            self.places.push(place);
            self.values.push(value);
            self.weights.push(weight);
        }
    }
}

/// Values of a packed tile of lines, and lines in it at most.
const TILE_VALUES: usize = 1 << 18;
const TILE_LINES: usize = 16;
/// Lines in a task that sums weights.
const SHARED_LINES: usize = 256;

impl<T: Float> Counted<'_, T> {
    /// Number of lines.
    pub(crate) fn count(&self) -> usize {
        self.values.count()
    }

    /// Entries in a line, whether they count or not.
    pub(crate) fn length(&self) -> usize {
        self.values.length()
    }

    fn is_known(&self, value: T) -> bool {
        self.missing == Missing::None || !value.to_f64().is_nan()
    }

    /// A walk over the lines `from..to`.
    pub(crate) fn walk(&self, from: usize, to: usize) -> Walk<'_, T> {
        let spread = matches!(self.weights, Some(Lines::Sparse(_)));
        let (length, tile) = if self.by_entries().is_some() {
            (if spread { self.length() } else { 0 }, 1)
        } else {
            let fitting = (TILE_VALUES / self.length()).clamp(1, TILE_LINES);
            (self.length(), fitting.min(to - from).max(1))
        };
        Walk {
            counted: self,
            next: from,
            to,
            values: vec![
                T::ZERO;
                if self.by_entries().is_some() {
                    0
                } else {
                    tile * length
                }
            ],
            weights: vec![
                T::ZERO;
                if self.weights.is_some() {
                    tile * length
                } else {
                    0
                }
            ],
            tile: (from, from),
            entries: Entries::default(),
        }
    }

    /// The weight of each line, where that of a line whose entries count once each is one.
    pub(crate) fn shares(&self, threads: &Threads) -> Arc<[f64]> {
        let (count, length) = (self.count(), self.length() as f64);
        let parts = threads.map(count.div_ceil(SHARED_LINES), |task| {
            let from = task * SHARED_LINES;
            let mut walk = self.walk(from, (from + SHARED_LINES).min(count));
            let mut shares = Vec::with_capacity(SHARED_LINES);
            while let Some(entries) = walk.next() {
                shares.push(entries.weights.iter().map(|w| w.to_f64() / length).sum());
            }
            shares
        });
        parts.concat().into()
    }

    /// The stored lines, where nothing else counts.
    fn by_entries(&self) -> Option<&Compressed<'_, T>> {
        match &self.values {
            Lines::Sparse(stored) if self.missing == Missing::Unstored => Some(stored),
            _ => None,
        }
    }

    #[inline(always)]
    fn of_place(&self, place: usize) -> T {
        self.of_places.map_or(T::ONE, |weights| weights[place])
    }
}

/// A walk over some lines, one after another. (No closure: what a kernel does with a line must be compiled with the kernel.)
pub(crate) struct Walk<'a, T: Float> {
    counted: &'a Counted<'a, T>,
    next: usize,
    to: usize,
    /// A tile of lines with what is missing or not stored, and the weights beside it: of entry by entry walks, those of one
    /// line by place.
    values: Vec<T>,
    weights: Vec<T>,
    tile: (usize, usize),
    entries: Entries<T>,
}

impl<T: Float> Walk<'_, T> {
    /// The entries that count of the next line; `None` at the end.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<&Entries<T>> {
        if self.next == self.to {
            return None;
        }
        self.entries.clear();
        if self.counted.by_entries().is_some() {
            self.take_stored();
        } else {
            self.take_packed();
        }
        self.next += 1;
        Some(&self.entries)
    }

    fn take_stored(&mut self) {
        let (counted, line) = (self.counted, self.next);
        let Some(stored) = counted.by_entries() else {
            return;
        };
        let of_line = counted.of_lines.map_or(T::ONE, |weights| weights[line]);
        let row = stored.row(line);
        let alike = counted.weights.is_none() && counted.of_places.is_none();
        if alike && of_line > T::ZERO && row.values.iter().all(|&value| counted.is_known(value)) {
            self.entries.take_alike(row, of_line);
            return;
        }
        if let Some(Lines::Sparse(weights)) = &counted.weights {
            kernel::for_each_entry(weights.row(line), |place, x| self.weights[place] = x);
        }
        kernel::for_each_entry(row, |place, value| {
            if counted.is_known(value) {
                let own = match counted.weights {
                    None => T::ONE,
                    Some(Lines::Dense(weights)) => weights[(line, place)],
                    Some(Lines::Sparse(_)) => self.weights[place],
                };
                self.entries
                    .push(place, value, own * of_line * counted.of_place(place));
            }
        });
        if let Some(Lines::Sparse(weights)) = &counted.weights {
            kernel::for_each_entry(weights.row(line), |place, _| self.weights[place] = T::ZERO);
        }
    }

    fn take_packed(&mut self) {
        let (counted, line, length) = (self.counted, self.next, self.counted.length());
        if line == self.tile.1 {
            let end = (line + self.values.len() / length).min(self.to);
            let size = (end - line) * length;
            counted.values.pack(line, end, &mut self.values[..size]);
            if let Some(weights) = &counted.weights {
                weights.pack(line, end, &mut self.weights[..size]);
            }
            self.tile = (line, end);
        }
        let of_line = counted.of_lines.map_or(T::ONE, |weights| weights[line]);
        let from = (line - self.tile.0) * length;
        for place in 0..length {
            let value = self.values[from + place];
            if counted.is_known(value) {
                let own = self.weights.get(from + place).map_or(T::ONE, |&own| own);
                self.entries
                    .push(place, value, own * of_line * counted.of_place(place));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every (line, place, value, weight) that counts.
    fn listed(counted: &Counted<'_, f64>) -> Vec<(usize, usize, f64, f64)> {
        let mut found = Vec::new();
        let mut walk = counted.walk(0, counted.count());
        for line in 0..counted.count() {
            let entries = walk.next().unwrap();
            for (e, &place) in entries.places.iter().enumerate() {
                found.push((line, place, entries.values[e], entries.weights[e]));
            }
        }
        assert!(walk.next().is_none());
        found
    }

    fn turned(mut entries: Vec<(usize, usize, f64, f64)>) -> Vec<(usize, usize, f64, f64)> {
        for entry in &mut entries {
            (entry.0, entry.1) = (entry.1, entry.0);
        }
        entries.sort_by_key(|entry| (entry.0, entry.1));
        entries
    }

    #[test]
    fn rows_and_columns_show_the_same_entries_whatever_the_storage() {
        let nan = f64::NAN;
        let dense = [1.0, nan, 3.0, 0.0, 5.0, nan];
        let of_entries = [1.0, 2.0, 0.5, 1.0, 0.0, 4.0];
        let of_rows = [2.0, 3.0];
        let expected = vec![(0, 0, 1.0, 2.0), (0, 2, 3.0, 1.0), (1, 0, 0.0, 3.0)];
        let threads = Threads::one();
        // The same entries, stored: the zero explicitly, one missing entry as NaN, the other not at all.
        let (offsets, indices) = ([0usize, 3, 5], [0i32, 1, 2, 0, 1]);
        let values = [1.0, nan, 3.0, 0.0, 5.0];
        let sparse = Matrix::csr(2, 3, &offsets[..], &indices[..], &values).unwrap();
        let (w_offsets, w_indices) = ([0usize, 3, 5], [0i32, 1, 2, 0, 2]);
        let w_values = [1.0, 2.0, 0.5, 1.0, 4.0];
        let sparse_weights = Compressed::new("w", 2, 3, &w_offsets[..], &w_indices[..], &w_values);
        let dense_weights = Matrix::row_major(&of_entries, 2, 3).unwrap();
        let cases = [
            (Matrix::row_major(&dense, 2, 3).unwrap(), Missing::Nan),
            (sparse, Missing::Unstored),
        ];
        for (v, missing) in cases {
            for entries in [dense_weights, Matrix::Csr(sparse_weights.clone().unwrap())] {
                for transposed in [false, true] {
                    let weighting = Weighting {
                        missing,
                        rows: Some(&of_rows[..]),
                        entries: Some(entries),
                    };
                    let weighed = Weighed::new(&weighting, (2, 3), transposed, &threads).unwrap();
                    let source = Source::new(if transposed { v.transpose() } else { v });
                    let (rows, columns) = (weighed.rows(&source), weighed.columns(&source));
                    let (rows, columns) = if transposed {
                        (columns, rows)
                    } else {
                        (rows, columns)
                    };
                    assert_eq!(listed(&rows), expected);
                    assert_eq!(turned(listed(&columns)), expected);
                }
            }
        }
    }
}
