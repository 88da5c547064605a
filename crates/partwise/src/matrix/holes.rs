//! A V that is known nearly everywhere: zeros in the place of what is missing, and where that is.
//!
//! What is missing may stand for anything, so a half-step may take for it what the factors say of it as they are:
//!
//! V̂ = V where it is known, and W H where it is not.
//!
//! ‖V̂ − W H‖² is never below the loss over what is known, and the same where V̂ was made: lowering the one lowers the other
//! (expectation–maximisation: Srebro & Jaakkola 2003, Weighted low-rank approximations, ICML). A V̂ has one Gram matrix for
//! all lines, so a half-step costs two products as ever and 4k operations for each missing entry.

use std::sync::Arc;

use pulp::{Simd, WithSimd};

use super::{Dense, Lines, Source, Twin};
use crate::Float;
use crate::kernel::{self, ENTRIES};
use crate::loss::Weights;

/// What is missing of a V.
pub(crate) struct Holes {
    /// Of each line, and across the lines.
    pub(crate) along: Places,
    pub(crate) across: Places,
    /// Σ v² over what is known.
    pub(crate) squares: f64,
}

impl Holes {
    /// The share of a line that may be missing: the more it is, the less a step gains. (With half of a line missing its row
    /// comes half as near each time.) Lines of which nothing is known have nothing to gain.
    const MOST: f64 = 0.5;

    /// What is missing, and V with zeros in its place, for the Σ v² of the rest. `None` for a V of which some line, along or
    /// across, is missing for the most part, and for one whose lines have more places than their numbers here can say.
    pub(crate) fn of<'a, T: Float>(
        source: &Source<'a, T>,
        squares: f64,
    ) -> Option<(Source<'a, T>, Self)> {
        let lines = source.rows();
        u32::try_from(lines.count().max(lines.length())).ok()?;
        let along = Places::missing(&lines);
        let across = along.turned();
        if [&along, &across]
            .iter()
            .any(|places| places.most() > Self::MOST)
        {
            return None;
        }
        let source = match (source, source.rows()) {
            (Source::Dense(view), _) => Source::Holed(*view),
            (_, Lines::Dense(_)) => return None,
            (_, Lines::Sparse(lines)) => {
                let known = Twin::of_known(&lines);
                let columns = Twin::of(&known.view());
                Source::Owned(known, columns)
            }
        };
        let holes = Self {
            along,
            across,
            squares,
        };
        Some((source, holes))
    }
}

/// Places in lines.
#[derive(Debug)]
pub(crate) struct Places {
    /// Entries in a line.
    length: usize,
    /// Where those of each line begin, and the end of the last.
    offsets: Vec<usize>,
    places: Vec<u32>,
}

impl Places {
    /// Where lines hold NaN.
    fn missing<T: Float>(lines: &Lines<'_, T>) -> Self {
        let mut places = Self {
            length: lines.length(),
            offsets: vec![0],
            places: Vec::new(),
        };
        for line in 0..lines.count() {
            let found = &mut places.places;
            let mut look = |place: usize, value: T| {
                if value.to_f64().is_nan() {
                    found.push(place as u32);
                }
            };
            match lines {
                Lines::Dense(view) => {
                    let row = view.row(line);
                    row.iter().enumerate().for_each(|(j, &v)| look(j, v));
                }
                Lines::Sparse(stored) => kernel::for_each_entry(stored.row(line), look),
            }
            places.offsets.push(places.places.len());
        }
        places
    }

    /// The same places across the lines.
    fn turned(&self) -> Self {
        let mut offsets = vec![0; self.length + 1];
        for &place in &self.places {
            offsets[place as usize + 1] += 1;
        }
        for i in 0..self.length {
            offsets[i + 1] += offsets[i];
        }
        let mut next = offsets.clone();
        let mut places = vec![0; self.places.len()];
        for line in 0..self.count() {
            for &place in self.line(line) {
                let slot = &mut next[place as usize];
                places[*slot] = line as u32;
                *slot += 1;
            }
        }
        Self {
            length: self.count(),
            offsets,
            places,
        }
    }

    fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The share of a line that is elsewhere.
    fn share(&self, line: usize) -> f64 {
        1.0 - self.line(line).len() as f64 / self.length as f64
    }

    /// The share of each line that is elsewhere.
    pub(crate) fn shares(&self) -> Arc<[f64]> {
        (0..self.count()).map(|line| self.share(line)).collect()
    }

    /// The places in a line.
    pub(crate) fn line(&self, line: usize) -> &[u32] {
        &self.places[self.offsets[line]..self.offsets[line + 1]]
    }

    /// The largest share of a line, of those that are not whole.
    fn most(&self) -> f64 {
        let lengths = (0..self.count()).map(|line| self.line(line).len());
        let partial = lengths.filter(|&length| length < self.length);
        partial.max().unwrap_or(0) as f64 / self.length as f64
    }

    /// Adds what the places of each of the lines from `first` on say, Σ y h with y = x h of its row x, to the sums of the
    /// line (r × k), and the share of the penalty that they take with them, as x asks for it now: the penalty of a whole line is then that
    /// of what is known. Lines of which nothing is known say nothing.
    pub(crate) fn fill<T: Float>(
        &self,
        (first, penalty): (usize, &Weights),
        rows: &[T],
        other: &Dense<T>,
        sums: &mut [T],
    ) {
        kernel::machine_for::<T>(other.cols()).dispatch(Fill {
            places: self,
            first,
            penalty,
            rows,
            other,
            sums,
        });
    }

    /// Σ y² over the places of the lines from `first` on.
    pub(crate) fn squares<T: Float>(&self, first: usize, rows: &[T], other: &Dense<T>) -> f64 {
        kernel::machine_for::<T>(other.cols()).dispatch(Squares {
            places: self,
            first,
            rows,
            other,
        })
    }

    /// The places in a line, a few at a time.
    #[inline(always)]
    fn for_each_group(&self, line: usize, mut visit: impl FnMut(&[usize])) {
        let mut group = [0; ENTRIES];
        for places in self.line(line).chunks(ENTRIES) {
            for (to, &place) in group.iter_mut().zip(places) {
                *to = place as usize;
            }
            visit(&group[..places.len()]);
        }
    }
}

struct Fill<'a, T: Float> {
    places: &'a Places,
    first: usize,
    penalty: &'a Weights,
    rows: &'a [T],
    other: &'a Dense<T>,
    sums: &'a mut [T],
}

impl<T: Float> WithSimd for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (other, k) = (self.other.as_slice(), self.other.cols());
        let rows = self.rows.chunks_exact(k);
        let mut y = [T::ZERO; ENTRIES];
        for (i, (sums, x)) in self.sums.chunks_exact_mut(k).zip(rows).enumerate() {
            let line = self.first + i;
            if self.places.line(line).len() == self.places.length {
                continue;
            }
            self.places.for_each_group(line, |places| {
                let y = &mut y[..places.len()];
                kernel::reconstruct(simd, x, other, places, y);
                kernel::add_rows(simd, sums, other, places, y);
            });
            let absent = self.penalty.share(1.0 - self.places.share(line));
            if absent == Weights::default() {
                continue;
            }
            let (l1, l2) = (T::from_f64(absent.l1), T::from_f64(absent.l2));
            for (sum, &x) in sums.iter_mut().zip(x) {
                *sum += l1 + l2 * x;
            }
        }
    }
}

struct Squares<'a, T: Float> {
    places: &'a Places,
    first: usize,
    rows: &'a [T],
    other: &'a Dense<T>,
}

