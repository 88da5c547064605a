//! What a fit reports while it works, how it is told to stop, and what is kept of it on the way.

use std::io::{self, Write};
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
    /// What the rule to stop looks at: the sum of |projected gradient| over both half-steps (`cd`, `als`, `anls`, `pg`,
    /// `apg`), D without penalties (`mu`), or the objective (the others); in mini-batches the cost, smoothed over the
    /// steps.
    pub measure: f64,
    /// Seconds since the fit began.
    pub seconds: f64,
    /// Whether a sketch of V stood for V: the objective is then an estimate.
    pub sketched: bool,
}

/// Sees every iteration, and can end the fit.
///
/// Closures from `&Progress` to `ControlFlow<()>` are observers, and `()` is one that lets a fit go on.
pub trait Observer {
    /// Called after each iteration. [`ControlFlow::Break`] ends the fit, which returns the best factors so far.
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()>;

    /// Called before the first iteration, after each step of a brief fit for another loss that takes the start near V, with how many of at
    /// most `most` steps are `done`: of the objective nothing is known then. [`ControlFlow::Break`] ends the fit where it begins.
    fn approach(&mut self, done: usize, most: usize) -> ControlFlow<()> {
        let _ = (done, most);
        ControlFlow::Continue(())
    }

    /// A flag that, once set from any thread, ends the fit between two blocks of work with [`crate::Error::Interrupted`]:
    /// for whoever cannot wait for the end of an iteration. Nothing of the fit is kept.
    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        None
    }

    /// Asked after each iteration that is not the last: whether its state is to be kept, by [`Self::keep`].
    fn wants_state(&mut self) -> bool {
        false
    }

    /// Keeps the state of the fit, from which [`crate::Nmf::resume`] goes on.
    fn keep(&mut self, state: &mut State<'_>) {
        let _ = state;
    }
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}

impl Observer for () {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// All that a fit needs to go on after an iteration and to end in the same bits: factors, the best so far, what the steps
/// and the rule to stop remember, and the trace. V is not in it.
#[non_exhaustive]
pub struct State<'a> {
    pub(crate) write: &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
}

impl State<'_> {
    /// Writes the state: a few times as many bytes as the factors have, in pieces, so that it may go through a buffer or a
    /// checksum on its way.
    ///
    /// # Errors
    /// What `out` meets.
    pub fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        (self.write)(out)
    }
}

impl std::fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
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

impl TracePoint {
    /// Points that a trace has at most, but for a few: the first, the latest, and the last on a sketch are kept always.
    pub const MOST: usize = 4096;

    /// Iterations from one point to the next when this one is the latest.
    fn stride(&self) -> usize {
        (self.iteration / Self::MOST + 1).next_power_of_two()
    }

    /// Adds the point of the next iteration to a trace of bounded length: from iteration [`Self::MOST`] on every second point is
    /// kept, from twice as many iterations on every fourth, and so on. How a trace is thinned follows from the latest iteration
    /// alone.
    pub fn join(self, trace: &mut Vec<Self>) {
        let stride = self.stride();
        let stays = |point: &Self, next: &Self| {
            point.iteration.is_multiple_of(stride) || point.sketched != next.sketched
        };
        match trace.last() {
            Some(last) if last.stride() < stride => {
                let all = std::mem::take(trace);
                let next = all.iter().skip(1).chain([&self]);
                let pairs = all.iter().zip(next).enumerate();
                let kept = pairs.filter(|&(at, (point, next))| at == 0 || stays(point, next));
                trace.extend(kept.map(|(_, (point, _))| *point));
            }
            // The latest of before was kept because it was the latest.
            Some(last) if trace.len() > 1 && !stays(last, &self) => {
                trace.pop();
            }
            _ => {}
        }
        trace.push(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(iteration: usize, sketched: bool) -> TracePoint {
        TracePoint {
            iteration,
            seconds: 0.0,
            objective: 1.0,
            residual: None,
            sketched,
        }
    }

    #[test]
    fn a_trace_is_whole_until_it_is_long() {
        for first in [0, 1] {
            let mut trace = Vec::new();
            let most = TracePoint::MOST;
            (first..most).for_each(|i| point(i, false).join(&mut trace));
            let iterations: Vec<_> = trace.iter().map(|point| point.iteration).collect();
            assert_eq!(iterations, (first..most).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_long_trace_keeps_its_ends_and_even_steps() {
        for (first, sketched, last) in [(0, 0, 4096), (1, 0, 8191), (0, 0, 8192), (1, 333, 100_003)]
        {
            let mut trace = Vec::new();
            (first..=sketched).for_each(|i| point(i, true).join(&mut trace));
            // The first look at V is one more at the same iteration.
            (first.max(sketched)..=last).for_each(|i| point(i, false).join(&mut trace));
            assert!(trace.len() <= TracePoint::MOST + 3, "{}", trace.len());
            assert!(trace.len() >= TracePoint::MOST / 2);
            let stride = point(last, false).stride();
            let met: Vec<_> = trace.iter().map(|point| point.iteration).collect();
            let sketch_end = (sketched > 0).then_some(sketched);
            let mut expected: Vec<_> = (first..=last)
                .filter(|i| {
                    [first, last].contains(i) || sketch_end == Some(*i) || i.is_multiple_of(stride)
                })
                .collect();
            if first == 0 && sketched == 0 {
                // Both looks at iteration 0.
                expected.insert(0, 0);
            }
            assert_eq!(met, expected);
            let end = trace.iter().rfind(|point| point.sketched);
            let end = end.map(|point| point.iteration);
            assert_eq!(end, (first <= sketched).then_some(sketched));
        }
    }
}
