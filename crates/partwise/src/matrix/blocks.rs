//! V as one or more blocks of rows, ready to be walked both ways.

use super::{Dense, Lines, Matrix, Source, Summary, Weighed, Weighting};
use crate::shard::remote::Seen;
use crate::threads::Threads;
use crate::{Error, Float};

/// Blocks of rows of V, each a [`Source`].
///
/// A single dense block whose columns lie together is held transposed: its sources are then blocks of Vᵀ.
pub(crate) struct Blocks<'a, T: Float> {
    pub(crate) sources: Vec<Source<'a, T>>,
    /// What the entries of the only block count for, unless all count alike.
    pub(crate) weighed: Option<Weighed<'a, T>>,
    pub(crate) transposed: bool,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Entries that a walk has to look at: all of a dense block, those above zero of a sparse one.
    pub(crate) walked: usize,
    pub(crate) summary: Summary,
}

impl<'a, T: Float> Blocks<'a, T> {
    /// Looks at every entry, then prepares the blocks.
    ///
    /// # Errors
    /// As [`Summary::of`]; [`Error::Shape`] if the blocks differ in width.
    pub(crate) fn new(blocks: &[Matrix<'a, T>], threads: &Threads) -> Result<Self, Error> {
        let cols = blocks.first().map_or(0, Matrix::cols);
        let mut rows = 0;
        let (mut walked, mut summary) = (0, Summary::default());
        for block in blocks {
            if block.cols() != cols {
                return Err(Error::Shape {
                    matrix: "a block of V",
                    rows: block.rows(),
                    cols: block.cols(),
                    expected_rows: block.rows(),
                    expected_cols: cols,
                });
            }
            let found = Summary::of(block, threads).map_err(|error| shifted(error, rows))?;
            walked += match block {
                Matrix::Dense(_) => block.stored(),
                _ => found.positive,
            };
            summary.append(found, rows);
            rows += block.rows();
        }
        if rows == 0 {
            return Err(Error::Empty { rows, cols });
        }
        summary.check_scale()?;
        let transposed = blocks.len() == 1 && blocks[0].prefers_columns();
        let sources = blocks
            .iter()
            .map(|&block| Source::new(if transposed { block.transpose() } else { block }));
        Ok(Self {
            sources: sources.collect(),
            weighed: None,
            transposed,
            rows,
            cols,
            walked,
            summary,
        })
    }

    /// Looks at every entry that counts, and prepares the only block.
    ///
    /// # Errors
    /// Weights of another shape or with illegal entries; as [`Summary::counted`].
    pub(crate) fn weighted(
        v: &Matrix<'a, T>,
        weighting: &Weighting<'a, T>,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let (rows, cols) = (v.rows(), v.cols());
        let transposed = v.prefers_columns();
        let weighed = Weighed::new(weighting, (rows, cols), transposed, threads)?;
        let source = Source::new(if transposed { v.transpose() } else { *v });
        let summary = Summary::counted(&weighed.rows(&source), transposed, threads)?;
        Ok(Self {
            sources: vec![source],
            weighed: Some(weighed),
            transposed,
            rows,
            cols,
            walked: summary.counted,
            summary,
        })
    }

    /// Blocks that are in other processes: what is known of them, and no source.
    pub(crate) fn elsewhere(seen: &Seen) -> Self {
        Self {
            sources: Vec::new(),
            weighed: None,
            transposed: false,
            rows: seen.rows,
            cols: seen.cols,
            walked: seen.walked,
            summary: seen.summary,
        }
    }

    /// Whether every entry is stored.
    pub(crate) fn is_dense(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.all(|source| matches!(source, Source::Dense(_)))
    }

    /// The mean of all entries.
    pub(crate) fn mean(&self) -> f64 {
        self.summary.mean()
    }

    pub(crate) fn stored_rows(&self) -> impl Iterator<Item = Lines<'_, T>> {
        self.sources.iter().map(|source| {
            if self.transposed {
                source.columns()
            } else {
                source.rows()
            }
        })
    }

    fn stored_columns(&self) -> impl Iterator<Item = Lines<'_, T>> {
        self.sources.iter().map(|source| {
            if self.transposed {
                source.rows()
            } else {
                source.columns()
            }
        })
    }

    /// V (m × n) · x (n × l).
    pub(crate) fn times(&self, x: &Dense<T>, threads: &Threads) -> Dense<T> {
        let mut values = Vec::with_capacity(self.rows * x.cols());
        for lines in self.stored_rows() {
            values.extend(lines.times(x, threads).into_values());
        }
        Dense::from_rows(values, self.rows, x.cols()).expect("the blocks make up the rows")
    }

    /// Vᵀ (n × m) · y (m × l).
    pub(crate) fn transposed_times(&self, y: &Dense<T>, threads: &Threads) -> Dense<T> {
        let mut total = Dense::zeros(self.cols, y.cols());
        let mut from = 0;
        for lines in self.stored_columns() {
            let to = from + lines.length();
            let part = y.row_range(from, to).to_vec();
            let part = Dense::from_rows(part, to - from, y.cols()).expect("a range of whole rows");
            let product = lines.times(&part, threads);
            for (sum, &x) in total.as_mut_slice().iter_mut().zip(product.as_slice()) {
                *sum += x;
            }
            from = to;
        }
        total
    }

    /// Row `i` of V, zeros included.
    pub(crate) fn row(&self, i: usize) -> Vec<T> {
        let mut out = vec![T::ZERO; self.cols];
        let mut first = 0;
        for lines in self.stored_rows() {
            if i < first + lines.count() {
                lines.pack(i - first, i - first + 1, &mut out);
                break;
            }
            first += lines.count();
        }
        out
    }

    /// Σ v² of each row.
    pub(crate) fn row_squares(&self, threads: &Threads) -> Vec<f64> {
        let mut squares = Vec::with_capacity(self.rows);
        for lines in self.stored_rows() {
            squares.extend(lines.squares(threads));
        }
        squares
    }
}

/// The same error with its row counted from the top of all blocks.
fn shifted(error: Error, rows_before: usize) -> Error {
    match error {
        Error::Negative {
            matrix,
            value,
            row,
            col,
        } => Error::Negative {
            matrix,
            value,
            row: row + rows_before,
            col,
        },
        Error::NotFinite {
            matrix,
            value,
            row,
            col,
        } => Error::NotFinite {
            matrix,
            value,
            row: row + rows_before,
            col,
        },
        other => other,
    }
}
