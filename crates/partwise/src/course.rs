//! A fit on its way: how far it has come, who watches it, and the states that are kept of it and gone on from.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use crate::archive::{self, Archive, Identity};
use crate::matrix::Dense;
use crate::observe::{Observer, Progress, State, TracePoint};
use crate::stop::Stopper;
use crate::threads;
use crate::{Error, Float, Nmf};

/// The way that a fit has come, over V and before that over what stood for it.
#[derive(Clone, Default)]
pub(crate) struct Past {
    pub(crate) trace: Vec<TracePoint>,
    /// Iterations done.
    pub(crate) iteration: usize,
    /// Those for another loss, before the first one, that took the start near V.
    pub(crate) approach: usize,
}

impl Past {
    fn archive(&mut self, archive: &mut Archive<'_>) {
        let empty = || TracePoint {
            iteration: 0,
            seconds: 0.0,
            objective: 0.0,
            residual: None,
            sketched: false,
        };
        archive.list(&mut self.trace, empty, |archive, point| {
            archive.count(&mut point.iteration);
            archive.float(&mut point.seconds);
            archive.float(&mut point.objective);
            archive.option(&mut point.residual, || 0.0, Archive::float);
            archive.flag(&mut point.sketched);
        });
        archive.count(&mut self.iteration);
        archive.count(&mut self.approach);
    }
}

/// The best factors of the starts that were tried, left and right, and how they came about.
pub(crate) struct Tried<T> {
    pub(crate) left: Dense<T>,
    pub(crate) right: Dense<T>,
    pub(crate) past: Past,
    pub(crate) objective: f64,
}

/// How far a fit has come beside the loop that is at work.
pub(crate) struct Road<T> {
    pub(crate) past: Past,
    /// The number of the start that is being tried, from 1.
    pub(crate) start: usize,
    /// Whether the starts are behind, and their best is being carried on.
    pub(crate) begun: bool,
    pub(crate) tried: Option<Tried<T>>,
    /// The objectives of the starts that were tried, if there are several.
    pub(crate) starts: Vec<f64>,
    /// Iterations that were done in single precision, of a fit in double precision.
    pub(crate) single: usize,
    /// Seconds that earlier fits took, of which this one is the continuation.
    seconds: f64,
}

impl<T: Float> Road<T> {
    fn new() -> Self {
        Self {
            past: Past::default(),
            start: 1,
            begun: false,
            tried: None,
            starts: Vec::new(),
            single: 0,
            seconds: 0.0,
        }
    }

    /// Whether a start that ends at this objective is better than all before.
    pub(crate) fn improves(&self, objective: f64) -> bool {
        let best = self.tried.as_ref();
        best.is_none_or(|best| objective < best.objective)
    }

    /// `shape`: rows of the left factor and of the right one, and components.
    fn archive(&mut self, archive: &mut Archive<'_>, shape: (usize, usize, usize)) {
        self.past.archive(archive);
        archive.count(&mut self.start);
        archive.flag(&mut self.begun);
        archive.float(&mut self.seconds);
        archive.floats(&mut self.starts);
        archive.count(&mut self.single);
        let (lines, columns, k) = shape;
        let empty = || Tried {
            left: Dense::zeros(lines, k),
            right: Dense::zeros(columns, k),
            past: Past::default(),
            objective: 0.0,
        };
        archive.option(&mut self.tried, empty, |archive, tried| {
            archive.dense(&mut tried.left);
            archive.dense(&mut tried.right);
            tried.past.archive(archive);
            archive.float(&mut tried.objective);
        });
    }
}

/// A fit on its way, watched.
pub(crate) struct Course<'a, T> {
    pub(crate) road: Road<T>,
    /// Whether a sketch stands for V.
    pub(crate) sketched: bool,
    started: Instant,
    nmf: &'a Nmf,
    /// Whether the observer has asked to stop.
    stopped: bool,
    observer: &'a mut dyn Observer,
    /// What a state of this fit belongs to; `None` where none can be kept.
    identity: Option<&'a dyn Fn() -> Identity>,
    shape: (usize, usize, usize),
    /// The state of a loop to go on from.
    resumed: Option<&'a mut dyn Read>,
    /// Whether the fit is in the part that is done in single precision.
    in_single: bool,
    /// The rule to stop of the part before this one, which the next loop takes over.
    pub(crate) stopper: Option<Stopper>,
}

impl<'a, T: Float> Course<'a, T> {
    /// `identity` is only asked for where there is a state. `shape`: rows of the left factor and of the right one, and
    /// components. `state` is what to go on from; it may be one in single precision where the fit `begins_in_single`.
    ///
    /// # Errors
    /// [`Error::State`] if it is none, or that of another fit.
    pub(crate) fn new(
        nmf: &'a Nmf,
        observer: &'a mut dyn Observer,
        identity: &'a dyn Fn() -> Identity,
        shape: (usize, usize, usize),
        state: Option<&'a mut dyn Read>,
        begins_in_single: bool,
    ) -> Result<Self, Error> {
        let mut course = Self {
            identity: Some(identity),
            resumed: state,
            ..Self::unkept(nmf, observer, shape)
        };
        if let Some(state) = &mut course.resumed {
            archive::check(&mut **state, &identity())?;
            let mut archive = Archive::reading(&mut **state);
            archive.flag(&mut course.in_single);
            archive.require(begins_in_single || !course.in_single);
            archive.finish().map_err(archive::cut_short)?;
            if !course.in_single {
                course.read_road().map_err(archive::cut_short)?;
            }
        }
        Ok(course)
    }

