//! Rows of a matrix that is read while it is walked, brought into memory for good.

use std::ops::Range;

use super::streamed::{Failure, Stream, read_checked};
use super::{Dense, Matrix, SparseRun, Streamed};
use crate::error::ReadError;
use crate::kernel;
use crate::{Error, Float};

/// Some rows of a matrix in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Held<T> {
    cols: usize,
    rows: Rows<T>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rows<T> {
    Dense(Dense<T>),
    Sparse(SparseRun<T>),
}

impl<T: Float> Held<T> {
    /// The rows as a matrix.
    pub fn matrix(&self) -> Matrix<'_, T> {
        match &self.rows {
            Rows::Dense(dense) => dense.into(),
            Rows::Sparse(run) => {
                // Indices have been looked at run by run.
                Matrix::Csr(run.trusted(run.offsets.len() - 1, self.cols, false))
            }
        }
    }

    fn sparse(cols: usize) -> Self {
        let offsets = vec![0];
        let rows = Rows::Sparse(SparseRun {
            offsets,
            ..SparseRun::default()
        });
        Self { cols, rows }
    }
}

impl<T: Float> Streamed<'_, T> {
    /// Reads rows into memory: those of each range, which follow one another.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Malformed`] if columns are read, or the ranges are no rows of the matrix in a row.
    pub fn hold(&self, ranges: &[Range<usize>]) -> Result<Vec<Held<T>>, Error> {
        let refuse = |reason: &str| {
            Err(Error::Malformed {
                what: "streamed matrix",
                reason: reason.to_owned(),
            })
        };
        if self.by_columns {
            return refuse("its columns are read, and rows are wanted");
        }
        let follow = ranges.windows(2).all(|pair| pair[0].end == pair[1].start);
        let inside = |range: &Range<usize>| range.start <= range.end && range.end <= self.shape().0;
        if !(follow && ranges.iter().all(inside)) {
            return refuse("the ranges are no rows of it in a row");
        }
        self.lines.hold(ranges).map_err(|error| Error::Read {
            source: ReadError::new(error),
        })
    }
}

impl<T: Float> Stream<'_, T> {
    fn hold(&self, ranges: &[Range<usize>]) -> Result<Vec<Held<T>>, Failure> {
        let cols = self.length();
        match *self {
            Self::Dense(lines) => {
                let read = |range: &Range<usize>| {
                    let mut rows = Dense::zeros(range.len(), cols);
                    lines.read(range.start, rows.as_mut_slice())?;
                    let rows = Rows::Dense(rows);
                    Ok(Held { cols, rows })
                };
                ranges.iter().map(read).collect()
            }
            Self::Lean(lines) => {
                let held = ranges.iter().map(|range| {
                    let mut to = SparseRun {
                        offsets: vec![0],
                        ..SparseRun::default()
                    };
                    for i in range.clone() {
                        kernel::for_each_entry(lines.row(i), |index, value| {
                            to.indices.push(index as u32);
                            to.values.push(value);
                        });
                        to.offsets.push(to.values.len());
                    }
                    let rows = Rows::Sparse(to);
                    Held { cols, rows }
                });
                Ok(held.collect())
            }
            Self::Sparse(lines, _) => {
                let mut held: Vec<_> = ranges.iter().map(|_| Held::sparse(cols)).collect();
                let (mut first, mut buffer) = (0, SparseRun::default());
                for index in 0..lines.runs() {
                    let run = first..first + lines.size(index).rows;
                    first = run.end;
                    let shared =
                        |range: &Range<usize>| range.start.max(run.start)..range.end.min(run.end);
                    if ranges.iter().all(|range| shared(range).is_empty()) {
                        continue;
                    }
                    read_checked(lines, index, &mut buffer)?;
                    for (range, held) in ranges.iter().zip(&mut held) {
                        let rows = shared(range);
                        if let (Rows::Sparse(to), false) = (&mut held.rows, rows.is_empty()) {
                            to.append(&buffer, rows.start - run.start..rows.end - run.start);
                        }
                    }
                }
                Ok(held)
            }
        }
    }
}

