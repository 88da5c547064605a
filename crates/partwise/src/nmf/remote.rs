//! A fit of a V whose blocks of rows are in other processes.

use std::io::Read;
use std::time::Instant;

use super::identity::Shape;
use super::task::Task;
use super::{Factorization, Nmf, Start};
use crate::course::Course;
use crate::init::{H_STREAMS, draw};
use crate::matrix::{Blocks, Dense};
use crate::observe::Observer;
use crate::shard::remote::{Beginning, Seen, Transport};
use crate::threads::Threads;
use crate::{Error, Float, Init};

impl Nmf {
    /// Factors a V whose blocks of rows are in other processes, watched by an observer. The same blocks give the same bits
    /// as [`Self::fit_with`] in one process (for a solver that is not [`crate::Solver::alike_in_blocks`], of several
    /// blocks), and a partition that is lost on the way changes none of them.
    ///
    /// The start is drawn, or given; of what is given each partition gets its rows of W. The W that is returned has no
    /// rows: they stay where they are ([`crate::remote::Partition::rows`]), and so no state of the fit is kept
    /// ([`Observer::keep`]), unless the transport gathers them ([`Transport::gathers`]).
    ///
    /// # Errors
    /// As [`Self::fit_with`]; partitions that do not fit together; [`Error::Transport`]; a start or a solver that needs
    /// more of V than its passes say, and several starts.
    pub fn fit_remote<T: Float>(
        &self,
        transport: &mut dyn Transport,
        start: Start<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        T::fit_elsewhere(self, transport, start, None, observer)
    }

    /// Goes on with a fit from a state, as [`Self::resume`] does: one of the same blocks, wherever they were.
    ///
    /// # Errors
    /// As [`Self::fit_remote`]; [`Error::State`].
    pub fn resume_remote<T: Float>(
        &self,
        transport: &mut dyn Transport,
        start: Start<'_, T>,
        state: &mut dyn Read,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        T::fit_elsewhere(self, transport, start, Some(state), observer)
    }

    pub(crate) fn fit_elsewhere<T: Float>(
        &self,
        transport: &mut dyn Transport,
        start: Start<'_, T>,
        state: Option<&mut dyn Read>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let threads = Threads::new(self.threads).interruptible(observer.interrupt());
        threads.until_ended(|| {
            let clock = Instant::now();
            self.check()?;
            self.check_passes_alone(&start, "where V is in partitions")?;
            let gathers = transport.gathers();
            if self.n_init.get() > 1 && !gathers {
                return Err(Error::Parameter {
                    name: "n_init",
                    value: self.n_init.to_string(),
                    legal: "expected 1 where W stays in partitions".to_owned(),
                });
            }
            let seen = Seen::of::<T>(transport)?;
            let (rows, cols) = (seen.rows, seen.cols);
            self.check_rank_size::<T>(rows, cols)?;
            self.check_start(&start, rows, cols)?;
            let start = start.settled(self.rank)?;
            seen.summary.check_loss(self.loss)?;
            self.check_start_size(&start, &seen.summary)?;
            let given = start.w.is_some() && start.h.is_some();
            let blocks = Blocks::elsewhere(&seen);
            let init = Some(Init::drawn()).filter(|_| start.hold.is_none() && !given);
            self.check_n_init(init)?;
            let solver = self.road(false, rows, cols)?;
            let shapes = Shape::of_partitions(&seen);
            let identity = || self.identity(&shapes, &start, (init, solver), &seen.summary);
            let shape = (rows, cols, self.rank);
            let state = state.map(|state| state as &mut dyn Read);
            let mut course = if gathers {
                Course::new(self, observer, &identity, shape, state)?
            } else {
                Course::unkept(self, observer, shape)
            };
            let task = Task {
                nmf: self,
                blocks: &blocks,
                given: &start,
                init,
                solver,
                constant: 0.0,
                graph: None,
                threads: &threads,
            };
            let outcome = task.run_remote(&seen, transport, &mut course);
            Ok(Self::factorization(&task, course, outcome, clock))
        })
    }
}

impl<T: Float> Task<'_, '_, T> {
    /// Where W begins, and Hᵀ, of start `number`, from 0: drawn from the streams of the start `random`, so that every partition can draw its own rows.
    pub(super) fn beginning(&self, number: usize) -> (Beginning<T>, Dense<T>) {
        let (nmf, given, cols) = (self.nmf, self.given, self.blocks.cols);
        let size = (self.blocks.mean() / nmf.rank as f64).sqrt();
        let flat = self.flat_level();
        let drawn = self.init.is_some();
        let seed = nmf.seed.wrapping_add(number as u64);
        let w = match given.w {
            Some(w) => Beginning::Given(w.clone()),
            None if drawn => Beginning::Drawn(size, seed),
            None => Beginning::Flat(flat.to_f64()),
        };
        let ht = match given.h {
            Some(h) => h.transposed(),
            None if drawn => draw(cols, nmf.rank, size, seed, H_STREAMS),
            None => Dense::filled(cols, nmf.rank, flat),
        };
        (w, ht)
    }
}
