//! The outer loop of every plain fit: a pass over V, a step of the other factor, a look at the objective, and the question
//! whether to go on.
//!
//! An iteration improves W and then H. Where V is walked by its columns (see [`crate::matrix`]) the factor that goes with
//! the lines is Hᵀ, so its pass comes second; the statistics for the first half-step are those of the pass before.

mod balance;
mod quality;

use std::borrow::Cow;
use std::sync::Arc;

use crate::archive::Archive;
use crate::course::Course;
use crate::lead::{Best, Lead};
use crate::matrix::{Dense, Summary};
use crate::pass::{self, Fixed, Parts, Problem};
use crate::shard::{Request, Shard, Stats};
use crate::stop::{Look, StopReason, StopRule, Stopper};
use crate::threads::Threads;
use crate::{Float, Solver};

pub(crate) use quality::Quality;

/// A side of the problem: the factor that goes with the lines of V, or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// How long to go on, and in which order.
pub(crate) struct Plan {
    pub(crate) solver: Solver,
    pub(crate) rule: StopRule,
    pub(crate) tolerance: f64,
    pub(crate) max_iter: usize,
    /// Whether the factors are looked at once more at the end. Else what is known of them from their iteration does, if that is all.
    pub(crate) looks_back: bool,
    /// Whether another fit goes on from the factors, and looks at them.
    pub(crate) goes_on: bool,
    /// The factor that is not changed.
    pub(crate) held: Option<Side>,
    /// The factor that is improved first in an iteration.
    pub(crate) first: Side,
    /// Whether an extrapolation carries on the left factor, too, and not only the right one, which it follows.
    pub(crate) carries_left: bool,
    /// The share of ‖V‖² below which sums do not tell a squared error well enough: [`Float::CANCELLATION`], but on a sketch.
    pub(crate) cancellation: f64,
    /// A constant of the problem, which is no part of the objective.
    pub(crate) constant: f64,
    /// The order of the components in each half-step that is taken, one after another.
    pub(crate) orders: Option<Arc<[Vec<usize>]>>,
}

/// What came out.
pub(crate) struct Outcome<T> {
    pub(crate) left: Dense<T>,
    pub(crate) right: Dense<T>,
    pub(crate) stop: StopReason,
    pub(crate) quality: Quality,
    /// The rule to stop, as it was at the end.
    pub(crate) stopper: Stopper,
}

/// A fit at work.
struct Fit<'a, 's, T: Float> {
    shard: Box<dyn Shard<T> + 's>,
    right: Fixed<T>,
    lead: Option<Lead<T>>,
    best: Best<T>,
    /// Sweeps over a row at most.
    sweeps: usize,
    problem: Cow<'a, Problem<T>>,
    plan: &'a Plan,
    data: &'a Summary,
    threads: &'a Threads,
}

/// Sum of |projected gradient| of a half-step, and that sum over its data part.
#[derive(Clone, Copy, Default)]
struct Met {
    violation: f64,
    residual: f64,
}

impl Met {
    fn new(violation: f64, magnitude: f64) -> Self {
        let share = violation / magnitude;
        let residual = if violation == 0.0 {
            0.0
        } else if share.is_finite() {
            share
        } else {
            1.0
        };
        Self {
            violation,
            residual,
        }
    }
}

