//! What a fit reports while it works, and how it is told to stop.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The state after an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The number of the start, from 1. The one that is carried on after several were tried keeps counting its iterations.
    pub start: usize,
    /// Starts that are tried.
    pub n_init: usize,
    /// Iterations done.
    pub iteration: usize,
    /// The limit on iterations.
    pub max_iter: usize,
    /// The objective, penalties included.
    pub objective: f64,
    /// How far from optimal the factors were when this iteration met them: for each factor the sum of
    /// |projected gradient| over the sum of its data part (V Hᵀ or Wᵀ V for the squared loss), and of both the larger.
    /// Zero at a stationary point (Karush–Kuhn–Tucker), and the same for c · V. One where the data part is zero and
    /// the gradient is not.
    pub residual: f64,
    /// Seconds since the fit began.
    pub seconds: f64,
    /// Whether a sketch of V stood for V: the objective is then an estimate.
    pub sketched: bool,
}

/// Sees every iteration, and can end the fit.
///
/// Closures from `&Progress` to `ControlFlow<()>` are observers.
pub trait Observer {
    /// Called after each iteration. [`ControlFlow::Break`] ends the fit, which returns the best factors so far.
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()>;

    /// A flag that, once set from any thread, ends the fit between two blocks of work with [`crate::Error::Interrupted`]:
    /// for whoever cannot wait for the end of an iteration. Nothing of the fit is kept.
    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}

/// One line of the objective's trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TracePoint {
    /// The iteration; 0 is the start.
    pub iteration: usize,
    /// Seconds since the fit began.
    pub seconds: f64,
    /// The objective, penalties included.
    pub objective: f64,
    /// As in [`Progress::residual`]; `None` at the start, which no half-step has met yet.
    pub residual: Option<f64>,
    /// As in [`Progress::sketched`].
    pub sketched: bool,
}
