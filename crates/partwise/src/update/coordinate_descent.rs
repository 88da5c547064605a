//! `cd`: cyclic coordinate descent, also called hierarchical alternating least squares (HALS).
//!
//! Each coordinate in turn goes to its minimum, x_t ← max(0, x_t − ((x G)_t + l1 − b_t) / G_tt). One sweep a
//! half-step, as in scikit-learn. (Cichocki & Phan 2009, IEICE Trans. E92-A:3, doi 10.1587/transfun.E92.A.708.)

use super::{Quadratic, projected, settle};
use crate::Float;
use crate::kernel::vectorised;

/// One sweep over the coordinates of every row.
pub(super) fn update<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    let k = problem.k;
    vectorised(|| {
        let mut violation = 0.0;
        for (x, b) in rows.chunks_exact_mut(k).zip(rhs.chunks_exact(k)) {
            violation += sweep(problem, b, x);
        }
        violation
    })
}

/// One sweep over the coordinates of one row; the sum of |projected gradient| met on the way.
#[inline(always)]
pub(super) fn sweep<T: Float>(problem: &Quadratic<'_, T>, b: &[T], x: &mut [T]) -> f64 {
    let mut violation = 0.0;
    for t in 0..problem.k {
        let gradient = problem.gradient(x, b, t);
        violation += projected(gradient, x[t]).abs().to_f64();
        let curvature = problem.gram[t * problem.k + t];
        if curvature > T::ZERO {
            x[t] = settle(x[t] - gradient / curvature);
        }
    }
    violation
}