/// Runs a fit to its end.
pub(crate) fn run<'s, T: Float>(
    shard: Box<dyn Shard<T> + 's>,
    right: Dense<T>,
    problem: &Problem<T>,
    plan: &Plan,
    data: &Summary,
    threads: &Threads,
    course: &mut Course<'_, T>,
) -> Outcome<T> {
    // One factor alone is a convex problem, which needs no lead.
    let free = problem.rules.are_none();
    let lead = plan.solver.extrapolates() && plan.held.is_none() && free;
    let rule = match plan.rule {
        _ if !free => StopRule::PLATEAU,
        StopRule::Plateau(_) if !lead => StopRule::Violation,
        rule => rule,
    };
    let mut fit = Fit::new(shard, right, problem, plan, data, threads);
    fit.lead = lead.then(Lead::default);
    let needs_start = plan.first == Side::Right || rule == StopRule::ErrorDrop || !fit.expands();
    let mut stats = None;
    let mut stopper = Stopper::new(rule, plan.tolerance, 0.0);
    let mut before = course.road.past.iteration;
    if course.resumes() {
        let done = before;
        course.load(|archive| {
            fit.archive(archive, &mut stats, &mut stopper, &mut before);
            archive.require(before <= done);
        });
    } else if needs_start {
        let look = fit.pass(false, !fit.improves_both());
        let at_start = fit.divergence(&look);
        course.note(fit.objective(at_start, &look), None);
        stopper = Stopper::new(rule, plan.tolerance, at_start);
        stats = Some(look);
    }
    if let Some(earlier) = course.stopper.take() {
        stopper = stopper.following(earlier);
        before = 0;
    }
    let mut stop = StopReason::MaxIterations;
    while course.road.past.iteration < plan.max_iter && !course.stopped() {
        course.road.past.iteration += 1;
        if fit.lead.is_some() {
            // Early factors are not worth solving for: they would settle on the zeros of a start that may be anywhere.
            fit.sweeps = course.road.past.iteration;
        }
        fit.order(problem, course.road.past.iteration - 1);
        let (now, met) = fit.iterate(stats.take());
        let divergence = fit.divergence(&now);
        let mut objective = fit.objective(divergence, &now);
        if plan.solver.strays() {
            let found = Quality {
                divergence,
                objective,
                relative_error: fit.relative_error(divergence),
                residual: met[0].residual.max(met[1].residual),
            };
            let best = fit.best.offer(found, &fit.right);
            if fit.lead.is_some() {
                fit.extrapolate();
                objective = best;
                // The left half-step comes first, and makes statistics of its own.
                if fit.best.is_lost() {
                    fit.return_to_best();
                }
            }
        }
        stats = Some(now);
        if lead && problem.is_free() {
            fit.level(&mut stats);
        }
        let residual = met[0].residual.max(met[1].residual);
        let look = Look {
            iteration: course.road.past.iteration - before,
            violation: met[0].violation + met[1].violation,
            divergence,
            objective,
        };
        course.note_measured(objective, Some(residual), rule.measure(&look));
        if stopper.converged(&look) {
            stop = StopReason::Converged;
            break;
        }
        if plan.goes_on && !fit.is_told(divergence) {
            break;
        }
        course.save(|archive| fit.archive(archive, &mut stats, &mut stopper, &mut before));
    }
    if course.stopped() && stop != StopReason::Converged {
        stop = StopReason::Stopped;
    }
    drop(stats);
    fit.return_to_best();
    if lead && problem.is_free() {
        fit.balance();
    }
    fit.normalise();
    let known = fit.best.quality();
    let known = known.filter(|_| plan.goes_on || fit.expands());
    let quality = match known {
        Some(known) if !plan.looks_back => known,
        _ => fit.quality(),
    };
    Outcome {
        left: fit.shard.into_rows(),
        right: fit.right.rows,
        stop,
        quality,
        stopper,
    }
}

/// A pair of factors as it is, and how good it is.
pub(crate) fn look<'s, T: Float>(
    shard: Box<dyn Shard<T> + 's>,
    right: Dense<T>,
    problem: &Problem<T>,
    plan: &Plan,
    data: &Summary,
    threads: &Threads,
) -> (Dense<T>, Dense<T>, Quality) {
    let mut fit = Fit::new(shard, right, problem, plan, data, threads);
    let quality = fit.quality();
    (fit.shard.into_rows(), fit.right.rows, quality)
}

impl<'a, 's, T: Float> Fit<'a, 's, T> {
    fn new(
        shard: Box<dyn Shard<T> + 's>,
        right: Dense<T>,
        problem: &'a Problem<T>,
        plan: &'a Plan,
        data: &'a Summary,
        threads: &'a Threads,
    ) -> Self {
        Self {
            shard,
            right: Fixed::new(right, threads),
            lead: None,
            best: Best::default(),
            sweeps: usize::MAX,
            problem: Cow::Borrowed(problem),
            plan,
            data,
            threads,
        }
    }
}

