//! When to stop.

use std::fmt;

/// Iterations between two looks at the error, as in scikit-learn.
const ERROR_INTERVAL: usize = 10;

/// What a solver's progress is measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StopRule {
    /// The sum of |projected gradient| over both half-steps, relative to that of the first iteration.
    Violation,
    /// The drop of √(2D) over ten iterations, relative to that of the start, penalties excluded.
    ErrorDrop,
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The tolerance was reached.
    Converged,
    /// The limit on iterations was reached.
    MaxIterations,
    /// The observer asked to stop.
    Stopped,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Converged => "converged",
            Self::MaxIterations => "max_iter",
            Self::Stopped => "stopped",
        })
    }
}

/// A stopping rule at work.
#[derive(Debug)]
pub(crate) struct Stopper {
    rule: StopRule,
    tolerance: f64,
    first: f64,
    previous: f64,
}

impl Stopper {
    /// `divergence` is D at the start.
    pub(crate) fn new(rule: StopRule, tolerance: f64, divergence: f64) -> Self {
        let error = (2.0 * divergence).sqrt();
        Self {
            rule,
            tolerance,
            first: error,
            previous: error,
        }
    }

    /// Whether the tolerance is reached after this iteration (counted from 1).
    pub(crate) fn converged(&mut self, iteration: usize, violation: f64, divergence: f64) -> bool {
        match self.rule {
            StopRule::Violation => {
                if iteration == 1 {
                    self.first = violation;
                }
                self.first == 0.0 || violation / self.first <= self.tolerance
            }
            StopRule::ErrorDrop => {
                if self.tolerance <= 0.0 || !iteration.is_multiple_of(ERROR_INTERVAL) {
                    return false;
                }
                let error = (2.0 * divergence).sqrt();
                let drop = self.previous - error;
                self.previous = error;
                self.first == 0.0 || drop / self.first < self.tolerance
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violation_is_relative_to_the_first_iteration() {
        let mut stopper = Stopper::new(StopRule::Violation, 1e-2, 7.0);
        assert!(!stopper.converged(1, 50.0, 1.0));
        assert!(!stopper.converged(2, 0.51, 1.0));
        assert!(stopper.converged(3, 0.5, 1.0));
    }

    #[test]
    fn error_is_looked_at_every_ten_iterations() {
        let mut stopper = Stopper::new(StopRule::ErrorDrop, 1e-2, 50.0);
        assert!(!stopper.converged(9, 0.0, 50.0));
        assert!(!stopper.converged(10, 0.0, 40.0));
        assert!(stopper.converged(20, 0.0, 39.99));
    }

    #[test]
    fn a_perfect_start_stops_at_once() {
        assert!(Stopper::new(StopRule::Violation, 0.0, 0.0).converged(1, 0.0, 0.0));
    }
}
