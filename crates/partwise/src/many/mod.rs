//! Work of many fits: what surveys of ranks, consensuses and trees share.
//!
//! A fit has the same bits for any number of threads. So the fits of a rank share the threads, one each, where V is small,
//! and take all threads one after another where V is large and copies of it are dear.

mod assignment;
mod course;
pub(crate) mod kept;
pub(crate) mod mix;
pub(crate) mod part;
pub(crate) mod points;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::refuse;
use crate::init::Init;
use crate::matrix::Matrix;
use crate::nmf::Nmf;
use crate::{Error, Float};
pub(crate) use course::{Course, Job};

/// Stored entries from which V counts as large.
const LARGE: usize = 1 << 22;

/// How far a survey of ranks is, or another piece of work of many fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurveyProgress {
    /// The rank that is looked at.
    pub rank: usize,
    /// Fits done.
    pub done: usize,
    /// Fits in all.
    pub total: usize,
    /// Of those that are done, how many an earlier piece of work had made.
    pub kept: usize,
    /// Seconds since it began.
    pub seconds: f64,
}

/// Sees a survey, or another piece of work of many fits, after every iteration of every fit, one call at a time from any thread, and can end it.
///
/// Closures from `&SurveyProgress` to `ControlFlow<()>` are observers, and `()` is one that lets all fits go on.
pub trait SurveyObserver: Send {
    /// [`ControlFlow::Break`] ends the survey, which returns the ranks that are done; a consensus is of the runs that are.
    fn observe(&mut self, progress: &SurveyProgress) -> ControlFlow<()>;

    /// As [`crate::Observer::interrupt`]: nothing is kept.
    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        None
    }

    /// Whether [`Self::keep`] is to be called.
    fn keeps(&self) -> bool {
        false
    }

    /// Gets a record after every fit that is done, and one before the first that says what they belong to. From any first ones of
    /// them, in any order but for that one, [`crate::RankSurvey::resume`] and [`crate::ConsensusNmf::resume`] go on.
    fn keep(&mut self, _record: &[u8]) {}
}

impl<F: FnMut(&SurveyProgress) -> ControlFlow<()> + Send> SurveyObserver for F {
    fn observe(&mut self, progress: &SurveyProgress) -> ControlFlow<()> {
        self(progress)
    }
}

impl SurveyObserver for () {
    fn observe(&mut self, _: &SurveyProgress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Fits of a kind that may be asked for: lists of more would be larger than what is found.
const MOST_FITS: usize = 1_000_000;

/// Refuses more fits of a kind than may be asked for.
pub(crate) fn check_fits(what: &'static str, count: usize) -> Result<(), Error> {
    match count {
        0..=MOST_FITS => Ok(()),
        _ => refuse(what, count, format!("expected at most {MOST_FITS}")),
    }
}

/// Whether the fits of a rank run beside each other.
pub(crate) fn beside<T: Float>(v: &Matrix<'_, T>) -> bool {
    v.stored() < LARGE
}

/// One of many fits of a rank: from a drawn start, with as many threads as it has.
pub(crate) fn drawn<T: Float>(nmf: &Nmf, v: &Matrix<'_, T>, rank: usize) -> Nmf {
    let threads = if beside(v) {
        Some(NonZeroUsize::MIN)
    } else {
        nmf.threads
    };
    let mut nmf = nmf.clone().init(Init::drawn());
    nmf.rank = rank;
    nmf.n_init(NonZeroUsize::MIN).threads(threads)
}