impl<T: Float> Fit<'_, '_, T> {
    /// The state after an iteration, with the last statistics, the rule to stop, and the iterations before the first.
    fn archive(
        &mut self,
        archive: &mut Archive<'_>,
        stats: &mut Option<Stats<T>>,
        stopper: &mut Stopper,
        before: &mut usize,
    ) {
        archive.count(before);
        stopper.archive(archive);
        self.shard.archive(archive);
        Fixed::archive(archive, &mut self.right);
        self.best.archive(archive, &self.right);
        if let Some(lead) = &mut self.lead {
            lead.archive(archive, &self.right);
        }
        archive.option(stats, || Stats::new(Parts::default()), Stats::archive);
        let (columns, k) = (self.right.rows.rows(), self.right.rows.cols());
        let best = self.best.right.as_ref();
        archive.require(self.right.sums.fits(k) && best.is_none_or(|best| best.sums.fits(k)));
        if let Some(stats) = stats {
            let lengths = (stats.parts.numerator.len(), stats.parts.denominator.len());
            let whole = Parts::<T>::lengths(&self.problem, columns, k);
            archive.require(stats.sums.fits(k));
            archive.require(lengths == whole || lengths == (0, whole.1) || lengths == (0, 0));
            archive.require(lengths == whole || !self.steps_from_the_last());
        }
    }

    /// Takes the orders of the components for an iteration, counted from 0.
    fn order(&mut self, problem: &Problem<T>, iteration: usize) {
        let Some(orders) = &self.plan.orders else {
            return;
        };
        let sides = match self.plan.first {
            Side::Left => [Side::Left, Side::Right],
            Side::Right => [Side::Right, Side::Left],
        };
        let taken: Vec<Side> = sides
            .into_iter()
            .filter(|&side| !self.holds(side))
            .collect();
        let mut ordered = problem.clone();
        for (at, side) in taken.iter().enumerate() {
            let Some(order) = orders.get(iteration * taken.len() + at) else {
                continue;
            };
            match side {
                Side::Left => ordered.left.reorder(order),
                Side::Right => ordered.right.reorder(order),
            }
        }
        self.problem = Cow::Owned(ordered);
    }

    fn holds(&self, side: Side) -> bool {
        self.plan.held == Some(side)
    }

    /// Whether the right factor, too, is improved from V itself.
    fn improves_both(&self) -> bool {
        self.shard.holds_columns() && (self.problem.lines.is_some() || !self.shard.counts_all())
    }

    /// Whether the right factor is improved from what a pass over the rows gathers.
    fn wants_statistics(&self) -> bool {
        !self.holds(Side::Right) && !self.improves_both()
    }

    /// Whether the divergence is a squared loss that the sums of a pass say.
    fn expands(&self) -> bool {
        self.problem.quadratic.is_some() && self.shard.counts_all()
    }

    /// Whether the next step of the right factor is one from the statistics of the iteration before.
    fn steps_from_the_last(&self) -> bool {
        let last = self.plan.first == Side::Right || (self.holds(Side::Left) && self.expands());
        last && !self.holds(Side::Right) && !self.improves_both()
    }

    /// What a constraint on the right factor says to each component of the left one.
    fn ties(&self) -> Option<Vec<f64>> {
        let rule = self.problem.rules.right.as_ref()?;
        rule.ties(&self.right.rows)
    }

    fn pass(&mut self, update: bool, statistics: bool) -> Stats<T> {
        let tied = self.ties().map(|ties| self.problem.tied(ties));
        let free = self.problem.rules.right.is_none();
        let step = self.plan.first == Side::Left && update && statistics && free;
        let mut stats = self.shard.pass(&Request {
            problem: tied.as_ref().unwrap_or(&*self.problem),
            right: &self.right,
            update,
            statistics,
            right_unchanged: self.holds(Side::Right),
            keep: update && self.best.is_latest(),
            lead: (self.lead.as_ref())
                .filter(|_| update && self.plan.carries_left)
                .map(|lead| lead.share),
            sweeps: self.sweeps,
            step,
        });
        if statistics && !step {
            let (rows, k) = (self.right.rows.as_slice(), self.right.rows.cols());
            stats.inner = pass::inner(&stats.parts.numerator, rows, k);
        }
        stats
    }

