//! A step: some rows of W, the cost of their batch, and what its columns say about H.

use faer::MatRef;

use super::MiniBatch;
use super::rows::{Batch, RowsOf};
use super::rule::{Change, Rule, Statistics};
use super::tiles;
use crate::kernel::{self, Packed};
use crate::loss::{Elementwise, Weights};
use crate::matrix::{Dense, Lines, Source};
use crate::pass::{self, Fixed, Parts, Problem, Rules, TILE_COLS, Terms};
use crate::threads::Threads;
use crate::{Float, Solver};

/// Rows of W in a task.
const ROWS: usize = 128;
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
    k: usize,
    threads: &'a Threads,
}

impl<'a, T: Float> Work<'a, T> {
    pub(super) fn new(
        parameters: &MiniBatch,
        rows: &RowsOf<'_, T>,
        mean: f64,
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
                elementwise: Elementwise::new(nmf.loss, mean),
                quadratic: None,
                lines: None,
                left: unused.clone(),
                right: unused,
            },
            right: Fixed::new(right, threads),
            alpha,
            tolerance: nmf.tolerance,
            k: nmf.rank,
            threads,
        }
    }

    /// One step; `fresh` solves for the rows of W anew with so many steps at most. Returns the cost per row and the change
    /// of H relative to H.
    pub(super) fn step(
        &mut self,
        batch: &Batch<'_, T>,
        rows: &mut [T],
        fresh: Option<usize>,
        keep: f64,
        sums: &mut Statistics<T>,
    ) -> (f64, f64) {
        let lines = batch.source.rows();
        let count = lines.count();
        let inner = match fresh {
            Some(limit) => self.solve(&lines, rows, limit),
            None => self.improve(&lines, None, rows),
        };
        let left = Dense::from_rows(rows.to_vec(), count, self.k).expect("k entries a row");
        let left = Fixed::new(left, self.threads);
        let penalty = self.penalty(&left);
        // Sparse rows are walked once more for their cost, while H is as it was.
        let divergence = (!self.costs_on_the_way(&batch.source))
            .then(|| self.divergence(&lines, &left, batch.squares, inner));
        let (seen, change) = self.move_right(&batch.source, &left, keep, sums);
        let cost = divergence.unwrap_or(seen) + penalty;
        (cost / count as f64, change.relative())
    }

    /// Whether [`Self::move_right`] sees the reconstruction of every entry.
    fn costs_on_the_way(&self, source: &Source<'_, T>) -> bool {
        matches!(source, Source::Dense(_)) && !self.is_quadratic()
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
        kernel::times(&mut out, rows, MatRef::from_row_major_slice(&gram, k, k));
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
        let mut before = rows.to_vec();
        let mut inner = 0.0;
        for _ in 0..limit {
            inner = self.improve(lines, cross.as_deref(), rows);
            if self.tolerance > 0.0 && Change::of(rows, &before).relative() <= self.tolerance {
                break;
            }
            before.copy_from_slice(rows);
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

    /// One multiplicative step of rows of W. Returns ⟨V Hᵀ, W⟩ of a squared loss, with W as it is then.
    fn improve(&self, lines: &Lines<'_, T>, cross: Option<&[T]>, rows: &mut [T]) -> f64 {
        let (problem, k) = (&self.problem, self.k);
        let packed = match cross {
            None => self.packed(lines),
            Some(_) => None,
        };
        let unit = problem.elementwise.gradient_unit();
        let rule = Rule {
            beta: problem.elementwise.beta,
            penalty: Weights {
                l1: self.alpha.0.l1 / unit,
                l2: self.alpha.0.l2 / unit,
            },
        };
        let inner = self.threads.map_chunks(rows, ROWS * k, |index, rows| {
            let (from, to) = (index * ROWS, index * ROWS + rows.len() / k);
            let mut parts = Parts::default();
            let numerator = match cross {
                Some(cross) => &cross[from * k..to * k],
                None => {
                    parts = Parts::zeros(problem, to - from, k);
                    let fixed = (&self.right, packed.as_ref());
                    pass::row_parts(problem, lines, (from, to), rows, fixed, &mut parts);
                    &parts.numerator
                }
            };
            let products;
            let denominator = if self.is_quadratic() {
                products = self.times_gram(rows, &self.right.sums.gram);
                &products
            } else {
                &parts.denominator
            };
            rule.advance(numerator, denominator, rows);
            kernel::inner(numerator, rows)
        });
        inner.iter().sum()
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
            pass::divergence(elementwise, (lines, None), (from, to), rows, &self.right)
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
    /// seen on the way, and how far H has moved.
    fn move_right(
        &mut self,
        source: &Source<'_, T>,
        left: &Fixed<T>,
        keep: f64,
        sums: &mut Statistics<T>,
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
        let Statistics {
            numerator,
            denominator,
        } = sums;
        let mut right = std::mem::replace(&mut self.right.rows, Dense::zeros(0, k));
        let a = numerator.as_mut_slice().chunks_mut(width * k);
        let b = denominator.as_mut_slice().chunks_mut(width * k);
        let pieces = a.zip(b).zip(right.as_mut_slice().chunks_mut(width * k));
        let moved = self
            .threads
            .map_pieces(pieces.collect(), |index, ((a, b), rows)| {
                let (parts, seen) = self.column_parts(source, left, index * width, rows);
                let parts = (&parts.numerator[..], &parts.denominator[..]);
                (seen, rule.follow(parts, share, (a, b, rows)))
            });
        self.right = Fixed::new(right, self.threads);
        let unit = self.problem.elementwise.unit();
        let seen = moved.iter().map(|(seen, _)| seen).sum::<f64>() * unit;
        (
            seen,
            Change::sum(moved.into_iter().map(|(_, change)| change)),
        )
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
        let count = right.len() / k;
        let mut parts = Parts::zeros(problem, count, k);
        let mut seen = 0.0;
        match source.rows() {
            Lines::Dense(view) => {
                let tile = view.subcols(from, count);
                let rows = left.rows.as_slice();
                if self.is_quadratic() {
                    let Parts {
                        numerator,
                        denominator,
                    } = &mut parts;
                    pass::column_parts(problem, tile, rows, right, k, numerator, denominator);
                } else {
                    let elementwise = &problem.elementwise;
                    seen = tiles::walk(elementwise, tile, (rows, right, k), &mut parts);
                    parts.set_common_denominator(problem, &left.sums.columns);
                }
            }
            Lines::Sparse(_) => {
                let (lines, span) = (source.columns(), (from, from + count));
                pass::row_parts(problem, &lines, span, right, (left, None), &mut parts);
            }
        }
        if self.is_quadratic() {
            parts.denominator = self.times_gram(right, &left.sums.gram);
        } else if parts.denominator.len() == k {
            parts.denominator = parts.denominator.repeat(count);
        }
        (parts, seen)
    }
}
