//! Which rank? A survey of ranks by several methods, each of which proposes one by a stated rule.
//!
//! There is no rank that is right for every purpose, so the curves of all methods are given, and one method decides: the
//! first of those asked for. Cross-validation asks how well entries are predicted that the fit has not seen: more components
//! than there are begin to predict noise. The methods on several starts ask whether components, or groups of samples, are
//! found again. Relevance asks what a fit with too many components does without. A method is one file here and one entry in the table `METHODS` (`method.rs`).

mod blocks;
mod choose;
mod consensus;
mod entries;
mod fitted;
mod found;
mod grown;
mod linkage;
mod method;
mod relevance;
mod score;
mod stability;
mod work;

use std::num::NonZeroUsize;

use crate::archive::Identity;
use crate::error::refuse;
use crate::many::{self, Course, SurveyObserver};
use crate::matrix::{Matrix, Signs, Summary};
use crate::nmf::Nmf;
use crate::threads::Threads;
use crate::{Error, Float};
pub use found::{Consensus, Criterion, Proposal, RankChoice, RankPart, RankPoint, Survey};
use method::Look;
pub use method::RankMethod;
use work::Data;

/// Starts that a fit with something held out tries for a few iterations, so that no curve hangs on one bad start.
const TRIES: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");

/// A survey of ranks to be made: each method gives every rank a figure and proposes one by a stated rule ([`RankMethod::source`] has its
/// papers).
///
/// Its fits end earlier than one alone: once the objective falls by less than the tolerance an iteration, relatively, over five.
/// The starts of a rank share one sketch of V, where they begin on one.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `ranks` | | the ranks to look at | 1 to min(m, n), at least one |
/// | `nmf` | `Nmf::new` | loss, solver, tolerance, limits, penalty, seed and threads of all fits; its rank and start are not used | |
/// | `methods` | all that handle the loss | how ranks are judged; of those given the first decides, of all `cv`, but no more than `stability` says | see [`RankMethod::all`] |
/// | `starts` | 10 | fits from drawn starts, for methods that compare starts | 2 to 1,000,000 |
/// | `folds` | 5 | folds of single entries; each fold is held out once | 2 to min(m, n) |
///
/// ```
/// use partwise::{Matrix, RankSurvey};
/// // Samples of two kinds, with a little noise.
/// let noise = |i: usize| (i * 7919 % 101) as f64 / 1010.0;
/// let entry = |i: usize| f64::from(u8::from((i / 12) % 2 == (i % 12) / 6)) * (1 + i % 5) as f64 + noise(i);
/// let values: Vec<f64> = (0..20 * 12).map(entry).collect();
/// let survey = RankSurvey::new(1..=4).run(&Matrix::row_major(&values, 20, 12)?, &mut ())?;
/// let choice = survey.choice.expect("every rank was looked at");
/// println!("rank {}: {}", choice.rank, choice.reason);
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RankSurvey {
    ranks: Vec<usize>,
    nmf: Nmf,
    methods: Option<Vec<RankMethod>>,
    starts: usize,
    folds: usize,
}

impl RankSurvey {
    /// A survey of these ranks, in any order, with the defaults of the table above.
    pub fn new(ranks: impl IntoIterator<Item = usize>) -> Self {
        let mut ranks: Vec<usize> = ranks.into_iter().collect();
        ranks.sort_unstable();
        ranks.dedup();
        Self {
            ranks,
            nmf: Nmf::new(1),
            methods: None,
            starts: 10,
            folds: 5,
        }
    }

    /// Sets loss, solver, tolerance, limits, penalty, seed and threads of all fits.
    #[must_use]
    pub fn nmf(mut self, nmf: Nmf) -> Self {
        self.nmf = nmf;
        self
    }