    /// Carries the right factor on beyond its step.
    fn extrapolate(&mut self) {
        let Some(lead) = &mut self.lead else {
            return;
        };
        let rose = !self.best.is_latest();
        lead.adapt(rose);
        let rows = self.right.rows.as_mut_slice();
        match &mut lead.previous {
            None => lead.previous = Some(self.right.rows.clone()),
            Some(previous) if rose => previous.as_mut_slice().copy_from_slice(rows),
            Some(previous) => {
                pass::extrapolate(&*self.problem, rows, previous.as_mut_slice(), lead.share);
                self.right.refresh(self.threads);
            }
        }
    }

    /// Takes the best pair so far, if there is one, and carries nothing on from where it was left.
    fn return_to_best(&mut self) {
        if let Some(right) = &self.best.right {
            self.right.clone_from(right);
            if !self.best.is_latest() {
                self.shard.restore();
            }
            self.best.returned();
            if let Some(lead) = &mut self.lead {
                lead.previous = None;
            }
        }
    }

    /// One iteration. `stats` are those of the last pass, if there was one.
    fn iterate(&mut self, stats: Option<Stats<T>>) -> (Stats<T>, [Met; 2]) {
        let mut met = [Met::default(); 2];
        let mut stats = stats;
        if self.plan.first == Side::Right
            && let Some(stats) = &mut stats
        {
            met[1] = self.step_right(stats);
        }
        // Nothing of a quadratic problem changes while its left factor is held.
        let unchanged = self.holds(Side::Left) && self.expands();
        let mut now = if let (true, Some(stats)) = (unchanged, stats.take()) {
            stats
        } else {
            // The old statistics are gone by now: two of them would take the room of a factor.
            let update = !self.holds(Side::Left);
            let now = self.pass(update, self.wants_statistics());
            if update {
                met[0] = Met::new(now.violation, now.magnitude);
            }
            now
        };
        if self.plan.first == Side::Left {
            met[1] = self.step_right(&mut now);
        }
        (now, met)
    }

    /// The half-step of the right factor, from V itself or from the statistics of a pass, unless the shard took it.
    fn step_right(&mut self, stats: &mut Stats<T>) -> Met {
        if self.holds(Side::Right) {
            return Met::default();
        }
        if let Some(step) = stats.step.take() {
            self.right.rows.as_mut_slice().copy_from_slice(&step.rows);
            return self.stepped(stats, &step.blocks);
        }
        self.meet_right(stats, true)
    }

    /// Improves the right factor, or only looks at it.
    fn meet_right(&mut self, stats: &mut Stats<T>, update: bool) -> Met {
        let (problem, threads, sweeps) = (&*self.problem, self.threads, self.sweeps);
        let (k, both) = (self.right.rows.cols(), self.improves_both());
        let rows = self.right.rows.as_mut_slice();
        let parts = &stats.parts;
        let met = if both {
            let met = self.shard.meet_columns(problem, sweeps, rows, update);
            Met::new(met.violation, met.magnitude)
        } else if let Some(rule) = &problem.rules.right {
            let (weights, sums) = (&problem.right.penalty, &stats.sums.gram);
            let both = (&sums[..], &parts.numerator[..]);
            let violation = rule.half_step(weights, both, rows, k, threads, update);
            stats.inner = pass::inner(&parts.numerator, rows, k);
            Met::new(violation, pass::magnitude(problem, &parts.numerator))
        } else {
            let (gram, how) = (&stats.sums.gram, (sweeps, update));
            let both = (&parts.numerator[..], &parts.denominator[..]);
            let blocks = pass::step(problem, how, gram, both, (rows, k), threads);
            return self.stepped(stats, &blocks);
        };
        if update {
            self.right.refresh(threads);
        }
        met
    }

    /// Notes what a step of the right factor met, and what its rows say now.
    fn stepped(&mut self, stats: &mut Stats<T>, blocks: &[pass::Block]) -> Met {
        let total = pass::Block::total(blocks);
        (self.right.sums, stats.inner) = (total.sums, total.inner);
        Met::new(total.violation, total.magnitude)
    }
}
