//! Half-steps: what a block of lines of V says about a block of rows of one factor.
//!
//! While one factor H stands still, each row x of the other is improved from its own line v of V:
//!
//! - squared loss: the right-hand side v Hᵀ, with the Gram matrix H Hᵀ;
//! - other β: the numerator (v · y^(β−2)) Hᵀ and the denominator y^(β−1) Hᵀ with y = x H (for β = 1 the row sums of H).
//!
//! The same parts for H are sums over the lines, so a walk over blocks of lines can gather them on its way:
//! [`column_parts`] adds those of one tile of columns. A sparse V is walked by its columns instead, where gathering
//! is cheap and scattering is not.

use std::sync::Arc;

use faer::MatRef;

use crate::archive::Archive;
use crate::constraint::Rule;
use crate::kernel::{self, Packed, vectorised};
use crate::loss::{Elementwise, Weights, wide};
use crate::matrix::{Dense, Lines};
use crate::stored;
use crate::threads::Threads;
use crate::update::{LinesFn, MultiplicativeRule, Quadratic, QuadraticFn, settle};
use crate::{Float, Loss, Solver};

/// Rows and columns of a tile of the reconstruction: it and its line of V stay in the second-level cache.
const TILE_ROWS: usize = 64;
pub(crate) const TILE_COLS: usize = 256;
/// Rows for one partial Gram matrix.
const GRAM_ROWS: usize = 1024;

/// What is minimised and how, in the orientation that V is walked in.
#[derive(Clone)]
pub(crate) struct Problem<T: Float> {
    /// Whose half-steps they are.
    pub(crate) solver: Solver,
    pub(crate) elementwise: Elementwise<T>,
    /// The half-step of the squared loss; every other loss takes the multiplicative rule.
    pub(crate) quadratic: Option<QuadraticFn<T>>,
    /// The half-step that sees the lines of V, where the solver has one: it takes the place of the multiplicative rule
    /// wherever V is at hand.
    pub(crate) lines: Option<LinesFn<T>>,
    /// The factor that goes with the lines, and the other one.
    pub(crate) left: Terms,
    pub(crate) right: Terms,
    pub(crate) rules: Rules,
}

/// The half-steps of factors that are constrained: they take the place of the solver's.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) left: Option<Rule>,
    pub(crate) right: Option<Rule>,
    /// What the right factor's constraint adds to the curvature of each component of the left one, if it adds anything.
    pub(crate) ties: Option<Arc<[f64]>>,
}

impl Rules {
    /// Whether nothing is constrained.
    pub(crate) fn are_none(&self) -> bool {
        self.left.is_none() && self.right.is_none()
    }
}

impl<T: Float> Problem<T> {
    /// A problem by the names of its parts; `mean` is that of V, and the terms are those of the left and the right factor.
    pub(crate) fn new(
        solver: Solver,
        loss: Loss,
        mean: f64,
        (left, right): (Terms, Terms),
    ) -> Self {
        Self {
            solver,
            elementwise: Elementwise::new(loss, mean),
            quadratic: solver.quadratic().filter(|_| loss.is_quadratic()),
            lines: solver.lines(loss),
            left,
            right,
            rules: Rules::default(),
        }
    }

    /// The same, where the right factor's constraint says this to the components of the left one.
    pub(crate) fn tied(&self, ties: Vec<f64>) -> Self {
        let mut problem = self.clone();
        if let Some(rule) = &mut problem.rules.left {
            rule.ties.clone_from(&ties);
        }
        problem.rules.ties = Some(ties.into());
        problem
    }

    /// Whether a component may pass scale from one factor to the other at no cost.
    pub(crate) fn is_free(&self) -> bool {
        let free = |terms: &Terms| {
            let unpriced = terms.penalty == Weights::default() && terms.prices.is_none();
            unpriced && terms.movable.is_none()
        };
        free(&self.left) && free(&self.right)
    }
}

/// What a half-step needs to know of its factor.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) penalty: Weights,
    /// An L1 penalty of each component beside that of all, if there are any.
    pub(crate) prices: Option<Arc<[f64]>>,
    /// See [`Quadratic::sweeps`].
    pub(crate) sweeps: usize,
    /// The components that may move, in order; all of them if `None`.
    pub(crate) movable: Option<Arc<[usize]>>,
}

