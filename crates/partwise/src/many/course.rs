//! How far a piece of work of many fits is, who watches it, and the fits of it that were made before.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::kept::{self, Kept, Past};
use super::{SurveyObserver, SurveyProgress};
use crate::Error;
use crate::archive::Identity;
use crate::observe::{Observer, Progress};
use crate::threads::Threads;

/// How far many fits are, and whether they go on.
pub(crate) struct Course<'a> {
    observer: Mutex<&'a mut dyn SurveyObserver>,
    interrupt: Option<Arc<AtomicBool>>,
    stopped: AtomicBool,
    done: AtomicUsize,
    total: usize,
    clock: Instant,
    /// What an earlier piece of work had done, and how much of that was taken so far.
    past: Past,
    taken: AtomicUsize,
    /// Whether records are wanted; the lots of fits so far, and the columns of V.
    keeps: bool,
    lots: AtomicUsize,
    cols: usize,
}

impl<'a> Course<'a> {
    pub(crate) fn new(observer: &'a mut dyn SurveyObserver, total: usize) -> Self {
        Self {
            interrupt: observer.interrupt(),
            keeps: observer.keeps(),
            past: Past::default(),
            taken: AtomicUsize::new(0),
            lots: AtomicUsize::new(0),
            cols: 0,
            observer: Mutex::new(observer),
            stopped: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            total,
            clock: Instant::now(),
        }
    }

    /// The same without the fits of which there are records, for a V with so many columns.
    ///
    /// # Errors
    /// [`Error::State`] if the records belong to other work.
    pub(crate) fn going_on(
        mut self,
        records: &[Vec<u8>],
        cols: usize,
        identity: impl FnOnce() -> Identity,
    ) -> Result<Self, Error> {
        if self.keeps || !records.is_empty() {
            let identity = identity();
            self.past = Past::of(records, &identity)?;
            self.cols = cols;
            if records.is_empty() {
                self.keep(&kept::head(identity));
            }
        }
        Ok(self)
    }

    fn keep(&self, record: &[u8]) {
        let mut observer = self.observer.lock().unwrap_or_else(PoisonError::into_inner);
        observer.keep(record);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Fits that are done.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }

    /// What each of `count` fits of a rank says, in order: `None` of those that the observer ended, or that say nothing.
    ///
    /// # Errors
    /// The first of the engine's.
    pub(crate) fn each<A: Send>(
        &self,
        rank: usize,
        count: usize,
        (threads, beside): (&Threads, bool),
        fit: impl Fn(&mut Job<'_, '_>, usize) -> Result<Option<A>, Error> + Sync,
    ) -> Result<Vec<Option<A>>, Error> {
        let work = |i| {
            let mut job = Job { rank, course: self };
            if job.stopped() {
                return Ok(None);
            }
            let answer = fit(&mut job, i)?;
            if job.stopped() {
                return Ok(None);
            }
            self.done.fetch_add(1, Ordering::Relaxed);
            // An end that is asked for here comes before the next fit.
            let _ = self.look(rank);
            Ok(answer)
        };
        if beside {
            threads.map(count, work).into_iter().collect()
        } else {
            (0..count).map(work).collect()
        }
    }

    /// As [`Self::each`], with the answers that an earlier piece of work kept, and keeping those that are made.
    pub(crate) fn each_kept<A: Kept + Send>(
        &self,
        rank: usize,
        count: usize,
        hands: (&Threads, bool),
        fit: impl Fn(&mut Job<'_, '_>, usize) -> Result<Option<A>, Error> + Sync,
    ) -> Result<Vec<Option<A>>, Error> {
        let (lot, shape) = (self.lots.fetch_add(1, Ordering::Relaxed), (rank, self.cols));
        self.each(rank, count, hands, |job, i| {
            if let Some(answer) = self.past.answer((lot, i), shape)? {
                self.taken.fetch_add(1, Ordering::Relaxed);
                return Ok(answer);
            }
            let mut answer = fit(job, i)?;
            if self.keeps && !job.stopped() {
                self.keep(&kept::record((lot, i), &mut answer, shape));
            }
            Ok(answer)
        })
    }

    /// A fit that is made to its end even if the observer has ended the work: what there is so far is worth nothing without it.
    ///
    /// # Errors
    /// The fit's.
    pub(crate) fn finish<A>(
        &self,
        rank: usize,
        fit: impl FnOnce(&mut dyn Observer) -> Result<A, Error>,
    ) -> Result<A, Error> {
        let answer = fit(&mut Patient(Job { rank, course: self }))?;
        self.done.fetch_add(1, Ordering::Relaxed);
        let _ = self.look(rank);
        Ok(answer)
    }

    fn look(&self, rank: usize) -> ControlFlow<()> {
        if !self.stopped() {
            // Whoever has it looks: what is done never seems to fall.
            let mut observer = self.observer.lock().unwrap_or_else(PoisonError::into_inner);
            let progress = SurveyProgress {
                rank,
                done: self.done(),
                total: self.total,
                kept: self.taken.load(Ordering::Relaxed),
                seconds: self.seconds(),
            };
            if observer.observe(&progress).is_break() {
                self.stopped.store(true, Ordering::Relaxed);
            }
        }
        if self.stopped() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// One of the fits, as its observer.
pub(crate) struct Job<'a, 'o> {
    pub(crate) rank: usize,
    course: &'a Course<'o>,
}

impl Job<'_, '_> {
    pub(crate) fn stopped(&self) -> bool {
        self.course.stopped()
    }
}

impl Observer for Job<'_, '_> {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        self.course.look(self.rank)
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.course.interrupt.clone()
    }
}

/// A fit that tells how far it is, but does not end for it.
struct Patient<'a, 'o>(Job<'a, 'o>);

impl Observer for Patient<'_, '_> {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        let _ = self.0.observe(progress);
        ControlFlow::Continue(())
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.0.interrupt()
    }
}
