//! Threads over fixed pieces of work. How work is cut depends on shapes only, and results come back in order, so
//! that the number of threads never changes a bit of the answer.
//!
//! **Interruption.** Between two pieces of work a flag is looked at. Once it is set the piece unwinds, through the pool and
//! the loops, to [`Threads::until_ended`]: without a panic's message, and with everything dropped on the way. Where V can no
//! longer be read, the walk over it unwinds in the same way, with the error ([`end`]).

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::{Scope, ThreadPool};

use crate::Error;

/// How often the calling thread, once it has no more work, looks whether the others have ended theirs before it sleeps: about as long as
/// it takes to be woken, 20 to 100 microseconds.
const TURNS: usize = 2048;

/// A number of threads to work with, the calling one among them.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    /// The others, if there are any.
    pool: Option<Arc<ThreadPool>>,
    interrupt: Option<Arc<AtomicBool>>,
}

/// As many threads are made if so many are asked for, though there are fewer processors.
const MOST: usize = 64;

/// What a piece of work that was ended unwinds with.
struct Ended(Error);

/// Ends the work under way, up to [`Threads::until_ended`], which returns the error.
pub(crate) fn end(error: Error) -> ! {
    resume_unwind(Box::new(Ended(error)))
}

/// The pools of a process, by the number of threads. Threads do not follow into a forked process, which makes its own.
type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;

impl Threads {
    /// `None` takes all processors. Pools are kept for the life of the process: a fit spins up none.
    pub(crate) fn new(count: Option<NonZeroUsize>) -> Self {
        static POOLS: OnceLock<Mutex<Pools>> = OnceLock::new();
        let interrupt = None;
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let count = count.map_or(processors, NonZeroUsize::get);
        let count = count.min(processors.max(MOST));
        if count == 1 {
            return Self {
                pool: None,
                interrupt,
            };
        }
        let mut pools = POOLS
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (process::id(), count);
        if let Some(pool) = pools.get(&key) {
            return Self {
                pool: Some(pool.clone()),
                interrupt,
            };
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count - 1)
            .thread_name(|i| format!("partwise-{i}"))
            .build()
            .ok()
            .map(Arc::new);
        // Where the system gives no threads, one does the work.
        if let Some(pool) = &pool {
            pools.insert(key, pool.clone());
        }
        Self { pool, interrupt }
    }

    /// The calling thread alone.
    pub(crate) fn one() -> Self {
        Self {
            pool: None,
            interrupt: None,
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let pool = self.pool.as_ref();
        1 + pool.map_or(0, |pool| pool.current_num_threads())
    }

    /// The same threads, which stop work once the flag is set.
    pub(crate) fn interruptible(self, interrupt: Option<Arc<AtomicBool>>) -> Self {
        Self { interrupt, ..self }
    }

    /// The result of `work`, or the error that ended it: [`Error::Interrupted`] if the flag did.
    pub(crate) fn until_ended<R>(
        &self,
        work: impl FnOnce() -> Result<R, Error>,
    ) -> Result<R, Error> {
        // What was under way is dropped: nobody sees it half done.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
            match payload.downcast::<Ended>() {
                Ok(ended) => Err(ended.0),
                Err(payload) => resume_unwind(payload),
            }
        })
    }

    fn check(&self) {
        if let Some(flag) = &self.interrupt
            && flag.load(Ordering::Relaxed)
        {
            end(Error::Interrupted);
        }
    }

    /// Results of `task(0)`, `task(1)`, … in order.
    pub(crate) fn map<R: Send>(&self, tasks: usize, task: impl Fn(usize) -> R + Sync) -> Vec<R> {
        self.over(0..tasks, |_, i| task(i))
    }

    /// Results of `task(i, chunk i)` in order, over chunks of `length` values (the last may be shorter).
    pub(crate) fn map_chunks<T: Send, R: Send>(
        &self,
        values: &mut [T],
        length: usize,
        task: impl Fn(usize, &mut [T]) -> R + Sync,
    ) -> Vec<R> {
        self.over(values.chunks_mut(length), task)
    }

    /// As [`Self::map_chunks`] over two arrays cut in step: `task(i, chunk i of a, chunk i of b)`.
    pub(crate) fn map_chunks_of_two<T: Send, U: Send, R: Send>(
        &self,
        (a, a_length): (&mut [T], usize),
        (b, b_length): (&mut [U], usize),
        task: impl Fn(usize, &mut [T], &mut [U]) -> R + Sync,
    ) -> Vec<R> {
        let chunks = a.chunks_mut(a_length).zip(b.chunks_mut(b_length));
        self.over(chunks, |i, (a, b)| task(i, a, b))
    }

    /// Results of `task(i, pieces[i])` in order.
    pub(crate) fn map_pieces<P: Send, R: Send>(
        &self,
        pieces: Vec<P>,
        task: impl Fn(usize, P) -> R + Sync,
    ) -> Vec<R> {
        self.over(pieces.into_iter(), task)
    }

    /// Results of `task(i, piece i)` in order. Each thread takes the next piece as soon as it is done with one; the calling thread
    /// is one of them.
    fn over<P, R: Send>(
        &self,
        pieces: impl ExactSizeIterator<Item = P> + Send,
        task: impl Fn(usize, P) -> R + Sync,
    ) -> Vec<R> {
        let task = |(i, piece)| {
            self.check();
            task(i, piece)
        };
        let count = pieces.len();
        let pieces = pieces.enumerate();
        let pool = match &self.pool {
            Some(pool) if count > 1 => pool,
            _ => return pieces.map(task).collect(),
        };
        let helpers = pool.current_num_threads().min(count - 1);
        let at_work = AtomicUsize::new(helpers);
        let (pieces, results) = (Mutex::new(pieces), Mutex::new(Vec::with_capacity(count)));
        let work = || {
            let mut done = Vec::new();
            while let Some((i, piece)) = next(&pieces) {
                done.push((i, task((i, piece))));
            }
            let results = results.lock();
            results
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut done);
        };
        let help = || {
            work();
            at_work.fetch_sub(1, Ordering::Release);
        };
        pool.in_place_scope(|scope| {
            call(scope, helpers, &help);
            work();
            // The others are about to end: to sleep and be woken would take longer.
            let mut turns = 0..TURNS;
            while at_work.load(Ordering::Acquire) > 0 && turns.next().is_some() {
                std::hint::spin_loop();
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|&(i, _)| i);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// Calls helpers, each of which calls half of the others: none has many to wake.
fn call<'s>(scope: &Scope<'s>, helpers: usize, help: &'s (dyn Fn() + Sync)) {
    if let Some(others) = helpers.checked_sub(1) {
        scope.spawn(move |scope| {
            call(scope, others / 2, help);
            call(scope, others - others / 2, help);
            help();
        });
    }
}

/// The next of what several threads share.
fn next<I: Iterator>(shared: &Mutex<I>) -> Option<I::Item> {
    let shared = shared.lock();
    shared.unwrap_or_else(PoisonError::into_inner).next()
}