impl Terms {
    /// The terms of a factor with rows of k entries, each made from `walked` entries of V.
    pub(crate) fn new(penalty: Weights, walked: f64, k: usize) -> Self {
        /// Sweeps that never pay.
        const MOST: f64 = 30.0;
        /// The share of a pass that sweeps may cost.
        const SHARE: f64 = 0.5;
        // A line costs two products of `walked` × k, a sweep one of k × k.
        let price = 2.0 * walked / k as f64;
        Self {
            penalty,
            prices: None,
            sweeps: (1.0 + SHARE * price).min(MOST) as usize,
            movable: None,
        }
    }

    /// The same with an L1 penalty of each component.
    pub(crate) fn priced(self, prices: Option<Arc<[f64]>>) -> Self {
        Self { prices, ..self }
    }

    /// The L1 penalty of a component.
    pub(crate) fn l1(&self, component: usize) -> f64 {
        let price = self.prices.as_ref().map_or(0.0, |prices| prices[component]);
        self.penalty.l1 + price
    }

    /// The penalty of a factor with these sums.
    pub(crate) fn penalty_of(&self, sums: &Sums) -> f64 {
        let prices = self.prices.iter().flat_map(|prices| prices.iter());
        let priced: f64 = prices.zip(&sums.columns).map(|(a, b)| a * b).sum();
        sums.penalty(&self.penalty) + priced
    }

    /// The same with a limit on sweeps.
    pub(crate) fn at_most(&self, sweeps: usize) -> Self {
        Self {
            sweeps: self.sweeps.min(sweeps),
            ..self.clone()
        }
    }

    /// Makes a row zero, as far as it may move.
    pub(crate) fn clear<T: Float>(&self, row: &mut [T]) {
        match &self.movable {
            None => row.fill(T::ZERO),
            Some(movable) => movable.iter().for_each(|&t| row[t] = T::ZERO),
        }
    }

    /// The same, with `held` of k components at rest.
    pub(crate) fn holding(self, held: &[usize], k: usize) -> Self {
        let movable: Vec<_> = (0..k).filter(|t| !held.contains(t)).collect();
        Self {
            movable: Some(movable.into()).filter(|_| !held.is_empty()),
            ..self
        }
    }
}

/// A factor (rows × k) that stands still, with the sums that its half-step needs.
#[derive(Clone, Debug)]
pub(crate) struct Fixed<T> {
    pub(crate) rows: Dense<T>,
    pub(crate) sums: Sums,
}

/// Gram matrix (k × k), column sums (k) and sum of squares of a factor, in double precision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) gram: Vec<f64>,
    pub(crate) columns: Vec<f64>,
}

impl Sums {
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.floats(&mut self.gram);
        archive.floats(&mut self.columns);
    }

    /// The sums of a block of rows.
    pub(crate) fn of<T: Float>(rows: &[T], k: usize) -> Self {
        let gram = kernel::gram(rows, k).iter().map(|x| x.to_f64()).collect();
        let columns = kernel::column_sums(rows, k);
        Self { gram, columns }
    }

    /// The sums of all rows.
    pub(crate) fn over<T: Float>(rows: &Dense<T>, threads: &Threads) -> Self {
        let (count, k) = (rows.rows(), rows.cols());
        let parts = threads.map(count.div_ceil(GRAM_ROWS), |task| {
            let to = ((task + 1) * GRAM_ROWS).min(count);
            Self::of(rows.row_range(task * GRAM_ROWS, to), k)
        });
        let mut sums = Self::default();
        parts.iter().for_each(|part| sums.add(part));
        sums
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.columns.is_empty() {
            self.clone_from(other);
            return;
        }
        let add = |to: &mut [f64], from: &[f64]| {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        };
        add(&mut self.gram, &other.gram);
        add(&mut self.columns, &other.columns);
    }

    /// The penalty of the factor.
    pub(crate) fn penalty(&self, weights: &Weights) -> f64 {
        weights.of(self.columns.iter().sum(), self.squares().sum())
    }

    /// Σ x² of each column.
    pub(crate) fn squares(&self) -> impl Iterator<Item = f64> {
        let k = self.columns.len();
        (0..k).map(move |t| self.gram[t * k + t])
    }

    /// ⟨G, other G⟩ = ‖W H‖² for the Gram matrices of W and Hᵀ.
    pub(crate) fn inner(&self, other: &Self) -> f64 {
        self.gram.iter().zip(&other.gram).map(|(a, b)| a * b).sum()
    }
}