impl<T: Float> SparseRun<T> {
    /// Puts rows of another run below.
    fn append(&mut self, other: &Self, rows: Range<usize>) {
        let bounds = &other.offsets[rows.start..=rows.end];
        let (from, to) = (bounds[0], bounds[bounds.len() - 1]);
        let end = self.values.len();
        let moved = bounds[1..].iter().map(|bound| bound - from + end);
        self.offsets.extend(moved);
        self.indices.extend_from_slice(&other.indices[from..to]);
        self.values.extend_from_slice(&other.values[from..to]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RowBlocks, RunSize, SparseRows};

    const COLS: usize = 5;

    /// Rows with entry i·5 + j, some of them in no row of a sparse one.
    struct Counting {
        runs: Vec<usize>,
    }

    fn entry(i: usize, j: usize, sparse: bool) -> f64 {
        let zero = sparse && (i + 2 * j).is_multiple_of(3);
        if zero { 0.0 } else { (i * COLS + j + 1) as f64 }
    }

    impl RowBlocks<f64> for Counting {
        fn rows(&self) -> usize {
            self.runs.iter().sum()
        }
        fn cols(&self) -> usize {
            COLS
        }
        fn read(
            &self,
            first: usize,
            out: &mut [f64],
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            for (at, out) in out.iter_mut().enumerate() {
                *out = entry(first + at / COLS, at % COLS, false);
            }
            Ok(())
        }
    }

    impl SparseRows<f64> for Counting {
        fn cols(&self) -> usize {
            COLS
        }
        fn runs(&self) -> usize {
            self.runs.len()
        }
        fn size(&self, index: usize) -> RunSize {
            let first: usize = self.runs[..index].iter().sum();
            let rows = self.runs[index];
            let places = (first..first + rows).flat_map(|i| (0..COLS).map(move |j| (i, j)));
            let stored = places.filter(|&(i, j)| entry(i, j, true) > 0.0).count();
            RunSize { rows, stored }
        }
        fn read(
            &self,
            index: usize,
            out: &mut SparseRun<f64>,
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            let first: usize = self.runs[..index].iter().sum();
            *out = SparseRun::default();
            out.offsets.push(0);
            for i in first..first + self.runs[index] {
                for j in (0..COLS).filter(|&j| entry(i, j, true) > 0.0) {
                    out.indices.push(j as u32);
                    out.values.push(entry(i, j, true));
                }
                out.offsets.push(out.values.len());
            }
            Ok(())
        }
    }

    #[test]
    fn every_row_comes_to_its_range() {
        let unit = RunSize::UNIT;
        let counting = Counting {
            runs: vec![unit, 2 * unit, 7],
        };
        let rows = 3 * unit + 7;
        let read = Streamed::sparse(&counting).unwrap();
        let all = 0..rows;
        let whole = read.hold(std::slice::from_ref(&all)).unwrap();
        let Matrix::Csr(in_memory) = whole[0].matrix() else {
            unreachable!("sparse rows are held as such")
        };
        let streams = [
            (false, Streamed::dense(&counting)),
            (true, read),
            (true, Streamed::lean(in_memory, false)),
        ];
        for (sparse, streamed) in streams {
            for bounds in [
                vec![0, rows],
                vec![3, 4, 4, unit, unit + 1, 3 * unit + 2],
                vec![unit - 1, 3 * unit],
                vec![rows, rows],
            ] {
                let ranges: Vec<_> = bounds.windows(2).map(|pair| pair[0]..pair[1]).collect();
                let held = streamed.hold(&ranges).unwrap();
                for (range, held) in ranges.iter().zip(&held) {
                    let matrix = held.matrix();
                    assert_eq!((matrix.rows(), matrix.cols()), (range.len(), COLS));
                    for i in range.clone() {
                        let wanted: Vec<_> = (0..COLS).map(|j| entry(i, j, sparse)).collect();
                        let found = match matrix {
                            Matrix::Dense(view) => {
                                view.row(i - range.start).iter().copied().collect()
                            }
                            Matrix::Csr(rows) => {
                                let mut line = vec![0.0; COLS];
                                let row = rows.row(i - range.start);
                                crate::kernel::for_each_entry(row, |j, value| line[j] = value);
                                line
                            }
                            _ => unreachable!(),
                        };
                        assert_eq!(found, wanted, "row {i}");
                    }
                }
            }
            for bad in [[0..rows, rows..rows + 1], [0..2, 3..4]] {
                assert!(streamed.hold(&bad).is_err());
            }
        }
    }
}
