//! How good the factors are: the divergence, by the sums of a pass or entry by entry, and the objective.

use super::{Fit, Met, Side};
use crate::archive::Archive;
use crate::constraint::Rule;
use crate::loss::Elementwise;
use crate::pass::{Problem, Sums};
use crate::shard::{Request, Stats};
use crate::{Float, Loss, Solver};

/// How good a pair of factors is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    pub(crate) divergence: f64,
    pub(crate) objective: f64,
    pub(crate) relative_error: f64,
    pub(crate) residual: f64,
}

impl Quality {
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.float(&mut self.divergence);
        archive.float(&mut self.objective);
        archive.float(&mut self.relative_error);
        archive.float(&mut self.residual);
    }
}

impl<T: Float> Fit<'_, '_, T> {
    /// D(V, WH) of the factors as they are; `stats` belong to the left one.
    pub(super) fn divergence(&self, stats: &Stats<T>) -> f64 {
        let elementwise = &self.problem.elementwise;
        if self.expands() {
            return self.squared_loss(stats);
        }
        self.shard.divergence(elementwise, &self.right) * elementwise.unit()
    }

    /// Whether a divergence has the digits that sums have, and is not one that only a look at every entry tells.
    pub(super) fn is_told(&self, divergence: f64) -> bool {
        !self.expands() || divergence > 0.5 * self.plan.cancellation * self.data.squares
    }

    /// ½‖V − WH‖² by expansion, or entry by entry where the expansion has lost its digits.
    fn squared_loss(&self, stats: &Stats<T>) -> f64 {
        let half_squares = 0.5 * self.data.squares;
        let expanded = half_squares - stats.inner + 0.5 * stats.sums.inner(&self.right.sums);
        if expanded > self.plan.cancellation * half_squares {
            return expanded;
        }
        let squared = Elementwise::new(Loss::FROBENIUS, 0.0);
        self.shard.divergence(&squared, &self.right)
    }

    /// The objective by its divergence.
    pub(super) fn objective(&self, divergence: f64, stats: &Stats<T>) -> f64 {
        let all = divergence + self.penalty(stats);
        match self.plan.constant {
            0.0 => all,
            constant => (all - constant).max(0.0),
        }
    }

    fn penalty(&self, stats: &Stats<T>) -> f64 {
        let (left, right) = (&self.problem.left, &self.problem.right);
        let price = |rule: &Option<Rule>, sums: &Sums| {
            let rule = rule.as_ref();
            rule.map_or(0.0, |rule| rule.price(&sums.gram, sums.columns.len()))
        };
        let rules = &self.problem.rules;
        let ties = self.ties().unwrap_or_default();
        let tied: f64 = ties
            .iter()
            .zip(stats.sums.squares())
            .map(|(a, b)| a * b)
            .sum();
        let alone = rules
            .right
            .as_ref()
            .map_or(0.0, |rule| rule.term(&self.right.rows));
        let prices = price(&rules.left, &stats.sums) + price(&rules.right, &self.right.sums);
        let prices = prices + alone + 0.5 * tied;
        let (rows, sums) = (&self.right.rows, &self.right.sums);
        let right = right.penalty_over(rows, sums, self.threads);
        self.shard.penalty(left, &stats.sums) + right + prices
    }

    /// A last look at the factors as they are returned.
    pub(super) fn quality(&mut self) -> Quality {
        let mut look = self.pass(false, self.wants_statistics());
        let mut residual = 0.0f64;
        if !self.holds(Side::Left) {
            residual = Met::new(look.violation, look.magnitude).residual;
        }
        if !self.holds(Side::Right) {
            residual = residual.max(self.meet_right(&mut look, false).residual);
        }
        let divergence = self.divergence(&look);
        let squared = if self.problem.elementwise.beta == 2.0 {
            divergence
        } else {
            self.squared_look()
        };
        Quality {
            divergence,
            objective: self.objective(divergence, &look),
            relative_error: self.relative_error(squared),
            residual,
        }
    }

    /// ‖V − WH‖ / ‖V‖ of half the square of the former.
    pub(super) fn relative_error(&self, squared: f64) -> f64 {
        match (self.data.squares, squared) {
            (_, 0.0) => 0.0,
            (squares, squared) => (2.0 * squared / squares).sqrt(),
        }
    }

    /// ½‖V − WH‖² under another loss.
    fn squared_look(&mut self) -> f64 {
        if !(self.shard.counts_all() && self.data.has_products::<T>()) {
            let squared = Elementwise::new(Loss::FROBENIUS, 0.0);
            return self.shard.divergence(&squared, &self.right);
        }
        let solver = Solver::auto().resolve(Loss::FROBENIUS);
        let solver = solver.expect("auto handles every loss");
        let terms = (self.problem.left.clone(), self.problem.right.clone());
        let problem = Problem::new(solver, Loss::FROBENIUS, 0.0, terms);
        let stats = self.shard.pass(&Request {
            problem: &problem,
            right: &self.right,
            update: false,
            statistics: false,
            right_unchanged: false,
            keep: false,
            lead: None,
            sweeps: 0,
            step: false,
        });
        self.squared_loss(&stats)
    }
}
