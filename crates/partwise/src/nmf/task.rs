//! From checked parameters to factors: where to begin, on what, and in which orientation.

use super::{Factor, Nmf, Start, single};
use crate::constraint::{self, Beside, Convex};
use crate::course::{Course, Tried};
use crate::fit::{self, Outcome, Plan, Quality, Side};
use crate::init::{Init, Input, Pair};
use crate::loss::Weights;
use crate::matrix::{Blocks, Dense, Source};
use crate::pass::{Problem, Rules, Terms};
use crate::shard::{Local, Many, Shard, Sketched, Weighted};
use crate::sketch::{self, Sketch};
use crate::stop::{Look, StopReason, StopRule, Stopper};
use crate::threads::Threads;
use crate::{Float, Solver};

/// Entries of the left factor up to which it is carried on beyond its steps, as the right one is: where it stood before takes as much
/// memory again. Fits that carry on only the right factor, which the left one follows, end as low after as many iterations, by and
/// large (three seeds on six data sets, and 2,000,000 documents).
const CARRIED: usize = 1 << 23;

/// Iterations of each of several starts, where no sketch is at hand to try them on.
const TRIAL: usize = 10;

/// A fit that is sure to be possible.
pub(super) struct Task<'a, 'v, T: Float> {
    pub(super) nmf: &'a Nmf,
    pub(super) blocks: &'a Blocks<'v, T>,
    pub(super) given: &'a Start<'a, T>,
    /// How to make what of the start is not given; `None` if nothing is to be made.
    pub(super) init: Option<Init>,
    pub(super) solver: Solver,
    /// The sketch of V, where it was made before.
    pub(super) sketch: Option<&'a Sketch<T>>,
    /// A constant of the problem, which is no part of the objective.
    pub(super) constant: f64,
    /// What is known of the rows of a factor, if a constraint takes that.
    pub(super) beside: Option<Beside>,
    /// Whether another fit goes on from what this one finds.
    pub(super) goes_on: bool,
    pub(super) threads: &'a Threads,
}

impl<T: Float> Task<'_, '_, T> {
    /// The left and the right factor, from `begun` ones on if there are any.
    pub(super) fn descend(
        &self,
        begun: Option<(Dense<T>, Dense<T>)>,
        course: &mut Course<'_, T>,
    ) -> Outcome<T> {
        let pair = match begun {
            Some(pair) => pair,
            None if course.road.begun => self.placeholder(),
            None => {
                let makes = self.sketches() && self.sketch.is_none();
                let made = makes.then(|| self.make_sketch());
                self.begin(self.sketch.or(made.as_ref()), course)
            }
        };
        course.road.begun = true;
        self.on_v(pair, self.nmf.max_iter, course)
    }

    /// The factors W and Hᵀ, as left and right; as [`Self::descend`].
    pub(super) fn run(
        &self,
        begun: Option<(Dense<T>, Dense<T>)>,
        course: &mut Course<'_, T>,
    ) -> Outcome<T> {
        let outcome = self.descend(begun, course);
        if !self.blocks.transposed {
            return outcome;
        }
        Outcome {
            left: outcome.right,
            right: outcome.left,
            ..outcome
        }
    }

    /// Whether the fit begins on a sketch.
    pub(super) fn sketches(&self) -> bool {
        self.solver.sketches() && self.given.hold.is_none()
    }

    pub(super) fn sketch_width(&self) -> usize {
        sketch::width(self.blocks.rows, self.blocks.cols, self.nmf.rank)
    }

    fn make_sketch(&self) -> Sketch<T> {
        let (width, seed) = (self.sketch_width(), self.nmf.seed);
        Sketch::of(self.blocks, width, seed, self.threads)
    }

