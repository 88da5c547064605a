//! A fit on a thread of its own, watched by the calling thread, which answers Ctrl-C and calls back into Python.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use partwise::{Error, Observer, Progress};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::errors;

/// How often signals are looked for.
const POLL: Duration = Duration::from_millis(20);

/// Who looks on, and what Ctrl-C does.
pub(crate) struct Watcher {
    /// Called as `f(iteration, max_iter, objective, residual, seconds)`; ends the fit by a true return.
    pub(crate) callback: Option<Py<PyAny>>,
    /// The first Ctrl-C ends the fit after its iteration and keeps the best factors so far; else it raises.
    pub(crate) keep_best: bool,
}

/// The flags that end a fit: after this iteration, or between two blocks of work.
#[derive(Clone, Default)]
struct Flags {
    stop: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
}

/// The observer on the fit's side.
struct Reporter {
    flags: Flags,
    /// Dropped when the fit ends, which wakes the calling thread.
    reports: Sender<Progress>,
    /// Whether to go on; `None` if nobody wants to be asked.
    answers: Option<Receiver<bool>>,
}

impl Observer for Reporter {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        let mut go_on = !self.flags.stop.load(Ordering::Relaxed);
        if let Some(answers) = &self.answers {
            let answer = self.reports.send(*progress).ok().and(answers.recv().ok());
            go_on &= answer.unwrap_or(false);
        }
        if go_on {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        Some(self.flags.interrupt.clone())
    }
}

/// Runs `work` without the interpreter's lock.
pub(crate) fn run<R: Send>(
    py: Python<'_>,
    watcher: Watcher,
    work: impl FnOnce(&mut dyn Observer) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let Watcher {
        callback,
        keep_best,
    } = watcher;
    py.detach(|| {
        let flags = Flags::default();
        let (reports, reported) = channel();
        let (answer, answers) = channel();
        let mut reporter = Reporter {
            flags: flags.clone(),
            reports,
            answers: callback.is_some().then_some(answers),
        };
        thread::scope(|scope| {
            let worker = scope.spawn(move || work(&mut reporter));
            let mut failure = None;
            loop {
                let heard = reported.recv_timeout(POLL);
                let raised = match &heard {
                    Ok(progress) => Python::attach(|py| ask(py, callback.as_ref(), progress)),
                    Err(RecvTimeoutError::Timeout) => {
                        Python::attach(|py| py.check_signals()).map(|()| true)
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                let go_on = raised.unwrap_or_else(|error| {
                    let asked =
                        Python::attach(|py| error.is_instance_of::<PyKeyboardInterrupt>(py));
                    let first = !flags.stop.swap(true, Ordering::Relaxed);
                    if !(asked && first && keep_best) {
                        flags.interrupt.store(true, Ordering::Relaxed);
                        failure.get_or_insert(error);
                    }
                    false
                });
                if heard.is_ok() {
                    // The fit may have ended meanwhile.
                    let _ = answer.send(go_on);
                }
            }
            let outcome = worker.join();
            match (failure, outcome) {
                (Some(error), _) => Err(error),
                (None, Ok(result)) => result.map_err(errors::to_python),
                (None, Err(payload)) => Err(errors::from_panic(payload.as_ref())),
            }
        })
    })
}

/// Shows an iteration to the callback: whether to go on.
pub(crate) fn ask(
    py: Python<'_>,
    callback: Option<&Py<PyAny>>,
    progress: &Progress,
) -> PyResult<bool> {
    let Some(callback) = callback else {
        py.check_signals()?;
        return Ok(true);
    };
    let stop = callback.bind(py).call1((
        progress.iteration,
        progress.max_iter,
        progress.objective,
        progress.residual,
        progress.seconds,
    ))?;
    py.check_signals()?;
    Ok(!stop.is_truthy()?)
}
