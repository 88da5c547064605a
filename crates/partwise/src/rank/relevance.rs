//! Automatic relevance determination: one fit from too many components prunes those that it does not need.
//! (Tan & Févotte 2013, IEEE TPAMI 35:7, doi 10.1109/TPAMI.2012.240; the ℓ1 form.)
//!
//! Column t of W and row t of H share a scale λ_t: their entries are exponential with the mean λ_t, and λ_t itself is inverse
//! Gamma with shape a and scale b. What is minimised is
//!
//! D(V, WH) / φ + Σ_t (‖w_t‖₁ + ‖h_t‖₁ + b) / λ_t + c log λ_t, with c = m + n + a + 1.
//!
//! For fixed λ that is a plain fit with the L1 penalty φ / λ_t on component t; for fixed factors λ_t = (‖w_t‖₁ + ‖h_t‖₁ + b) / c.
//! The two take turns. A component whose scale falls to b / c is empty, and taken out. As in the paper a = log(m + n), and
//! b = √((a − 1)(a − 2) mean(V) / k) by the method of moments.
//!
//! Two things the paper leaves open. The dispersion φ, the variance of the noise for the squared loss and 1 for counts, is what
//! generalised linear models make of the fit at hand, 2 D over the degrees of freedom that are left (McCullagh & Nelder 1989), so
//! the answer does not depend on the unit of V. And what is pruned does not come back: so the turns begin from a fit without
//! penalty, whose residual is no longer that of its start.

use super::score::Score;
use super::work::Data;
use crate::many::Job;
use crate::matrix::Dense;
use crate::nmf::{Factorization, Nmf, Start};
use crate::pass;
use crate::{Error, Float};

/// Iterations without penalty. More of them would give noise its own components, which are harder to prune.
const FREE: usize = 100;
/// Iterations between two looks at the scales, and such rounds at most.
const ROUND: usize = 10;
const ROUNDS: usize = 200;
/// A component is empty if its size is at most this share of b. Those that are not are far above: their size is that of data.
const EMPTY: f64 = 1e-2;
/// The turns end once no scale moves by more than this share of it in a round.
const STILL: f64 = 1e-3;
/// Degrees of freedom that are left at least, as a share of the entries.
const FREEDOM: f64 = 0.1;
/// D an entry counts as at least this share of mean^β: an exact fit has no dispersion.
const EXACT: f64 = 1e-9;

/// What is known of the scales before any fit.
struct Prior {
    b: f64,
    c: f64,
    entries: f64,
    sides: f64,
    /// The least dispersion.
    least: f64,
}

impl Prior {
    fn new((rows, cols): (usize, usize), rank: usize, mean: f64, beta: f64) -> Self {
        let sides = (rows + cols) as f64;
        // Below 2 the prior has no mean.
        let a = sides.ln().max(2.5);
        Self {
            b: ((a - 1.0) * (a - 2.0) * mean / rank as f64).sqrt(),
            c: sides + a + 1.0,
            entries: rows as f64 * cols as f64,
            sides,
            least: EXACT * mean.powf(beta),
        }
    }

    /// λ of a component by the sum of its entries.
    fn scale(&self, sum: f64) -> f64 {
        (sum + self.b) / self.c
    }

    /// φ of a fit with so many components.
    fn dispersion(&self, divergence: f64, rank: usize) -> f64 {
        let rank = rank as f64;
        let free = self.entries - rank * (self.sides - rank);
        (2.0 * divergence / free.max(FREEDOM * self.entries)).max(self.least)
    }
}

/// The figure of a rank: how many of its components are left.
pub(super) fn score(left: Option<usize>) -> Option<Score> {
    left.map(|count| Score::single(count as f64))
}

