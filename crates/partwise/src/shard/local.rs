//! A block of V in this process.

use faer::MatRef;

use super::piece::Rows;
use super::{Request, Shard, Stats};
use crate::Float;
use crate::kernel::{self, Packed};
use crate::loss::Elementwise;
use crate::matrix::{Dense, Lines, Source};
use crate::pass::{self, Fixed, Parts, Problem, TILE_COLS};
use crate::threads::Threads;
use crate::update::{LineProblem, LinesMet, LinesOf, Turned};

/// Bytes of V in a run of blocks whose statistics are added while they are still in cache.
const RUN_BYTES: usize = 4 << 20;
/// Blocks in a run of lines: pieces of work for the threads.
const BLOCKS_IN_RUN: usize = 8;
/// Lines in a block of a sparse matrix.
const SPARSE_BLOCK: usize = 256;
/// Columns in a block, where the other factor is improved from them.
const COLUMN_BLOCK: usize = 32;
/// Tiles of columns at least, where the columns allow: pieces of work for the threads.
const COLUMN_TILES: usize = 8;
/// The narrowest tile of columns that keeps the product efficient.
const NARROWEST_TILE: usize = 32;

/// A block of V in this process.
pub(crate) struct Local<'a, T: Float> {
    source: &'a Source<'a, T>,
    rows: Rows<T>,
    /// V Hᵀ for a fixed H, once computed.
    cross: Option<Dense<T>>,
    threads: Threads,
    run: usize,
    block: usize,
}

impl<'a, T: Float> Local<'a, T> {
    /// `left` has a row for each row of the source.
    pub(crate) fn new(source: &'a Source<'a, T>, left: Dense<T>, threads: Threads) -> Self {
        Self::resume(source, Rows::new(left), None, threads)
    }

    /// Goes on with what [`Self::pause`] gave.
    pub(super) fn resume(
        source: &'a Source<'a, T>,
        rows: Rows<T>,
        cross: Option<Dense<T>>,
        threads: Threads,
    ) -> Self {
        // Sizes depend on the shape alone: neither threads nor memory may change the order of sums.
        let (run, block) = match source.rows() {
            Lines::Dense(view) => {
                let bytes = view.ncols() * size_of::<T>();
                let run = (RUN_BYTES / bytes.max(1)).clamp(64, 4096);
                (run, run.div_ceil(BLOCKS_IN_RUN))
            }
            Lines::Sparse(_) => (SPARSE_BLOCK * 64, SPARSE_BLOCK),
        };
        Self {
            source,
            rows,
            cross,
            threads,
            run,
            block,
        }
    }

    /// The rows, and V Hᵀ where it is kept.
    pub(super) fn pause(self) -> (Rows<T>, Option<Dense<T>>) {
        (self.rows, self.cross)
    }

    /// Improves the rows of one run of lines, block by block.
    fn walk_run(
        &mut self,
        request: &Request<'_, T>,
        (packed, turned): (Option<&Packed<T>>, Option<&Turned<T>>),
        run: usize,
        stats: &mut Stats<T>,
    ) {
        let k = self.rows.now.cols();
        let lines = self.source.rows();
        let first = run * self.run;
        let last = (first + self.run).min(lines.count());
        let block = self.block;
        let cross = self
            .cross
            .as_ref()
            .map(|cross| cross.row_range(first, last));
        let pieces = self.rows.pieces(first, last, block);
        let line_problem = LineProblem {
            elementwise: &request.problem.elementwise,
            terms: &request.problem.left,
            other: request.right,
            lines: LinesOf::All(lines),
            turned,
        };
        let blocks = self.threads.map_pieces(pieces, |index, mut piece| {
            piece.keep(request);
            let start = index * block;
            let rows = &mut *piece.rows;
            if let (true, Some(improve)) = (request.update, request.problem.lines) {
                let met = improve(&line_problem, first + start, rows);
                return piece.finish(request, &[], met, k);
            }
            let count = rows.len() / k;
            let mut computed;
            let (numerator, denominator) = match cross {
                Some(cross) => (&cross[start * k..(start + count) * k], &[][..]),
                None => {
                    let (from, to) = (first + start, first + start + count);
                    let (problem, fixed) = (request.problem, (request.right, packed));
                    computed = Parts::zeros(problem, count, k);
                    pass::row_parts(problem, &lines, (from, to), rows, fixed, &mut computed);
                    (&computed.numerator[..], &computed.denominator[..])
                }
            };
            let problem = request.problem;
            let (terms, gram) = (
                problem.left.at_most(request.sweeps),
                &request.right.sums.gram,
            );
            let parts = (numerator, denominator);
            let met = LinesMet {
                violation: pass::half_step(problem, &terms, gram, parts, rows, k, request.update),
                magnitude: pass::magnitude(problem, numerator),
            };
            piece.finish(request, numerator, met, k)
        });
        for block in &blocks {
            stats.add_block(block);
        }
    }

