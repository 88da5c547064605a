//! A block of V that this process walks over, in memory or read on the way.

use faer::MatRef;

use super::piece::Rows;
use super::{Request, Shard, Stats};
use crate::Float;
use crate::archive::Archive;
use crate::constraint::Rule;
use crate::kernel::{self, Packed};
use crate::loss::Elementwise;
use crate::matrix::{
    Across, Cut, Dense, Holes, Lines, SPARSE_BLOCK, Source, Twin, Twins, column_tile,
};
use crate::pass::{self, Fixed, Parts, Problem, Sums, Terms};
use crate::stored;
use crate::threads::Threads;
use crate::update::{LineProblem, LinesMet, LinesOf, Turned};

/// Columns in a block, where the other factor is improved from them.
const COLUMN_BLOCK: usize = 32;

/// A block of V in this process.
pub(crate) struct Local<'a, T: Float> {
    source: &'a Source<'a, T>,
    /// Where the source has zeros for what is missing, if it has.
    holes: Option<&'a Holes>,
    rows: Rows<T>,
    /// V Hᵀ for a fixed H, once computed.
    cross: Option<Dense<T>>,
    /// Empty sums across the lines, kept from pass to pass: new memory would have to be cleared by the system each time.
    across: Option<Across<T>>,
    threads: Threads,
    cut: Cut,
}

impl<'a, T: Float> Local<'a, T> {
    /// `left` has a row for each row of the source.
    pub(crate) fn new(source: &'a Source<'a, T>, left: Dense<T>, threads: Threads) -> Self {
        Self::resume(source, Rows::new(left), None, threads)
    }

    /// A V that is known nearly everywhere. What the factors say of the rest stands for it, as they are in each half-step.
    pub(crate) fn filled(
        source: &'a Source<'a, T>,
        holes: &'a Holes,
        left: Dense<T>,
        threads: Threads,
    ) -> Self {
        Self {
            holes: Some(holes),
            ..Self::new(source, left, threads)
        }
    }

    /// Goes on with what [`Self::pause`] gave.
    pub(super) fn resume(
        source: &'a Source<'a, T>,
        rows: Rows<T>,
        cross: Option<Dense<T>>,
        threads: Threads,
    ) -> Self {
        Self {
            source,
            holes: None,
            rows,
            cross,
            across: None,
            threads,
            cut: source.cut(),
        }
    }

    /// The rows, and V Hᵀ where it is kept.
    pub(super) fn pause(self) -> (Rows<T>, Option<Dense<T>>) {
        (self.rows, self.cross)
    }

