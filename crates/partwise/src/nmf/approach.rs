//! The start of a Kullback–Leibler fit by `auto`, brought near to a dense V before the fit begins.
//!
//! A step for this loss looks at every entry once for each component, one for the squared loss is a product. So from a start that was
//! drawn, which is far from everything, a brief fit for the squared loss goes most of the way at a small part of the price.
//! It ends near answers that are at least as good. Entries that it leaves at zero get a little of everything, so that no entry of
//! V is out of reach.

use super::task::Task;
use super::{Nmf, Start};
use crate::course::Course;
use crate::loss::{Loss, Penalty};
use crate::matrix::Dense;
use crate::{Float, Solver};

/// Iterations for the squared loss at most.
const ITERATIONS: usize = 30;
/// What every entry of a factor gets, as a share of the factor's mean.
const LEVEL: f64 = 0.01;

impl<T: Float> Task<'_, '_, T> {
    /// Whether the fit begins near V: where `auto` chooses how, V is dense and in one piece, and nothing else than V and the penalty
    /// has a say. Fits that are compared begin where they are drawn, since what different starts have in common is the question there.
    pub(super) fn approaches(&self) -> bool {
        let nmf = self.nmf;
        // What is known of one factor says more than what is drawn of the other.
        let even = self.given.w.is_some() == self.given.h.is_some();
        let all = self.blocks.weighed.is_none() && self.blocks.holes.is_none();
        let dense = self.blocks.sources.len() == 1 && self.blocks.is_dense();
        let in_range = self.blocks.summary.has_products::<T>();
        nmf.solver == Solver::auto()
            && nmf.loss == Loss::KULLBACK_LEIBLER
            && !nmf.brief
            && nmf.is_free()
            && self.given.is_free()
            && even
            && all
            && dense
            && in_range
    }

    /// Left and right factors nearer to V than these; `None` if these are given and none are found that are better.
    pub(super) fn approach(
        &self,
        (mut left, mut right): (Dense<T>, Dense<T>),
        course: &mut Course<'_, T>,
    ) -> Option<(Dense<T>, Dense<T>)> {
        let mut known = None;
        if self.given.w.is_some() {
            let quality;
            (left, right, quality) = self.look(left, right);
            known = Some(quality.objective);
        }
        let nmf = Nmf {
            loss: Loss::FROBENIUS,
            penalty: Penalty::default(),
            max_iter: ITERATIONS.min(self.nmf.max_iter),
            brief: true,
            ..self.nmf.clone()
        };
        let solver = nmf.solver.road(nmf.loss, false);
        let task = Task {
            nmf: &nmf,
            blocks: self.blocks,
            given: &Start::default(),
            init: None,
            solver: solver.expect("`auto` has one for every loss"),
            sketch: None,
            constant: 0.0,
            beside: None,
            goes_on: true,
            threads: self.threads,
        };
        let found = course.approach(&nmf, |course| {
            task.on_v((left, right), nmf.max_iter, course)
        });
        let (left, right) = (levelled(found.left), levelled(found.right));
        let Some(known) = known else {
            return Some((left, right));
        };
        let (left, right, reached) = self.look(left, right);
        if reached.objective < known {
            return Some((left, right));
        }
        course.road.past.approach = 0;
        None
    }
}

/// A factor with a little more in every entry.
fn levelled<T: Float>(mut factor: Dense<T>) -> Dense<T> {
    let entries = factor.as_mut_slice();
    let sum: f64 = entries.iter().map(|x| x.to_f64()).sum();
    let little = T::from_f64(LEVEL * sum / entries.len() as f64);
    entries.iter_mut().for_each(|x| *x += little);
    factor
}