impl<T: Float> WithSimd for Squares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (other, k) = (self.other.as_slice(), self.other.cols());
        let mut y = [T::ZERO; ENTRIES];
        let mut sum = 0.0;
        for (i, x) in self.rows.chunks_exact(k).enumerate() {
            self.places.for_each_group(self.first + i, |places| {
                let y = &mut y[..places.len()];
                kernel::reconstruct(simd, x, other, places, y);
                sum += y.iter().map(|y| y.to_f64() * y.to_f64()).sum::<f64>();
            });
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    const NAN: f64 = f64::NAN;

    #[test]
    fn what_is_missing_is_found_along_and_across_the_lines() {
        let values = [1.0, NAN, 3.0, 4.0, 0.0, 6.0, NAN, NAN, NAN, 1.0, 2.0, 3.0];
        let v = Matrix::row_major(&values, 4, 3).unwrap();
        let (source, holes) = Holes::of(&Source::new(v), 1.0).unwrap();
        let (of_lines, of_columns) = (&holes.along, &holes.across);
        let lines: Vec<_> = (0..4).map(|line| of_lines.line(line)).collect();
        assert_eq!(lines, [&[1][..], &[], &[0, 1, 2], &[]]);
        let columns: Vec<_> = (0..3).map(|column| of_columns.line(column)).collect();
        assert_eq!(columns, [&[2][..], &[0, 2], &[2]]);
        let mut seen = Vec::new();
        source.walk(3, |_, lines| {
            let Lines::Dense(view) = lines else {
                panic!("sparse lines of a dense V")
            };
            seen.extend((0..view.nrows()).flat_map(|i| (0..3).map(move |j| view[(i, j)])));
        });
        assert_eq!(
            seen,
            [1.0, 0.0, 3.0, 4.0, 0.0, 6.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0]
        );
    }

    #[test]
    fn a_sparse_v_loses_what_it_stores_as_missing() {
        let (offsets, indices) = ([0usize, 2, 4, 5], [0u32, 2, 2, 1, 0]);
        let values = [1.0, NAN, 3.0, 4.0, 5.0];
        let v = Matrix::csr(3, 4, &offsets[..], &indices[..], &values).unwrap();
        let (source, holes) = Holes::of(&Source::new(v), 1.0).unwrap();
        assert_eq!(
            (holes.along.line(0), holes.across.line(2)),
            (&[2][..], &[0][..])
        );
        let (rows, columns) = (source.line(0), source.across(2));
        assert_eq!(
            (rows, columns),
            (vec![1.0, 0.0, 0.0, 0.0], vec![0.0, 3.0, 0.0])
        );
    }

    #[test]
    fn a_line_of_which_most_is_missing_is_not_filled() {
        let values = [1.0, 2.0, 3.0, NAN, NAN, 6.0, 7.0, 8.0, 9.0];
        for v in [
            Matrix::row_major(&values, 3, 3),
            Matrix::column_major(&values, 3, 3),
        ] {
            assert!(Holes::of(&Source::new(v.unwrap()), 1.0).is_none());
        }
    }

    #[test]
    fn places_are_filled_with_what_the_factors_say() {
        let places = Places {
            length: 3,
            offsets: vec![0, 0, 2, 5],
            places: vec![0, 2, 0, 1, 2],
        };
        let other = Dense::from_rows(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2).unwrap();
        let rows = [1.0, -1.0, 2.0, 0.5];
        // y = −1 at place 0 and −1 at place 2 of the first line; all of the second is missing.
        let mut sums = [10.0, 10.0, 7.0, 7.0];
        places.fill((1, &Weights::default()), &rows, &other, &mut sums);
        assert_eq!(sums, [4.0, 2.0, 7.0, 7.0]);
        // Two thirds of its penalty are asked too much of that line.
        let (penalty, mut sums) = (Weights { l1: 1.5, l2: 3.0 }, [10.0, 10.0, 7.0, 7.0]);
        places.fill((1, &penalty), &rows, &other, &mut sums);
        assert_eq!(sums, [4.0 + 1.0 + 2.0, 2.0 + 1.0 - 2.0, 7.0, 7.0]);
        // (3, 8, 13) of the second.
        assert_eq!(places.squares(1, &rows, &other), 2.0 + 9.0 + 64.0 + 169.0);
    }
}