    /// V Hᵀ for every row: the data's part of a quadratic half-step, which does not depend on the rows.
    fn cross_product(&self, request: &Request<'_, T>, packed: Option<&Packed<T>>) -> Dense<T> {
        let (lines, k) = (self.source.rows(), self.rows.now.cols());
        let mut cross = Dense::zeros(lines.count(), k);
        let block = self.block;
        self.threads
            .map_chunks(cross.as_mut_slice(), block * k, |index, numerator| {
                let (from, count) = (index * block, numerator.len() / k);
                let (problem, fixed) = (request.problem, (request.right, packed));
                let mut parts = Parts::zeros(problem, count, k);
                pass::row_parts(
                    problem,
                    &lines,
                    (from, from + count),
                    &[],
                    fixed,
                    &mut parts,
                );
                numerator.copy_from_slice(&parts.numerator);
            });
        cross
    }

    /// Adds what a run of dense lines says about the other factor, a tile of columns at a time.
    fn gather_run(&self, request: &Request<'_, T>, run: usize, parts: &mut Parts<T>) {
        let Lines::Dense(view) = self.source.rows() else {
            return;
        };
        let (problem, k) = (request.problem, self.rows.now.cols());
        let first = run * self.run;
        let last = (first + self.run).min(view.nrows());
        let left = self.rows.now.row_range(first, last);
        let lines = view.subrows(first, last - first);
        let width = column_tile(view.ncols());
        let right = &request.right.rows;
        let tile = |index: usize| -> (MatRef<'_, T>, &[T]) {
            let from = index * width;
            let to = (from + width).min(view.ncols());
            (lines.subcols(from, to - from), right.row_range(from, to))
        };
        let Parts {
            numerator,
            denominator,
        } = parts;
        if denominator.len() == numerator.len() {
            self.threads.map_chunks_of_two(
                (numerator, width * k),
                (denominator, width * k),
                |index, numerator, denominator| {
                    let (tile, right) = tile(index);
                    pass::column_parts(problem, tile, left, right, k, numerator, denominator);
                },
            );
        } else {
            self.threads
                .map_chunks(numerator, width * k, |index, numerator| {
                    let (tile, right) = tile(index);
                    pass::column_parts(problem, tile, left, right, k, numerator, &mut []);
                });
        }
    }

    /// The parts of the other factor's half-step of a sparse matrix, gathered along its columns.
    fn gather_columns(&self, request: &Request<'_, T>, left: &Fixed<T>, parts: &mut Parts<T>) {
        let lines = self.source.columns();
        let (problem, k) = (request.problem, left.rows.cols());
        let right = &request.right.rows;
        let compute = |index: usize, length: usize| {
            let from = index * SPARSE_BLOCK;
            let to = from + length / k;
            let mut parts = Parts::zeros(problem, to - from, k);
            let rows = right.row_range(from, to);
            pass::row_parts(problem, &lines, (from, to), rows, (left, None), &mut parts);
            parts
        };
        let Parts {
            numerator,
            denominator,
        } = parts;
        let length = SPARSE_BLOCK * k;
        if denominator.len() == numerator.len() {
            self.threads.map_chunks_of_two(
                (numerator, length),
                (denominator, length),
                |index, numerator, denominator| {
                    let block = compute(index, numerator.len());
                    numerator.copy_from_slice(&block.numerator);
                    denominator.copy_from_slice(&block.denominator);
                },
            );
        } else {
            self.threads
                .map_chunks(numerator, length, |index, numerator| {
                    numerator.copy_from_slice(&compute(index, numerator.len()).numerator);
                });
        }
    }
}