    /// Left and right factors to go on from over V: a start, tried or improved on a sketch if there is one, or the best of
    /// several after a few iterations of each.
    fn begin(
        &self,
        sketch: Option<&Sketch<T>>,
        course: &mut Course<'_, T>,
    ) -> (Dense<T>, Dense<T>) {
        let lines = sketch.map(|sketch| sketch.lines(self.blocks.transposed));
        let start = |number, course: &mut Course<'_, T>| {
            if course.resumes() {
                return self.placeholder();
            }
            course.begin(number + 1);
            let made = || {
                let pair = self.start(number, sketch);
                self.oriented(pair.w, pair.ht)
            };
            match self.approaches() {
                true => self.approach(made(), course).unwrap_or_else(made),
                false => made(),
            }
        };
        if lines.is_none() && self.nmf.n_init.get() == 1 {
            return start(0, course);
        }
        self.best_of_starts(course, |number, course| {
            let pair = start(number, course);
            match lines {
                Some((basis, projected)) => {
                    let sources = basis.iter().map(|part| Source::Dense(part.view()));
                    let sources: Vec<_> = sources.collect();
                    let (left, right) = pair;
                    let basis = self.shards(&sources, left);
                    self.on_sketch(basis, projected, right, course)
                }
                None => self.on_v(pair, self.trial(), course),
            }
        })
    }

    /// Iterations of each of several starts.
    pub(super) fn trial(&self) -> usize {
        TRIAL.min(self.nmf.max_iter)
    }

    /// The factors of the best of all starts, which are tried by number, from 0.
    pub(super) fn best_of_starts(
        &self,
        course: &mut Course<'_, T>,
        mut try_start: impl FnMut(usize, &mut Course<'_, T>) -> Outcome<T>,
    ) -> (Dense<T>, Dense<T>) {
        let first = course.road.start - 1;
        for number in first..self.nmf.n_init.get() {
            if number > first && course.stopped() {
                break;
            }
            let outcome = try_start(number, course);
            let objective = outcome.quality.objective;
            if self.nmf.n_init.get() > 1 {
                course.road.starts.push(objective);
            }
            if course.road.improves(objective) {
                course.road.tried = Some(Tried {
                    left: outcome.left,
                    right: outcome.right,
                    past: course.road.past.clone(),
                    objective,
                });
            }
        }
        let best = course.road.tried.take();
        let best = best.expect("there is at least one start");
        course.road.past = best.past;
        (best.left, best.right)
    }

    /// Room for the factors of a loop that goes on from a state.
    fn placeholder(&self) -> (Dense<T>, Dense<T>) {
        let room = |rows| Dense::zeros(rows, self.nmf.rank);
        self.oriented(room(self.blocks.rows), room(self.blocks.cols))
    }

    /// How start `number`, from 0, is made, if any is. What `auto` stands for is made first; itself it draws.
    pub(super) fn init_of(&self, number: usize) -> Option<Init> {
        self.init
            .map(|first| if number == 0 { first } else { self.nmf.init })
    }

    pub(super) fn seed_of(&self, number: usize) -> u64 {
        self.nmf.seed.wrapping_add(number as u64)
    }

    /// Start `number`, from 0: what is given, and the rest made.
    fn start(&self, number: usize, sketch: Option<&Sketch<T>>) -> Pair<T> {
        let (nmf, blocks, given) = (self.nmf, self.blocks, self.given);
        let made = self.init_of(number).map(|init| {
            init.make(&Input {
                blocks,
                k: nmf.rank,
                seed: self.seed_of(number),
                sketch,
                threads: self.threads,
            })
        });
        let (made_w, made_ht) = made.map_or((None, None), |pair| (Some(pair.w), Some(pair.ht)));
        let flat = |rows| Dense::filled(rows, nmf.rank, self.flat_level());
        let w = given.w.cloned().or(made_w);
        let ht = given.h.map(Dense::transposed).or(made_ht);
        Pair {
            w: w.unwrap_or_else(|| flat(blocks.rows)),
            ht: ht.unwrap_or_else(|| flat(blocks.cols)),
            picked: Vec::new(),
        }
    }

    /// With one factor held the other begins where scikit-learn's transform does: at zero, or at a constant where a solver
    /// multiplies, as those of other losses do where they see no whole lines.
    pub(super) fn flat_level(&self) -> T {
        if self.solver.leaves_zero() && self.nmf.loss.is_quadratic() {
            T::ZERO
        } else {
            T::from_f64((self.blocks.mean() / self.nmf.rank as f64).sqrt())
        }
    }

    /// What belongs to W and to H, as what belongs to the left and the right factor.
    fn oriented<X>(&self, w: X, h: X) -> (X, X) {
        if self.blocks.transposed {
            (h, w)
        } else {
            (w, h)
        }
    }

    /// Factors of the product of two matrices that stands for V: one whose lines and rows of the left factor are the shard's, and
    /// `projected`.
    pub(super) fn on_sketch<'s>(
        &'s self,
        basis: Box<dyn Shard<T> + 's>,
        projected: &'s Dense<T>,
        right: Dense<T>,
        course: &mut Course<'_, T>,
    ) -> Outcome<T> {
        let summary = &self.blocks.summary;
        let width = projected.cols() as f64;
        let (rule, tolerance) = sketch::rule(self.nmf.brief);
        let plan = Plan {
            rule,
            tolerance,
            max_iter: sketch::iterations(self.nmf.max_iter),
            looks_back: false,
            goes_on: false,
            cancellation: sketch::CANCELLATION,
            ..self.plan()
        };
        let shard = Sketched::new(basis, projected, summary.squares, self.threads);
        let problem = self.problem((width, width));
        course.sketched = true;
        let outcome = fit::run(
            Box::new(shard),
            right,
            &problem,
            &plan,
            summary,
            self.threads,
            course,
        );
        course.sketched = false;
        outcome
    }

    /// Factors of V.
    pub(super) fn on_v(
        &self,
        (mut left, mut right): (Dense<T>, Dense<T>),
        max_iter: usize,
        course: &mut Course<'_, T>,
    ) -> Outcome<T> {
        let rules = self.rules();
        if let Some(rule) = &rules.left {
            rule.begin(&mut left);
        }
        if let Some(rule) = &rules.right {
            rule.begin(&mut right);
        }
        self.on_shard(self.blocks_with(left), right, max_iter, course)
    }

    /// Where a constraint says that the components are rows of V: H, and which rows they are.
    pub(super) fn rows_of_v(&self) -> Option<(Dense<T>, Vec<usize>)> {
        let init = self.init.filter(|_| self.nmf.chooses())?;
        let (nmf, blocks) = (self.nmf, self.blocks);
        let pair = init.make(&Input {
            blocks,
            k: nmf.rank,
            seed: nmf.seed,
            sketch: None,
            threads: self.threads,
        });
        let mut h = Dense::zeros(nmf.rank, blocks.cols);
        for (to, &i) in h
            .as_mut_slice()
            .chunks_exact_mut(blocks.cols)
            .zip(&pair.picked)
        {
            to.copy_from_slice(&blocks.row(i));
        }
        Some((h, pair.picked))
    }

    /// W and Hᵀ where a constraint says that the components are mixtures of the rows of V, and C (k × m).
    pub(super) fn run_mixed(&self, course: &mut Course<'_, T>) -> (Outcome<T>, Dense<T>) {
        let (nmf, blocks) = (self.nmf, self.blocks);
        let walked = blocks.walked as f64 / blocks.rows as f64;
        let terms = Terms::new(Weights::default(), walked, nmf.rank);
        let terms = (terms.clone(), terms);
        let problem = Problem {
            rules: Rules {
                signed: true,
                ..Rules::default()
            },
            ..Problem::new(self.solver, nmf.loss, blocks.mean(), terms)
        };
        let picked = match course.resumes() {
            true => vec![0; nmf.rank],
            false => self.mixed_start(),
        };
        let mut fit = Convex::new(blocks, &problem, &picked, self.threads);
        let mut of_mixture = 0.0;
        let mut stopper = Stopper::new(StopRule::PLATEAU, nmf.tol, 0.0);
        if course.resumes() {
            course.load(|archive| {
                fit.archive(archive);
                stopper.archive(archive);
                archive.float(&mut of_mixture);
            });
        } else {
            course.begin(1);
            course.road.begun = true;
        }
        let mut stop = StopReason::MaxIterations;
        while course.road.past.iteration < nmf.max_iter && !course.stopped() {
            course.road.past.iteration += 1;
            let met = fit.iterate();
            of_mixture = met.residual;
            course.note(met.objective, Some(met.residual));
            let look = Look {
                iteration: course.road.past.iteration,
                violation: met.violation,
                divergence: met.objective,
                objective: met.objective,
            };
            if stopper.converged(&look) {
                stop = StopReason::Converged;
                break;
            }
            course.save(|archive| {
                fit.archive(archive);
                stopper.archive(archive);
                archive.float(&mut of_mixture);
            });
        }
        if course.stopped() && stop != StopReason::Converged {
            stop = StopReason::Stopped;
        }
        let (w, mixture, ht) = fit.finish();
        let (left, right) = self.oriented(w, ht);
        let plan = Plan {
            held: Some(self.oriented(Side::Left, Side::Right).1),
            ..self.plan()
        };
        let problem = self.problem((1.0, 1.0));
        let (summary, shard) = (&blocks.summary, self.blocks_with(left));
        let (left, right, quality) =
            fit::look(shard, right, &problem, &plan, summary, self.threads);
        let (left, right) = self.oriented(left, right);
        let outcome = Outcome {
            left,
            right,
            stop,
            stopper,
            quality: Quality {
                residual: quality.residual.max(of_mixture),
                ..quality
            },
        };
        (outcome, mixture.transposed())
    }

    /// The rows of V that its mixtures begin as.
    fn mixed_start(&self) -> Vec<usize> {
        let (nmf, blocks, threads) = (self.nmf, self.blocks, self.threads);
        let (k, seed) = (nmf.rank, nmf.seed);
        let found = self.init.filter(|init| init.picks_rows()).map(|init| {
            let sketch = None;
            let input = Input {
                blocks,
                k,
                seed,
                sketch,
                threads,
            };
            init.make(&input).picked
        });
        let mut picked = found.unwrap_or_default();
        if picked.len() < k {
            // Of rows that are mixtures of fewer than k.
            picked.extend(constraint::drawn(blocks, k - picked.len(), seed, threads));
        }
        picked
    }

    pub(super) fn on_shard<'s>(
        &'s self,
        shard: Box<dyn Shard<T> + 's>,
        right: Dense<T>,
        max_iter: usize,
        course: &mut Course<'_, T>,
    ) -> Outcome<T> {
        let (rows, cols) = self.oriented(self.blocks.rows, self.blocks.cols);
        // With one factor held, its product with V is made once and serves every iteration: sweeps cost next to nothing.
        let walked_per = |rows: usize| match self.given.hold {
            Some(_) => f64::INFINITY,
            None => self.blocks.walked as f64 / rows as f64 * self.price(),
        };
        let problem = self.problem((walked_per(rows), walked_per(cols)));
        let plan = Plan {
            max_iter,
            ..self.plan()
        };
        let (summary, threads) = (&self.blocks.summary, self.threads);
        fit::run(shard, right, &problem, &plan, summary, threads, course)
    }

    /// What an entry of a walk costs, in products with a row of a factor: a Gram matrix for each line takes k of them.
    fn price(&self) -> f64 {
        match self.blocks.weighed {
            Some(_) => (self.nmf.rank as f64 / 4.0).max(1.0),
            None => 1.0,
        }
    }

    /// `walked`: the entries that a walk looks at for a row of the left factor, and of the right one.
    fn problem(&self, walked: (f64, f64)) -> Problem<T> {
        let (nmf, blocks) = (self.nmf, self.blocks);
        let (w_weights, h_weights) = nmf.penalty.weights(blocks.rows, blocks.cols);
        let (left, right) = self.oriented(w_weights, h_weights);
        let held = self.oriented(self.given.held_w, self.given.held_h);
        let terms = |weights, walked, held: &[usize]| {
            let terms = Terms::new(weights, walked, nmf.rank).holding(held, nmf.rank);
            terms.priced(nmf.prices.clone())
        };
        let [left_shares, right_shares] = blocks.shares.clone();
        let left = terms(left, walked.0, held.0).shared(left_shares);
        let right = terms(right, walked.1, held.1).shared(right_shares);
        Problem {
            rules: self.rules(),
            ..Problem::new(self.solver, nmf.loss, blocks.mean(), (left, right))
        }
    }

    fn plan(&self) -> Plan {
        let (w_side, h_side) = self.oriented(Side::Left, Side::Right);
        let (rows, _) = self.oriented(self.blocks.rows, self.blocks.cols);
        let (rule, tolerance) = match self.solver.stop_rule() {
            StopRule::Plateau(_) if self.nmf.brief => StopRule::brief(self.nmf.tol),
            rule => (rule, self.nmf.tol),
        };
        Plan {
            carries_left: rows.saturating_mul(self.nmf.rank) <= CARRIED,
            solver: self.solver,
            rule,
            tolerance,
            max_iter: self.nmf.max_iter,
            looks_back: !self.nmf.brief && !self.goes_on,
            goes_on: self.goes_on,
            cancellation: match self.goes_on {
                true => single::cancellation::<T>(tolerance),
                false => T::CANCELLATION,
            },
            constant: self.constant,
            orders: self.nmf.orders.clone(),
            held: self.given.hold.map(|factor| match factor {
                Factor::W => w_side,
                Factor::H => h_side,
            }),
            first: match self.nmf.signed {
                // What was drawn of it says nothing, and the other factor's best answer to that may be none.
                Some(Factor::W) if self.given.w.is_none() => w_side,
                Some(Factor::H) if self.given.h.is_none() => h_side,
                // What is given says more than what is drawn.
                _ if self.given.is_h_alone() => w_side,
                _ if self.solver.extrapolates() => Side::Left,
                _ => w_side,
            },
        }
    }

    /// The mean of W and Hᵀ as both, and how good they are for the V that this task is about.
    pub(super) fn symmetrised(&self, outcome: Outcome<T>) -> Outcome<T> {
        let Outcome {
            mut left, right, ..
        } = outcome;
        for (x, &y) in left.as_mut_slice().iter_mut().zip(right.as_slice()) {
            *x = T::from_f64(f64::midpoint(x.to_f64(), y.to_f64()));
        }
        let right = left.clone();
        let (left, right, quality) = self.look(left, right);
        Outcome {
            left,
            right,
            quality,
            ..outcome
        }
    }

    /// A pair of factors as it is, and how good it is.
    pub(super) fn look(&self, left: Dense<T>, right: Dense<T>) -> (Dense<T>, Dense<T>, Quality) {
        let (problem, plan) = (self.problem((1.0, 1.0)), self.plan());
        let shard = self.blocks_with(left);
        let summary = &self.blocks.summary;
        fit::look(shard, right, &problem, &plan, summary, self.threads)
    }

    /// B of the constraint `labels`, for the factors W and Hᵀ.
    pub(super) fn class_parts(&self, (w, ht): (&Dense<T>, &Dense<T>)) -> Option<Dense<T>> {
        let Some(Beside::Labels(labels)) = &self.beside else {
            return None;
        };
        let factor = match self.nmf.informed()? {
            Factor::W => w,
            Factor::H => ht,
        };
        Some(labels.class_parts(factor))
    }

    /// The half-steps of constrained factors.
    pub(super) fn rules(&self) -> Rules {
        let rule = |factor, rows| {
            let mut constraints = self.nmf.constraints.iter();
            let found = constraints.find(|constraint| constraint.factor() == factor);
            let (squares, beside) = (self.blocks.summary.squares, self.beside.as_ref());
            found.and_then(|found| found.rule(rows, squares, beside))
        };
        let w = rule(Factor::W, self.blocks.rows);
        let h = rule(Factor::H, self.blocks.cols);
        let (left, right) = self.oriented(w, h);
        Rules {
            left,
            right,
            ties: None,
            signed: self.nmf.signed.is_some(),
        }
    }

    /// The blocks with their rows of the left factor.
    fn blocks_with(&self, left: Dense<T>) -> Box<dyn Shard<T> + '_> {
        let threads = || self.threads.clone();
        let sources = &self.blocks.sources[..];
        match (&self.blocks.weighed, &self.blocks.holes, sources) {
            (Some(weighed), _, [source]) => {
                Box::new(Weighted::new(source, weighed, left, threads()))
            }
            (_, Some(holes), [source]) => Box::new(Local::filled(source, holes, left, threads())),
            _ => self.shards(sources, left),
        }
    }

    /// Blocks of lines with their rows of a factor.
    fn shards<'s>(&self, sources: &'s [Source<'_, T>], left: Dense<T>) -> Box<dyn Shard<T> + 's> {
        let local = |source, rows| Local::new(source, rows, self.threads.clone());
        if let [source] = sources {
            return Box::new(local(source, left));
        }
        let k = left.cols();
        let mut from = 0;
        let shards = sources.iter().map(|source| {
            let to = from + source.count();
            let rows = left.row_range(from, to).to_vec();
            let rows = Dense::from_rows(rows, to - from, k).expect("a range of whole rows");
            from = to;
            Box::new(local(source, rows)) as Box<dyn Shard<T> + 's>
        });
        Box::new(Many::new(shards.collect()))
    }
}