impl<T: Float> Fixed<T> {
    pub(crate) fn new(rows: Dense<T>, threads: &Threads) -> Self {
        let mut fixed = Self {
            rows,
            sums: Sums::default(),
        };
        fixed.refresh(threads);
        fixed
    }

    /// The rows, of a known shape, and their sums.
    pub(crate) fn archive(archive: &mut Archive<'_>, fixed: &mut Self) {
        archive.dense(&mut fixed.rows);
        fixed.sums.archive(archive);
    }

    /// Sums the rows anew after they have changed.
    pub(crate) fn refresh(&mut self, threads: &Threads) {
        self.sums = Sums::over(&self.rows, threads);
    }
}

/// The data's part of a half-step for some rows: `numerator` (r × k), and `denominator` with a row for each row, with
/// one row for all (β = 1), or empty (β = 2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts<T> {
    pub(crate) numerator: Vec<T>,
    pub(crate) denominator: Vec<T>,
}

impl<T: Float> Parts<T> {
    /// Zeros for `rows` rows.
    pub(crate) fn zeros(problem: &Problem<T>, rows: usize, k: usize) -> Self {
        let denominator = match problem.elementwise.beta {
            2.0 => 0,
            1.0 => k,
            _ => rows * k,
        };
        Self {
            numerator: vec![T::ZERO; rows * k],
            denominator: vec![T::ZERO; denominator],
        }
    }

    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.floats(&mut self.numerator);
        archive.floats(&mut self.denominator);
    }

    /// Denominators of the Kullback–Leibler loss: the column sums of the fixed factor.
    pub(crate) fn set_common_denominator(&mut self, problem: &Problem<T>, columns: &[f64]) {
        if problem.elementwise.beta == 1.0 {
            for (to, &sum) in self.denominator.iter_mut().zip(columns) {
                *to = T::from_f64(sum);
            }
        }
    }
}

/// Improves `rows` from their parts, or only looks when `update` is false. Returns the sum of |projected gradient|
/// met, in the units of the objective.
pub(crate) fn half_step<T: Float>(
    problem: &Problem<T>,
    terms: &Terms,
    gram: &[f64],
    parts: (&[T], &[T]),
    rows: &mut [T],
    k: usize,
    update: bool,
) -> f64 {
    if let Some(movable) = &terms.movable {
        let part = Part::new(movable, gram, parts, rows, k);
        let (mut moved, terms) = (
            part.rows.clone(),
            Terms {
                movable: None,
                prices: terms
                    .prices
                    .as_ref()
                    .map(|prices| movable.iter().map(|&t| prices[t]).collect()),
                ..terms.clone()
            },
        );
        let (gram, sums) = (&part.gram, (&part.numerator[..], &part.denominator[..]));
        let width = movable.len();
        let violation = half_step(problem, &terms, gram, sums, &mut moved, width, update);
        part.put(&moved, rows);
        return violation;
    }
    let (numerator, denominator) = parts;
    let weights = &terms.penalty;
    if let Some(prices) = &terms.prices {
        let (data, terms) = (
            parts,
            Terms {
                prices: None,
                ..terms.clone()
            },
        );
        let (numerator, denominator) = priced(problem, prices, data);
        let parts = (&numerator[..], &denominator[..]);
        return half_step(problem, &terms, gram, parts, rows, k, update);
    }
    if let Some(solve) = problem.quadratic {
        // A curvature without full precision would send its coordinate anywhere.
        let precise = |g: &f64| *g >= T::MIN_POSITIVE.to_f64();
        let mut gram: Vec<T> = gram
            .iter()
            .map(|g| if precise(g) { T::from_f64(*g) } else { T::ZERO })
            .collect();
        for t in 0..k {
            let tie = problem.rules.ties.as_ref().map_or(0.0, |ties| ties[t]);
            gram[t * k + t] += T::from_f64(weights.l2 + tie);
        }
        let quadratic = Quadratic {
            gram: &gram,
            l1: T::from_f64(weights.l1),
            k,
            sweeps: terms.sweeps,
        };
        if update {
            solve(&quadratic, numerator, rows)
        } else {
            quadratic.violation(numerator, rows)
        }
    } else {
        let unit = problem.elementwise.gradient_unit();
        let scaled = Weights {
            l1: weights.l1 / unit,
            l2: weights.l2 / unit,
        };
        let rule = MultiplicativeRule::new(problem.elementwise.beta, scaled);
        let violation = if update {
            rule.update(numerator, denominator, rows)
        } else {
            rule.violation(numerator, denominator, rows)
        };
        violation * unit
    }
}

