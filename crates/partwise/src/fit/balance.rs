//! Scale that passes from one factor to the other: the product stays what it is.

use super::{Fit, Side};
use crate::Float;
use crate::constraint::{self, Rule};
use crate::pass;
use crate::shard::Stats;

/// By how many powers of two the second of two sizes is above the first; 0 if one is nothing, or beyond all numbers.
fn imbalance(left: f64, right: f64) -> f64 {
    match right.log2() - left.log2() {
        power if power.is_finite() => power,
        _ => 0.0,
    }
}

impl<T: Float> Fit<'_, '_, T> {
    /// Gives both factors of each component about the same norm. Carried on beyond its steps, one may have grown at the cost
    /// of the other, and who compares components by W alone would compare nothing. Powers of two round nothing.
    pub(super) fn balance(&mut self) {
        let squares = self.shard.squares();
        let shares = squares.iter().zip(self.right.sums.squares());
        let shares = shares.map(|(&left, right)| 0.25 * imbalance(left, right));
        let shares: Vec<f64> = shares.map(|power| power.round().exp2()).collect();
        self.shift(&shares);
    }

    /// Gives both factors of each component about the same sum where one is far above the other: carried on, they would move
    /// apart by about as much in every iteration, and leave the range of numbers. `stats` are those of the left factor.
    pub(super) fn level(&mut self, stats: &mut Option<Stats<T>>) {
        /// Powers of two between the sums.
        const FAR: f64 = 40.0;
        let Some(sums) = stats.as_ref().map(|stats| &stats.sums.columns) else {
            return;
        };
        let pairs = sums.iter().zip(&self.right.sums.columns);
        let apart = pairs.map(|(&left, &right)| imbalance(left, right));
        let shares = apart.map(|power| match power.abs() > FAR {
            true => (0.5 * power).round().exp2(),
            false => 1.0,
        });
        let shares: Vec<f64> = shares.collect();
        if shares.iter().all(|&share| share == 1.0) {
            return;
        }
        self.shift(&shares);
        *stats = (self.plan.first == Side::Right).then(|| self.pass(false, !self.improves_both()));
    }

    /// Multiplies the columns of the left factor, and divides those of the right one; what is remembered of them, too.
    fn shift(&mut self, shares: &[f64]) {
        let factors: Vec<T> = shares.iter().map(|&share| T::from_f64(share)).collect();
        self.shard.scale(&factors);
        let factors: Vec<T> = shares.iter().map(|&x| T::from_f64(1.0 / x)).collect();
        let previous = self.lead.as_mut().and_then(|lead| lead.previous.as_mut());
        previous
            .into_iter()
            .for_each(|rows| pass::scale(rows, &factors));
        for right in self.best.right.iter_mut().chain([&mut self.right]) {
            pass::scale(&mut right.rows, &factors);
            right.refresh(self.threads);
        }
    }

    /// Gives the components of a factor whose constraint leaves their length open the length 1, where nothing else says what
    /// it is.
    pub(super) fn normalise(&mut self) {
        let rules = &self.problem.rules;
        let any_length =
            |rule: &Option<Rule>| rule.as_ref().is_none_or(constraint::Rule::has_any_length);
        let open = any_length(&rules.left) && any_length(&rules.right);
        if rules.are_none() || !open || !self.problem.is_free() || self.plan.held.is_some() {
            return;
        }
        let squares: Vec<f64> = match rules.left {
            Some(_) => self.shard.squares(),
            None => self.right.sums.squares().map(f64::recip).collect(),
        };
        let length = |square: f64| match square.sqrt() {
            length if length.is_normal() && length.recip().is_normal() => length,
            _ => 1.0,
        };
        let lengths = || squares.iter().map(|&square| length(square));
        let factors: Vec<T> = lengths().map(|x| T::from_f64(x.recip())).collect();
        self.shard.scale(&factors);
        let factors: Vec<T> = lengths().map(T::from_f64).collect();
        pass::scale(&mut self.right.rows, &factors);
        self.right.refresh(self.threads);
    }
}
