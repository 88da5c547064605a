//! `anls`: the exact non-negative least-squares solution of every row, by block principal pivoting.
//!
//! A row splits its coordinates into passive ones (free) and active ones (zero). The passive block of G is solved,
//! the coordinates that break x ≥ 0 or ∇ ≥ 0 change sides, all at once while their number falls, one at a time
//! else. Rows begin with the sides they have, and rows with the same sides share one factorisation.
//! (Kim & Park 2011, SIAM J. Sci. Comput. 33:6, doi 10.1137/110821172.)

use std::collections::BTreeMap;

use faer::Mat;
use faer::linalg::solvers::Solve;

use super::{Quadratic, coordinate_descent, pair, settle};
use crate::Float;

/// How often all broken coordinates may change sides without their number falling (Kim & Park's α).
const FULL_EXCHANGES: u32 = 3;
/// Exchanges for each coordinate before a row is given up: the single exchange ends long before.
const EXCHANGES_PER_COORDINATE: usize = 10;
/// Sweeps of coordinate descent for a row that pivoting could not solve.
const FALLBACK_SWEEPS: usize = 200;
/// Violations below this multiple of rounding, relative to the terms they are made of, count as none.
pub(super) const SLACK: f64 = 16.0;

/// A row on its way to the solution.
struct Pending {
    row: usize,
    passive: Vec<bool>,
    fewest: usize,
    full_exchanges: u32,
}

/// Solves every row; a row that cannot be solved exactly is improved by coordinate descent instead.
pub(super) fn update<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    let k = problem.k;
    let violation = problem.violation(rhs, rows);
    if k == 2 && (0..2).all(|t| problem.gram[t * 3] > T::ZERO) {
        pair::update(problem, rhs, rows);
        return violation;
    }
    let mut pending: Vec<_> = rows
        .chunks_exact(k)
        .enumerate()
        .map(|(row, x)| Pending {
            row,
            passive: x.iter().map(|&x| x > T::ZERO).collect(),
            fewest: k + 1,
            full_exchanges: FULL_EXCHANGES,
        })
        .collect();
    for _ in 0..EXCHANGES_PER_COORDINATE * k {
        let mut groups: BTreeMap<Vec<bool>, Vec<Pending>> = BTreeMap::new();
        for waiting in pending.drain(..) {
            groups
                .entry(waiting.passive.clone())
                .or_default()
                .push(waiting);
        }
        if groups.is_empty() {
            break;
        }
        for (passive, group) in groups {
            solve_group(problem, rhs, rows, &passive, group, &mut pending);
        }
    }
    for waiting in pending {
        descend(problem, rhs, rows, waiting.row);
    }
    violation
}

/// Solves the rows of one passive set; those with broken coordinates go back to `pending` with other sides.
fn solve_group<T: Float>(
    problem: &Quadratic<'_, T>,
    rhs: &[T],
    rows: &mut [T],
    passive: &[bool],
    group: Vec<Pending>,
    pending: &mut Vec<Pending>,
) {
    let k = problem.k;
    let free: Vec<usize> = (0..k).filter(|&t| passive[t]).collect();
    // Scaled to a unit diagonal, so that neither huge nor tiny data leave the range of numbers.
    let unit: Vec<f64> = (0..k)
        .map(|t| problem.gram[t * k + t].to_f64().sqrt())
        .collect();
    let entry = |t: usize, s: usize| problem.gram[t * k + s].to_f64() / unit[t] / unit[s];
    if free.iter().any(|&t| unit[t] <= 0.0) {
        for waiting in group {
            descend(problem, rhs, rows, waiting.row);
        }
        return;
    }
    let target = |row: usize, t: usize| rhs[row * k + t].to_f64() - problem.l1.to_f64();
    let block = Mat::from_fn(free.len(), free.len(), |i, j| entry(free[i], free[j]));
    let right = Mat::from_fn(free.len(), group.len(), |i, j| {
        target(group[j].row, free[i]) / unit[free[i]]
    });
    let solution = if free.is_empty() {
        right
    } else if let Ok(factor) = block.llt(faer::Side::Lower) {
        factor.solve(&right)
    } else {
        for waiting in group {
            descend(problem, rhs, rows, waiting.row);
        }
        return;
    };
    for (column, mut waiting) in group.into_iter().enumerate() {
        let mut x = vec![0.0; k];
        for (i, &t) in free.iter().enumerate() {
            x[t] = solution[(i, column)] / unit[t];
        }
        let broken = broken_coordinates(problem, &x, passive, |t| target(waiting.row, t));
        if broken.is_empty() {
            accept(problem, rhs, rows, waiting.row, &x);
            continue;
        }
        waiting.exchange(&broken);
        pending.push(waiting);
    }
}

/// Coordinates where x < 0 (passive) or ∇ < 0 (active), beyond rounding.
fn broken_coordinates<T: Float>(
    problem: &Quadratic<'_, T>,
    x: &[f64],
    passive: &[bool],
    target: impl Fn(usize) -> f64,
) -> Vec<usize> {
    let slack = SLACK * T::EPSILON.to_f64();
    let largest = x.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    (0..problem.k)
        .filter(|&t| {
            if passive[t] {
                return x[t] < -slack * largest;
            }
            let terms = |s: usize| problem.gram_row(t)[s].to_f64() * x[s];
            let gradient = (0..problem.k).map(terms).sum::<f64>() - target(t);
            let size = (0..problem.k).map(|s| terms(s).abs()).sum::<f64>() + target(t).abs();
            gradient < -slack * size
        })
        .collect()
}

impl Pending {
    fn exchange(&mut self, broken: &[usize]) {
        let all = if broken.len() < self.fewest {
            self.fewest = broken.len();
            self.full_exchanges = FULL_EXCHANGES;
            true
        } else if self.full_exchanges > 0 {
            self.full_exchanges -= 1;
            true
        } else {
            false
        };
        let changed = if all {
            broken
        } else {
            &broken[broken.len() - 1..]
        };
        for &t in changed {
            self.passive[t] = !self.passive[t];
        }
    }
}

/// Takes the solution, unless rounding made it worse than the row as it stands.
pub(super) fn accept<T: Float>(
    problem: &Quadratic<'_, T>,
    rhs: &[T],
    rows: &mut [T],
    row: usize,
    solution: &[f64],
) {
    let k = problem.k;
    let b = &rhs[row * k..(row + 1) * k];
    let found: Vec<T> = solution.iter().map(|&x| settle(T::from_f64(x))).collect();
    if problem.change(&rows[row * k..(row + 1) * k], &found, b) <= 0.0 {
        rows[row * k..(row + 1) * k].copy_from_slice(&found);
    } else {
        descend(problem, rhs, rows, row);
    }
}

/// Coordinate descent until the row stands still, for a singular or nearly singular problem.
fn descend<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T], row: usize) {
    let k = problem.k;
    let (b, x) = (
        &rhs[row * k..(row + 1) * k],
        &mut rows[row * k..(row + 1) * k],
    );
    let size: f64 = b.iter().map(|b| b.abs().to_f64()).sum();
    for _ in 0..FALLBACK_SWEEPS {
        if coordinate_descent::sweep(problem, b, x) <= SLACK * T::EPSILON.to_f64() * size {
            break;
        }
    }
}
