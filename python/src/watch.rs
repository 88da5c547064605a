//! A fit, or many, on a thread of its own, watched by the calling thread, which answers Ctrl-C and calls back into Python.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use partwise::{Error, Observer, Progress, SurveyObserver, SurveyProgress};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;

use crate::errors;

/// How often signals are looked for.
const POLL: Duration = Duration::from_millis(20);

/// What is told on the way, as a callback's arguments.
pub(crate) trait Report: Copy + Send {
    /// Calls `f` and says what it returned.
    fn show<'py>(&self, f: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>;
}

impl Report for Progress {
    fn show<'py>(&self, f: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let at = (self.iteration, self.max_iter);
        let of = (self.objective, self.residual);
        f.call1((at.0, at.1, of.0, of.1, self.seconds, self.measure))
    }
}

impl Report for SurveyProgress {
    fn show<'py>(&self, f: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        f.call1((self.rank, self.done, self.total, self.seconds))
    }
}

/// Who looks on, and what Ctrl-C does.
pub(crate) struct Watcher {
    /// Called with what a [`Report`] shows; ends the work by a true return.
    pub(crate) callback: Option<Py<PyAny>>,
    /// The first Ctrl-C ends the fit after its iteration and keeps the best factors so far; else it raises.
    pub(crate) keep_best: bool,
}

impl Watcher {
    /// Nobody: Ctrl-C raises.
    pub(crate) fn nobody() -> Self {
        Self {
            callback: None,
            keep_best: false,
        }
    }
}

/// The flags that end a fit: after this iteration, or between two blocks of work.
#[derive(Clone, Default)]
struct Flags {
    stop: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
}

impl Flags {
    /// Whether a fit goes on after this iteration.
    fn asked(&self) -> ControlFlow<()> {
        match self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// The observer on the fit's side.
struct Reporter<P> {
    flags: Flags,
    /// Dropped when the fit ends, which wakes the calling thread.
    reports: Sender<P>,
    /// Whether to go on; `None` if nobody wants to be asked.
    answers: Option<Receiver<bool>>,
}

impl<P: Report> Reporter<P> {
    fn tell(&self, progress: &P) -> ControlFlow<()> {
        let mut go_on = self.flags.asked().is_continue();
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
}

impl Observer for Reporter<Progress> {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.tell(progress)
    }

    fn approach(&mut self, _: usize, _: usize) -> ControlFlow<()> {
        self.flags.asked()
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        Some(self.flags.interrupt.clone())
    }
}

/// Tells only when a fit is done: Python has no use for every iteration of hundreds of fits.
struct Between<P> {
    reporter: Reporter<P>,
    done: Option<usize>,
}

impl<P: Report> Between<P> {
    fn of(reporter: Reporter<P>) -> Self {
        Self {
            reporter,
            done: None,
        }
    }

    fn tell(&mut self, progress: &P, done: usize) -> ControlFlow<()> {
        if self.done.replace(done) != Some(done) {
            self.reporter.tell(progress)
        } else {
            self.reporter.flags.asked()
        }
    }
}

impl SurveyObserver for Between<SurveyProgress> {
    fn observe(&mut self, progress: &SurveyProgress) -> ControlFlow<()> {
        self.tell(progress, progress.done)
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        Some(self.reporter.flags.interrupt.clone())
    }
}

/// Runs a fit without the interpreter's lock.
pub(crate) fn run<R: Send>(
    py: Python<'_>,
    watcher: Watcher,
    work: impl FnOnce(&mut dyn Observer) -> Result<R, Error> + Send,
) -> PyResult<R> {
    watched(py, watcher, |mut reporter| work(&mut reporter))
}

/// Runs a survey without the interpreter's lock; the callback is told of each fit.
pub(crate) fn run_survey<R: Send>(
    py: Python<'_>,
    watcher: Watcher,
    work: impl FnOnce(&mut dyn SurveyObserver) -> Result<R, Error> + Send,
) -> PyResult<R> {
    watched(py, watcher, |reporter| work(&mut Between::of(reporter)))
}

fn watched<P: Report, R: Send>(
    py: Python<'_>,
    watcher: Watcher,
    work: impl FnOnce(Reporter<P>) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let Watcher {
        callback,
        keep_best,
    } = watcher;
    py.detach(|| {
        let flags = Flags::default();
        let (reports, reported) = channel();
        let (answer, answers) = channel();
        let reporter = Reporter {
            flags: flags.clone(),
            reports,
            answers: callback.is_some().then_some(answers),
        };
        thread::scope(|scope| {
            let spawned = thread::Builder::new().spawn_scoped(scope, move || work(reporter));
            let worker = spawned.map_err(|error| {
                PyRuntimeError::new_err(format!("cannot start a thread: {error}"))
            })?;
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

/// Shows how far the work is to the callback: whether to go on.
pub(crate) fn ask(
    py: Python<'_>,
    callback: Option<&Py<PyAny>>,
    progress: &impl Report,
) -> PyResult<bool> {
    let Some(callback) = callback else {
        py.check_signals()?;
        return Ok(true);
    };
    let stop = progress.show(callback.bind(py))?;
    py.check_signals()?;
    Ok(!stop.is_truthy()?)
}