/// The parts with an L1 penalty of each component in them: of a right-hand side it is taken off, to a denominator it is added.
fn priced<T: Float>(
    problem: &Problem<T>,
    prices: &[f64],
    (numerator, denominator): (&[T], &[T]),
) -> (Vec<T>, Vec<T>) {
    let plus = |values: &[T], unit: f64| -> Vec<T> {
        let lines = values.chunks_exact(prices.len());
        let pairs = lines.flat_map(|line| line.iter().zip(prices));
        pairs
            .map(|(x, price)| T::from_f64(x.to_f64() + price * unit))
            .collect()
    };
    if problem.quadratic.is_some() {
        (plus(numerator, -1.0), denominator.to_vec())
    } else {
        let unit = problem.elementwise.gradient_unit().recip();
        (numerator.to_vec(), plus(denominator, unit))
    }
}

/// The part of a half-step that is about some of the components, while the others rest.
struct Part<'a, T> {
    movable: &'a [usize],
    k: usize,
    gram: Vec<f64>,
    numerator: Vec<T>,
    denominator: Vec<T>,
    rows: Vec<T>,
}

impl<'a, T: Float> Part<'a, T> {
    fn new(
        movable: &'a [usize],
        gram: &[f64],
        (numerator, denominator): (&[T], &[T]),
        rows: &[T],
        k: usize,
    ) -> Self {
        let pick = |values: &[T]| -> Vec<T> {
            let lines = values.chunks_exact(k);
            lines
                .flat_map(|line| movable.iter().map(|&t| line[t]))
                .collect()
        };
        let mut numerator = pick(numerator);
        if !gram.is_empty() && denominator.is_empty() {
            // What the components at rest explain is not left for the others.
            let resting: Vec<_> = (0..k).filter(|t| !movable.contains(t)).collect();
            let lines = numerator.chunks_exact_mut(movable.len().max(1));
            for (b, x) in lines.zip(rows.chunks_exact(k)) {
                for (b, &t) in b.iter_mut().zip(movable) {
                    let taken = resting.iter().map(|&s| x[s].to_f64() * gram[s * k + t]);
                    *b -= T::from_f64(taken.sum());
                }
            }
        }
        let pairs = movable
            .iter()
            .flat_map(|&s| movable.iter().map(move |&t| s * k + t));
        Self {
            movable,
            k,
            gram: pairs.filter_map(|at| gram.get(at).copied()).collect(),
            numerator,
            denominator: pick(denominator),
            rows: pick(rows),
        }
    }

    fn put(&self, moved: &[T], rows: &mut [T]) {
        let lines = moved.chunks_exact(self.movable.len().max(1));
        for (row, line) in rows.chunks_exact_mut(self.k).zip(lines) {
            for (&t, &x) in self.movable.iter().zip(line) {
                row[t] = x;
            }
        }
    }
}

/// Carries rows on beyond their step from `previous`, by a share of it, and remembers where they stood.
pub(crate) fn extrapolate<T: Float>(
    problem: &Problem<T>,
    rows: &mut [T],
    previous: &mut [T],
    share: f64,
) {
    /// What must be left of an entry where a divergence of nothing from something would be infinite.
    const LEFT: f64 = 0.1;
    let left = if problem.quadratic.is_some() {
        0.0
    } else {
        LEFT
    };
    let (share, left) = (T::from_f64(share), T::from_f64(left));
    vectorised(|| {
        for (x, previous) in rows.iter_mut().zip(previous) {
            let step = *x - *previous;
            *previous = *x;
            *x = settle((*x + share * step).max(left * *x));
        }
    });
}

