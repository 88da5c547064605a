//! What a half-step is told of its problem: the loss, the solver, and the terms of each factor.

use std::sync::Arc;

use super::{BLOCK_ROWS, Sums};
use crate::constraint::Rule;
use crate::loss::{Elementwise, Weights};
use crate::matrix::Dense;
use crate::threads::Threads;
use crate::update::{LinesFn, QuadraticFn};
use crate::{Float, Loss, Solver};

/// What is minimised and how, in the orientation that V is walked in.
#[derive(Clone)]
pub(crate) struct Problem<T: Float> {
    /// Whose half-steps they are.
    pub(crate) solver: Solver,
    pub(crate) elementwise: Elementwise<T>,
    /// The half-step of the squared loss; every other loss takes the multiplicative rule.
    pub(crate) quadratic: Option<QuadraticFn<T>>,
    /// The same for rows with a Gram matrix each, where the solver has one.
    pub(crate) each: Option<QuadraticFn<T>>,
    /// The half-step that sees the lines of V, where the solver has one: it takes the place of the multiplicative rule
    /// wherever V is at hand.
    pub(crate) lines: Option<LinesFn<T>>,
    /// The factor that goes with the lines, and the other one.
    pub(crate) left: Terms,
    pub(crate) right: Terms,
    pub(crate) rules: Rules,
}

/// The half-steps of factors that are constrained: they take the place of the solver's.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) left: Option<Rule>,
    pub(crate) right: Option<Rule>,
    /// What the right factor's constraint adds to the curvature of each component of the left one, if it adds anything.
    pub(crate) ties: Option<Arc<[f64]>>,
    /// Whether V and a factor may have entries below zero.
    pub(crate) signed: bool,
}

impl Rules {
    /// Whether nothing is constrained.
    pub(crate) fn are_none(&self) -> bool {
        self.left.is_none() && self.right.is_none()
    }
}

impl<T: Float> Problem<T> {
    /// A problem by the names of its parts; `mean` is that of V, and the terms are those of the left and the right factor.
    pub(crate) fn new(
        solver: Solver,
        loss: Loss,
        mean: f64,
        (left, right): (Terms, Terms),
    ) -> Self {
        Self {
            solver,
            elementwise: Elementwise::new(loss, mean),
            quadratic: solver.quadratic().filter(|_| loss.is_quadratic()),
            each: solver.each().filter(|_| loss.is_quadratic()),
            lines: solver.lines(loss),
            left,
            right,
            rules: Rules::default(),
        }
    }

    /// The same, where the right factor's constraint says this to the components of the left one.
    pub(crate) fn tied(&self, ties: Vec<f64>) -> Self {
        let mut problem = self.clone();
        if let Some(rule) = &mut problem.rules.left {
            rule.ties.clone_from(&ties);
        }
        problem.rules.ties = Some(ties.into());
        problem
    }

    /// Whether a component may pass scale from one factor to the other at no cost.
    pub(crate) fn is_free(&self) -> bool {
        let free = |terms: &Terms| {
            let unpriced = terms.penalty == Weights::default() && terms.prices.is_none();
            unpriced && terms.movable.is_none()
        };
        free(&self.left) && free(&self.right)
    }
}

/// What a half-step needs to know of its factor.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) penalty: Weights,
    /// The part of the penalty that each row takes: the share of its line of V that counts. All of it if `None`.
    pub(crate) shares: Option<Arc<[f64]>>,
    /// An L1 penalty of each component beside that of all, if there are any.
    pub(crate) prices: Option<Arc<[f64]>>,
    /// See [`crate::update::Quadratic::sweeps`].
    pub(crate) sweeps: usize,
    /// The components that may move, in order; all of them if `None`.
    pub(crate) movable: Option<Arc<[usize]>>,
}

impl Terms {
    /// The terms of a factor with rows of k entries, each made from `walked` entries of V.
    pub(crate) fn new(penalty: Weights, walked: f64, k: usize) -> Self {
        /// Sweeps that never pay.
        const MOST: f64 = 30.0;
        /// The share of a pass that sweeps may cost.
        const SHARE: f64 = 0.5;
        // A line costs two products of `walked` × k, a sweep one of k × k.
        let price = 2.0 * walked / k as f64;
        Self {
            penalty,
            shares: None,
            prices: None,
            sweeps: (1.0 + SHARE * price).min(MOST) as usize,
            movable: None,
        }
    }

