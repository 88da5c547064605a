//! Copies of V that lack something: some entries, or some rows and columns. A sparse V gives sparse copies.

use crate::kernel;
use crate::loss::Elementwise;
use crate::matrix::{Compressed, Dense, Matrix};
use crate::{Float, Loss};

/// An owned part of a matrix, in its storage.
#[derive(Debug)]
pub(crate) enum Part<T> {
    Dense(Dense<T>),
    /// Compressed rows, or columns if `turned`.
    Sparse {
        turned: bool,
        lines: usize,
        length: usize,
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<T>,
    },
}

/// An entry that was held out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Held<T> {
    pub(crate) row: usize,
    pub(crate) col: usize,
    pub(crate) value: T,
}

/// Whether an entry is held out, by its row and column.
pub(crate) type Pattern<'a> = dyn Fn(usize, usize) -> bool + Sync + 'a;

impl<T: Float> Part<T> {
    pub(crate) fn matrix(&self) -> Matrix<'_, T> {
        match self {
            Self::Dense(dense) => dense.into(),
            Self::Sparse {
                turned,
                lines,
                length,
                offsets,
                indices,
                values,
            } => {
                let sparse =
                    Compressed::new("part of V", *lines, *length, offsets, indices, values);
                let sparse = sparse.expect("a part of a sound matrix is sound");
                if *turned {
                    Matrix::Csc(sparse)
                } else {
                    Matrix::Csr(sparse)
                }
            }
        }
    }

    /// V with NaN in the place of each entry of a pattern, and what was there. A sparse V stores those places, also where it
    /// stored nothing: what is zero is held out like everything else.
    pub(crate) fn without_entries(v: &Matrix<'_, T>, out: &Pattern<'_>) -> (Self, Vec<Held<T>>) {
        let mut held = Vec::new();
        let mut kept = |row, col, value| {
            if out(row, col) {
                held.push(Held { row, col, value });
                T::from_f64(f64::NAN)
            } else {
                value
            }
        };
        if let Matrix::Dense(view) = v {
            let mut copy = Dense::copy_of(*view);
            let cols = copy.cols();
            for (i, value) in copy.as_mut_slice().iter_mut().enumerate() {
                *value = kept(i / cols, i % cols, *value);
            }
            return (Self::Dense(copy), held);
        }
        let (sparse, turned) = compressed(v);
        let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for_each_line(sparse, |line, entries| {
            for (place, &value) in entries.iter().enumerate() {
                let (row, col) = turn((line, place), turned);
                let value = kept(row, col, value);
                if value != T::ZERO {
                    indices.push(place as u32);
                    values.push(value);
                }
            }
            offsets.push(values.len());
        });
        let copy = Self::Sparse {
            turned,
            lines: sparse.major(),
            length: sparse.minor(),
            offsets,
            indices,
            values,
        };
        (copy, held)
    }

    /// Some rows and columns of V, each in order; one that is given several times is there as often.
    pub(crate) fn of(v: &Matrix<'_, T>, rows: &[usize], cols: &[usize]) -> Self {
        if let Matrix::Dense(view) = v {
            let entries = rows
                .iter()
                .flat_map(|&i| cols.iter().map(move |&j| view[(i, j)]));
            let dense = Dense::from_rows(entries.collect(), rows.len(), cols.len());
            return Self::Dense(dense.expect("as many entries as places"));
        }
        let (sparse, turned) = compressed(v);
        let (lines, places) = turn((rows, cols), turned);
        // The first of the new places of each, and the one after its last.
        let mut new_places = vec![(0u32, 0u32); sparse.minor()];
        for (new, &old) in places.iter().enumerate() {
            let (first, end) = &mut new_places[old];
            if first == end {
                *first = new as u32;
            }
            *end = new as u32 + 1;
        }
        let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for &line in lines {
            kernel::for_each_entry(sparse.row(line), |place, value| {
                let (first, end) = new_places[place];
                indices.extend(first..end);
                values.extend((first..end).map(|_| value));
            });
            offsets.push(values.len());
        }
        Self::Sparse {
            turned,
            lines: lines.len(),
            length: places.len(),
            offsets,
            indices,
            values,
        }
    }

    /// Calls `visit` with each entry's row, column and value, zeros included.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, usize, T)) {
        if let Self::Dense(dense) = self {
            for row in 0..dense.rows() {
                for (col, &value) in dense.row(row).iter().enumerate() {
                    visit(row, col, value);
                }
            }
            return;
        }
        let part = self.matrix();
        let (sparse, turned) = compressed(&part);
        for_each_line(sparse, |line, entries| {
            for (place, &value) in entries.iter().enumerate() {
                let (row, col) = turn((line, place), turned);
                visit(row, col, value);
            }
        });
    }
}

