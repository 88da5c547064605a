//! Extrapolation with restart, and the best factors so far of solvers that may stray from them.

use crate::Float;
use crate::archive::Archive;
use crate::matrix::Dense;
use crate::pass::Fixed;

/// The best factors of a solver that may stray from them. The left one is kept by the shard, before it is changed.
pub(crate) struct Best<T> {
    objective: f64,
    /// Whether the latest factors are the best ones.
    pub(crate) latest: bool,
    pub(crate) right: Option<Fixed<T>>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self {
            objective: f64::INFINITY,
            latest: false,
            right: None,
        }
    }
}

impl<T: Float> Best<T> {
    /// `right` is a factor of the same shape.
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>, right: &Fixed<T>) {
        archive.float(&mut self.objective);
        archive.flag(&mut self.latest);
        archive.option(&mut self.right, || right.clone(), Fixed::archive);
    }

    /// Looks at the latest factors; returns the best objective so far.
    pub(crate) fn offer(&mut self, objective: f64, right: &Fixed<T>) -> f64 {
        self.latest = objective <= self.objective;
        if self.latest {
            self.objective = objective;
            self.right = Some(right.clone());
        }
        self.objective
    }
}

/// Extrapolation with restart: each factor is carried on beyond its step, by a share that grows while the objective
/// falls. On a rise the new right factor is kept as it is, and the share shrinks. (Ang & Gillis 2019, Neural
/// Computation 31:2, doi 10.1162/neco_a_01157.)
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
