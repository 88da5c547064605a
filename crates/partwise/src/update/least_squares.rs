//! `als`: the unconstrained least-squares solution, negative entries set to zero.
//!
//! The textbook method: cheap, and without a promise, since clipping can raise the objective. Where G is singular the
//! solution of least norm is taken. (Paatero & Tapper 1994; Berry et al. 2007, doi 10.1016/j.csda.2006.11.006.)

use faer::{Mat, MatRef};

use super::{Quadratic, settle};
use crate::Float;
use crate::float::power_of_two_near;

/// Eigenvalues below this multiple of the largest, times k, are taken for zero: rounding of the Gram matrix.
const RANK_TOLERANCE: f64 = 4.0;

/// Solves every row and clips it.
pub(super) fn update<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    let k = problem.k;
    let violation = problem.violation(rhs, rows);
    let inverse = pseudo_inverse(problem);
    for (x, b) in rows.chunks_exact_mut(k).zip(rhs.chunks_exact(k)) {
        for (t, value) in x.iter_mut().enumerate() {
            let sum: f64 = (0..k)
                .map(|s| inverse[(t, s)] * (b[s].to_f64() - problem.l1.to_f64()))
                .sum();
            *value = settle(T::from_f64(sum));
        }
    }
    violation
}

/// The Moore–Penrose inverse of the Gram matrix, in double precision.
fn pseudo_inverse<T: Float>(problem: &Quadratic<'_, T>) -> Mat<f64> {
    let k = problem.k;
    // What is not finite has no eigenvalues, which are looked for in vain for long.
    if !problem.gram.iter().all(|g| g.to_f64().is_finite()) {
        return Mat::zeros(k, k);
    }
    let gram = MatRef::from_row_major_slice(problem.gram, k, k);
    // Powers of two near the largest entry keep the decomposition away from the ends of the range.
    let largest = problem
        .gram
        .iter()
        .fold(0.0, |max: f64, x| max.max(x.to_f64()));
    let unit = power_of_two_near::<f64>(largest);
    let scaled = Mat::from_fn(k, k, |i, j| gram[(i, j)].to_f64() / unit);
    let Ok(eigen) = scaled.self_adjoint_eigen(faer::Side::Lower) else {
        return Mat::zeros(k, k);
    };
    let values = eigen.S();
    let top = (0..k).fold(0.0, |max: f64, i| max.max(values[i]));
    let cutoff = top * RANK_TOLERANCE * k as f64 * T::EPSILON.to_f64();
    let vectors = eigen.U();
    let weighted = Mat::from_fn(k, k, |i, j| {
        if values[j] > cutoff {
            vectors[(i, j)] / values[j] / unit
        } else {
            0.0
        }
    });
    weighted * vectors.transpose()
}