/// A sparse matrix as its lines, and whether they are columns.
fn compressed<'m, 'a, T: Float>(v: &'m Matrix<'a, T>) -> (&'m Compressed<'a, T>, bool) {
    match v {
        Matrix::Csr(sparse) => (sparse, false),
        Matrix::Csc(sparse) => (sparse, true),
        Matrix::Dense(_) | Matrix::Streamed(_) => {
            unreachable!("only a sparse V in memory comes here")
        }
    }
}

/// What belongs to lines and to places in them, as what belongs to rows and to columns; or the other way round.
fn turn<X>((lines, places): (X, X), turned: bool) -> (X, X) {
    if turned {
        (places, lines)
    } else {
        (lines, places)
    }
}

/// Calls `visit` with the number of each line and its entries, zeros included.
fn for_each_line<T: Float>(sparse: &Compressed<'_, T>, mut visit: impl FnMut(usize, &[T])) {
    let mut entries = vec![T::ZERO; sparse.minor()];
    for line in 0..sparse.major() {
        kernel::for_each_entry(sparse.row(line), |place, value| entries[place] = value);
        visit(line, &entries);
        entries.fill(T::ZERO);
    }
}

/// Predictions below this share of the mean of V count as this share where a prediction of zero would be infinitely wrong.
const LEAST_PREDICTION: f64 = 1e-3;
/// The divergence from the mean counts as at least this share of mean^β an entry: a constant V has nothing to explain.
const NOTHING_TO_EXPLAIN: f64 = 1e-9;

/// How wrong predictions of entries are: Σ D(v, y) over Σ D(v, mean), so that 0 is right and 1 no better than the mean.
#[derive(Debug)]
pub(crate) struct Misses<T> {
    elementwise: Elementwise<T>,
    mean: f64,
    least: f64,
    largest: f64,
    beta: f64,
    missed: f64,
    to_explain: f64,
    count: usize,
}

impl<T: Float> Misses<T> {
    /// `mean` and `largest` are those of V. A prediction above the largest entry counts as that: where a line of a factor
    /// meets few known entries, nothing else bounds it.
    pub(crate) fn new(loss: Loss, mean: f64, largest: f64) -> Self {
        let beta = loss.beta();
        Self {
            elementwise: Elementwise::new(loss, mean),
            mean,
            least: if beta <= 1.0 {
                LEAST_PREDICTION * mean
            } else {
                0.0
            },
            largest,
            beta,
            missed: 0.0,
            to_explain: 0.0,
            count: 0,
        }
    }

    pub(crate) fn add(&mut self, value: T, prediction: f64) {
        let prediction = T::from_f64(prediction.min(self.largest).max(self.least));
        let mean = T::from_f64(self.mean);
        self.missed += self.elementwise.divergence(value, prediction);
        self.to_explain += self.elementwise.divergence(value, mean);
        self.count += 1;
    }

    /// The figure; `None` without any entry, or where V is all zeros.
    pub(crate) fn share(&self) -> Option<f64> {
        let unit = self.mean.powf(self.beta) / self.elementwise.unit();
        let least = NOTHING_TO_EXPLAIN * unit * self.count as f64;
        Some(self.missed / self.to_explain.max(least)).filter(|share| share.is_finite())
    }
}

