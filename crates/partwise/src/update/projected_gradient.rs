//! `pg` and `apg`: steps along the negative gradient, projected onto x ≥ 0.
//!
//! `pg` searches the step length (Lin 2007, Neural Computation 19:10, doi 10.1162/neco.2007.19.10.2756): a step is
//! kept when it lowers the objective by at least σ of what the gradient promises. `apg` takes steps of 1/L with
//! Nesterov's extrapolation (NeNMF, Guan et al. 2012, IEEE Trans. Signal Processing 60:6, doi 10.1109/TSP.2012.2190406)
//! and drops the extrapolation where it leads uphill. Both end when the projected gradient of the row has fallen
//! enough: more precision is wasted while the other factor still moves.

use super::{Quadratic, projected, settle};
use crate::Float;
use crate::kernel::{dot, vectorised};

/// Steps for each row at most.
const STEPS: usize = 20;
/// A row is done when the norm of its projected gradient is below this multiple of the first.
const ENOUGH: f64 = 0.01;
/// The share of the promised decrease that a step must reach (Lin's σ).
const SUFFICIENT: f64 = 0.01;
/// The factor by which a step length is changed (1 / Lin's β).
const STEP_CHANGE: f64 = 10.0;
/// Changes of the step length in one search at most.
const SEARCHES: usize = 20;
/// Power iterations for the bound on the largest eigenvalue.
const POWER_STEPS: usize = 8;

/// Projected gradient with line search, for every row.
pub(super) fn line_search<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    each_row(problem, rhs, rows, search_row)
}

/// Accelerated projected gradient, for every row.
pub(super) fn accelerated<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    each_row(problem, rhs, rows, accelerate_row)
}