    /// Improves the rows of one run of lines, `first` to `last`, block by block. Where V Hᵀ is at hand the lines need not be.
    fn walk_run(
        &mut self,
        request: &Request<'_, T>,
        (packed, turned): (Option<&Packed<T>>, Option<&Turned<T>>),
        (first, last): (usize, usize),
        lines: Option<Lines<'_, T>>,
        stats: &mut Stats<T>,
    ) {
        let k = self.rows.now.cols();
        let block = self.cut.block;
        let cross = self
            .cross
            .as_ref()
            .map(|cross| cross.row_range(first, last));
        let holes = self.holes;
        let pieces = self.rows.pieces(first, last, block);
        let improve = request.problem.lines.filter(|_| request.update);
        let line_problem = lines.map(|lines| LineProblem {
            elementwise: &request.problem.elementwise,
            terms: &request.problem.left,
            other: request.right,
            lines: LinesOf::All(lines),
            turned,
        });
        let blocks = self.threads.map_pieces(pieces, |index, mut piece| {
            piece.keep(request);
            let start = index * block;
            let rows = &mut *piece.rows;
            if let (Some(improve), Some(line_problem)) = (improve, &line_problem) {
                let met = improve(line_problem, start, rows);
                return piece.finish(request, &[], met, k);
            }
            let count = rows.len() / k;
            let mut computed;
            let (numerator, denominator) = match (cross, lines) {
                (Some(cross), _) => (&cross[start * k..(start + count) * k], &[][..]),
                (None, None) => unreachable!("V is walked unless V Hᵀ is at hand"),
                (None, Some(lines)) => {
                    let (problem, fixed) = (request.problem, (request.right, packed));
                    computed = Parts::zeros(problem, count, k);
                    let span = (start, start + count);
                    pass::row_parts(problem, &lines, span, rows, fixed, &mut computed);
                    if let Some(holes) = holes {
                        let (other, sums) = (&request.right.rows, &mut computed.numerator);
                        let place = (first + start, &problem.left.penalty);
                        holes.along.fill(place, rows, other, sums);
                    }
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
        let (block, k) = (self.cut.block, self.rows.now.cols());
        let mut cross = Dense::zeros(self.source.count(), k);
        self.source.walk(self.cut.run, |first, lines| {
            let rows = &mut cross.as_mut_slice()[first * k..(first + lines.count()) * k];
            self.threads
                .map_chunks(rows, block * k, |index, numerator| {
                    let (from, count) = (index * block, numerator.len() / k);
                    let (problem, fixed) = (request.problem, (request.right, packed));
                    let mut parts = Parts::zeros(problem, count, k);
                    let span = (from, from + count);
                    pass::row_parts(problem, &lines, span, &[], fixed, &mut parts);
                    numerator.copy_from_slice(&parts.numerator);
                });
        });
        cross
    }

    /// Improves all rows by their constraint, or only looks; V Hᵀ is at hand.
    fn constrained(&mut self, rule: &Rule, request: &Request<'_, T>) -> LinesMet {
        let k = self.rows.now.cols();
        let cross = self.cross.as_ref().expect("V Hᵀ is made before");
        let (cross, problem) = (cross.as_slice(), request.problem);
        if request.keep {
            self.rows.kept = Some(self.rows.now.clone());
        }
        let both = (&request.right.sums.gram[..], cross);
        let (weights, rows) = (&problem.left.penalty, self.rows.now.as_mut_slice());
        let (threads, update) = (&self.threads, request.update);
        LinesMet {
            violation: rule.half_step(weights, both, rows, k, threads, update),
            magnitude: pass::magnitude(problem, cross),
        }
    }

    /// Adds what a run of lines says about the other factor: products of sparse lines into `across` if it is there, the rest by their
    /// twin. Those in memory have neither, and wait for the columns.
    fn gather_run(
        &self,
        request: &Request<'_, T>,
        (first, lines): (usize, Lines<'_, T>),
        (twin, across): (Option<&Twin<T>>, Option<&mut Across<T>>),
        parts: &mut Parts<T>,
    ) {
        let (right, k) = (&request.right.rows, self.rows.now.cols());
        let left = self.rows.now.row_range(first, first + lines.count());
        match (lines, twin, across) {
            (Lines::Dense(lines), ..) => self.gather_tiles(request, (first, lines), parts),
            (Lines::Sparse(run), twin, Some(across)) => {
                across.add((&run, twin), left, &self.threads);
            }
            (Lines::Sparse(_), None, None) => {}
            (Lines::Sparse(_), Some(twin), None) => {
                let (columns, length) = (twin.view(), SPARSE_BLOCK * k);
                let elementwise = &request.problem.elementwise;
                self.threads
                    .map_chunks(&mut parts.numerator, length, |index, numerator| {
                        let from = index * SPARSE_BLOCK;
                        let rows = right.row_range(from, from + numerator.len() / k);
                        stored::add_numerators(
                            elementwise,
                            &columns,
                            from,
                            (rows, left, k),
                            numerator,
                            None,
                        );
                    });
            }
        }
    }

    /// Adds what a run of dense lines says about the other factor, a tile of columns at a time.
    fn gather_tiles(
        &self,
        request: &Request<'_, T>,
        (first, lines): (usize, MatRef<'_, T>),
        parts: &mut Parts<T>,
    ) {
        let (problem, k) = (request.problem, self.rows.now.cols());
        let left = self.rows.now.row_range(first, first + lines.nrows());
        let width = column_tile(lines.ncols());
        let right = &request.right.rows;
        let tile = |index: usize| -> (MatRef<'_, T>, &[T]) {
            let from = index * width;
            let to = (from + width).min(lines.ncols());
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

    /// ½ Σ (v − y)² over what is known of a sparse V, by expansion; `None` if that has lost its digits.
    fn known_loss(&self, holes: &Holes, right: &Fixed<T>) -> Option<f64> {
        let (lines, rows) = (self.source.rows(), &self.rows.now);
        let (block, k) = (self.cut.block, rows.cols());
        let parts = self.threads.map(rows.rows().div_ceil(block), |index| {
            let (from, to) = (index * block, ((index + 1) * block).min(rows.rows()));
            let (left, lines) = (rows.row_range(from, to), lines.range(from, to));
            let mut cross = vec![T::ZERO; (to - from) * k];
            lines.times_into(&mut cross, &right.rows, to - from, &Threads::one());
            let filled = holes.along.squares(from, left, &right.rows);
            kernel::inner(&cross, left) + 0.5 * filled
        });
        let (half_squares, taken) = (0.5 * holes.squares, parts.iter().sum::<f64>());
        let all = 0.5 * Sums::over(rows, &self.threads).inner(&right.sums);
        let expanded = half_squares - taken + all;
        (expanded > T::CANCELLATION * half_squares.max(all)).then_some(expanded)
    }

    /// What no entry of a sparse matrix says about the other factor: its denominators, where each row has its own.
    fn weigh_columns(&self, request: &Request<'_, T>, left: &Fixed<T>, parts: &mut Parts<T>) {
        let (problem, k) = (request.problem, left.rows.cols());
        if parts.denominator.len() != parts.numerator.len() {
            return;
        }
        let length = SPARSE_BLOCK * k;
        self.threads
            .map_chunks(&mut parts.denominator, length, |index, denominator| {
                let from = index * SPARSE_BLOCK;
                let rows = &request.right.rows;
                let rows = rows.row_range(from, from + denominator.len() / k);
                pass::weights_of_all_columns(problem, rows, left, denominator);
            });
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

impl<T: Float> Shard<T> for Local<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let (problem, k) = (request.problem, self.rows.now.cols());
        let columns = request.right.rows.rows();
        let rule = problem.rules.left.as_ref();
        // What stands for missing entries changes with the rows.
        let keeps = request.right_unchanged && self.holes.is_none();
        let keeps_cross = rule.is_some() || keeps && problem.quadratic.is_some();
        if !request.right_unchanged {
            self.cross = None;
        }
        if !keeps_cross {
            self.cross = None;
        }
        let products =
            self.source.has_dense_rows() && problem.quadratic.is_some() && self.cross.is_none();
        let packed = products.then(|| {
            let right = request.right.rows.as_slice();
            Packed::new(right, k, &self.threads)
        });
        if keeps_cross && self.cross.is_none() {
            self.cross = Some(self.cross_product(request, packed.as_ref()));
        }
        self.rows.begin(request);
        // A constrained factor is improved as a whole; the walk then looks at what it has become.
        let (met, request) = match rule {
            None => (None, request),
            Some(rule) => (
                Some(self.constrained(rule, request)),
                &request.only_looking(),
            ),
        };
        let wanted = if request.statistics { columns } else { 0 };
        let mut stats = Stats::new(Parts::zeros(problem, wanted, k));
        let sees_lines = request.update && problem.lines.is_some() && !self.source.is_sparse();
        let turned = sees_lines.then(|| Turned::of(&request.right.rows));
        let ready = (packed.as_ref(), turned.as_ref());
        let (source, run) = (self.source, self.cut.run);
        let squared = problem.elementwise.beta == 2.0;
        let sums_across = source.is_sparse() && !source.has_columns() && squared;
        let mut across = (sums_across && request.statistics).then(|| {
            let kept = self.across.take();
            kept.unwrap_or_else(|| Across::new(columns, k))
        });
        if self.cross.is_some() && !request.statistics {
            let count = source.count();
            for first in (0..count).step_by(run) {
                let last = (first + run).min(count);
                self.walk_run(request, ready, (first, last), None, &mut stats);
            }
        } else {
            let threads = self.threads.clone();
            let twins = match (request.statistics, squared) {
                (false, _) => Twins::None,
                (true, true) => Twins::Kept(&threads),
                (true, false) => Twins::All(&threads),
            };
            source.walk_with_twins(run, twins, |first, lines, twin| {
                // Tiles may be longer than runs, of which every block has statistics of its own.
                for from in (0..lines.count()).step_by(run) {
                    let to = (from + run).min(lines.count());
                    let (span, lines) = ((first + from, first + to), lines.range(from, to));
                    self.walk_run(request, ready, span, Some(lines), &mut stats);
                }
                if request.statistics {
                    let part = (first, lines);
                    self.gather_run(request, part, (twin, across.as_mut()), &mut stats.parts);
                }
            });
        }
        self.rows.end(request);
        if let Some(met) = met {
            (stats.violation, stats.magnitude) = (met.violation, met.magnitude);
        }
        if request.statistics {
            if self.source.is_sparse() {
                // Lent to the gather and taken back: the rows are not copied.
                let left = Fixed {
                    rows: self.rows.take(),
                    sums: stats.sums.clone(),
                };
                if source.has_columns() {
                    self.gather_columns(request, &left, &mut stats.parts);
                } else if let Some(mut across) = across {
                    across.finish(&mut stats.parts.numerator, &self.threads);
                    self.across = Some(across);
                } else {
                    self.weigh_columns(request, &left, &mut stats.parts);
                }
                self.rows.now = left.rows;
            }
            if let Some(holes) = self.holes {
                let (left, right) = (&self.rows.now, &request.right.rows);
                let sums = &mut stats.parts.numerator;
                self.threads
                    .map_chunks(sums, COLUMN_BLOCK * k, |index, sums| {
                        let from = index * COLUMN_BLOCK;
                        let rows = right.row_range(from, from + sums.len() / k);
                        holes
                            .across
                            .fill((from, &problem.right.penalty), rows, left, sums);
                    });
            }
            stats
                .parts
                .set_common_denominator(problem, &stats.sums.columns);
        }
        stats
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let block = self.cut.block;
        let known = self.holes.filter(|_| self.source.is_sparse());
        if let Some(found) = known.and_then(|holes| self.known_loss(holes, right)) {
            return found;
        }
        let mut total = 0.0;
        self.source.walk(self.cut.run, |first, lines| {
            let count = lines.count();
            let parts = self.threads.map(count.div_ceil(block), |index| {
                let (from, to) = (index * block, ((index + 1) * block).min(count));
                let rows = self.rows.now.row_range(first + from, first + to);
                let absent = self.holes.map(|holes| (&holes.along, first));
                pass::divergence(elementwise, (&lines, absent), (from, to), rows, right)
            });
            // One after another, so that runs have no say in the order.
            total = parts.iter().fold(total, |total, part| total + part);
        });
        total
    }

    fn counts_all(&self) -> bool {
        self.holes.is_none()
    }

    fn penalty(&self, terms: &Terms, sums: &Sums) -> f64 {
        terms.penalty_over(&self.rows.now, sums, &self.threads)
    }

    fn holds_columns(&self) -> bool {
        // What is missing of them is for the statistics to fill.
        self.source.has_columns() && self.holes.is_none()
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
            let dense = matches!(lines, Lines::Dense(_));
            // A solver that sees dense lines needs the fixed factor transposed.
            let turned = improve.filter(|_| dense).map(|_| Turned::of(&left.rows));
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
        self.rows.scale(factors);
    }

    fn archive(&mut self, archive: &mut Archive<'_>) {
        self.rows.archive(archive);
    }

    fn into_rows(self: Box<Self>) -> Dense<T> {
        self.rows.now
    }
}