/// Multiplies each column of some rows.
pub(crate) fn scale<T: Float>(rows: &mut Dense<T>, factors: &[T]) {
    for row in rows.as_mut_slice().chunks_exact_mut(factors.len()) {
        for (x, &factor) in row.iter_mut().zip(factors) {
            *x = settle(*x * factor);
        }
    }
}

/// Σ of the data's part of the gradient, in the units of the objective.
pub(crate) fn magnitude<T: Float>(problem: &Problem<T>, numerator: &[T]) -> f64 {
    kernel::sum(numerator) * problem.elementwise.gradient_unit()
}

/// Fills the parts of the rows that belong to lines `from..to`, while `fixed` stands still. For the squared loss they
/// do not depend on `rows`, which may be empty, and dense lines take a `packed` copy of the fixed factor if there is one.
pub(crate) fn row_parts<T: Float>(
    problem: &Problem<T>,
    lines: &Lines<'_, T>,
    (from, to): (usize, usize),
    rows: &[T],
    (fixed, packed): (&Fixed<T>, Option<&Packed<T>>),
    parts: &mut Parts<T>,
) {
    let k = fixed.rows.cols();
    let beta = problem.elementwise.beta;
    parts.set_common_denominator(problem, &fixed.sums.columns);
    match (lines, beta == 2.0) {
        (Lines::Dense(view), true) => {
            let block = view.subrows(from, to - from);
            match packed {
                Some(packed) => kernel::times_packed(&mut parts.numerator, block, packed),
                None => kernel::times(&mut parts.numerator, block, fixed.rows.view()),
            }
        }
        (Lines::Dense(view), false) => {
            parts.numerator.fill(T::ZERO);
            if beta != 1.0 {
                parts.denominator.fill(T::ZERO);
            }
            let block = view.subrows(from, to - from);
            for column in (0..view.ncols()).step_by(TILE_COLS) {
                let width = TILE_COLS.min(view.ncols() - column);
                let tile = block.subcols(column, width);
                let other = fixed.rows.row_range(column, column + width);
                for_each_tile(
                    problem,
                    Some(tile),
                    rows,
                    other,
                    k,
                    |start, ratio, weight| {
                        let span = start * k..start * k + ratio.nrows() * k;
                        let other = MatRef::from_row_major_slice(other, width, k);
                        kernel::add_times(&mut parts.numerator[span.clone()], ratio, other);
                        if let Some(weight) = weight {
                            kernel::add_times(&mut parts.denominator[span], weight, other);
                        }
                    },
                );
            }
        }
        (Lines::Sparse(sparse), true) => {
            let other = fixed.rows.as_slice();
            kernel::gather_lines(&mut parts.numerator, sparse, from, other, k);
        }
        (Lines::Sparse(sparse), false) => {
            let numerator = &mut parts.numerator;
            numerator.fill(T::ZERO);
            let other = fixed.rows.as_slice();
            stored::add_numerators(
                &problem.elementwise,
                sparse,
                from,
                rows,
                other,
                numerator,
                k,
            );
            if beta != 1.0 {
                weights_of_all_columns(problem, rows, fixed, &mut parts.denominator);
            }
        }
    }
}

/// Σ y^(β−1) h over every column, stored or not: the denominator that a sparse line does not show.
pub(crate) fn weights_of_all_columns<T: Float>(
    problem: &Problem<T>,
    rows: &[T],
    fixed: &Fixed<T>,
    denominator: &mut [T],
) {
    let (columns, k) = (fixed.rows.rows(), fixed.rows.cols());
    denominator.fill(T::ZERO);
    for column in (0..columns).step_by(TILE_COLS) {
        let width = TILE_COLS.min(columns - column);
        let other = fixed.rows.row_range(column, column + width);
        for_each_tile(problem, None, rows, other, k, |start, _, weight| {
            if let Some(weight) = weight {
                let span = start * k..start * k + weight.nrows() * k;
                let other = MatRef::from_row_major_slice(other, width, k);
                kernel::add_times(&mut denominator[span], weight, other);
            }
        });
    }
}