/// Runs one of the two on each row, with a step length that is safe for all: 1/L.
fn each_row<T: Float>(
    problem: &Quadratic<'_, T>,
    rhs: &[T],
    rows: &mut [T],
    solve: impl Fn(&Quadratic<'_, T>, T, &[T], &mut [T], &mut Workspace<T>),
) -> f64 {
    let k = problem.k;
    let lipschitz = largest_eigenvalue(problem);
    vectorised!({
        let violation = problem.violation(rhs, rows);
        if lipschitz > 0.0 {
            let safe = T::from_f64(1.0 / lipschitz);
            let mut space = Workspace::new(k);
            for (x, b) in rows.chunks_exact_mut(k).zip(rhs.chunks_exact(k)) {
                space.start.copy_from_slice(x);
                solve(problem, safe, b, x, &mut space);
                if problem.change(&space.start, x, b) > 0.0 {
                    x.copy_from_slice(&space.start);
                }
            }
        }
        violation
    })
}

struct Workspace<T> {
    start: Vec<T>,
    gradient: Vec<T>,
    trial: Vec<T>,
    kept: Vec<T>,
    step: Vec<T>,
}

impl<T: Float> Workspace<T> {
    fn new(k: usize) -> Self {
        let zeros = || vec![T::ZERO; k];
        Self {
            start: zeros(),
            gradient: zeros(),
            trial: zeros(),
            kept: zeros(),
            step: zeros(),
        }
    }
}

#[inline(always)]
fn fill_gradient<T: Float>(problem: &Quadratic<'_, T>, b: &[T], x: &[T], gradient: &mut [T]) {
    for (t, slope) in gradient.iter_mut().enumerate() {
        *slope = problem.gradient(x, b, t);
    }
}

/// The largest |projected gradient|: a norm that cannot overflow.
#[inline(always)]
fn projected_norm<T: Float>(gradient: &[T], x: &[T]) -> f64 {
    gradient.iter().zip(x).fold(0.0, |norm: f64, (&g, &x)| {
        norm.max(projected(g, x).abs().to_f64())
    })
}

/// `to` = max(0, x − length · gradient).
#[inline(always)]
fn project<T: Float>(to: &mut [T], x: &[T], gradient: &[T], length: T) {
    for ((to, &x), &g) in to.iter_mut().zip(x).zip(gradient) {
        *to = settle(x - length * g);
    }
}

/// Whether the step from x to `to` lowers the objective by its share: (1 − σ) ∇·d + ½ d G dᵀ ≤ 0.
#[inline(always)]
fn sufficient<T: Float>(
    problem: &Quadratic<'_, T>,
    x: &[T],
    to: &[T],
    gradient: &[T],
    step: &mut [T],
) -> bool {
    let (mut promised, mut curved) = (0.0, 0.0);
    for ((step, &to), &x) in step.iter_mut().zip(to).zip(x) {
        *step = to - x;
    }
    for t in 0..problem.k {
        promised += gradient[t].to_f64() * step[t].to_f64();
        curved += step[t].to_f64() * dot(problem.gram_row(t), step).to_f64();
    }
    (1.0 - SUFFICIENT) * promised + 0.5 * curved <= 0.0
}

#[inline(always)]
fn search_row<T: Float>(
    problem: &Quadratic<'_, T>,
    safe: T,
    b: &[T],
    x: &mut [T],
    space: &mut Workspace<T>,
) {
    let Workspace {
        gradient,
        trial,
        kept,
        step,
        ..
    } = space;
    let change = T::from_f64(STEP_CHANGE);
    let mut length = safe;
    let mut first = 0.0;
    for iteration in 0..STEPS {
        fill_gradient(problem, b, x, gradient);
        let norm = projected_norm(gradient, x);
        if iteration == 0 {
            first = norm;
        }
        if norm <= ENOUGH * first && iteration > 0 || norm == 0.0 {
            break;
        }
        project(kept, x, gradient, length);
        if sufficient(problem, x, kept, gradient, step) {
            // Lengthen while it stays good and still changes something.
            for _ in 0..SEARCHES {
                project(trial, x, gradient, length * change);
                if trial == kept || !sufficient(problem, x, trial, gradient, step) {
                    break;
                }
                length *= change;
                std::mem::swap(trial, kept);
            }
        } else {
            for _ in 0..SEARCHES {
                length /= change;
                project(kept, x, gradient, length);
                if sufficient(problem, x, kept, gradient, step) {
                    break;
                }
            }
        }
        x.copy_from_slice(kept);
    }
}

#[inline(always)]
fn accelerate_row<T: Float>(
    problem: &Quadratic<'_, T>,
    safe: T,
    b: &[T],
    x: &mut [T],
    space: &mut Workspace<T>,
) {
    let Workspace {
        gradient,
        trial: next,
        kept: ahead,
        ..
    } = space;
    ahead.copy_from_slice(x);
    let mut momentum = 1.0f64;
    let mut first = 0.0;
    for iteration in 0..STEPS {
        fill_gradient(problem, b, ahead, gradient);
        let norm = projected_norm(gradient, ahead);
        if iteration == 0 {
            first = norm;
        }
        if norm <= ENOUGH * first && iteration > 0 || norm == 0.0 {
            break;
        }
        project(next, ahead, gradient, safe);
        let uphill = gradient
            .iter()
            .zip(next.iter().zip(x.iter()))
            .map(|(g, (next, x))| g.to_f64() * (next.to_f64() - x.to_f64()))
            .sum::<f64>()
            > 0.0;
        if uphill {
            momentum = 1.0;
            ahead.copy_from_slice(x);
            continue;
        }
        let following = 0.5 * (1.0 + (4.0 * momentum * momentum + 1.0).sqrt());
        let weight = T::from_f64((momentum - 1.0) / following);
        for ((ahead, &next), x) in ahead.iter_mut().zip(next.iter()).zip(x.iter_mut()) {
            *ahead = next + weight * (next - *x);
            *x = next;
        }
        momentum = following;
    }
}

/// An upper bound on the largest eigenvalue of G, which is at most that of |G|: for a non-negative matrix and a positive vector x
/// that is at most maxᵢ (|G| x)ᵢ / xᵢ (Collatz–Wielandt), and power iterations tighten it. (Beside a factor of any sign G has
/// entries below zero.)
fn largest_eigenvalue<T: Float>(problem: &Quadratic<'_, T>) -> f64 {
    let k = problem.k;
    let mut x = vec![1.0f64; k];
    let mut bound = f64::INFINITY;
    for _ in 0..POWER_STEPS {
        let y: Vec<f64> = (0..k)
            .map(|t| {
                let row = problem.gram_row(t).iter();
                row.zip(&x).map(|(g, x)| g.to_f64().abs() * x).sum()
            })
            .collect();
        let ratio = y
            .iter()
            .zip(&x)
            .fold(0.0, |max: f64, (y, x)| max.max(y / x));
        bound = bound.min(ratio);
        let largest = y.iter().fold(0.0, |max: f64, &y| max.max(y));
        if largest == 0.0 {
            return 0.0;
        }
        // Kept positive, so that the bound stays one.
        x = y.iter().map(|y| (y / largest).max(1e-3)).collect();
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_above_the_largest_eigenvalue_and_close() {
        let gram = [4.0, 1.0, 0.0, 1.0, 3.0, 0.0, 0.0, 0.0, 0.0];
        let problem = Quadratic {
            gram: &gram,
            l1: 0.0,
            k: 3,
            sweeps: 1,
        };
        let exact = (7.0 + 5f64.sqrt()) / 2.0;
        let bound = largest_eigenvalue(&problem);
        assert!(
            bound >= exact && bound <= 1.05 * exact,
            "{bound} against {exact}"
        );
    }
}
