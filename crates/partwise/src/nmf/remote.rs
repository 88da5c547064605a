//! A fit of a V whose blocks of rows are in other processes.

use std::io::Read;
use std::time::Instant;

use super::identity::Shape;
use super::task::Task;
use super::{Factorization, Nmf, Start};
use crate::course::Course;
use crate::fit::Outcome;
use crate::init::{H_STREAMS, draw, drawn_size, halves};
use crate::matrix::{Blocks, Dense};
use crate::observe::Observer;
use crate::shard::Shard;
use crate::shard::remote::{Driver, Seen, Transport};
use crate::threads::Threads;
use crate::{Error, Float, Init, sketch, svd};

impl Nmf {
    /// Factors a V whose blocks of rows are in other processes, watched by an observer. The same blocks give the same bits
    /// as [`Self::fit_with`] in one process (for a solver that is not [`crate::Solver::alike_in_blocks`], of several
    /// blocks), and a partition that is lost on the way changes none of them.
    ///
    /// The start is drawn, made of singular vectors, or given; of what is given each partition gets its rows of W. The W that
    /// is returned has no rows: they stay where they are ([`crate::remote::Partition::rows_of`]), and so no state of the fit is
    /// kept ([`Observer::keep`]), unless the transport gathers them ([`Transport::gathers`]).
    ///
    /// # Errors
    /// As [`Self::fit_with`]; partitions that do not fit together; [`Error::Transport`]; a start that picks rows of V; constraints
    /// but those on H that need nothing but sums.
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
            let gathers = transport.gathers();
            let seen = Seen::of::<T>(transport)?;
            let (rows, cols) = (seen.rows, seen.cols);
            self.check_rank_size::<T>(rows, cols)?;
            self.check_start(&start, rows, cols)?;
            let start = start.settled(self.rank)?;
            seen.summary.check_loss::<T>(self.loss)?;
            self.check_start_size(&start, &seen.summary)?;
            let given = start.w.is_some() && start.h.is_some();
            let blocks = Blocks::elsewhere(&seen);
            let init = match start.hold {
                None if !given => Some(self.chosen_init(self.rank, rows, cols)?),
                _ => None,
            };
            self.check_elsewhere(&start, init, (rows, cols))?;
            self.check_n_init(init)?;
            let dense = seen.dense.iter().all(|&dense| dense);
            let solver = self.road(dense && start.hold.is_none(), rows, cols)?;
            let shapes = Shape::of_partitions(&seen);
            let identity = || self.identity(&shapes, &start, (init, solver), &seen.summary);
            let shape = (rows, cols, self.rank);
            let state = state.map(|state| state as &mut dyn Read);
            let mut course = if gathers {
                Course::new(self, observer, &identity, shape, state, false)?
            } else {
                Course::unkept(self, observer, shape)
            };
            let task = Task {
                nmf: self,
                blocks: &blocks,
                given: &start,
                init,
                solver,
                sketch: None,
                constant: 0.0,
                beside: None,
                goes_on: false,
                threads: &threads,
            };
            let mut driver = Driver::new(transport, &seen, self.rank);
            let outcome = task.run_remote(&mut driver, &mut course);
            driver.end();
            Ok(Factorization::of(&task, course, outcome, clock))
        })
    }
}

impl<T: Float> Task<'_, '_, T> {
    /// Factors of a V that is in other processes, the rows of the left one left there.
    fn run_remote(&self, driver: &mut Driver<'_, T>, course: &mut Course<'_, T>) -> Outcome<T> {
        let right = if course.road.begun {
            self.room()
        } else {
            let projected = self.sketches().then(|| {
                let (width, seed) = (self.sketch_width(), self.nmf.seed);
                sketch::project(self.blocks, driver, width, seed, self.threads)
            });
            let right = self.begin_there(driver, projected.as_ref(), course);
            if projected.is_some() {
                driver.leave_basis();
            }
            right
        };
        course.road.begun = true;
        let gathers = driver.gathers();
        let shard = Box::new(driver.shard(false, gathers));
        self.on_partitions(shard, right, self.nmf.max_iter, course)
    }

