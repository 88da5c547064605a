//! `orthogonal`: XᵀX is diagonal, which for X ≥ 0 says that each row has one entry above zero at most. On W each sample
//! belongs to one component, on H each feature does.
//!
//! (Ding, Li, Peng & Park 2006, KDD, doi 10.1145/1150402.1150420; Pompili, Gillis, Absil & Glineur 2014, Neurocomputing 141,
//! doi 10.1016/j.neucom.2014.02.018, of whose EM-ONMF this is the half-step.) While the other factor stands still the best row
//! is known: component t alone takes x_t = b_t / G_tt and gains ½ b_t² / G_tt, so the row takes the t that gains most. At
//! the end columns get the length 1, so that XᵀX = I, unless a penalty has its say.

use super::{Rule, Step};

pub(super) fn project(_: &Rule, rows: &mut [f64], k: usize) {
    for row in rows.chunks_exact_mut(k) {
        let largest = largest(row.iter().copied());
        for (t, x) in row.iter_mut().enumerate() {
            if largest != Some(t) {
                *x = 0.0;
            }
        }
    }
}

/// The place of the largest value above zero, the first of several.
fn largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let better = |best: Option<(usize, f64)>, (t, x): (usize, f64)| match best {
        Some((_, most)) if x <= most => best,
        None if x <= 0.0 => None,
        _ => Some((t, x)),
    };
    values.enumerate().fold(None, better).map(|(t, _)| t)
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let (k, gram) = (step.quadratic.k, step.quadratic.gram);
    let curvature = |t: usize| gram[t * k + t];
    for (row, b) in rows.chunks_exact_mut(k).zip(step.rhs.chunks_exact(k)) {
        let gain = |t: usize| match curvature(t) {
            // √ of twice the gain: its square might leave the range of numbers.
            g if g > 0.0 => b[t] / g.sqrt(),
            _ => 0.0,
        };
        let best = largest((0..k).map(gain));
        row.fill(0.0);
        if let Some(t) = best {
            row[t] = b[t] / curvature(t);
        }
    }
}
