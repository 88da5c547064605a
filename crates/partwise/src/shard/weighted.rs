//! A V of which some entries are missing, or count more than others.

use super::piece::Rows;
use super::{Request, Shard, Stats};
use crate::Float;
use crate::archive::Archive;
use crate::counted::{self, HalfStep, TOGETHER};
use crate::loss::Elementwise;
use crate::matrix::{Counted, Dense, Source, Weighed};
use crate::pass::{Fixed, Parts, Problem, Sums, Terms};
use crate::threads::Threads;
use crate::update::LinesMet;

/// Lines in a task.
const BLOCK: usize = TOGETHER;

/// A V in this process, whose entries have weights. Sums over all entries say nothing here, so both factors are improved
/// from V itself.
pub(crate) struct Weighted<'a, T: Float> {
    source: &'a Source<'a, T>,
    weighed: &'a Weighed<'a, T>,
    rows: Rows<T>,
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
            rows: Rows::new(left),
            threads,
        }
    }

    fn lines(&self) -> Counted<'a, T> {
        self.weighed.rows(self.source)
    }
}

impl<T: Float> Shard<T> for Weighted<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let (problem, k) = (request.problem, self.rows.now.cols());
        self.rows.begin(request);
        let step = HalfStep {
            problem,
            terms: problem.left.at_most(request.sweeps),
            lines: self.lines(),
            fixed: request.right,
        };
        let pieces = self.rows.pieces(0, self.rows.now.rows(), BLOCK);
        let blocks = self.threads.map_pieces(pieces, |index, mut piece| {
            piece.keep(request);
            let met = step.improve(index * BLOCK, piece.rows, request.update);
            piece.finish(request, &[], met, k)
        });
        let mut stats = Stats::new(Parts::default());
        for block in &blocks {
            stats.add_block(block);
        }
        self.rows.end(request);
        stats
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let (lines, count) = (self.lines(), self.rows.now.rows());
        let parts = self.threads.map(count.div_ceil(BLOCK), |index| {
            let from = index * BLOCK;
            let rows = self.rows.now.row_range(from, (from + BLOCK).min(count));
            counted::divergence(elementwise, &lines, from, rows, right)
        });
        parts.iter().sum()
    }

    fn counts_all(&self) -> bool {
        false
    }

    fn penalty(&self, terms: &Terms, sums: &Sums) -> f64 {
        terms.penalty_over(&self.rows.now, sums, &self.threads)
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
        let k = self.rows.now.cols();
        let (lines, threads) = (self.weighed.columns(self.source), &self.threads);
        self.rows.lent(threads, |left| {
            let step = HalfStep {
                problem,
                terms: problem.right.at_most(sweeps),
                lines,
                fixed: left,
            };
            let blocks = threads.map_chunks(right, BLOCK * k, |index, rows| {
                step.improve(index * BLOCK, rows, update)
            });
            blocks.into_iter().sum()
        })
    }

    fn restore(&mut self) {
        self.rows.restore();
    }

    fn squares(&self) -> Vec<f64> {
        self.rows.squares(&self.threads)
    }

    fn scale(&mut self, factors: &[T]) {
        self.rows.scale(factors);
    }

    fn archive(&mut self, archive: &mut Archive<'_>) {
        self.rows.archive(archive);
    }

    fn into_rows(self: Box<Self>) -> Dense<T> {
        self.rows.now
    }
}
