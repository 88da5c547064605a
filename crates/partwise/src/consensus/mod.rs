//! Can the parts be trusted? Many fits from drawn starts, what they agree on, and how sure of it one can be.
//!
//! NMF has many local minima, so one fit is one opinion. A consensus (Kotliar et al. 2019, eLife 8:e43803, "cNMF") takes the
//! components of many fits as unit vectors, drops those that no other fit finds again (`density.rs`), matches the others to k
//! clusters (`clusters.rs`), and takes the median of each cluster as a component. W is found anew with these held. For each
//! component it says how often and how well it was found again, how far fits that are as good disagree about it, and how
//! much it moves when the samples are others: a bootstrap of rows (`bootstrap.rs`; Efron 1979).

mod bootstrap;
mod clusters;
mod density;
mod found;
mod settle;

use std::num::NonZeroUsize;

use crate::archive::{Archive, Identity};
use crate::error::refuse;
use crate::many::kept::{self, Kept};
use crate::many::{self, Course, SurveyObserver, points};
use crate::matrix::{Dense, Matrix, Signs, Summary};
use crate::nmf::{Nmf, Ready};
use crate::threads::Threads;
use crate::{Error, Float};
pub use found::{ConsensusMember, ConsensusModel, ConsensusPart, ConsensusRun, Intervals};

/// A consensus of many fits to be made: components of all fits as unit vectors, without those that no other fit finds again, matched to
/// k clusters, of which the medians are the components (Kotliar et al. 2019, doi 10.7554/eLife.43803, "cNMF"); with a bootstrap of rows
/// (Efron 1979).
///
/// The runs end earlier than a fit alone: once the objective falls by less than the tolerance an iteration, relatively, over five.
/// They share one sketch of V, where they begin on one.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `nmf` | | rank, loss, solver, tolerance, limits, penalty, seed and threads of all fits; its start is not used | rank 1 to min(m, n) |
/// | `runs` | 100 | fits from drawn starts | 2 to 1,000,000 |
/// | `neighbours` | 0.3 | share of the runs that count as the neighbours of a component | above 0, to 1 |
/// | `threshold` | 0.5 | a component is an outlier above this mean distance to its nearest neighbours, all of length 1 | above 0, to 2 |
/// | `bootstrap` | 0 | fits of rows drawn anew, from the consensus on, for intervals | 0, or 2 to 1,000,000 |
/// | `polish` | no | whether both factors are fitted from the consensus on | |
///
/// ```
/// use partwise::{ConsensusNmf, Matrix, Nmf};
/// // Samples of two kinds.
/// let entry = |i: usize| f64::from(u8::from((i / 12) % 2 == (i % 12) / 6)) * (1 + i % 5) as f64;
/// let values: Vec<f64> = (0..20 * 12).map(entry).collect();
/// let v = Matrix::row_major(&values, 20, 12)?;
/// let consensus = ConsensusNmf::new(Nmf::new(2)).runs(10);
/// let found = consensus.run(&v, &mut ())?;
/// let found = found.expect("nobody ended it");
/// assert!(found.parts.iter().all(|part| part.cosine > 0.99 && part.found > 0.9));
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConsensusNmf {
    nmf: Nmf,
    runs: usize,
    neighbours: f64,
    threshold: f64,
    bootstrap: usize,
    polish: bool,
}

/// What one run found.
#[derive(Debug)]
struct Run {
    number: usize,
    /// The components as unit vectors, k × n.
    directions: Dense<f64>,
    objective: f64,
    relative_error: f64,
    iterations: usize,
}

impl Kept for Run {
    fn empty() -> Self {
        Self {
            number: 0,
            directions: Dense::zeros(0, 0),
            objective: 0.0,
            relative_error: 0.0,
            iterations: 0,
        }
    }

    fn archive(&mut self, archive: &mut Archive<'_>, shape: (usize, usize)) {
        archive.count(&mut self.number);
        kept::matrix(archive, &mut self.directions, shape);
        archive.float(&mut self.objective);
        archive.float(&mut self.relative_error);
        archive.count(&mut self.iterations);
    }
}

impl ConsensusNmf {
    /// A consensus of fits like this one, with the defaults of the table above.
    pub fn new(nmf: Nmf) -> Self {
        Self {
            nmf,
            runs: 100,
            neighbours: 0.3,
            threshold: 0.5,
            bootstrap: 0,
            polish: false,
        }
    }

