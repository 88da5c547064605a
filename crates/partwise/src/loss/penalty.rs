//! Penalties on the size of the factors.

use crate::Error;
use crate::error::refuse;

/// How strongly large entries of W and H are penalised, in scikit-learn's terms.
///
/// l1_W = n · alpha_w · l1_ratio, l1_H = m · alpha_h · l1_ratio, and l2 likewise with (1 − l1_ratio).
///
/// Where entries are missing or weighted, each row of W counts the weights Σⱼ ωᵢⱼ of its row of V for n, and each column of H
/// those of its column for m: so `alpha_w` and `alpha_h` weigh as much against the data as they do where all is known (Zhou et
/// al. 2008, Large-scale parallel collaborative filtering for the Netflix prize, AAIM), and a row of weight two is a row met twice.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `alpha_w` | 0 | strength for W | ≥ 0 |
/// | `alpha_h` | 0 | strength for H | ≥ 0 |
/// | `l1_ratio` | 0 | share of the L1 norm, the rest is squared L2 | 0 to 1 |
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalty {
    /// Strength for W.
    pub alpha_w: f64,
    /// Strength for H.
    pub alpha_h: f64,
    /// Share of the L1 norm.
    pub l1_ratio: f64,
}

/// The weights of one factor's penalty: l1‖X‖₁ + ½ l2‖X‖².
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Weights {
    pub(crate) l1: f64,
    pub(crate) l2: f64,
}

impl Penalty {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value) in [("alpha_w", self.alpha_w), ("alpha_h", self.alpha_h)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(name, value, "expected a finite number of at least 0");
            }
        }
        if !(0.0..=1.0).contains(&self.l1_ratio) {
            return refuse("l1_ratio", self.l1_ratio, "expected a number from 0 to 1");
        }
        Ok(())
    }

    /// The weights for W and for H of a problem with m rows and n columns.
    pub(crate) fn weights(&self, m: usize, n: usize) -> (Weights, Weights) {
        let weights = |alpha: f64, length: usize| Weights {
            l1: length as f64 * alpha * self.l1_ratio,
            l2: length as f64 * alpha * (1.0 - self.l1_ratio),
        };
        (weights(self.alpha_w, n), weights(self.alpha_h, m))
    }
}

impl Weights {
    /// The same, where only this share of the entries counts.
    pub(crate) fn share(&self, share: f64) -> Self {
        // A weight may be infinite.
        if share == 0.0 {
            return Self::default();
        }
        Self {
            l1: self.l1 * share,
            l2: self.l2 * share,
        }
    }

    /// The penalty of a factor with this sum and this sum of squares.
    pub(crate) fn of(&self, sum: f64, squares: f64) -> f64 {
        // A weight of zero must not meet an infinite sum, nor one that has overflowed a sum of zero.
        let term = |weight: f64, value: f64| match weight > 0.0 && value > 0.0 {
            true => weight * value,
            false => 0.0,
        };
        term(self.l1, sum) + 0.5 * term(self.l2, squares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nothing_costs_nothing() {
        let penalty = Penalty {
            alpha_w: 0.0,
            alpha_h: f64::MAX,
            l1_ratio: 0.5,
        };
        let (w, h) = penalty.weights(4, 3);
        assert_eq!(h.l2, f64::INFINITY);
        assert_eq!(h.of(0.0, 0.0), 0.0);
        assert_eq!(h.of(1.0, 1.0), f64::INFINITY);
        assert_eq!(w.of(f64::INFINITY, f64::INFINITY), 0.0);
    }
}