/// How many components of so many are left; `None` if it was stopped.
///
/// # Errors
/// The engine's.
pub(super) fn left<T: Float>(
    data: &Data<'_, '_, T>,
    job: &mut Job<'_, '_>,
) -> Result<Option<usize>, Error> {
    let (shape, beta) = ((data.v.rows(), data.v.cols()), data.nmf.loss.beta());
    let prior = Prior::new(shape, job.rank, data.mean, beta);
    if !(prior.b > 0.0 && prior.least.is_normal()) {
        // Nothing in V needs a component.
        return Ok(Some(0));
    }
    let mut nmf = data.drawn(job.rank).tol(0.0);
    // Solvers that neither stray nor carry on: a round is a small step on the way.
    nmf.solver = if nmf.loss.is_quadratic() { "cd" } else { "mu" }.parse()?;
    let mut fit = free(data, &nmf, job)?;
    let mut scales: Vec<f64> = sums(&fit).iter().map(|&sum| prior.scale(sum)).collect();
    nmf.max_iter = ROUND;
    for _ in 0..ROUNDS {
        if job.stopped() {
            return Ok(None);
        }
        let dispersion = prior.dispersion(fit.divergence, nmf.rank);
        nmf.prices = Some(scales.iter().map(|scale| dispersion / scale).collect());
        let start = Start {
            w: Some(&fit.w),
            h: Some(&fit.h),
            ..Start::default()
        };
        fit = nmf.fit_with(&[*data.v], start, job)?;
        let sums = sums(&fit);
        let kept: Vec<usize> = (0..nmf.rank)
            .filter(|&t| sums[t] > EMPTY * prior.b)
            .collect();
        let moved = |&t: &usize| (prior.scale(sums[t]) / scales[t] - 1.0).abs();
        let most = kept.iter().map(moved).fold(0.0, f64::max);
        scales = kept.iter().map(|&t| prior.scale(sums[t])).collect();
        if kept.len() < nmf.rank {
            nmf.rank = kept.len();
            if kept.is_empty() {
                break;
            }
            fit = of(fit, &kept)?;
        } else if most <= STILL {
            break;
        }
    }
    Ok(Some(nmf.rank))
}

/// A fit without penalty, with the same sum in both factors of a component, which is where the sum of both is the least.
fn free<T: Float>(
    data: &Data<'_, '_, T>,
    nmf: &Nmf,
    job: &mut Job<'_, '_>,
) -> Result<Factorization<T>, Error> {
    let nmf = nmf.clone().max_iter(FREE);
    let mut fit = nmf.fit_with(&[*data.v], Start::default(), job)?;
    let share = |(left, right): (f64, f64)| match (right / left).sqrt() {
        share if share.is_normal() && share.recip().is_normal() => share,
        _ => 1.0,
    };
    let pairs = column_sums(&fit.w).into_iter().zip(row_sums(&fit.h));
    let shares: Vec<f64> = pairs.map(share).collect();
    let factors: Vec<T> = shares.iter().map(|&share| T::from_f64(share)).collect();
    pass::scale(&mut fit.w, &factors);
    let cols = fit.h.cols();
    for (row, share) in fit.h.as_mut_slice().chunks_exact_mut(cols).zip(shares) {
        row.iter_mut()
            .for_each(|x| *x = T::from_f64(x.to_f64() / share));
    }
    Ok(fit)
}

/// ‖w_t‖₁ + ‖h_t‖₁ of each component. Where one of them is zero, the best that the other can be is zero too; but a solver
/// leaves it where it stands, since nothing curves there.
fn sums<T: Float>(fit: &Factorization<T>) -> Vec<f64> {
    let pairs = column_sums(&fit.w).into_iter().zip(row_sums(&fit.h));
    let both = |(w, h): (f64, f64)| if w > 0.0 && h > 0.0 { w + h } else { 0.0 };
    pairs.map(both).collect()
}

fn column_sums<T: Float>(w: &Dense<T>) -> Vec<f64> {
    let mut sums = vec![0.0; w.cols()];
    for i in 0..w.rows() {
        let pairs = sums.iter_mut().zip(w.row(i));
        pairs.for_each(|(sum, x)| *sum += x.to_f64());
    }
    sums
}