/// Adds to the parts of a tile of columns of a dense V what its lines say, with their rows `left` (r × k) as they
/// stand. `right` are the rows of the other factor for these columns.
pub(crate) fn column_parts<T: Float>(
    problem: &Problem<T>,
    tile: MatRef<'_, T>,
    left: &[T],
    right: &[T],
    k: usize,
    numerator: &mut [T],
    denominator: &mut [T],
) {
    if problem.elementwise.beta == 2.0 {
        kernel::add_transposed_times(numerator, tile, left);
        return;
    }
    for_each_tile(
        problem,
        Some(tile),
        left,
        right,
        k,
        |start, ratio, weight| {
            let rows = &left[start * k..start * k + ratio.nrows() * k];
            kernel::add_transposed_times(numerator, ratio, rows);
            if let Some(weight) = weight {
                kernel::add_transposed_times(denominator, weight, rows);
            }
        },
    );
}

/// Walks a tile of V (or of the reconstruction alone) a few rows at a time, and hands over the first row, v·y^(β−2)
/// and, where the loss needs it, y^(β−1).
fn for_each_tile<T: Float>(
    problem: &Problem<T>,
    tile: Option<MatRef<'_, T>>,
    left: &[T],
    right: &[T],
    k: usize,
    mut visit: impl FnMut(usize, MatRef<'_, T>, Option<MatRef<'_, T>>),
) {
    let (count, width) = (left.len() / k, right.len() / k);
    let right = MatRef::from_row_major_slice(right, width, k);
    let needs_weight = problem.elementwise.beta != 1.0;
    let size = TILE_ROWS.min(count) * width;
    let (mut v, mut ratio) = (vec![T::ZERO; size], vec![T::ZERO; size]);
    let mut weight = vec![T::ZERO; if needs_weight { size } else { 0 }];
    for start in (0..count).step_by(TILE_ROWS) {
        let rows = TILE_ROWS.min(count - start);
        let size = rows * width;
        let left = MatRef::from_row_major_slice(&left[start * k..(start + rows) * k], rows, k);
        kernel::outer(&mut ratio[..size], left, right);
        if needs_weight {
            weight[..size].copy_from_slice(&ratio[..size]);
            wide::weight(&problem.elementwise, &mut weight[..size]);
        }
        if let Some(tile) = tile {
            let lines = kernel::lines(tile.subrows(start, rows), &mut v);
            for (line, ratio) in lines.zip(ratio.chunks_exact_mut(width)) {
                wide::ratio(&problem.elementwise, line, ratio);
            }
        }
        let view = |values| MatRef::from_row_major_slice(values, rows, width);
        visit(
            start,
            view(&ratio[..size]),
            needs_weight.then(|| view(&weight[..size])),
        );
    }
}

/// Σ D(v, y) over lines `from..to`, in scaled units: over the stored entries alone where the rest is known from
/// sums, else entry by entry, zeros included.
pub(crate) fn divergence<T: Float>(
    elementwise: &Elementwise<T>,
    lines: &Lines<'_, T>,
    (from, to): (usize, usize),
    rows: &[T],
    fixed: &Fixed<T>,
) -> f64 {
    if let Lines::Sparse(sparse) = lines
        && elementwise.beta == 1.0
    {
        let (sum, data) = stored::divergence(elementwise, sparse, from, rows, fixed);
        if sum > T::CANCELLATION * data {
            return sum;
        }
    }
    entry_divergence(elementwise, lines, (from, to), rows, fixed)
}

/// Σ D(v, y) over every entry of lines `from..to`, in scaled units.
fn entry_divergence<T: Float>(
    elementwise: &Elementwise<T>,
    lines: &Lines<'_, T>,
    (from, to): (usize, usize),
    rows: &[T],
    fixed: &Fixed<T>,
) -> f64 {
    let (k, length) = (fixed.rows.cols(), lines.length());
    let step = (TILE_ROWS * TILE_COLS / length).clamp(1, TILE_ROWS);
    let mut v = vec![T::ZERO; step * length];
    let mut y = vec![T::ZERO; step * length];
    let mut sum = 0.0;
    for start in (from..to).step_by(step) {
        let end = (start + step).min(to);
        let size = (end - start) * length;
        let left = &rows[(start - from) * k..(end - from) * k];
        let left = MatRef::from_row_major_slice(left, end - start, k);
        kernel::outer(&mut y[..size], left, fixed.rows.view());
        let pairs = lines.slices(start, end, &mut v).zip(y.chunks_exact(length));
        for (v, y) in pairs {
            sum += wide::divergences(elementwise, v, y);
        }
    }
    sum
}
