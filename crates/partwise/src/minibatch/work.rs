//! A step: some rows of W, the cost of their batch, and what its columns say about H.

use faer::MatRef;

use super::rows::{Batch, RowsOf};
use super::rule::{Change, Rule};
use super::{MiniBatchMemory, MiniBatchNmf};
use super::{tiles, turned};
use crate::kernel::{self, Packed};
use crate::loss::{Elementwise, Weights};
use crate::matrix::{Compressed, Dense, Lines, Source, Summary, Twin};
use crate::pass::{self, Fixed, Parts, Problem, Rules, TILE_COLS, Terms};
use crate::stored::{self, Met};
use crate::threads::Threads;
use crate::{Float, Solver};

/// Rows of W in a task.
const ROWS: usize = 128;
/// Steps of the rows of a task, one after the other while their lines are in cache, when rows of W are solved for: at first and
/// near the end, and at most.
const STEPS: usize = 8;
const MOST_STEPS: usize = 32;
/// The end is near when a step changes W by no more than this multiple of the tolerance.
const NEAR: f64 = 4.0;
/// Dense lines of which the entries other than zero are in memory by columns, for one tile of them.
const THIN_LINES: usize = 1024;
/// Rows of Hᵀ in a task.
const COLUMNS: usize = 256;
/// Tiles of columns at least, where the columns allow.
const TILES: usize = 8;
/// The narrowest tile of columns in a task.
const NARROWEST_TILE: usize = 32;

/// The parts of a step that do not change from batch to batch, and Hᵀ.
pub(super) struct Work<'a, T: Float> {
    problem: Problem<T>,
    pub(super) right: Fixed<T>,
    /// Penalties of W, and of H for one row of a batch.
    alpha: (Weights, Weights),
    tolerance: f64,
    /// Whether dense lines are walked as sparse ones.
    thin: bool,
    k: usize,
    threads: &'a Threads,
}

impl<'a, T: Float> Work<'a, T> {
    /// `solves` says that rows of W are solved for, in many steps from the same lines.
    pub(super) fn new(
        parameters: &MiniBatchNmf,
        rows: &RowsOf<'_, T>,
        (seen, solves): (&Summary, bool),
        right: Dense<T>,
        threads: &'a Threads,
    ) -> Self {
        let nmf = &parameters.nmf;
        // Penalties of H grow with the rows of a batch: here those of one row.
        let alpha = nmf.penalty.weights(1, rows.v.cols());
        let unused = Terms::new(Weights::default(), 0.0, nmf.rank);
        Self {
            problem: Problem {
                rules: Rules::default(),
                // Half-steps of its own.
                solver: Solver::auto(),
                elementwise: Elementwise::new(nmf.loss, seen.mean()),
                quadratic: None,
                each: None,
                lines: None,
                left: unused.clone(),
                right: unused,
            },
            right: Fixed::new(right, threads),
            alpha,
            tolerance: nmf.tol,
            // A single step costs less than finding the entries.
            thin: solves && nmf.loss.beta() == 1.0 && seen.is_thin(),
            k: nmf.rank,
            threads,
        }
    }

    /// One step; `fresh` solves for the rows of W anew with so many steps at most. Returns the cost per row and the change
    /// of H relative to H. A and B are changed at its very end, and nothing ends that once it has begun. Before another step
    /// H is to be summed ([`Self::refresh`]).
    pub(super) fn step(
        &mut self,
        batch: &Batch<'_, T>,
        rows: &mut [T],
        fresh: Option<usize>,
        keep: f64,
        memory: &mut MiniBatchMemory<T>,
    ) -> (f64, f64) {
        let lines = batch.source.rows();
        let count = lines.count();
        let inner = match fresh {
            Some(limit) => self.solve(&lines, rows, limit),
            None => self.improve(&lines, None, rows, 1).1,
        };
        let left = Dense::from_rows(rows.to_vec(), count, self.k).expect("k entries a row");
        let left = Fixed::new(left, self.threads);
        let penalty = self.penalty(&left);
        // Where the columns do not tell their cost the rows are walked once more for it, while H is as it was.
        let divergence = (!self.costs_on_the_way(&lines))
            .then(|| self.divergence(&lines, &left, batch.squares, inner));
        let (seen, change) = self.move_right(&batch.source, &left, keep, memory);
        let cost = divergence.unwrap_or(seen) + penalty;
        (cost / count as f64, change.relative())
    }

    /// Sums H anew, which a step has moved.
    pub(super) fn refresh(&mut self) {
        self.right.refresh(self.threads);
    }

    /// Whether [`Self::move_right`] sees the reconstruction of every entry that counts.
    fn costs_on_the_way(&self, lines: &Lines<'_, T>) -> bool {
        match lines {
            Lines::Dense(_) => !self.is_quadratic(),
            Lines::Sparse(_) => self.problem.elementwise.beta == 1.0,
        }
    }