/// The fixed factor transposed, where a solver that sees lines needs it: for dense lines.
fn turned<T: Float>(lines: &Lines<'_, T>, fixed: &Fixed<T>) -> Option<Turned<T>> {
    matches!(lines, Lines::Dense(_)).then(|| Turned::of(&fixed.rows))
}

/// The width of a tile of columns.
fn column_tile(columns: usize) -> usize {
    columns
        .div_ceil(COLUMN_TILES)
        .next_multiple_of(NARROWEST_TILE)
        .min(TILE_COLS)
}

impl<T: Float> Shard<T> for Local<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let (problem, k) = (request.problem, self.rows.now.cols());
        let count = self.source.rows().count();
        let columns = request.right.rows.rows();
        let keeps_cross = request.right_unchanged && problem.quadratic.is_some();
        if !keeps_cross {
            self.cross = None;
        }
        let packed = match (self.source.rows(), problem.quadratic, &self.cross) {
            (Lines::Dense(view), Some(_), None) if kernel::has_rows(view) => {
                let right = request.right.rows.as_slice();
                Some(Packed::new(right, k, &self.threads))
            }
            _ => None,
        };
        if keeps_cross && self.cross.is_none() {
            self.cross = Some(self.cross_product(request, packed.as_ref()));
        }
        self.rows.begin(request);
        let wanted = if request.statistics { columns } else { 0 };
        let mut stats = Stats::new(Parts::zeros(problem, wanted, k));
        let sees_lines = request.update && problem.lines.is_some();
        let turned = sees_lines
            .then(|| turned(&self.source.rows(), request.right))
            .flatten();
        for run in 0..count.div_ceil(self.run) {
            let ready = (packed.as_ref(), turned.as_ref());
            self.walk_run(request, ready, run, &mut stats);
            if request.statistics {
                self.gather_run(request, run, &mut stats.parts);
            }
        }
        self.rows.end(request);
        if request.statistics {
            if let Lines::Sparse(_) = self.source.rows() {
                // Lent to the gather and taken back: the rows are not copied.
                let left = Fixed {
                    rows: self.rows.take(),
                    sums: stats.sums.clone(),
                };
                self.gather_columns(request, &left, &mut stats.parts);
                self.rows.now = left.rows;
            }
            stats
                .parts
                .set_common_denominator(problem, &stats.sums.columns);
        }
        stats
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let lines = self.source.rows();
        let count = lines.count();
        let parts = self.threads.map(count.div_ceil(self.block), |index| {
            let from = index * self.block;
            let to = (from + self.block).min(count);
            let rows = self.rows.now.row_range(from, to);
            pass::divergence(elementwise, &lines, (from, to), rows, right)
        });
        parts.iter().sum()
    }

    fn holds_columns(&self) -> bool {
        true
    }

    fn meet_columns(
        &mut self,
        problem: &Problem<T>,
        _: usize,
        right: &mut [T],
        update: bool,
    ) -> LinesMet {
        let k = self.rows.now.cols();
        let (lines, threads) = (self.source.columns(), &self.threads);
        let improve = problem.lines.filter(|_| update);
        self.rows.lent(threads, |left| {
            let turned = improve.and_then(|_| turned(&lines, left));
            let line_problem = LineProblem {
                elementwise: &problem.elementwise,
                terms: &problem.right,
                other: left,
                lines: LinesOf::All(lines),
                turned: turned.as_ref(),
            };
            let blocks = threads.map_chunks(right, COLUMN_BLOCK * k, |index, rows| {
                let from = index * COLUMN_BLOCK;
                if let Some(improve) = improve {
                    return improve(&line_problem, from, rows);
                }
                let count = rows.len() / k;
                let mut parts = Parts::zeros(problem, count, k);
                let span = (from, from + count);
                pass::row_parts(problem, &lines, span, rows, (left, None), &mut parts);
                let (terms, gram) = (&problem.right, &left.sums.gram);
                let both = (&parts.numerator[..], &parts.denominator[..]);
                LinesMet {
                    violation: pass::half_step(problem, terms, gram, both, rows, k, update),
                    magnitude: pass::magnitude(problem, &parts.numerator),
                }
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
        pass::scale(&mut self.rows.now, factors);
    }

    fn into_rows(self: Box<Self>) -> Dense<T> {
        self.rows.now
    }
}