/// Entry (row, col) of W H, with H as its transpose.
pub(crate) fn product<T: Float>(w: &Dense<T>, ht: &Dense<T>, row: usize, col: usize) -> f64 {
    let pairs = w.row(row).iter().zip(ht.row(col));
    pairs.map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0, 2, 3; columns 1, 2 of the same matrix in three storages.
    #[test]
    fn parts_are_the_same_from_any_storage() {
        let values: Vec<f64> = (0..20).map(|i| f64::from(i * 7 % 5)).collect();
        let dense = Matrix::row_major(&values, 5, 4).unwrap();
        let compressed = |lines: &[Vec<f64>]| {
            let (mut offsets, mut indices, mut stored) = (vec![0usize], Vec::new(), Vec::new());
            for line in lines {
                for (j, &x) in line.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                    indices.push(j);
                    stored.push(x);
                }
                offsets.push(stored.len());
            }
            (offsets, indices, stored)
        };
        let rows: Vec<Vec<f64>> = values.chunks(4).map(<[f64]>::to_vec).collect();
        let columns: Vec<Vec<f64>> = (0..4)
            .map(|j| rows.iter().map(|row| row[j]).collect())
            .collect();
        let (a, b, c) = compressed(&rows);
        let csr = Matrix::csr(5, 4, &a, &b, &c).unwrap();
        let (a, b, c) = compressed(&columns);
        let csc = Matrix::csc(5, 4, &a, &b, &c).unwrap();
        let out = |row: usize, col: usize| (row + 2 * col).is_multiple_of(3);
        let listed = |part: &Part<f64>| {
            let mut found = Vec::new();
            part.for_each(|row, col, value| found.push((row, col, value.to_bits())));
            found.sort_unstable();
            found
        };
        let (part, held) = Part::without_entries(&dense, &out);
        for v in [csr, csc] {
            let (other, mut others) = Part::without_entries(&v, &out);
            assert_eq!(listed(&part), listed(&other));
            others.sort_by_key(|held| (held.row, held.col));
            assert_eq!(held, others);
            for (rows, cols) in [
                (&[0, 2, 3][..], &[1, 2][..]),
                (&[0, 0, 1, 4, 4, 4], &[1, 3, 3]),
            ] {
                let chosen = Part::of(&v, rows, cols);
                assert_eq!(listed(&Part::of(&dense, rows, cols)), listed(&chosen));
                let shape = (chosen.matrix().rows(), chosen.matrix().cols());
                assert_eq!(shape, (rows.len(), cols.len()));
            }
        }
        assert!(
            held.iter()
                .all(|one| values[one.row * 4 + one.col] == one.value)
        );
        assert_eq!(held.len(), (0..20).filter(|i| out(i / 4, i % 4)).count());
    }

    #[test]
    fn misses_are_shares_of_what_there_is_to_explain() {
        let mut misses = Misses::<f64>::new(Loss::FROBENIUS, 2.0, 4.0);
        misses.add(1.0, 1.5);
        misses.add(3.0, 3.5);
        assert!((misses.share().unwrap() - 0.25).abs() < 1e-12);
        // 9 is taken as 4, the largest entry.
        misses.add(2.0, 9.0);
        assert!((misses.share().unwrap() - 4.5 / 2.0).abs() < 1e-12);
        let mut misses = Misses::<f64>::new(Loss::KULLBACK_LEIBLER, 1e300, 1e300);
        misses.add(1e300, 0.0);
        assert!(misses.share().unwrap().is_finite());
        let mut constant = Misses::<f64>::new(Loss::FROBENIUS, 0.1, 0.2);
        constant.add(0.1, 0.1 + 1e-15);
        assert!(constant.share().unwrap() < 1e-9);
        assert_eq!(Misses::<f64>::new(Loss::FROBENIUS, 1.0, 1.0).share(), None);
    }
}