    fn is_quadratic(&self) -> bool {
        self.problem.elementwise.beta == 2.0
    }

    /// x G for some rows of a factor and the Gram matrix of the other: the denominators of a squared loss.
    fn times_gram(&self, rows: &[T], gram: &[f64]) -> Vec<T> {
        let k = self.k;
        let gram: Vec<T> = gram.iter().map(|g| T::from_f64(*g)).collect();
        let mut out = vec![T::ZERO; rows.len()];
        let rows = MatRef::from_row_major_slice(rows, rows.len() / k, k);
        kernel::times_packed(&mut out, rows, &Packed::new(&gram, k, &Threads::one()));
        out
    }

    /// The penalties of a batch in its cost. scikit-learn counts the squares whole there, not half.
    fn penalty(&self, left: &Fixed<T>) -> f64 {
        let count = left.rows.rows() as f64;
        let whole = |weights: &Weights| Weights {
            l1: weights.l1,
            l2: 2.0 * weights.l2,
        };
        left.sums.penalty(&whole(&self.alpha.0))
            + count * self.right.sums.penalty(&whole(&self.alpha.1))
    }

    /// Solves for rows of W from a constant, until a step changes them little. Returns ⟨V Hᵀ, W⟩ of a squared loss.
    pub(super) fn solve(&self, lines: &Lines<'_, T>, rows: &mut [T], limit: usize) -> f64 {
        let mean = self.mean(lines);
        rows.fill(T::from_f64((mean / self.k as f64).sqrt()));
        let cross = self.is_quadratic().then(|| self.cross(lines));
        let (mut inner, mut done) = (0.0, 0);
        let mut far = self.tolerance == 0.0;
        while done < limit {
            let steps = if far { MOST_STEPS } else { STEPS }.min(limit - done);
            let before = rows.to_vec();
            let (changes, last) = self.improve(lines, cross.as_deref(), rows, steps);
            inner = last;
            let little = |change: &Change| change.relative() <= self.tolerance;
            let settled = changes.iter().position(little);
            if let Some(at) = settled.filter(|_| self.tolerance > 0.0) {
                if at + 1 < steps {
                    // All tasks know only afterwards which step was the last.
                    rows.copy_from_slice(&before);
                    inner = self.improve(lines, cross.as_deref(), rows, at + 1).1;
                }
                break;
            }
            done += steps;
            let change = changes.last().map_or(0.0, Change::relative);
            far = change > NEAR * self.tolerance;
        }
        inner
    }

    fn mean(&self, lines: &Lines<'_, T>) -> f64 {
        let count = lines.count();
        let sums = (self.threads).map(count, |line| {
            kernel::sum(lines.stored(line, &mut Vec::new()))
        });
        sums.iter().sum::<f64>() / count as f64 / lines.length() as f64
    }

    /// The fixed factor packed for dense products of a squared loss.
    fn packed(&self, lines: &Lines<'_, T>) -> Option<Packed<T>> {
        match lines {
            Lines::Dense(view) if self.is_quadratic() && kernel::has_rows(*view) => {
                let right = self.right.rows.as_slice();
                Some(Packed::new(right, self.k, self.threads))
            }
            _ => None,
        }
    }

    /// V Hᵀ.
    fn cross(&self, lines: &Lines<'_, T>) -> Vec<T> {
        let (k, packed) = (self.k, self.packed(lines));
        let mut cross = vec![T::ZERO; lines.count() * k];
        self.threads.map_chunks(&mut cross, ROWS * k, |index, out| {
            let (from, to) = (index * ROWS, index * ROWS + out.len() / k);
            let mut parts = Parts::zeros(&self.problem, to - from, k);
            let fixed = (&self.right, packed.as_ref());
            pass::row_parts(&self.problem, lines, (from, to), &[], fixed, &mut parts);
            out.copy_from_slice(&parts.numerator);
        });
        cross
    }

    /// Multiplicative steps of rows of W. Returns how far each has moved them, and ⟨V Hᵀ, W⟩ of a squared loss, with W as it is
    /// at the end.
    fn improve(
        &self,
        lines: &Lines<'_, T>,
        cross: Option<&[T]>,
        rows: &mut [T],
        steps: usize,
    ) -> (Vec<Change>, f64) {
        let k = self.k;
        let packed = match cross {
            None => self.packed(lines),
            Some(_) => None,
        };
        let moved = self.threads.map_chunks(rows, ROWS * k, |index, rows| {
            let (from, to) = (index * ROWS, index * ROWS + rows.len() / k);
            let cross = cross.map(|cross| &cross[from * k..to * k]);
            self.with_lines(lines, (from, to), |lines, span| {
                self.improve_lines((lines, span), (cross, packed.as_ref()), rows, steps)
            })
        });
        let mut changes = vec![Change::default(); steps];
        for (moved, _) in &moved {
            let pairs = changes.iter_mut().zip(moved);
            pairs.for_each(|(sum, part)| sum.add(part));
        }
        (changes, moved.iter().map(|(_, inner)| inner).sum())
    }