    /// As [`Self::on_v`]: no constraint is on the rows in the partitions.
    fn on_partitions<'s>(
        &'s self,
        shard: Box<dyn Shard<T> + 's>,
        mut right: Dense<T>,
        max_iter: usize,
        course: &mut Course<'_, T>,
    ) -> Outcome<T> {
        if let Some(rule) = &self.rules().right {
            rule.begin(&mut right);
        }
        self.on_shard(shard, right, max_iter, course)
    }

    /// As [`Self::begin`], with the left factor in the partitions.
    fn begin_there(
        &self,
        driver: &mut Driver<'_, T>,
        projected: Option<&Dense<T>>,
        course: &mut Course<'_, T>,
    ) -> Dense<T> {
        let start = |number, driver: &mut Driver<'_, T>, course: &mut Course<'_, T>| {
            if course.resumes() {
                return self.room();
            }
            course.begin(number + 1);
            self.start_there(number, driver, projected)
        };
        let several = self.nmf.n_init.get() > 1;
        if projected.is_none() && !several {
            return start(0, driver, course);
        }
        // The states of the fit hold the best start so far, where there are any.
        let gathers = several && driver.gathers();
        let (left, right) = self.best_of_starts(course, |number, course| {
            let right = start(number, driver, course);
            let shard = Box::new(driver.shard(projected.is_some(), gathers));
            let outcome = match projected {
                Some(projected) => self.on_sketch(shard, projected, right, course),
                None => self.on_partitions(shard, right, self.trial(), course),
            };
            if !gathers && course.road.improves(outcome.quality.objective) {
                driver.set_aside();
            }
            outcome
        });
        if gathers {
            driver.give(&left);
        } else {
            driver.take_back();
        }
        right
    }

    /// As [`Self::start`]: Hᵀ, and W in the partitions. Each makes its own rows: from those of singular vectors, or from the
    /// streams of the start `random`.
    fn start_there(
        &self,
        number: usize,
        driver: &mut Driver<'_, T>,
        projected: Option<&Dense<T>>,
    ) -> Dense<T> {
        let (nmf, blocks, given) = (self.nmf, self.blocks, self.given);
        let (init, seed) = (self.init_of(number), self.seed_of(number));
        let halved = init.and_then(Init::fill).map(|fill| {
            let triplets = match projected {
                Some(projected) => svd::of_sketch(projected, blocks, nmf.rank),
                None => {
                    let steps = svd::START_STEPS;
                    svd::decompose(blocks, driver, nmf.rank, seed, steps, self.threads)
                }
            };
            driver.narrow(triplets.turn.clone(), projected.is_some());
            let spread = driver.spread();
            halves(blocks, triplets, &spread, (fill, seed))
        });
        let (size, flat) = (drawn_size(blocks.mean(), nmf.rank), self.flat_level());
        let (halved, made_ht) = match halved {
            Some((halved, ht)) => (Some(halved), Some(ht)),
            None if init.is_some() => {
                let ht = draw(blocks.cols, nmf.rank, size, seed, H_STREAMS);
                (None, Some(ht))
            }
            None => (None, None),
        };
        match (given.w, halved) {
            (Some(w), _) => driver.give(w),
            (None, Some(halved)) => driver.halve(halved),
            (None, None) if init.is_some() => driver.begin(size, Some(seed)),
            (None, None) => driver.begin(flat.to_f64(), None),
        }
        let ht = given.h.map(Dense::transposed).or(made_ht);
        ht.unwrap_or_else(|| Dense::filled(blocks.cols, nmf.rank, flat))
    }

    /// Room for the right factor of a loop that goes on from a state.
    fn room(&self) -> Dense<T> {
        Dense::zeros(self.blocks.cols, self.nmf.rank)
    }
}
