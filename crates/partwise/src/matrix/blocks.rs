//! V as one or more blocks of rows, ready to be walked both ways.

use std::sync::Arc;

use super::{Dense, Holes, Matrix, Signs, Source, Summary, Wanted, Weighed, Weighting};
use crate::shard::remote::Seen;
use crate::shard::sum;
use crate::threads::Threads;
use crate::{Error, Float};

/// Blocks of rows of V, each a [`Source`].
///
/// A single dense block whose columns lie together is held transposed: its sources are then blocks of Vᵀ.
pub(crate) struct Blocks<'a, T: Float> {
    pub(crate) sources: Vec<Source<'a, T>>,
    /// What the entries of the only block count for, unless all count alike.
    pub(crate) weighed: Option<Weighed<'a, T>>,
    /// Where the only block has zeros for what is missing, in the place of weights.
    pub(crate) holes: Option<Holes>,
    /// The share of each of its lines that counts, and of each across them: `None` if all count whole, or nothing asks.
    pub(crate) shares: [Option<Arc<[f64]>>; 2],
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
    pub(crate) fn new(
        blocks: &[Matrix<'a, T>],
        wanted: Wanted,
        signs: Signs,
        threads: &Threads,
    ) -> Result<Self, Error> {
        let transposed = blocks.len() == 1 && blocks[0].prefers_columns();
        Self::oriented(blocks, (transposed, wanted), signs, threads)
    }

    /// The same, where the factor that goes with the lines is chosen: a single block may be walked by its columns.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn oriented(
        blocks: &[Matrix<'a, T>],
        (transposed, wanted): (bool, Wanted),
        signs: Signs,
        threads: &Threads,
    ) -> Result<Self, Error> {
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
            let found = Summary::of(block, signs, threads).map_err(|error| shifted(error, rows))?;
            walked += if block.is_sparse() {
                found.nonzeros
            } else {
                block.stored()
            };
            summary.append(found, rows);
            rows += block.rows();
        }
        if rows == 0 {
            return Err(Error::Empty { rows, cols });
        }
        summary.check_scale()?;
        let by_columns =
            |block: &Matrix<'_, T>| matches!(block, Matrix::Streamed(_)) && block.prefers_columns();
        if !transposed && blocks.iter().any(by_columns) {
            return Err(Error::Malformed {
                what: "streamed block of V",
                reason: "its columns are read, but one block of several must give its rows"
                    .to_owned(),
            });
        }
        let sources = blocks.iter().map(|&block| {
            let lines = if transposed { block.transpose() } else { block };
            Source::for_use(lines, wanted)
        });
        Ok(Self {
            sources: sources.collect(),
            weighed: None,
            holes: None,
            shares: [None, None],
            transposed,
            rows,
            cols,
            walked,
            summary,
        })
    }

    /// The only block of others, rounded, which need not be looked at again.
    pub(crate) fn rounded<W: Float>(
        wide: &Blocks<'_, W>,
        v: Matrix<'a, T>,
        wanted: Wanted,
    ) -> Self {
        let lines = if wide.transposed { v.transpose() } else { v };
        let source = match wide.sources.first().and_then(Source::twin) {
            Some(twin) => Source::with_twin(lines, Some(Arc::new(twin.converted()))),
            None => Source::for_use(lines, wanted),
        };
        Self {
            sources: vec![source],
            weighed: None,
            holes: None,
            shares: [None, None],
            transposed: wide.transposed,
            rows: wide.rows,
            cols: wide.cols,
            walked: wide.walked,
            summary: wide.summary,
        }
    }

    /// Looks at every entry that counts, and prepares the only block. `fills` says whether what is missing may be filled, `shared`
    /// whether the shares of lines are asked for.
    ///
    /// # Errors
    /// Weights of another shape or with illegal entries; as [`Summary::counted`].
    pub(crate) fn weighted(
        v: &Matrix<'a, T>,
        weighting: &Weighting<'a, T>,
        (fills, shared): (bool, bool),
        threads: &Threads,
    ) -> Result<Self, Error> {
        let (rows, cols) = (v.rows(), v.cols());
        let transposed = v.prefers_columns();
        let weighed = Weighed::new(weighting, (rows, cols), transposed, threads)?;
        let source = Source::new(if transposed { v.transpose() } else { *v });
        let summary = Summary::counted(&weighed.rows(&source), transposed, threads)?;
        let holed = fills.then(|| weighed.holes(&source, summary.squares));
        let (source, weighed, holes) = match holed.flatten() {
            Some((source, holes)) => (source, None, Some(holes)),
            None => (source, Some(weighed), None),
        };
        let shares = match (&weighed, &holes) {
            (Some(weighed), _) if shared => [weighed.rows(&source), weighed.columns(&source)]
                .map(|lines| Some(lines.shares(threads))),
            (_, Some(holes)) if shared => {
                [&holes.along, &holes.across].map(|places| Some(places.shares()))
            }
            _ => [None, None],
        };
        Ok(Self {
            sources: vec![source],
            weighed,
            holes,
            shares,
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
            holes: None,
            shares: [None, None],
            transposed: false,
            rows: seen.rows,
            cols: seen.cols,
            walked: seen.walked,
            summary: seen.summary,
        }
    }

    /// Whether every entry is stored.
    pub(crate) fn is_dense(&self) -> bool {
        !self.sources.iter().any(Source::is_sparse)
    }

    /// The mean of all entries.
    pub(crate) fn mean(&self) -> f64 {
        self.summary.mean()
    }

    /// V (m × n) · x (n × l).
    pub(crate) fn times(&self, x: &Dense<T>, threads: &Threads) -> Dense<T> {
        let parts = (0..self.sources.len()).map(|index| self.times_of(index, x, threads));
        Dense::stacked(parts.collect())
    }

    /// The rows of V x that belong to a block.
    pub(crate) fn times_of(&self, index: usize, x: &Dense<T>, threads: &Threads) -> Dense<T> {
        Self::product(&self.sources[index], x, !self.transposed, threads)
    }

    /// Vᵀ (n × m) · y (m × l).
    pub(crate) fn transposed_times(&self, y: &Dense<T>, threads: &Threads) -> Dense<T> {
        if self.sources.len() == 1 {
            return self.transposed_times_of(0, y, threads);
        }
        let mut from = 0;
        let products = self.sources.iter().enumerate().map(|(index, source)| {
            let to = from + source.count();
            let part = y.row_range(from, to).to_vec();
            let part = Dense::from_rows(part, to - from, y.cols()).expect("a range of whole rows");
            from = to;
            self.transposed_times_of(index, &part, threads)
        });
        sum(products, |total, product| total.add(&product))
    }

    /// What a block adds to Vᵀ y; `y` are its rows of that.
    pub(crate) fn transposed_times_of(
        &self,
        index: usize,
        y: &Dense<T>,
        threads: &Threads,
    ) -> Dense<T> {
        Self::product(&self.sources[index], y, self.transposed, threads)
    }

    /// The product of a block, with its lines or across them.
    fn product(source: &Source<'a, T>, x: &Dense<T>, along: bool, threads: &Threads) -> Dense<T> {
        if along {
            source.times(x, threads)
        } else {
            source.transposed_times(x, threads)
        }
    }

    /// Row `i` of V, zeros included.
    pub(crate) fn row(&self, i: usize) -> Vec<T> {
        if self.transposed {
            return self.sources[0].across(i);
        }
        let mut first = 0;
        for source in &self.sources {
            if i < first + source.count() {
                return source.line(i - first);
            }
            first += source.count();
        }
        unreachable!("row {i} of {first}")
    }

    /// Σ v² of each row.
    pub(crate) fn row_squares(&self, threads: &Threads) -> Vec<f64> {
        if self.transposed {
            return self.sources[0].squares_across(threads);
        }
        let sources = self.sources.iter();
        sources.flat_map(|source| source.squares(threads)).collect()
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