    /// Sets the number of fits, at least 2; at first 100.
    #[must_use]
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// Sets the share of the runs that count as neighbours, above 0 and at most 1; at first 0.3.
    #[must_use]
    pub fn neighbours(mut self, share: f64) -> Self {
        self.neighbours = share;
        self
    }

    /// Sets the mean distance to its neighbours above which a component is an outlier, above 0; at first 0.5, and 2 keeps all.
    #[must_use]
    pub fn threshold(mut self, distance: f64) -> Self {
        self.threshold = distance;
        self
    }

    /// Sets the number of fits of rows drawn anew, at least 2; 0, as at first, makes no intervals.
    #[must_use]
    pub fn bootstrap(mut self, fits: usize) -> Self {
        self.bootstrap = fits;
        self
    }

    /// Sets whether both factors are fitted from the consensus on; at first not. The components are then no longer medians, but those of
    /// a stationary point near them.
    #[must_use]
    pub fn polish(mut self, polish: bool) -> Self {
        self.polish = polish;
        self
    }

    /// Checks everything that can be checked without V.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the value and what would be right; as [`Nmf::check`].
    pub fn check(&self) -> Result<(), Error> {
        self.nmf.check()?;
        self.nmf.check_free("in a consensus")?;
        for (what, count) in [("runs", self.runs), ("bootstrap", self.bootstrap)] {
            many::check_fits(what, count)?;
        }
        if self.runs < 2 {
            let legal = "expected at least 2 runs to compare";
            return refuse("runs", self.runs, legal);
        }
        if !(self.neighbours > 0.0 && self.neighbours <= 1.0) {
            let legal = "expected a share of the runs above 0, at most 1";
            return refuse("neighbours", self.neighbours, legal);
        }
        if !(self.threshold > 0.0 && self.threshold <= 2.0) {
            let legal = "expected a distance above 0, at most 2, which drops nothing";
            return refuse("threshold", self.threshold, legal);
        }
        if self.bootstrap == 1 {
            let legal = "expected 0, or at least 2 fits to make intervals of";
            return refuse("bootstrap", "1", legal);
        }
        Ok(())
    }

    /// What the records of a consensus belong to.
    fn identity<T: Float>(&self, v: &Matrix<'_, T>, summary: &Summary) -> Identity {
        let own = [
            ("runs", self.runs.to_string()),
            ("neighbours", self.neighbours.to_string()),
            ("threshold", self.threshold.to_string()),
            ("bootstrap", self.bootstrap.to_string()),
            ("polish", self.polish.to_string()),
        ];
        self.nmf.identity_of_many("a consensus", own, v, summary)
    }

    fn check_shape(&self, rows: usize, cols: usize) -> Result<(), Error> {
        let most = rows.min(cols);
        if most == 0 {
            return Err(Error::Empty { rows, cols });
        }
        if self.nmf.rank > most {
            let legal = format!("expected at most {most}, the smaller side of {rows} × {cols}");
            return refuse("rank", self.nmf.rank, legal);
        }
        Ok(())
    }

