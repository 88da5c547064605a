//! Ctrl-C and the other requests to end.
//!
//! Before there is anything to keep, a request ends the program at once. During a fit the first one is kept for the fit
//! to see, so that the best factors so far are written; a second one ends the program at once.

use std::ops::ControlFlow;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::Context;

use crate::{outputs, terminal};

/// The exit code after a request to end: 128 + the number of SIGINT, as shells expect.
pub(crate) const EXIT_CODE: u8 = 130;

/// How a command that did not fail came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All was done.
    Done,
    /// On request; what there was has been written.
    Stopped,
}

static WORTH_KEEPING: AtomicBool = AtomicBool::new(false);
static ENDING: AtomicBool = AtomicBool::new(false);
static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Listens from now on.
pub(crate) fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        let first = !REQUESTED.swap(true, Ordering::SeqCst);
        if !first || !WORTH_KEEPING.load(Ordering::SeqCst) {
            ENDING.store(true, Ordering::SeqCst);
            outputs::remove_unfinished();
            terminal::note("stopped");
            process::exit(EXIT_CODE.into());
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// Waits for the end of the program where it ends at once: what then fails, fails because its files are taken away.
pub(crate) fn wait_if_ending() {
    while ENDING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// From now on there are results that a request must not lose.
pub(crate) fn keep_results() {
    WORTH_KEEPING.store(true, Ordering::SeqCst);
}

/// The flag that is set once the user asks to end.
pub(crate) fn flag() -> Arc<AtomicBool> {
    REQUESTED.clone()
}

/// Whether the user asked to end.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// The same as what an observer answers.
pub(crate) fn asked() -> ControlFlow<()> {
    match requested() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}
