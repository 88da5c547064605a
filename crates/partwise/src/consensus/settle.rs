//! From the components that the runs agree on to a model: W with H held, or both factors from there on.

use crate::Float;
use crate::loss::Penalty;
use crate::many::Course;
use crate::matrix::{Dense, Matrix};
use crate::nmf::{Factor, Factorization, Nmf, Start};
use crate::{Error, Solver};

/// A factor's zeros become this share of its mean where the solver cannot leave zeros.
const LIFT: f64 = 1e-2;

/// Finds W with the components held, and if it is to be polished both factors from there on.
///
/// # Errors
/// The engine's.
pub(super) fn settle<T: Float>(
    nmf: &Nmf,
    v: &Matrix<'_, T>,
    components: &Dense<f64>,
    (polish, course): (bool, &Course<'_>),
) -> Result<Factorization<T>, Error> {
    let nmf = nmf.clone().n_init(std::num::NonZeroUsize::MIN);
    let values = components.as_slice().iter().map(|&x| T::from_f64(x));
    let h = Dense::from_rows(values.collect(), components.rows(), components.cols())?;
    let held = Start {
        h: Some(&h),
        hold: Some(Factor::H),
        ..Start::default()
    };
    let fit = course.finish(nmf.rank, |observer| nmf.fit_with(&[*v], held, observer))?;
    if !polish || course.stopped() {
        return Ok(fit);
    }
    let (w, h) = (movable(&nmf, fit.w)?, movable(&nmf, fit.h)?);
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    let mut fit = course.finish(nmf.rank, |observer| nmf.fit_with(&[*v], start, observer))?;
    // With a penalty the scale is part of the answer.
    if nmf.penalty == Penalty::default() {
        let sums = row_sums(&fit.h);
        scale(&mut fit, &sums);
    }
    Ok(fit)
}

/// A factor to begin from, whose zeros the solver can leave.
///
/// # Errors
/// A solver that does not go with the loss.
pub(super) fn movable<T: Float>(nmf: &Nmf, mut factor: Dense<T>) -> Result<Dense<T>, Error> {
    let solver: Solver = nmf.solver.resolve(nmf.loss)?;
    if !solver.leaves_zero() {
        let values = factor.as_mut_slice();
        let sum: f64 = values.iter().map(|x| x.to_f64()).sum();
        let least = T::from_f64(LIFT * sum / values.len() as f64);
        values
            .iter_mut()
            .filter(|x| **x == T::ZERO)
            .for_each(|x| *x = least);
    }
    Ok(factor)
}

/// The sum of each row.
pub(super) fn row_sums<T: Float>(h: &Dense<T>) -> Vec<f64> {
    let sum = |t: usize| h.row(t).iter().map(|x| x.to_f64()).sum();
    (0..h.rows()).map(sum).collect()
}

/// Divides each row of H by its sum, and multiplies the column of W by it.
fn scale<T: Float>(fit: &mut Factorization<T>, sums: &[f64]) {
    let n = fit.h.cols();
    let sums: Vec<f64> = sums
        .iter()
        .map(|sum| if *sum > 0.0 { *sum } else { 1.0 })
        .collect();
    for (row, sum) in fit.h.as_mut_slice().chunks_exact_mut(n).zip(&sums) {
        row.iter_mut()
            .for_each(|x| *x = T::from_f64(x.to_f64() / sum));
    }
    for row in fit.w.as_mut_slice().chunks_exact_mut(sums.len()) {
        let pairs = row.iter_mut().zip(&sums);
        pairs.for_each(|(x, sum)| *x = T::from_f64(x.to_f64() * sum));
    }
}

/// Σ W_t Σ H_t of each component: what of the sum of V it stands for.
pub(super) fn weights<T: Float>(w: &Dense<T>, h: &Dense<T>) -> Vec<f64> {
    let mut sums = vec![0.0; h.rows()];
    for i in 0..w.rows() {
        let pairs = sums.iter_mut().zip(w.row(i));
        pairs.for_each(|(sum, x)| *sum += x.to_f64());
    }
    sums.iter().zip(row_sums(h)).map(|(w, h)| w * h).collect()
}

/// The same fit with the components in order of what they stand for, the most first; and that order.
pub(super) fn sorted<T: Float>(mut fit: Factorization<T>) -> (Factorization<T>, Vec<usize>) {
    let weights = weights(&fit.w, &fit.h);
    let (k, n) = (fit.h.rows(), fit.h.cols());
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let rows = order.iter().flat_map(|&t| fit.h.row(t)).copied().collect();
    let w = (0..fit.w.rows()).flat_map(|i| order.iter().map(move |&t| (i, t)));
    let w = w.map(|(i, t)| fit.w.get(i, t)).collect();
    let m = fit.w.rows();
    fit.w = Dense::from_rows(w, m, k).expect("the same shape");
    fit.h = Dense::from_rows(rows, k, n).expect("the same shape");
    (fit, order)
}
