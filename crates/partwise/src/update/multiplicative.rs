//! `mu`: multiplicative updates.
//!
//! With y = WH, the gradient of a β-divergence splits into two non-negative parts, and
//! x ← x · (Σ v y^(β−2) h / (Σ y^(β−1) h + l1 + l2 x))^γ never raises the objective, with γ = 1/(2−β) for β < 1,
//! 1/(β−1) for β > 2, and 1 between. (Lee & Seung 2001; Févotte & Idier 2011, doi 10.1162/NECO_a_00168.)
//!
//! With an L2 penalty and β < 2 the rule can overshoot where the penalty is most of the denominator. Such a
//! coordinate takes the exponent 1/(3−β) instead: it minimises the bound in which every growing term is replaced by a
//! quadratic one, so it never raises the objective.

use super::{Quadratic, projected, settle};
use crate::Float;
use crate::kernel::{dot, vectorised};
use crate::loss::Weights;

/// The quadratic half-step: the two parts are b and x G + l1.
pub(super) fn update<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    let k = problem.k;
    let mut denominator = vec![T::ZERO; k];
    vectorised!({
        let mut violation = 0.0;
        for (x, b) in rows.chunks_exact_mut(k).zip(rhs.chunks_exact(k)) {
            for (t, sum) in denominator.iter_mut().enumerate() {
                *sum = dot(problem.gram_row(t), x) + problem.l1;
            }
            for t in 0..k {
                violation += projected(denominator[t] - b[t], x[t]).abs().to_f64();
                x[t] = if denominator[t] > T::ZERO {
                    settle(x[t] * (b[t] / denominator[t]))
                } else {
                    T::ZERO
                };
            }
        }
        violation
    })
}

/// The rule of one factor for a divergence, penalties in the units of the gradient's parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MultiplicativeRule {
    beta: f64,
    gamma: f64,
    penalty: Weights,
}

impl MultiplicativeRule {
    pub(crate) fn new(beta: f64, penalty: Weights) -> Self {
        let gamma = if beta < 1.0 {
            1.0 / (2.0 - beta)
        } else if beta > 2.0 {
            1.0 / (beta - 1.0)
        } else {
            1.0
        };
        Self {
            beta,
            gamma,
            penalty,
        }
    }

    /// The sum of |projected gradient| of rows as they stand. `denominator` has one row for each row, or one for all.
    pub(crate) fn violation<T: Float>(
        &self,
        numerator: &[T],
        denominator: &[T],
        rows: &[T],
    ) -> f64 {
        let (count, mut violation) = (denominator.len().max(1), 0.0);
        vectorised!({
            let pairs = rows.chunks_exact(count).zip(numerator.chunks_exact(count));
            for (rows, up) in pairs {
                for ((x, up), down) in rows.iter().zip(up).zip(denominator) {
                    let down = self.total(down.to_f64(), x.to_f64());
                    violation += projected(down - up.to_f64(), x.to_f64()).abs();
                }
            }
        });
        violation
    }

    /// Multiplies rows by the rule; returns the violation before it.
    pub(crate) fn update<T: Float>(
        &self,
        numerator: &[T],
        denominator: &[T],
        rows: &mut [T],
    ) -> f64 {
        let violation = self.violation(numerator, denominator, rows);
        if self.gamma == 1.0 && !self.may_overshoot() {
            vectorised!(self.multiply(numerator, denominator, rows, Self::ratio));
        } else {
            self.multiply(numerator, denominator, rows, Self::factor);
        }
        violation
    }

    /// Multiplies each entry by `factor` of its numerator, its denominator and itself.
    #[inline(always)]
    fn multiply<T: Float>(
        &self,
        numerator: &[T],
        denominator: &[T],
        rows: &mut [T],
        factor: impl Fn(&Self, f64, f64, f64) -> f64,
    ) {
        let count = denominator.len().max(1);
        let pairs = rows
            .chunks_exact_mut(count)
            .zip(numerator.chunks_exact(count));
        for (rows, up) in pairs {
            for ((x, up), down) in rows.iter_mut().zip(up).zip(denominator) {
                let old = x.to_f64();
                *x = settle(T::from_f64(
                    old * factor(self, up.to_f64(), down.to_f64(), old),
                ));
            }
        }
    }

    #[inline(always)]
    fn total(&self, denominator: f64, x: f64) -> f64 {
        denominator + self.penalty.l1 + self.penalty.l2 * x
    }

    /// Whether the rule may raise the objective.
    fn may_overshoot(&self) -> bool {
        self.penalty.l2 > 0.0 && self.beta < 2.0
    }

    #[inline(always)]
    fn ratio(&self, up: f64, down: f64, x: f64) -> f64 {
        let total = self.total(down, x);
        if up <= 0.0 || total <= 0.0 {
            0.0
        } else {
            up / total
        }
    }

    fn factor(&self, up: f64, down: f64, x: f64) -> f64 {
        let ratio = self.ratio(up, down, x);
        let factor = if self.gamma == 1.0 || ratio == 0.0 {
            ratio
        } else {
            ratio.powf(self.gamma)
        };
        let overshoots = self.may_overshoot() && factor > 1.0;
        if overshoots && self.bound(factor, up, down, x) > self.bound(1.0, up, down, x) {
            return ratio.powf(1.0 / (3.0 - self.beta));
        }
        factor
    }

    /// The bound that the rule minimises for β < 2, as a function of the factor u on one coordinate, over x.
    fn bound(&self, u: f64, up: f64, down: f64, x: f64) -> f64 {
        let beta = self.beta;
        // (u^(β−1) − 1) / (β − 1): the constant keeps its digits where β is near 1.
        let fall = if beta == 1.0 {
            u.ln()
        } else {
            ((beta - 1.0) * u.ln()).exp_m1() / (beta - 1.0)
        };
        let rise = if beta > 1.0 { u.powf(beta) / beta } else { u };
        let data = down * rise - up * fall;
        data + self.penalty.l1 * u + 0.5 * self.penalty.l2 * x * u * u
    }
}
