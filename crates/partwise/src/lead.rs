//! Extrapolation with restart, and the best factors so far of solvers that may stray from them.

use crate::Float;
use crate::archive::Archive;
use crate::fit::Quality;
use crate::matrix::Dense;
use crate::pass::Fixed;

/// The best factors of a solver that may stray from them. The left one is kept by the shard, before it is changed.
pub(crate) struct Best<T> {
    quality: Quality,
    /// Iterations since the best one.
    since: usize,
    pub(crate) right: Option<Fixed<T>>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self {
            quality: Quality {
                divergence: f64::INFINITY,
                objective: f64::INFINITY,
                relative_error: f64::INFINITY,
                residual: 1.0,
            },
            since: 0,
            right: None,
        }
    }
}

impl<T: Float> Best<T> {
    /// Iterations without a better pair after which the best one is gone back to. Steps that are not carried on mend a small
    /// rise in one or two; after a large one they may descend into a worse minimum than the one that was left.
    const PATIENCE: usize = 3;

    /// `right` is a factor of the same shape.
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>, right: &Fixed<T>) {
        self.quality.archive(archive);
        archive.count(&mut self.since);
        archive.option(&mut self.right, || right.clone(), Fixed::archive);
    }

    /// Looks at the latest factors; returns the best objective so far.
    pub(crate) fn offer(&mut self, quality: Quality, right: &Fixed<T>) -> f64 {
        if quality.objective <= self.quality.objective {
            self.quality = quality;
            self.right = Some(right.clone());
            self.since = 0;
        } else {
            self.since += 1;
        }
        self.quality.objective
    }

    /// How good the best factors are, if there are any.
    pub(crate) fn quality(&self) -> Option<Quality> {
        self.right.as_ref().map(|_| self.quality)
    }

    /// Whether the latest factors are the best ones.
    pub(crate) fn is_latest(&self) -> bool {
        self.right.is_some() && self.since == 0
    }

    /// Whether the latest factors are worse than the best ones for too long.
    pub(crate) fn is_lost(&self) -> bool {
        self.since >= Self::PATIENCE
    }

    /// The best factors are the latest ones again.
    pub(crate) fn returned(&mut self) {
        self.since = 0;
    }
}

/// Extrapolation with restart: each factor is carried on beyond its step, by a share that grows while the objective
/// falls. On a rise the new right factor is kept as it is, and the share shrinks. (Ang & Gillis 2019, Neural
/// Computation 31:2, doi 10.1162/neco_a_01157.) After a few iterations above the best pair, that pair is gone back to.
pub(crate) struct Lead<T> {
    pub(crate) share: f64,
    /// The share grows up to this.
    ceiling: f64,
    /// The right factor after its last step, before it was carried on.
    pub(crate) previous: Option<Dense<T>>,
}

impl<T> Default for Lead<T> {
    fn default() -> Self {
        Self {
            share: 0.5,
            ceiling: 1.0,
            previous: None,
        }
    }
}

impl<T> Lead<T> {
    const GROWTH: f64 = 1.05;
    const CEILING_GROWTH: f64 = 1.01;
    const SHRINKAGE: f64 = 1.5;

    /// `right` is a factor of the same shape.
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>, right: &Fixed<T>)
    where
        T: Float,
    {
        archive.float(&mut self.share);
        archive.float(&mut self.ceiling);
        archive.option(&mut self.previous, || right.rows.clone(), Archive::dense);
    }

    pub(crate) fn adapt(&mut self, rose: bool) {
        if rose {
            self.ceiling = self.share;
            self.share /= Self::SHRINKAGE;
        } else {
            self.share = self.ceiling.min(Self::GROWTH * self.share);
            self.ceiling = (Self::CEILING_GROWTH * self.ceiling).min(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Threads;

    #[test]
    fn a_pair_that_stays_worse_is_lost_until_the_best_is_gone_back_to() {
        let threads = Threads::new(None);
        let right = |value: f64| Fixed::new(Dense::filled(2, 1, value), &threads);
        let quality = |objective: f64| Quality {
            divergence: objective,
            objective,
            relative_error: 0.1 * objective,
            residual: 0.5,
        };
        let mut best = Best::default();
        assert!(best.quality().is_none());
        assert!(!best.is_latest() && !best.is_lost());
        assert_eq!(best.offer(quality(5.0), &right(1.0)), 5.0);
        assert!(best.is_latest());
        for objective in [7.0, 6.0] {
            assert_eq!(best.offer(quality(objective), &right(2.0)), 5.0);
            assert!(!best.is_latest() && !best.is_lost());
        }
        best.offer(quality(5.5), &right(3.0));
        assert!(best.is_lost());
        assert_eq!(best.right.as_ref().unwrap().rows.as_slice(), [1.0, 1.0]);
        assert_eq!(best.quality().unwrap().relative_error, 0.5);
        best.returned();
        assert!(best.is_latest() && !best.is_lost());
        assert_eq!(best.offer(quality(4.0), &right(4.0)), 4.0);
        assert_eq!(best.right.unwrap().rows.as_slice(), [4.0, 4.0]);
    }
}