fn row_sums<T: Float>(h: &Dense<T>) -> Vec<f64> {
    let sum = |t| h.row(t).iter().map(|x| x.to_f64()).sum();
    (0..h.rows()).map(sum).collect()
}

/// The same fit with some of its components.
fn of<T: Float>(mut fit: Factorization<T>, kept: &[usize]) -> Result<Factorization<T>, Error> {
    let (rows, cols) = (fit.w.rows(), fit.h.cols());
    let w = (0..rows).flat_map(|i| kept.iter().map(move |&t| (i, t)));
    let w = w.map(|(i, t)| fit.w.get(i, t)).collect();
    let h = kept.iter().flat_map(|&t| fit.h.row(t)).copied().collect();
    fit.w = Dense::from_rows(w, rows, kept.len())?;
    fit.h = Dense::from_rows(h, kept.len(), cols)?;
    Ok(fit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loss;
    use crate::many::mix;
    use crate::matrix::Matrix;

    #[test]
    fn the_prior_by_hand() {
        let prior = Prior::new((60, 40), 5, 2.0, 2.0);
        let a = 100f64.ln();
        assert!((prior.b.powi(2) - (a - 1.0) * (a - 2.0) * 0.4).abs() < 1e-12);
        assert!((prior.scale(3.0) - (3.0 + prior.b) / (101.0 + a)).abs() < 1e-12);
        // 2400 entries less 5 · 95 parameters.
        assert!((prior.dispersion(1.0, 5) - 2.0 / 1925.0).abs() < 1e-15);
        assert!(prior.dispersion(0.0, 5) > 0.0);
    }

    /// What a stationary point of D + Σ_t price_t (‖w_t‖₁ + ‖h_t‖₁) must be, entry by entry.
    #[test]
    fn prices_are_l1_penalties_of_components() {
        let (m, n, prices) = (12, 9, [0.0, 0.02, 0.05]);
        let values: Vec<f64> = (0..m * n).map(|i| mix::uniform(3, i, 0)).collect();
        let v = Matrix::row_major(&values, m, n).unwrap();
        for (loss, solver) in [
            (Loss::FROBENIUS, "cd"),
            (Loss::FROBENIUS, "anls"),
            (Loss::KULLBACK_LEIBLER, "newton"),
            (Loss::KULLBACK_LEIBLER, "mu"),
        ] {
            let mut nmf = Nmf::new(3).loss(loss).solver(solver.parse().unwrap());
            nmf.prices = Some(prices.into());
            let fit = nmf.tol(0.0).max_iter(3000).fit(&v).unwrap();
            let slope = |i: usize, j: usize| {
                let y: f64 = (0..3).map(|t| fit.w.get(i, t) * fit.h.get(t, j)).sum();
                let v = values[i * n + j];
                if loss.is_quadratic() {
                    y - v
                } else {
                    1.0 - v / y
                }
            };
            let stands = |x: f64, gradient: f64| {
                let words = format!("{solver}: {gradient} at {x}");
                assert!(gradient > -2e-3 && (x * gradient).abs() < 2e-3, "{words}");
            };
            for (t, price) in prices.iter().enumerate() {
                for i in 0..m {
                    let sum: f64 = (0..n).map(|j| slope(i, j) * fit.h.get(t, j)).sum();
                    stands(fit.w.get(i, t), sum + price);
                }
                for j in 0..n {
                    let sum: f64 = (0..m).map(|i| slope(i, j) * fit.w.get(i, t)).sum();
                    stands(fit.h.get(t, j), sum + price);
                }
            }
            let paid: f64 = sums(&fit)
                .iter()
                .zip(prices)
                .map(|(sum, price)| sum * price)
                .sum();
            let all = fit.divergence + paid;
            assert!((fit.objective - all).abs() < 1e-9 * all, "{solver}");
            assert!(paid > 0.0, "{solver}");
        }
    }
}