    /// What is to be said of a run of lines: of those of a thin matrix by their entries other than zero.
    fn with_lines<R>(
        &self,
        lines: &Lines<'_, T>,
        (from, to): (usize, usize),
        work: impl FnOnce(&Lines<'_, T>, (usize, usize)) -> R,
    ) -> R {
        match lines {
            Lines::Dense(view) if self.thin => {
                let entries = Twin::of_dense(view.subrows(from, to - from));
                work(&Lines::Sparse(entries.view()), (0, to - from))
            }
            _ => work(lines, (from, to)),
        }
    }

    /// [`Self::improve`] for the rows of one task.
    fn improve_lines(
        &self,
        (lines, span): (&Lines<'_, T>, (usize, usize)),
        (cross, packed): (Option<&[T]>, Option<&Packed<T>>),
        rows: &mut [T],
        steps: usize,
    ) -> (Vec<Change>, f64) {
        let problem = &self.problem;
        let unit = problem.elementwise.gradient_unit();
        let rule = Rule {
            beta: problem.elementwise.beta,
            penalty: Weights {
                l1: self.alpha.0.l1 / unit,
                l2: self.alpha.0.l2 / unit,
            },
        };
        // A single step costs less than the transposed copy.
        if let Lines::Sparse(sparse) = lines
            && rule.beta == 1.0
            && steps > 1
        {
            let rules = (&problem.elementwise, &rule);
            let mut parts = Parts::zeros(problem, 0, self.k);
            parts.set_common_denominator(problem, &self.right.sums.columns);
            let fixed = (self.right.rows.as_slice(), &parts.denominator[..]);
            let moved = turned::advance(rules, (sparse, span.0), fixed, rows, steps);
            return (moved, 0.0);
        }
        let mut parts = match cross {
            None => Parts::zeros(problem, rows.len() / self.k, self.k),
            Some(_) => Parts::default(),
        };
        let mut before = rows.to_vec();
        let mut moved = Vec::with_capacity(steps);
        for _ in 0..steps {
            if cross.is_none() {
                let fixed = (&self.right, packed);
                pass::row_parts(problem, lines, span, rows, fixed, &mut parts);
            }
            let numerator = cross.unwrap_or(&parts.numerator);
            let products;
            let denominator = if self.is_quadratic() {
                products = self.times_gram(rows, &self.right.sums.gram);
                &products
            } else {
                &parts.denominator
            };
            rule.advance(numerator, denominator, rows);
            moved.push(Change::of(rows, &before));
            before.copy_from_slice(rows);
        }
        let numerator = cross.unwrap_or(&parts.numerator);
        (moved, kernel::inner(numerator, rows))
    }

    /// D of some rows.
    fn divergence(&self, lines: &Lines<'_, T>, left: &Fixed<T>, squares: f64, inner: f64) -> f64 {
        if self.is_quadratic() {
            let expanded = 0.5 * squares - inner + 0.5 * left.sums.inner(&self.right.sums);
            if expanded > T::CANCELLATION * 0.5 * squares {
                return expanded;
            }
        }
        let elementwise = &self.problem.elementwise;
        let count = lines.count();
        let parts = self.threads.map(count.div_ceil(ROWS), |index| {
            let (from, to) = (index * ROWS, ((index + 1) * ROWS).min(count));
            let rows = left.rows.row_range(from, to);
            self.with_lines(lines, (from, to), |lines, span| {
                pass::divergence(elementwise, (lines, None), span, rows, &self.right)
            })
        });
        parts.iter().sum::<f64>() * elementwise.unit()
    }

    /// D of all rows; `squares` is Σ v².
    pub(super) fn divergence_of_all(&self, all: &RowsOf<'_, T>, rows: &[T], squares: f64) -> f64 {
        let lines = all.lines(0, all.count);
        let left = Dense::from_rows(rows.to_vec(), all.count, self.k).expect("k entries a row");
        let left = Fixed::new(left, self.threads);
        let inner = match self.is_quadratic() {
            true => kernel::inner(&self.cross(&lines), rows),
            false => 0.0,
        };
        self.divergence(&lines, &left, squares, inner)
    }

    /// Adds to A and B what the columns of a batch say while W stands still, and takes H from them. Returns D where it is
    /// seen on the way, and how far H has moved. Nothing ends this on its way.
    fn move_right(
        &mut self,
        source: &Source<'_, T>,
        left: &Fixed<T>,
        keep: f64,
        memory: &mut MiniBatchMemory<T>,
    ) -> (f64, Change) {
        let k = self.k;
        let count = left.rows.rows() as f64;
        let rule = Rule {
            beta: self.problem.elementwise.beta,
            penalty: Weights {
                l1: count * self.alpha.1.l1,
                l2: count * self.alpha.1.l2,
            },
        };
        let share = (keep, self.problem.elementwise.gradient_unit());
        let columns = self.right.rows.rows();
        let width = match source {
            Source::Dense(_) => columns.div_ceil(TILES).clamp(NARROWEST_TILE, TILE_COLS),
            _ => COLUMNS,
        };
        let mut right = std::mem::replace(&mut self.right.rows, Dense::zeros(0, k));
        let a = memory.numerator.as_mut_slice().chunks_mut(width * k);
        let b = memory.denominator.as_mut_slice().chunks_mut(width * k);
        let pieces = a.zip(b).zip(right.as_mut_slice().chunks_mut(width * k));
        let threads = self.threads.clone().interruptible(None);
        let moved = threads.map_pieces(pieces.collect(), |index, ((a, b), rows)| {
            let (parts, seen) = self.column_parts(source, left, index * width, rows);
            let parts = (&parts.numerator[..], &parts.denominator[..]);
            (seen, rule.follow(parts, share, (a, b, rows)))
        });
        self.right.rows = right;
        let unit = self.problem.elementwise.unit();
        let seen = moved.iter().map(|(seen, _)| seen).sum::<f64>() * unit;
        let mut change = Change::default();
        moved.iter().for_each(|(_, part)| change.add(part));
        (seen, change)
    }

    /// The parts of the rows of Hᵀ from column `from` on, with a denominator for each entry; and D, in scaled units, where it is
    /// seen on the way.
    fn column_parts(
        &self,
        source: &Source<'_, T>,
        left: &Fixed<T>,
        from: usize,
        right: &[T],
    ) -> (Parts<T>, f64) {
        let (problem, k) = (&self.problem, self.k);
        let elementwise = &problem.elementwise;
        let (count, rows) = (right.len() / k, left.rows.as_slice());
        let mut parts = Parts::zeros(problem, count, k);
        let (mut met, mut seen) = (Met::default(), 0.0);
        let numerator = &mut parts.numerator;
        let mut add = |columns: &Compressed<'_, T>, from, rows| {
            let factors = (right, rows, k);
            stored::add_numerators(
                elementwise,
                columns,
                from,
                factors,
                numerator,
                Some(&mut met),
            );
        };
        match source.rows() {
            Lines::Dense(view) if self.is_quadratic() => {
                let tile = view.subcols(from, count);
                kernel::add_transposed_times(&mut parts.numerator, tile, rows);
            }
            Lines::Dense(view) if self.thin => {
                let tile = view.subcols(from, count);
                for first in (0..tile.nrows()).step_by(THIN_LINES) {
                    let lines = THIN_LINES.min(tile.nrows() - first);
                    let entries = Twin::of_dense(tile.subrows(first, lines));
                    let rows = left.rows.row_range(first, first + lines);
                    add(&Twin::of(&entries.view()).view(), 0, rows);
                }
                let columns = Lines::Dense(tile.transpose());
                seen = self.seen(met, (&columns, (0, count)), right, left);
            }
            Lines::Dense(view) => {
                let tile = view.subcols(from, count);
                seen = tiles::walk(elementwise, tile, (rows, right, k), &mut parts);
            }
            Lines::Sparse(_) => {
                let (columns, span) = (source.columns(), (from, from + count));
                match &columns {
                    Lines::Sparse(sparse) if elementwise.beta == 1.0 => {
                        add(sparse, from, rows);
                        seen = self.seen(met, (&columns, span), right, left);
                    }
                    _ => pass::row_parts(problem, &columns, span, right, (left, None), &mut parts),
                }
            }
        }
        parts.set_common_denominator(problem, &left.sums.columns);
        if self.is_quadratic() {
            parts.denominator = self.times_gram(right, &left.sums.gram);
        } else if parts.denominator.len() == k {
            parts.denominator = parts.denominator.repeat(count);
        }
        (parts, seen)
    }

    /// D of some columns, in scaled units, whose entries have been met: entry by entry where that cancels.
    fn seen(
        &self,
        met: Met,
        (columns, span): (&Lines<'_, T>, (usize, usize)),
        right: &[T],
        left: &Fixed<T>,
    ) -> f64 {
        let elementwise = &self.problem.elementwise;
        met.divergence(elementwise, right, &left.sums)
            .unwrap_or_else(|| {
                pass::entry_divergence(elementwise, (columns, None), span, right, left)
            })
    }
}