    /// The same with an L1 penalty of each component.
    pub(crate) fn priced(self, prices: Option<Arc<[f64]>>) -> Self {
        Self { prices, ..self }
    }

    /// The same with a share of the penalty for each row.
    pub(crate) fn shared(self, shares: Option<Arc<[f64]>>) -> Self {
        Self { shares, ..self }
    }

    /// The penalty of a row.
    pub(crate) fn penalty_at(&self, row: usize) -> Weights {
        match &self.shares {
            None => self.penalty,
            Some(shares) => self.penalty.share(shares[row]),
        }
    }

    /// Whether these may be the terms of a factor of `k` components in another process, where every entry counts alike.
    pub(crate) fn fits(&self, k: usize) -> bool {
        if self.shares.is_some() {
            return false;
        }
        let movable = self.movable.as_deref();
        let movable = movable.is_none_or(|movable| {
            !movable.is_empty() && movable.iter().all(|&component| component < k)
        });
        movable && self.prices.as_ref().is_none_or(|prices| prices.len() == k)
    }

    /// The L1 penalty of a component in a row with this penalty.
    pub(crate) fn l1(&self, penalty: &Weights, component: usize) -> f64 {
        let price = self.prices.as_ref().map_or(0.0, |prices| prices[component]);
        penalty.l1 + price
    }

    /// What the prices of the components make of a factor with these sums.
    fn priced_sum(&self, sums: &Sums) -> f64 {
        let prices = self.prices.iter().flat_map(|prices| prices.iter());
        prices.zip(&sums.columns).map(|(a, b)| a * b).sum()
    }

    /// The penalty of a factor with these sums, whose rows take all of it.
    pub(crate) fn penalty_of(&self, sums: &Sums) -> f64 {
        sums.penalty(&self.penalty) + self.priced_sum(sums)
    }

    /// The penalty of a factor with these rows and their sums.
    pub(crate) fn penalty_over<T: Float>(
        &self,
        rows: &Dense<T>,
        sums: &Sums,
        threads: &Threads,
    ) -> f64 {
        let shares = self.shares.as_ref();
        let Some(shares) = shares.filter(|_| self.penalty != Weights::default()) else {
            return self.penalty_of(sums);
        };
        let (count, k) = (rows.rows(), rows.cols());
        let parts = threads.map(count.div_ceil(BLOCK_ROWS), |task| {
            let (from, to) = (task * BLOCK_ROWS, ((task + 1) * BLOCK_ROWS).min(count));
            let rows = rows.row_range(from, to).chunks_exact(k);
            let each = rows.zip(&shares[from..to]).map(|(row, &share)| {
                let sum = row.iter().map(|x| x.to_f64()).sum();
                let squares = row.iter().map(|x| x.to_f64() * x.to_f64()).sum();
                self.penalty.share(share).of(sum, squares)
            });
            each.sum::<f64>()
        });
        parts.iter().sum::<f64>() + self.priced_sum(sums)
    }

    /// Takes the components that may move in this order of all.
    pub(crate) fn reorder(&mut self, order: &[usize]) {
        let movable = self.movable.take();
        let moves = |t: &usize| movable.as_ref().is_none_or(|movable| movable.contains(t));
        self.movable = Some(order.iter().copied().filter(moves).collect());
    }

    /// The same with a limit on sweeps.
    pub(crate) fn at_most(&self, sweeps: usize) -> Self {
        Self {
            sweeps: self.sweeps.min(sweeps),
            ..self.clone()
        }
    }

    /// Makes a row zero, as far as it may move.
    pub(crate) fn clear<T: Float>(&self, row: &mut [T]) {
        match &self.movable {
            None => row.fill(T::ZERO),
            Some(movable) => movable.iter().for_each(|&t| row[t] = T::ZERO),
        }
    }

    /// The same, with `held` of k components at rest.
    pub(crate) fn holding(self, held: &[usize], k: usize) -> Self {
        let movable: Vec<_> = (0..k).filter(|t| !held.contains(t)).collect();
        Self {
            movable: Some(movable.into()).filter(|_| !held.is_empty()),
            ..self
        }
    }
}
