//! A V of which some entries are missing, or count more than others.

use super::piece::{Piece, chunks};
use super::{Request, Shard, Stats};
use crate::Float;
use crate::counted::{self, HalfStep};
use crate::loss::Elementwise;
use crate::matrix::{Counted, Dense, Source, Weighed};
use crate::pass::{self, Fixed, Parts, Problem, Sums};
use crate::threads::Threads;
use crate::update::LinesMet;

/// Lines in a task.
const BLOCK: usize = 32;

/// A V in this process, whose entries have weights. Sums over all entries say nothing here, so both factors are improved
/// from V itself.
pub(crate) struct Weighted<'a, T: Float> {
    source: &'a Source<'a, T>,
    weighed: &'a Weighed<'a, T>,
    left: Dense<T>,
    /// The rows before they changed for the last time that this was asked for.
    kept: Option<Dense<T>>,
    /// The rows after their last step, before they were carried on.
    previous: Option<Dense<T>>,
    threads: Threads,
}

impl<'a, T: Float> Weighted<'a, T> {
    /// `left` has a row for each row of the source.
    pub(crate) fn new(
        source: &'a Source<'a, T>,
        weighed: &'a Weighed<'a, T>,
        left: Dense<T>,
        threads: Threads,
    ) -> Self {
        Self {
            source,
            weighed,
            left,
            kept: None,
            previous: None,
            threads,
        }
    }

    fn lines(&self) -> Counted<'a, T> {
        self.weighed.rows(self.source)
    }
}

impl<T: Float> Shard<T> for Weighted<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let (problem, k) = (request.problem, self.left.cols());
        if request.keep && self.kept.is_none() {
            self.kept = Some(Dense::zeros(self.left.rows(), k));
        }
        let step = HalfStep {
            problem,
            terms: problem.left.at_most(request.sweeps),
            lines: self.lines(),
            fixed: request.right,
        };
        let span = 0..self.left.rows() * k;
        let mut kept = chunks(self.kept.as_mut(), span.clone(), BLOCK * k);
        let mut previous = chunks(self.previous.as_mut(), span.clone(), BLOCK * k);
        let pieces = chunks(Some(&mut self.left), span, BLOCK * k).map(|rows| Piece {
            rows,
            kept: kept.next(),
            previous: previous.next(),
        });
        let blocks = self
            .threads
            .map_pieces(pieces.collect(), |index, mut piece| {
                piece.keep(request);
                let met = step.improve(index * BLOCK, piece.rows, request.update);
                piece.finish(request, &[], met, k)
            });
        if request.lead.is_some() && self.previous.is_none() {
            // From here on: the first step leaves a start that may be anywhere.
            self.previous = Some(self.left.clone());
        }
        let mut stats = Stats {
            parts: Parts::default(),
            sums: Sums::default(),
            violation: 0.0,
            magnitude: 0.0,
            inner: 0.0,
        };
        for block in &blocks {
            stats.add_block(block);
        }
        stats
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let (lines, count) = (self.lines(), self.left.rows());
        let parts = self.threads.map(count.div_ceil(BLOCK), |index| {
            let from = index * BLOCK;
            let rows = self.left.row_range(from, (from + BLOCK).min(count));
            counted::divergence(elementwise, &lines, from, rows, right)
        });
        parts.iter().sum()
    }

    fn counts_all(&self) -> bool {
        false
    }

    fn holds_columns(&self) -> bool {
        true
    }

    fn meet_columns(
        &mut self,
        problem: &Problem<T>,
        sweeps: usize,
        right: &mut [T],
        update: bool,
    ) -> LinesMet {
        let k = self.left.cols();
        // Lent and taken back: the rows are not copied.
        let rows = std::mem::replace(&mut self.left, Dense::zeros(0, k));
        let left = Fixed::new(rows, &self.threads);
        let step = HalfStep {
            problem,
            terms: problem.right.at_most(sweeps),
            lines: self.weighed.columns(self.source),
            fixed: &left,
        };
        let blocks = self.threads.map_chunks(right, BLOCK * k, |index, rows| {
            step.improve(index * BLOCK, rows, update)
        });
        self.left = left.rows;
        blocks.into_iter().sum()
    }

    fn restore(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.left = kept;
        }
    }

    fn squares(&self) -> Vec<f64> {
        Sums::over(&self.left, &self.threads).squares().collect()
    }

    fn scale(&mut self, factors: &[T]) {
        pass::scale(&mut self.left, factors);
    }

    fn into_rows(self: Box<Self>) -> Dense<T> {
        self.left
    }
}
