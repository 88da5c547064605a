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
        let (parts, seen) = self.column_parts(&batch.source, &left);
        let divergence =
            seen.unwrap_or_else(|| self.divergence(&lines, &left, batch.squares, inner));
        let cost = divergence + self.penalty(&left);
        let change = self.move_right(&parts, &left, keep, sums);
        (cost / count as f64, change.relative())
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
        let sums = self.threads.map(count, |line| match lines {
            Lines::Dense(view) => view.row(line).iter().map(|v| v.to_f64()).sum::<f64>(),
            Lines::Sparse(sparse) => kernel::sum(sparse.row(line).values),
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
            rule.advance(numerator, denominator, rows, k);
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
            pass::divergence(elementwise, lines, (from, to), rows, &self.right)
        });
        parts.iter().sum::<f64>() * elementwise.unit()
    }

    pub(super) fn divergence_of_all(&self, all: &RowsOf<'_, T>, rows: &[T]) -> f64 {
        let lines = all.lines(0, all.count);
        let left = Dense::from_rows(rows.to_vec(), all.count, self.k).expect("k entries a row");
        let left = Fixed::new(left, self.threads);
        let (mut squares, mut inner) = (0.0, 0.0);
        if self.is_quadratic() {
            squares = lines.squares(self.threads).iter().sum();
            inner = kernel::inner(&self.cross(&lines), rows);
        }
        self.divergence(&lines, &left, squares, inner)
    }

    /// Adds what a batch says to A and B, and takes H from them; returns how far H has moved.
    fn move_right(
        &mut self,
        parts: &Parts<T>,
        left: &Fixed<T>,
        keep: f64,
        sums: &mut Statistics<T>,
    ) -> Change {
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
        let Statistics {
            numerator,
            denominator,
        } = sums;
        let mut right = std::mem::replace(&mut self.right.rows, Dense::zeros(0, k));
        let a = numerator.as_mut_slice().chunks_mut(COLUMNS * k);
        let b = denominator.as_mut_slice().chunks_mut(COLUMNS * k);
        let pieces = a.zip(b).zip(right.as_mut_slice().chunks_mut(COLUMNS * k));
        let changes = self
            .threads
            .map_pieces(pieces.collect(), |index, ((a, b), rows)| {
                let span = index * COLUMNS * k..index * COLUMNS * k + rows.len();
                let up = &parts.numerator[span.clone()];
                let products;
                let down = if self.is_quadratic() {
                    products = self.times_gram(rows, &left.sums.gram);
                    &products[..]
                } else if parts.denominator.len() == k {
                    &parts.denominator[..]
                } else {
                    &parts.denominator[span]
                };
                rule.follow((up, down), share, (a, b, rows), k)
            });
        self.right = Fixed::new(right, self.threads);
        Change::sum(&changes)
    }

    /// What the columns of a batch say about H, while W stands still, and D where that was seen on the way.
    fn column_parts(&self, source: &Source<'_, T>, left: &Fixed<T>) -> (Parts<T>, Option<f64>) {
        let (problem, k) = (&self.problem, self.k);
        let columns = self.right.rows.rows();
        let mut parts = Parts::zeros(problem, columns, k);
        let width = match source {
            Source::Dense(_) => columns.div_ceil(TILES).clamp(NARROWEST_TILE, TILE_COLS),
            _ => COLUMNS,
        };
        let fill = |index: usize, numerator: &mut [T], denominator: &mut [T]| -> f64 {
            let (from, to) = (index * width, index * width + numerator.len() / k);
            let right = self.right.rows.row_range(from, to);
            match source.rows() {
                Lines::Dense(view) => {
                    let tile = view.subcols(from, to - from);
                    let rows = left.rows.as_slice();
                    if !self.is_quadratic() {
                        let sides = (rows, right, k);
                        let elementwise = &problem.elementwise;
                        return tiles::walk(elementwise, tile, sides, numerator, denominator);
                    }
                    pass::column_parts(problem, tile, rows, right, k, numerator, denominator);
                }
                Lines::Sparse(_) => {
                    let mut found = Parts::zeros(problem, to - from, k);
                    let lines = source.columns();
                    let fixed = (left, None);
                    pass::row_parts(problem, &lines, (from, to), right, fixed, &mut found);
                    numerator.copy_from_slice(&found.numerator);
                    if denominator.len() == numerator.len() {
                        denominator.copy_from_slice(&found.denominator);
                    }
                }
            }
            0.0
        };
        let Parts {
            numerator,
            denominator,
        } = &mut parts;
        let seen = if denominator.len() == numerator.len() {
            self.threads.map_chunks_of_two(
                (numerator, width * k),
                (denominator, width * k),
                |index, numerator, denominator| fill(index, numerator, denominator),
            )
        } else {
            self.threads
                .map_chunks(numerator, width * k, |index, numerator| {
                    fill(index, numerator, &mut [])
                })
        };
        parts.set_common_denominator(problem, &left.sums.columns);
        let sees = matches!(source, Source::Dense(_)) && !self.is_quadratic();
        let seen = sees.then(|| seen.iter().sum::<f64>() * problem.elementwise.unit());
        (parts, seen)
    }
}