    /// Sets the methods; the first decides. Without them all are looked at, and the rank is that of the first, cross-validation, but no
    /// larger than the largest whose components are all found again from other starts.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = RankMethod>) -> Self {
        self.methods = Some(methods.into_iter().collect());
        self
    }

    /// Sets the number of starts that are compared at each rank, at least 2; at first 10.
    #[must_use]
    pub fn starts(mut self, starts: usize) -> Self {
        self.starts = starts;
        self
    }

    /// Sets the number of folds of single entries, from 2 to min(m, n); at first 5.
    #[must_use]
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// The methods of the survey.
    pub fn chosen_methods(&self) -> Vec<RankMethod> {
        self.methods.clone().unwrap_or_else(|| {
            let all = RankMethod::all();
            all.filter(|method| method.handles(self.nmf.loss)).collect()
        })
    }

    fn looks(&self) -> Vec<Look> {
        let methods = self.chosen_methods();
        methods.into_iter().map(RankMethod::look).collect()
    }

    /// Checks everything that can be checked without V.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the value and what would be right; as [`Nmf::check`].
    pub fn check(&self) -> Result<(), Error> {
        self.nmf.check()?;
        self.nmf.check_free("in a survey of ranks")?;
        if self.ranks.is_empty() {
            return refuse("ranks", "none", "expected at least one rank");
        }
        if self.ranks[0] == 0 {
            return refuse("ranks", "0", "expected ranks of at least 1");
        }
        let methods = self.chosen_methods();
        if methods.is_empty() {
            return refuse("methods", "none", "expected at least one method");
        }
        for (i, method) in methods.iter().enumerate() {
            if methods[..i].contains(method) {
                return refuse("methods", method, "expected each method once");
            }
            if !method.handles(self.nmf.loss) {
                let legal = format!("has no figure for the loss {}", self.nmf.loss);
                return refuse("method", method, legal);
            }
        }
        for (what, count) in [("starts", self.starts), ("folds", self.folds)] {
            many::check_fits(what, count)?;
        }
        if self.starts < 2 {
            return refuse(
                "starts",
                self.starts,
                "expected at least 2 starts to compare",
            );
        }
        if self.folds < 2 {
            return refuse("folds", self.folds, "expected at least 2 folds");
        }
        if self.looks().contains(&Look::Entries) && self.nmf.solver.sketches() {
            let name = self.nmf.solver.name().to_owned();
            let legal = "expected a solver without a sketch where entries are held out";
            return refuse("solver", name, legal);
        }
        Ok(())
    }

    /// What the records of a survey belong to.
    fn identity<T: Float>(&self, v: &Matrix<'_, T>, summary: &Summary) -> Identity {
        let methods = self.chosen_methods();
        let methods: Vec<_> = methods.iter().map(|method| method.name()).collect();
        let own = [
            ("ranks", format!("{:?}", self.ranks)),
            ("methods", methods.join(", ")),
            ("starts", self.starts.to_string()),
            ("folds", self.folds.to_string()),
        ];
        self.nmf
            .identity_of_many("a survey of ranks", own, v, summary)
    }

    fn check_shape(&self, rows: usize, cols: usize) -> Result<(), Error> {
        let most = rows.min(cols);
        if most == 0 {
            return Err(Error::Empty { rows, cols });
        }
        if let Some(rank) = self.ranks.iter().find(|&&rank| rank > most) {
            let legal =
                format!("expected ranks of at most {most}, the smaller side of {rows} × {cols}");
            return refuse("ranks", rank, legal);
        }
        let looks = self.looks();
        if looks.contains(&Look::Entries) && self.folds > most {
            let legal = format!("expected at most {most}, the smaller side of {rows} × {cols}");
            return refuse("folds", self.folds, legal);
        }
        if looks.contains(&Look::Blocks) && blocks::GROUPS > most {
            let legal = format!(
                "needs at least {0} rows and {0} columns; V is {rows} × {cols}",
                blocks::GROUPS
            );
            return refuse("method", "bcv", legal);
        }
        Ok(())
    }

    /// Bytes that a survey needs beyond V itself: as [`Nmf::memory_needed`] of the largest rank, and a copy of V without what
    /// is held out, for as many fits as run at once; and what the fits of a rank found.
    pub fn memory_needed<T: Float>(&self, v: &Matrix<'_, T>) -> u64 {
        let mut largest = self.nmf.clone();
        largest.rank = self.ranks.last().copied().unwrap_or(1);
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let at_once = if many::beside(v) {
            self.nmf.threads.map_or(processors, NonZeroUsize::get)
        } else {
            1
        };
        let value = size_of::<T>() as u64;
        let copy = match v {
            Matrix::Dense(_) => value,
            // With the places that are held out, and its twin.
            _ => 2 * (1 + entries::HELD_PER_STORED as u64) * (value + 8),
        };
        let copy = copy.saturating_mul(v.stored() as u64);
        let fits = (self.starts as u64)
            .saturating_add(self.folds as u64)
            .saturating_add((blocks::GROUPS * blocks::GROUPS) as u64);
        let components = (largest.rank as u64)
            .saturating_mul(v.cols() as u64)
            .saturating_mul(8)
            .saturating_mul(fits);
        let each = largest.memory_needed(v).saturating_add(copy);
        each.saturating_mul(at_once as u64)
            .saturating_add(components)
    }

    /// Looks at every rank of V (m × n), from the smallest. Once the observer ends it, the survey is of the ranks that are done.
    ///
    /// # Errors
    /// As [`Self::check`] and [`Nmf::fit`]; ranks above min(m, n), or a V too small for the folds: before any fit.
    pub fn run<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        observer: &mut dyn SurveyObserver,
    ) -> Result<Survey, Error> {
        self.resume(v, &[], observer)
    }

    /// The same without the fits of which there are `records`, from [`SurveyObserver::keep`] of an earlier survey: with the same
    /// answer, bit by bit. Without any it begins anew.
    ///
    /// # Errors
    /// As [`Self::run`]; [`Error::State`] if the records belong to a survey of another V, with other parameters, or by another version.
    pub fn resume<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver,
    ) -> Result<Survey, Error> {
        self.check()?;
        let (rows, cols) = (v.rows(), v.cols());
        self.check_shape(rows, cols)?;
        v.check_held("a survey of ranks")?;
        T::survey(self, v, records, observer)
    }

    pub(crate) fn run_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver,
    ) -> Result<Survey, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| self.run_on(v, &threads, records, observer))
    }

    fn run_on<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        threads: &Threads,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver,
    ) -> Result<Survey, Error> {
        let summary = Summary::of(v, Signs::NonNegative, threads)?;
        summary.check_scale()?;
        summary.check_loss::<T>(self.nmf.loss)?;
        let samples = consensus::samples(v.rows(), self.nmf.seed);
        let data = Data {
            v,
            nmf: &self.nmf,
            mean: summary.mean(),
            largest: summary.largest,
            size: fitted::Size {
                rows: v.rows(),
                cols: v.cols(),
                loss: self.nmf.loss,
                half_squares: 0.5 * summary.squares,
            },
            samples: &samples,
            tries: TRIES,
        };
        let tasks = work::tasks(&self.looks(), self.starts, self.folds);
        let course = Course::new(observer, tasks.len() * self.ranks.len()).going_on(
            records,
            v.cols(),
            || self.identity(v, &summary),
        )?;
        let methods = self.chosen_methods();
        let mut ranks = Vec::new();
        let mut points: Vec<Vec<RankPoint>> = vec![Vec::new(); methods.len()];
        let (mut groups, mut parts) = (Vec::new(), Vec::new());
        let mut components = vec![None; tasks.len()];
        for &rank in &self.ranks {
            let hands = (&course, threads);
            let looked = work::look_at_rank(&data, hands, rank, (&tasks, &mut components))?;
            let Some(evidence) = looked else {
                break;
            };
            for (method, points) in methods.iter().zip(&mut points) {
                points.extend(point(*method, &evidence));
            }
            ranks.push(rank);
            parts.push((evidence.best_start(), evidence.parts()));
            groups.push(evidence.into_groups());
        }
        let criteria = methods
            .into_iter()
            .zip(points)
            .map(|(method, points)| Criterion {
                method,
                proposal: method.rule()(&points),
                points,
            });
        let criteria: Vec<Criterion> = criteria.collect();
        let choice = match &self.methods {
            Some(_) => criteria.first().and_then(|first| choice(first, &ranks)),
            None => choice_of_all(&criteria, &ranks),
        };
        Ok(Survey {
            complete: ranks.len() == self.ranks.len(),
            ranks,
            criteria,
            choice,
            seconds: course.seconds(),
            samples,
            groups,
            parts,
        })
    }
}

