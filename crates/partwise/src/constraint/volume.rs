//! `min-volume`: each column of the factor X, of n entries, sums to one, and ½ λ log det(n XᵀX + δ I) is added to the
//! objective, so that the components lie as close around the data as they can. On H (X = Hᵀ) that finds the spectra of pure
//! materials where no pixel is pure, unlike `separable`; W is free, so samples may be of any brightness.
//!
//! (Fu, Huang, Yang, Ma & Sidiropoulos 2016, IEEE Trans. Signal Processing 64:23, doi 10.1109/TSP.2016.2602800; Leplat, Ang &
//! Gillis 2019, ICASSP, doi 10.1109/ICASSP.2019.8682280.) λ is the constraint's number times ‖V‖², and n on both sides makes the
//! term independent of the units and the number of features. log det is concave in XᵀX and lies below its tangent
//! tr((n XᵀX + δ I)⁻¹ n XᵀX): that is quadratic in X and goes into the Gram matrix. What is left is a convex problem on
//! simplices, for accelerated projected gradient.
//!
//! The least volume is that of components that are all alike and flat, log((k + δ) δᵏ⁻¹); it is taken off, so that the
//! objective stays above zero.

use super::simplex::divide_by_sum;
use super::{Rule, Step, descend, onto_simplex, over_columns};

/// δ: volumes far below it are alike. Without it one component could grow at no cost once two are the same.
const DELTA: f64 = 0.3;
/// Steps for each tangent.
const STEPS: usize = 15;

pub(super) fn project(_: &Rule, rows: &mut [f64], k: usize) {
    over_columns(rows, k, |_, column| onto_simplex(column, false));
}

pub(super) fn begin(_: &Rule, rows: &mut [f64], k: usize) {
    over_columns(rows, k, |_, column| divide_by_sum(column));
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let k = step.quadratic.k;
    descend(&step.quadratic, step.rhs, rows, STEPS, |rows| {
        project(step.rule, rows, k);
    });
}

pub(super) fn fold(rule: &Rule, rows: &[f64], gram: &mut [f64], k: usize) {
    let mut own = vec![0.0; k * k];
    for row in rows.chunks_exact(k) {
        for (own, a) in own.chunks_exact_mut(k).zip(row) {
            for (own, b) in own.iter_mut().zip(row) {
                *own += a * b;
            }
        }
    }
    let factor = cholesky(&spread(rule, &own, k), k);
    let weight = rule.value * rule.squares * rule.rows as f64;
    for s in 0..k {
        let mut unit = vec![0.0; k];
        unit[s] = 1.0;
        for (t, x) in solve(&factor, unit, k).into_iter().enumerate() {
            gram[s * k + t] += weight * x;
        }
    }
}

pub(super) fn price(rule: &Rule, gram: &[f64], k: usize) -> f64 {
    let factor = cholesky(&spread(rule, gram, k), k);
    let volume: f64 = (0..k).map(|t| 2.0 * factor[t * k + t].ln()).sum();
    let least = (k as f64 + DELTA).ln() + (k as f64 - 1.0) * DELTA.ln();
    0.5 * rule.value * rule.squares * (volume - least).max(0.0)
}

/// n XᵀX + δ I.
fn spread(rule: &Rule, gram: &[f64], k: usize) -> Vec<f64> {
    let mut spread: Vec<f64> = gram.iter().map(|g| g * rule.rows as f64).collect();
    (0..k).for_each(|t| spread[t * k + t] += DELTA);
    spread
}

/// The lower triangle of a positive definite matrix.
fn cholesky(a: &[f64], k: usize) -> Vec<f64> {
    let mut l = vec![0.0; k * k];
    for i in 0..k {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|s| l[i * k + s] * l[j * k + s]).sum();
            let left = a[i * k + j] - inner;
            l[i * k + j] = if i == j {
                // δ is below every eigenvalue but for rounding.
                left.max(f64::EPSILON * a[i * k + i]).sqrt()
            } else {
                left / l[j * k + j]
            };
        }
    }
    l
}

/// x with L Lᵀ x = b.
fn solve(l: &[f64], mut b: Vec<f64>, k: usize) -> Vec<f64> {
    for i in 0..k {
        let inner: f64 = (0..i).map(|s| l[i * k + s] * b[s]).sum();
        b[i] = (b[i] - inner) / l[i * k + i];
    }
    for i in (0..k).rev() {
        let inner: f64 = (i + 1..k).map(|s| l[s * k + i] * b[s]).sum();
        b[i] = (b[i] - inner) / l[i * k + i];
    }
    b
}