    /// Bytes that a consensus needs beyond V itself: as [`Nmf::memory_needed`] for as many fits as run at once, what all
    /// runs and fits of drawn rows found, and copies of V in the bootstrap.
    pub fn memory_needed<T: Float>(&self, v: &Matrix<'_, T>) -> u64 {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let at_once = if many::beside(v) {
            self.nmf.threads.map_or(processors, NonZeroUsize::get)
        } else {
            1
        };
        let copy = match self.bootstrap {
            0 => 0,
            _ => 2 * (size_of::<T>() as u64 + 8),
        };
        let copy = copy.saturating_mul(v.stored() as u64);
        let each = self.nmf.memory_needed(v).saturating_add(copy);
        // What the runs found is there twice for a while.
        let fits = (self.runs as u64)
            .saturating_mul(2)
            .saturating_add(self.bootstrap as u64);
        let found = fits
            .saturating_mul(8)
            .saturating_mul(self.nmf.rank as u64)
            .saturating_mul(v.cols() as u64);
        each.saturating_mul(at_once as u64).saturating_add(found)
    }

    /// Makes all fits, and what they agree on. `None` if the observer ended it before two runs were done; later than that
    /// the consensus is of the runs that are.
    ///
    /// # Errors
    /// As [`Self::check`] and [`Nmf::fit`], and a rank above min(m, n): before any fit. [`Error::Parameter`] if every
    /// component is an outlier.
    pub fn run<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<ConsensusModel<T>>, Error> {
        self.resume(v, &[], observer)
    }

    /// The same without the fits of which there are `records`, from [`SurveyObserver::keep`] of an earlier consensus: with the same
    /// answer, bit by bit. Without any it begins anew.
    ///
    /// # Errors
    /// As [`Self::run`]; [`Error::State`] if the records belong to a consensus of another V, with other parameters, or by another
    /// version.
    pub fn resume<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<ConsensusModel<T>>, Error> {
        self.check()?;
        self.check_shape(v.rows(), v.cols())?;
        v.check_held("a consensus of many fits")?;
        T::agree(self, v, records, observer)
    }

    pub(crate) fn run_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<ConsensusModel<T>>, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| self.run_on(v, &threads, records, observer))
    }

    fn run_on<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        threads: &Threads,
        records: &[Vec<u8>],
        observer: &mut dyn SurveyObserver,
    ) -> Result<Option<ConsensusModel<T>>, Error> {
        let summary = Summary::of(v, Signs::NonNegative, threads)?;
        summary.check_scale()?;
        summary.check_loss::<T>(self.nmf.loss)?;
        let settled = 1 + usize::from(self.polish);
        let course = Course::new(observer, self.runs + settled + self.bootstrap);
        let course = course.going_on(records, v.cols(), || self.identity(v, &summary))?;
        let runs = self.fits(v, threads, &course)?;
        if runs.len() < 2 {
            return Ok(None);
        }
        let starts: Vec<&Dense<f64>> = runs.iter().map(|run| &run.directions).collect();
        let densities = density::densities(&starts, self.neighbours, threads);
        let kept: Vec<bool> = densities.iter().map(|d| *d <= self.threshold).collect();
        if !kept.contains(&true) {
            return self.refuse_threshold(&densities);
        }
        let mut clusters =
            clusters::clusters(&starts, &kept, (best(&runs), self.nmf.seed), threads);
        let medians = clusters.medians(&starts, &kept);
        let fit = settle::settle(&self.nmf, v, &medians, (self.polish, &course))?;
        let (fit, order) = settle::sorted(fit);
        clusters.renumber(&order);
        let intervals = bootstrap::intervals(self, v, &fit, (threads, &course))?;
        let seen = found::Seen {
            nmf: &self.nmf,
            sum: summary.sum,
            densities,
            kept,
            clusters: clusters.of,
        };
        Ok(Some(found::model(seen, runs, fit, intervals, &course)))
    }

    /// The runs that were done, in order.
    fn fits<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        threads: &Threads,
        course: &Course<'_>,
    ) -> Result<Vec<Run>, Error> {
        let nmf = many::drawn(&self.nmf, v, self.nmf.rank).brief();
        let rounded = nmf.rounded(v, threads);
        let ready = Ready::new(&nmf, v, rounded.as_ref(), threads)?;
        let hands = (threads, many::beside(v));
        let runs = course.each_kept(self.nmf.rank, self.runs, hands, |job, number| {
            let seeded = nmf.clone().seed(seed(&self.nmf, number));
            let fit = ready.fit(&seeded, job)?;
            Ok(Some(Run {
                number,
                directions: points::directions(&fit.h),
                objective: fit.objective,
                relative_error: fit.relative_error,
                iterations: fit.iterations,
            }))
        })?;
        Ok(runs.into_iter().flatten().collect())
    }

    fn refuse_threshold<R>(&self, densities: &[f64]) -> Result<R, Error> {
        let least = densities.iter().copied().fold(f64::INFINITY, f64::min);
        let legal = format!(
            "every one of {} components is an outlier; expected more than {least:.3}, the least mean distance of one to its nearest neighbours",
            densities.len()
        );
        refuse("threshold", self.threshold, legal)
    }
}

/// The seed of a run.
fn seed(nmf: &Nmf, number: usize) -> u64 {
    nmf.seed.wrapping_add(number as u64)
}

/// The run with the least objective, the first of equals.
fn best(runs: &[Run]) -> usize {
    let by_size = |a: &usize, b: &usize| runs[*a].objective.total_cmp(&runs[*b].objective);
    (0..runs.len()).min_by(by_size).unwrap_or(0)
}
