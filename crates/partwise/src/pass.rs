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

mod problem;
mod step;
mod sums;

use faer::MatRef;

use crate::Float;
use crate::kernel::{self, Packed, vectorised};
use crate::loss::{Elementwise, Weights, wide};
use crate::matrix::{Dense, Lines, Places};
use crate::stored;
use crate::update::{MultiplicativeRule, Quadratic, settle, settle_signed};

pub(crate) use problem::{Problem, Rules, Terms};
pub(crate) use step::{BLOCK_ROWS, Block, Step, inner, step};
pub(crate) use sums::{Fixed, Parts, Sums};

/// Rows and columns of a tile of the reconstruction: it and its line of V stay in the second-level cache.
const TILE_ROWS: usize = 64;
pub(crate) const TILE_COLS: usize = 256;

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
        let data = gram;
        let mut gram = Vec::with_capacity(k * k);
        add_curvatures(problem, weights, data, k, &mut gram);
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

/// Adds a matrix to `out`: the Gram matrix of the data with what the penalty and the other factor's constraint add to it.
pub(crate) fn add_curvatures<T: Float>(
    problem: &Problem<T>,
    penalty: &Weights,
    gram: &[f64],
    k: usize,
    out: &mut Vec<T>,
) {
    // A curvature without full precision would send its coordinate anywhere.
    let precise = |g: &f64| g.abs() >= T::MIN_POSITIVE.to_f64();
    let narrowed = |g: &f64| if precise(g) { T::from_f64(*g) } else { T::ZERO };
    let first = out.len();
    out.extend(gram.iter().map(narrowed));
    for t in 0..k {
        let tie = problem.rules.ties.as_ref().map_or(0.0, |ties| ties[t]);
        out[first + t * k + t] += T::from_f64(penalty.l2 + tie);
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
    vectorised!({
        for (x, previous) in rows.iter_mut().zip(previous.iter_mut()) {
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
            *x = settle_signed(*x * factor);
        }
    }
}

/// Σ of the data's part of the gradient, in the units of the objective.
pub(crate) fn magnitude<T: Float>(problem: &Problem<T>, numerator: &[T]) -> f64 {
    // Rows of a factor of any sign make entries below zero.
    let sizes: f64 = match problem.rules.signed {
        true => numerator.iter().map(|b| b.to_f64().abs()).sum(),
        false => kernel::sum(numerator),
    };
    sizes * problem.elementwise.gradient_unit()
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
                (rows, other, k),
                numerator,
                None,
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
/// sums, else entry by entry, zeros included. What is `absent` of the lines, whose first has a number there, does not count.
pub(crate) fn divergence<T: Float>(
    elementwise: &Elementwise<T>,
    (lines, absent): (&Lines<'_, T>, Option<(&Places, usize)>),
    (from, to): (usize, usize),
    rows: &[T],
    fixed: &Fixed<T>,
) -> f64 {
    if let Lines::Sparse(sparse) = lines
        && elementwise.beta == 1.0
    {
        let met = stored::meet(elementwise, sparse, from, rows, fixed);
        if let Some(sum) = met.divergence(elementwise, rows, &fixed.sums) {
            return sum;
        }
    }
    entry_divergence(elementwise, (lines, absent), (from, to), rows, fixed)
}

/// Σ D(v, y) over every entry of lines `from..to` that counts, in scaled units.
pub(crate) fn entry_divergence<T: Float>(
    elementwise: &Elementwise<T>,
    (lines, absent): (&Lines<'_, T>, Option<(&Places, usize)>),
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
        if let Some((places, first)) = absent {
            // Of nothing, nothing is exact.
            for (line, y) in (first + start..first + end).zip(y.chunks_exact_mut(length)) {
                places
                    .line(line)
                    .iter()
                    .for_each(|&j| y[j as usize] = T::ZERO);
            }
        }
        let pairs = lines.slices(start, end, &mut v).zip(y.chunks_exact(length));
        for (v, y) in pairs {
            sum += wide::divergences(elementwise, v, y);
        }
    }
    sum
}
