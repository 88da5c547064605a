//! When to stop.

use std::collections::VecDeque;
use std::fmt;

use crate::archive::Archive;

/// Iterations between two looks at the error, as in scikit-learn.
const ERROR_INTERVAL: usize = 10;
/// An objective below this share of that of the first iteration counts as this share: an exact fit falls forever.
const EXACT: f64 = 1e-8;

/// What a solver's progress is measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StopRule {
    /// The sum of |projected gradient| over both half-steps, relative to that of the first iteration.
    Violation,
    /// The drop of √(2D) over ten iterations, relative to that of the start, penalties excluded.
    ErrorDrop,
    /// The drop of the objective over this many iterations, relative to the objective.
    Plateau(usize),
}

impl StopRule {
    /// How long a plateau must last, for a solver whose objective may pause.
    pub(crate) const PLATEAU: Self = Self::Plateau(20);
    /// For one whose iterations are large steps.
    pub(crate) const SHORT_PLATEAU: Self = Self::Plateau(10);

    /// A shorter and steeper plateau than one of this tolerance, and its own tolerance: for one of many fits that are looked at
    /// together. They find there what they find later on, by and large, at half of the iterations.
    pub(crate) fn brief(tolerance: f64) -> (Self, f64) {
        (Self::Plateau(5), 5.0 * tolerance)
    }
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

/// What a stopping rule sees of an iteration, counted from 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    pub(crate) iteration: usize,
    pub(crate) violation: f64,
    pub(crate) divergence: f64,
    pub(crate) objective: f64,
}

impl StopRule {
    /// What it measures progress by.
    pub(crate) fn measure(self, look: &Look) -> f64 {
        match self {
            Self::Violation => look.violation,
            Self::ErrorDrop => look.divergence,
            Self::Plateau(_) => look.objective,
        }
    }
}

/// A stopping rule at work.
#[derive(Debug)]
pub(crate) struct Stopper {
    rule: StopRule,
    tolerance: f64,
    /// The measure at the start or in the first iteration, and those of the latest iterations.
    first: f64,
    latest: VecDeque<f64>,
}

impl Stopper {
    /// `divergence` is D at the start.
    pub(crate) fn new(rule: StopRule, tolerance: f64, divergence: f64) -> Self {
        let error = (2.0 * divergence).sqrt();
        Self {
            rule,
            tolerance,
            first: error,
            latest: VecDeque::from([error]),
        }
    }

    /// This rule for a fit that goes on where another one has ended: a plateau that began there has lasted as long.
    pub(crate) fn following(self, earlier: Self) -> Self {
        match (self.rule, earlier.rule) {
            (StopRule::Plateau(lasting), StopRule::Plateau(before)) if lasting == before => Self {
                first: earlier.first,
                latest: earlier.latest,
                ..self
            },
            _ => self,
        }
    }

    /// What is remembered of earlier iterations.
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.float(&mut self.first);
        let mut latest: Vec<f64> = self.latest.drain(..).collect();
        archive.floats(&mut latest);
        archive.require(!latest.is_empty() || !matches!(self.rule, StopRule::ErrorDrop));
        self.latest = latest.into();
    }

    /// Whether the tolerance is reached after this iteration.
    pub(crate) fn converged(&mut self, look: &Look) -> bool {
        match self.rule {
            StopRule::Violation => {
                if look.iteration == 1 {
                    self.first = look.violation;
                }
                self.first == 0.0 || look.violation / self.first <= self.tolerance
            }
            StopRule::ErrorDrop => {
                if self.tolerance <= 0.0 || !look.iteration.is_multiple_of(ERROR_INTERVAL) {
                    return false;
                }
                let error = (2.0 * look.divergence).sqrt();
                let drop = self.latest[0] - error;
                self.latest[0] = error;
                self.first == 0.0 || drop / self.first < self.tolerance
            }
            StopRule::Plateau(lasting) => {
                if look.iteration == 1 {
                    self.first = look.objective;
                    self.latest.clear();
                }
                self.latest.push_back(look.objective);
                if look.objective == 0.0 {
                    return true;
                }
                if self.latest.len() <= lasting {
                    return false;
                }
                let before = self.latest.pop_front().unwrap_or_default();
                let scale = look.objective.max(EXACT * self.first);
                self.tolerance > 0.0 && before - look.objective <= self.tolerance * scale
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(iteration: usize, measure: f64) -> Look {
        Look {
            iteration,
            violation: measure,
            divergence: measure,
            objective: measure,
        }
    }

    #[test]
    fn violation_is_relative_to_the_first_iteration() {
        let mut stopper = Stopper::new(StopRule::Violation, 1e-2, 7.0);
        assert!(!stopper.converged(&look(1, 50.0)));
        assert!(!stopper.converged(&look(2, 0.51)));
        assert!(stopper.converged(&look(3, 0.5)));
    }

    #[test]
    fn error_is_looked_at_every_ten_iterations() {
        let mut stopper = Stopper::new(StopRule::ErrorDrop, 1e-2, 50.0);
        assert!(!stopper.converged(&look(9, 50.0)));
        assert!(!stopper.converged(&look(10, 40.0)));
        assert!(stopper.converged(&look(20, 39.99)));
    }

    #[test]
    fn a_plateau_must_last() {
        let mut stopper = Stopper::new(StopRule::PLATEAU, 1e-2, 0.0);
        assert!(!(1..=20).any(|i| stopper.converged(&look(i, 3.0 - 0.1 * i as f64))));
        assert!(!(21..40).any(|i| stopper.converged(&look(i, 1.0))));
        assert!(stopper.converged(&look(40, 1.0)));
    }

    #[test]
    fn a_plateau_may_begin_in_the_fit_before() {
        let fall = |i: usize| 2.0 - 0.01 * i.min(30) as f64;
        let mut earlier = Stopper::new(StopRule::PLATEAU, 1e-2, 0.0);
        assert!(!(1..=40).any(|i| earlier.converged(&look(i, fall(i)))));
        let other = Stopper::new(StopRule::SHORT_PLATEAU, 1e-2, 0.0);
        let mut stopper = Stopper::new(StopRule::PLATEAU, 1e-3, 0.0).following(other);
        assert!(!stopper.converged(&look(41, fall(41))));
        let mut stopper = Stopper::new(StopRule::PLATEAU, 1e-3, 0.0).following(earlier);
        assert!(!(41..50).any(|i| stopper.converged(&look(i, fall(i)))));
        assert!(stopper.converged(&look(50, fall(50))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        for tolerance in [0.0, 1e-9] {
            let mut stopper = Stopper::new(StopRule::PLATEAU, tolerance, 0.0);
            assert!(!(1..=1000).any(|i| stopper.converged(&look(i, 1.0 / i as f64))));
            assert!(stopper.latest.len() <= 20);
        }
    }

    #[test]
    fn a_perfect_start_stops_at_once() {
        for rule in [StopRule::Violation, StopRule::ErrorDrop, StopRule::PLATEAU] {
            let look = look(10, 0.0);
            assert!(Stopper::new(rule, 1e-4, 0.0).converged(&look));
        }
    }
}