    /// Reads how far the fit of the state has come.
    fn read_road(&mut self) -> io::Result<()> {
        let Some(state) = &mut self.resumed else {
            return Ok(());
        };
        let mut archive = Archive::reading(&mut **state);
        self.road.archive(&mut archive, self.shape);
        archive.require((1..=self.nmf.n_init.get()).contains(&self.road.start));
        archive.finish()
    }

    /// Goes the part of the way that is gone in single precision, which may begin in a state.
    pub(crate) fn in_single<R>(&mut self, go: impl FnOnce(&mut Course<'_, T::Single>) -> R) -> R {
        let mut course = Course {
            road: Road::new(),
            in_single: true,
            started: self.started,
            identity: self.identity,
            resumed: None,
            ..Course::unkept(self.nmf, &mut *self.observer, self.shape)
        };
        if self.in_single {
            course.resumed = self.resumed.take().map(|state| state as &mut dyn Read);
            if let Err(error) = course.read_road() {
                threads::end(archive::cut_short(error));
            }
        }
        let answer = go(&mut course);
        let Road {
            past,
            starts,
            seconds,
            ..
        } = course.road;
        self.stopped = course.stopped;
        self.road = Road {
            single: past.iteration,
            past,
            starts,
            seconds,
            ..Road::new()
        };
        self.in_single = false;
        answer
    }

    /// Goes the way to where this fit begins, which is that of another fit.
    pub(crate) fn approach<R>(
        &mut self,
        other: &Nmf,
        go: impl FnOnce(&mut Course<'_, T>) -> R,
    ) -> R {
        let (observer, shape) = (&mut *self.observer, self.shape);
        let mut watched =
            |progress: &Progress| observer.approach(progress.iteration, other.max_iter);
        let mut course = Course::unkept(other, &mut watched, shape);
        let answer = go(&mut course);
        let (done, stopped) = (course.road.past.iteration, course.stopped);
        self.road.past.approach = done;
        self.stopped |= stopped;
        answer
    }

    /// A fit of which no state is kept.
    pub(crate) fn unkept(
        nmf: &'a Nmf,
        observer: &'a mut dyn Observer,
        shape: (usize, usize, usize),
    ) -> Self {
        Self {
            road: Road::new(),
            sketched: false,
            started: Instant::now(),
            nmf,
            stopped: false,
            observer,
            identity: None,
            shape,
            resumed: None,
            in_single: false,
            stopper: None,
        }
    }

    /// Another start is tried.
    pub(crate) fn begin(&mut self, start: usize) {
        self.road.past = Past::default();
        self.road.start = start;
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the next loop goes on from a state, whatever the factors that it is given.
    pub(crate) fn resumes(&self) -> bool {
        self.resumed.is_some()
    }

    /// Seconds of the fits that this one goes on from.
    pub(crate) fn earlier(&self) -> f64 {
        self.road.seconds
    }

    /// Seconds since the fit began, with the earlier ones.
    fn seconds(&self) -> f64 {
        self.road.seconds + self.started.elapsed().as_secs_f64()
    }

    /// Fills a loop from the state to go on from.
    pub(crate) fn load(&mut self, fill: impl FnOnce(&mut Archive<'_>)) {
        let Some(state) = self.resumed.take() else {
            return;
        };
        let mut archive = Archive::reading(state);
        fill(&mut archive);
        if let Err(error) = archive.finish() {
            threads::end(archive::cut_short(error));
        }
    }

    /// Lets the observer keep the state of the loop, if it wants to.
    pub(crate) fn save(&mut self, mut walk: impl FnMut(&mut Archive<'_>)) {
        let now = self.seconds();
        let Some(identity) = self.identity else {
            return;
        };
        if !self.observer.wants_state() {
            return;
        }
        let before = std::mem::replace(&mut self.road.seconds, now);
        let (road, shape) = (&mut self.road, self.shape);
        let mut in_single = self.in_single;
        self.observer.keep(&mut State {
            write: &mut |out: &mut dyn Write| {
                let mut archive = Archive::writing(out);
                archive::sign(&mut archive, identity());
                archive.flag(&mut in_single);
                road.archive(&mut archive, shape);
                walk(&mut archive);
                archive.finish()
            },
        });
        self.road.seconds = before;
    }

    /// Notes where the fit stands, and asks whether to go on.
    pub(crate) fn note(&mut self, objective: f64, residual: Option<f64>) {
        self.note_measured(objective, residual, objective);
    }

    /// As [`Self::note`], with what the rule to stop looks at where that is not the objective.
    pub(crate) fn note_measured(&mut self, objective: f64, residual: Option<f64>, measure: f64) {
        let seconds = self.seconds();
        let (iteration, sketched) = (self.road.past.iteration, self.sketched);
        let point = TracePoint {
            iteration,
            seconds,
            objective,
            residual,
            sketched,
        };
        point.join(&mut self.road.past.trace);
        if let Some(residual) = residual {
            let asked = self.observer.observe(&Progress {
                start: self.road.start,
                n_init: self.nmf.n_init.get(),
                iteration,
                max_iter: self.nmf.max_iter,
                objective,
                residual,
                measure,
                seconds,
                sketched,
            });
            self.stopped = asked == ControlFlow::Break(());
        }
    }
}