fn point(method: RankMethod, evidence: &work::Evidence) -> Option<RankPoint> {
    let score = method.score(evidence)?;
    let held_out = matches!(method.look(), Look::Entries | Look::Blocks);
    Some(RankPoint {
        rank: evidence.rank,
        value: score.value,
        error: choose::standard_error(&score.repeats).filter(|_| held_out),
        repeats: score.repeats,
    })
}

/// The rank that the first method says, unless one that limits it says a smaller one: what predicts best must be found again, too.
fn choice_of_all(criteria: &[Criterion], ranks: &[usize]) -> Option<RankChoice> {
    let first = criteria.first()?;
    let said = |criterion: &Criterion| criterion.proposal.as_ref().map(|proposal| proposal.rank);
    let limits = criteria
        .iter()
        .filter(|criterion| criterion.method.limits());
    let least = limits
        .filter_map(|limit| Some((said(limit)?, limit)))
        .min_by_key(|limit| limit.0);
    match (said(first), least) {
        (Some(rank), Some((least, limit))) if least < rank => {
            let mut found = choice(limit, ranks)?;
            found.reason.pop();
            found.reason.push_str(&format!(
                "; {} says {rank}, but not all of those are found again.",
                first.method
            ));
            Some(found)
        }
        _ => choice(first, ranks),
    }
}

/// The rank of the method that decides, and why in a sentence.
fn choice(criterion: &Criterion, ranks: &[usize]) -> Option<RankChoice> {
    let Proposal { rank, reason } = criterion.proposal.clone()?;
    let method = criterion.method;
    let mut reason = format!("Rank {rank} by {method} ({}): {reason}.", method.title());
    if ranks.len() > 1 && ranks.last() == Some(&rank) {
        reason.pop();
        reason.push_str("; it is the largest that was looked at, and larger ones may be better.");
    }
    Some(RankChoice {
        rank,
        method,
        reason,
    })
}
