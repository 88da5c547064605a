//! `semi`: the factor may have entries of any sign, and V too. Semi-NMF (Ding, Li & Jordan 2010, IEEE Trans. Pattern Analysis and
//! Machine Intelligence 32:1, doi 10.1109/TPAMI.2008.277): on H, the rows of W say how much a sample has of each centre, and the
//! centres are as the data are.
//!
//! Where nothing bounds X the half-step is least squares, X G = B, solved at one stroke: X ← X + (B − X G) G⁺. Directions in which the
//! other factor says nothing (components that are alike, or empty) are left as they are.

use faer::{MatRef, Side};

use super::{Rule, Step};

/// G⁺, the pseudo-inverse of the Gram matrix, k × k.
pub(super) fn prepare(_: &Rule, gram: &[f64], _: &[f64], k: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; k * k];
    // What is not finite has no eigenvalues, which are looked for in vain for long: then no step is made.
    if !gram.iter().all(|g| g.is_finite()) {
        return inverse;
    }
    let Ok(eigen) = MatRef::from_row_major_slice(gram, k, k).self_adjoint_eigen(Side::Lower) else {
        return inverse;
    };
    let drowned = eigen.S()[k - 1] * k as f64 * f64::EPSILON;
    for (t, &value) in eigen.S().column_vector().iter().enumerate() {
        if value > drowned {
            for (i, row) in inverse.chunks_exact_mut(k).enumerate() {
                for (j, x) in row.iter_mut().enumerate() {
                    *x += eigen.U()[(i, t)] * eigen.U()[(j, t)] / value;
                }
            }
        }
    }
    inverse
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let k = step.quadratic.k;
    let mut gradient = vec![0.0; k];
    for (x, b) in rows.chunks_exact_mut(k).zip(step.rhs.chunks_exact(k)) {
        for (t, slope) in gradient.iter_mut().enumerate() {
            *slope = step.quadratic.gradient(x, b, t);
        }
        for (x, line) in x.iter_mut().zip(step.prepared.chunks_exact(k)) {
            *x -= line
                .iter()
                .zip(&gradient)
                .map(|(g, slope)| g * slope)
                .sum::<f64>();
        }
    }
}
