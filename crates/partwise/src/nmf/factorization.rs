//! What a fit gives back.

use std::time::Instant;

use super::task::Task;
use crate::course::Course;
use crate::fit::Outcome;
use crate::init::Init;
use crate::matrix::{Dense, Lines};
use crate::observe::TracePoint;
use crate::stop::StopReason;
use crate::threads::Threads;
use crate::{Float, Solver};

/// V ≈ W H, and how it came about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Factorization<T> {
    /// How much of each component each sample holds, m × k.
    pub w: Dense<T>,
    /// The components, k × n: each row is a basis vector.
    pub h: Dense<T>,
    /// D(V, WH) without penalties.
    pub divergence: f64,
    /// D(V, WH) with penalties.
    pub objective: f64,
    /// ‖V − WH‖ / ‖V‖ in the Frobenius norm, whatever the loss; infinite if V is all zeros and WH is not.
    pub relative_error: f64,
    /// Distance from a stationary point at the factors returned; see [`crate::Progress::residual`].
    pub residual: f64,
    /// Iterations done.
    pub iterations: usize,
    /// How many of them, the first ones, were done in single precision: of a fit in double precision, where `auto` chose so.
    pub single_iterations: usize,
    /// Iterations of a brief fit for the squared loss, before the first iteration, that took the start near V: of a Kullback–Leibler fit of a
    /// dense V, where `auto` chose so. 0 where the fit went on from the start itself.
    pub approach_iterations: usize,
    /// Why the fit ended.
    pub stop: StopReason,
    /// The objective after each iteration; from iteration 0, the start, where it is known. Of several starts that of the one
    /// that was carried on. A long fit has some of its points: see [`TracePoint::join`].
    pub trace: Vec<TracePoint>,
    /// The solver that did the work.
    pub solver: Solver,
    /// The start that was made; `None` if none was, as both factors were given or one was held.
    pub init: Option<Init>,
    /// The rows of V, counted from 0, that the components of a constraint `separable` are; of fewer than k the others are zero.
    pub picked: Vec<usize>,
    /// C, k × m, of a constraint `convex`: H = C V, each row summing to one.
    pub mixture: Option<Dense<T>>,
    /// B, k × classes, of a constraint `labels`: which class each component speaks of. The largest entry of each row of W B is the
    /// class that is most likely ([`crate::Labels::told`]).
    pub class_parts: Option<Dense<T>>,
    /// The objective that each of several starts reached in the few iterations that it was tried for, in their order,
    /// on a sketch an estimate; nothing if there was one.
    pub starts: Vec<f64>,
    /// ‖V‖², of the entries that count, each as much as it does.
    pub squares: f64,
    /// Number of entries of V other than zero, of those that count.
    pub nonzeros: usize,
    /// Seconds from the first look at V to the factors.
    pub seconds: f64,
}

impl<T: Float> Factorization<T> {
    /// What a fit that began at `clock` gives back.
    pub(super) fn of(
        task: &Task<'_, '_, T>,
        course: Course<'_, T>,
        outcome: Outcome<T>,
        clock: Instant,
    ) -> Self {
        let seconds = course.earlier() + clock.elapsed().as_secs_f64();
        let Outcome {
            left: w,
            right: ht,
            stop,
            quality,
            ..
        } = outcome;
        let class_parts = task.class_parts((&w, &ht));
        Self {
            w,
            h: ht.transposed(),
            divergence: quality.divergence,
            objective: quality.objective,
            relative_error: quality.relative_error,
            residual: quality.residual,
            iterations: course.road.past.iteration,
            stop,
            trace: course.road.past.trace,
            solver: task.solver,
            init: task.init,
            picked: Vec::new(),
            mixture: None,
            class_parts,
            starts: course.road.starts,
            single_iterations: course.road.single,
            approach_iterations: course.road.past.approach,
            squares: task.blocks.summary.squares,
            nonzeros: task.blocks.summary.nonzeros,
            seconds,
        }
    }

    /// W H, m × n, dense.
    pub fn reconstruct(&self) -> Dense<T> {
        reconstruct(&self.w, &self.h)
    }
}

/// W (r × k) · H (k × n), dense: the inverse of a transform.
///
/// # Panics
/// If W has another number of columns than H has rows.
pub fn reconstruct<T: Float>(w: &Dense<T>, h: &Dense<T>) -> Dense<T> {
    assert_eq!(w.cols(), h.rows(), "W and H must share the rank");
    T::product(w, h)
}

pub(crate) fn product<T: Float>(w: &Dense<T>, h: &Dense<T>) -> Dense<T> {
    Lines::Dense(w.view()).times(h, &Threads::new(None))
}
