//! Mini-batch NMF: H improves after every few rows of V, from statistics in which old rows count less and less.
//!
//! A step takes a batch of b rows. Their rows of W take a multiplicative step, or are solved for anew; then
//!
//! A ← ρ A + H^(1/γ) · Σ v y^(β−2) w,  B ← ρ B + Σ y^(β−1) w + l1 + l2 H,  H ← (A / B)^γ,
//!
//! with y = WH and the γ of `mu`. Batches come in order, and ρ = f^(b/m) for the forget factor f, so that a walk over V
//! multiplies what is old by f. (Lefèvre, Bach & Févotte 2011, doi 10.1109/ASPAA.2011.6082314; the steps, the cost of a
//! batch and the rules to stop are scikit-learn's.)

mod rows;
mod rule;
mod tiles;
mod turned;
mod work;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::error::refuse;
use crate::matrix::{Dense, Matrix, Signs, Summary, check_entries};
use crate::nmf::Start;
use crate::observe::{Observer, Progress};
use crate::stop::StopReason;
use crate::threads::Threads;
use crate::{Error, Float, Nmf};

use rows::RowsOf;
use work::Work;

/// A factorisation to be fitted batch by batch: each takes a step of its rows of W, and H follows from statistics in which old batches
/// count less and less, H = (A / B)^γ with A ← ρ A + … and B ← ρ B + … (Lefèvre, Bach & Févotte 2011, doi
/// 10.1109/ASPAA.2011.6082314; the steps and the rules to stop are scikit-learn's). In a fit ρ is the forget factor to the power b/m, b of
/// the m rows in a batch.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `nmf` | | rank, loss, penalties, threads; `tol` on the change of H in a step; `max_iter` walks over V | see [`Nmf`] |
/// | `batch_size` | 1024 | rows in a batch | ≥ 1 |
/// | `forget_factor` | 0.7 | what is left of old statistics after a walk over V | 0 to 1 |
/// | `patience` | 10 | steps in a row without a lower smoothed cost before the fit ends; `None` goes on | ≥ 1 |
/// | `fresh_restarts` | no | solve for each batch's rows of W anew | |
/// | `fresh_iterations` | 30 | steps at most when a batch's rows of W are solved for | ≥ 1 |
/// | `solve_iterations` | 200 | steps at most when W is solved for at the end or in a transform | ≥ 1 |
#[derive(Clone, Debug, PartialEq)]
pub struct MiniBatchNmf {
    pub(crate) nmf: Nmf,
    pub(crate) batch_size: usize,
    pub(crate) forget_factor: f64,
    pub(crate) patience: Option<usize>,
    pub(crate) fresh_restarts: bool,
    pub(crate) fresh_iterations: usize,
    pub(crate) solve_iterations: usize,
}

/// The components, and the statistics of all batches so far: H = (A / B)^γ, with the γ of `mu`. Each is transposed, n × k, so that a step with few rows need not turn
/// what is large.
#[derive(Clone, Debug, PartialEq)]
pub struct MiniBatchMemory<T> {
    /// Hᵀ: the components.
    pub ht: Dense<T>,
    /// Aᵀ: the numerator that H follows from (see [`MiniBatchNmf`]), at first H itself.
    pub numerator: Dense<T>,
    /// Bᵀ: its denominator, at first 1.
    pub denominator: Dense<T>,
}

/// V (m × n) ≈ W H, fitted batch by batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MiniBatchFit<T> {
    /// How much of each component each sample holds, m × k.
    pub w: Dense<T>,
    /// The components and the statistics behind them.
    pub memory: MiniBatchMemory<T>,
    /// D(V, WH) without penalties.
    pub divergence: f64,
    /// Batches seen.
    pub steps: usize,
    /// Walks over V begun.
    pub iterations: usize,
    /// Why the fit ended.
    pub stop: StopReason,
}

impl<T: Float> MiniBatchMemory<T> {
    /// What is known before the first batch: nothing but the start H (k × n).
    pub fn new(h: &Dense<T>) -> Self {
        let ht = h.transposed();
        Self {
            numerator: ht.clone(),
            denominator: Dense::filled(ht.rows(), ht.cols(), T::ONE),
            ht,
        }
    }

    /// The components, k × n.
    pub fn h(&self) -> Dense<T> {
        self.ht.transposed()
    }

    /// Refuses what is no memory of k components of n columns.
    fn check(&self, k: usize, n: usize) -> Result<(), Error> {
        let parts = [
            ("H", &self.ht),
            ("the numerator of H", &self.numerator),
            ("the denominator of H", &self.denominator),
        ];
        for (matrix, part) in parts {
            if (part.rows(), part.cols()) != (n, k) {
                return Err(Error::Shape {
                    matrix,
                    rows: part.cols(),
                    cols: part.rows(),
                    expected_rows: k,
                    expected_cols: n,
                });
            }
            check_entries(matrix, part, true, Signs::NonNegative)?;
        }
        Ok(())
    }
}

impl MiniBatchNmf {
    /// Mini-batches for a factorisation, with the defaults of the table above. Of `nmf` rank, loss, penalties, threads, tolerance and
    /// limit count; its solver and start are not used.
    pub fn new(nmf: Nmf) -> Self {
        Self {
            nmf,
            batch_size: 1024,
            forget_factor: 0.7,
            patience: Some(10),
            fresh_restarts: false,
            fresh_iterations: 30,
            solve_iterations: 200,
        }
    }

    /// Sets the rows in a batch, at least 1; at first 1024.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets what is left of old statistics after a walk over V, from 0 to 1; at first 0.7.
    #[must_use]
    pub fn forget_factor(mut self, forget_factor: f64) -> Self {
        self.forget_factor = forget_factor;
        self
    }

    /// Sets the steps in a row without a lower smoothed cost before the fit ends, at least 1; at first 10. `None` goes on.
    #[must_use]
    pub fn patience(mut self, patience: Option<usize>) -> Self {
        self.patience = patience;
        self
    }

    /// Sets whether to solve for each batch's rows of W anew; at first not.
    #[must_use]
    pub fn fresh_restarts(mut self, fresh_restarts: bool) -> Self {
        self.fresh_restarts = fresh_restarts;
        self
    }

    /// Sets the steps at most when a batch's rows of W are solved for, at least 1; at first 30.
    #[must_use]
    pub fn fresh_iterations(mut self, fresh_iterations: usize) -> Self {
        self.fresh_iterations = fresh_iterations;
        self
    }

    /// Sets the steps at most when W is solved for at the end of a fit with fresh restarts, or in a transform, at least 1; at first 200.
    #[must_use]
    pub fn solve_iterations(mut self, solve_iterations: usize) -> Self {
        self.solve_iterations = solve_iterations;
        self
    }

    /// Checks everything that can be checked without V.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::SolverLoss`] with the value and what would be right; a constraint.
    pub fn check(&self) -> Result<(), Error> {
        self.nmf.check()?;
        self.nmf.check_free("in batches of rows")?;
        if self.batch_size == 0 {
            return refuse("batch_size", "0", "expected at least 1 row");
        }
        if !(0.0..=1.0).contains(&self.forget_factor) {
            let value = self.forget_factor.to_string();
            return refuse("forget_factor", value, "expected a number from 0 to 1");
        }
        let counts = [
            ("patience", self.patience),
            ("fresh_iterations", Some(self.fresh_iterations)),
            ("solve_iterations", Some(self.solve_iterations)),
        ];
        for (name, count) in counts {
            if count == Some(0) {
                return refuse(name, "0", "expected at least 1");
            }
        }
        Ok(())
    }

    /// Factors V (m × n) from the start W (m × k) and H (k × n), batch by batch in order.
    ///
    /// The observer sees each step: `objective` is the cost of the batch per row, `residual` the change of H relative to
    /// H, `measure` the cost smoothed over the steps.
    ///
    /// # Errors
    /// As [`Nmf::fit_with`].
    pub fn fit<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        w: Dense<T>,
        h: Dense<T>,
        observer: &mut dyn Observer,
    ) -> Result<MiniBatchFit<T>, Error> {
        T::fit_in_batches(self, v, (w, h), observer)
    }

    pub(crate) fn fit_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        (w, h): (Dense<T>, Dense<T>),
        observer: &mut dyn Observer,
    ) -> Result<MiniBatchFit<T>, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| {
            let seen = self.look(v, Some(&w), &h, &threads)?;
            let rows = RowsOf::new(*v);
            Ok(self.run(&rows, w, &h, &seen, &threads, observer))
        })
    }

    /// One step with the rows of V (b × n, whatever [`Self::batch_size`] says): their W is solved for anew, and the memory moves on.
    /// `keep` is ρ, from 0 to 1: what is left of the old statistics, in place of what [`Self::forget_factor`] says of a walk over V. 1
    /// forgets nothing, 0 all but the components. Returns the cost of the batch per row: its divergence with the penalties, over b.
    ///
    /// # Errors
    /// As [`Nmf::fit_with`]; a memory of another shape or with illegal entries; [`Error::Parameter`] for `keep`. The memory is then
    /// as it was.
    pub fn partial_fit<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        memory: &mut MiniBatchMemory<T>,
        keep: f64,
        observer: &mut dyn Observer,
    ) -> Result<f64, Error> {
        T::fit_batch(self, v, memory, keep, observer)
    }

    pub(crate) fn partial_fit_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        memory: &mut MiniBatchMemory<T>,
        keep: f64,
        observer: &mut dyn Observer,
    ) -> Result<f64, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| {
            self.check_rows(v)?;
            if !(0.0..=1.0).contains(&keep) {
                return refuse("keep", keep, "expected a number from 0 to 1");
            }
            memory.check(self.nmf.rank, v.cols())?;
            let start = Start {
                h: Some(&memory.ht),
                ..Start::default()
            };
            let seen = self.summarised(v, &start, &threads)?;
            let rows = RowsOf::new(*v);
            let mut work = Work::new(self, &rows, (&seen, true), memory.ht.clone(), &threads);
            let batch = rows.whole(seen.squares);
            let mut w = Dense::zeros(rows.count, self.nmf.rank);
            let fresh = Some(self.fresh_iterations);
            // The memory moves at the very end, when nothing ends the work any more.
            let (cost, _) = work.step(&batch, w.as_mut_slice(), fresh, keep, memory);
            memory.ht = work.right.rows;
            Ok(cost)
        })
    }

    /// Finds W (r × k) for new samples V (r × n) while H (k × n) is held.
    ///
    /// # Errors
    /// As [`Nmf::fit_with`].
    pub fn transform<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        h: &Dense<T>,
        observer: &mut dyn Observer,
    ) -> Result<Dense<T>, Error> {
        T::transform_batch(self, v, h, observer)
    }

    pub(crate) fn transform_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        h: &Dense<T>,
        observer: &mut dyn Observer,
    ) -> Result<Dense<T>, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| {
            let seen = self.look(v, None, h, &threads)?;
            let rows = RowsOf::new(*v);
            let work = Work::new(self, &rows, (&seen, true), h.transposed(), &threads);
            let mut w = Dense::zeros(rows.count, self.nmf.rank);
            work.solve(
                &rows.lines(0, rows.count),
                w.as_mut_slice(),
                self.solve_iterations,
            );
            Ok(w)
        })
    }

    /// Checks everything before any work; returns what there is in V.
    fn look<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        w: Option<&Dense<T>>,
        h: &Dense<T>,
        threads: &Threads,
    ) -> Result<Summary, Error> {
        self.check_rows(v)?;
        let start = Start {
            w,
            h: Some(h),
            ..Start::default()
        };
        self.nmf.check_start(&start, v.rows(), v.cols())?;
        self.summarised(v, &start, threads)
    }

    /// Checks the parameters, and the shape of V.
    fn check_rows<T: Float>(&self, v: &Matrix<'_, T>) -> Result<(), Error> {
        self.check()?;
        v.check_held("a fit in mini-batches")?;
        let (rows, cols) = (v.rows(), v.cols());
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        self.nmf.check_rank_size::<T>(rows, cols)
    }

    /// Checks the entries of V, and how large those of the factors are, which may be transposed; returns what there is in V.
    fn summarised<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        start: &Start<'_, T>,
        threads: &Threads,
    ) -> Result<Summary, Error> {
        let seen = Summary::of(v, Signs::NonNegative, threads)?;
        seen.check_loss::<T>(self.nmf.loss)?;
        self.nmf.check_start_size(start, &seen)?;
        Ok(seen)
    }

    fn run<T: Float>(
        &self,
        rows: &RowsOf<'_, T>,
        mut w: Dense<T>,
        h: &Dense<T>,
        seen: &Summary,
        threads: &Threads,
        observer: &mut dyn Observer,
    ) -> MiniBatchFit<T> {
        let clock = Instant::now();
        let (m, k) = (rows.count, self.nmf.rank);
        let size = self.batch_size.min(m);
        let batches = m.div_ceil(size);
        let limit = self.nmf.max_iter.saturating_mul(batches);
        let keep = self.forget_factor.powf(size as f64 / m as f64);
        let mut memory = MiniBatchMemory::new(h);
        let right = std::mem::replace(&mut memory.ht, Dense::zeros(0, k));
        let mut work = Work::new(self, rows, (seen, self.fresh_restarts), right, threads);
        let span = |batch: usize| (batch * size, ((batch + 1) * size).min(m));
        let ready = rows.keeps_twins(batches);
        let ready: Vec<_> = (0..if ready { batches } else { 0 })
            .map(|batch| rows.batch(span(batch).0, span(batch).1))
            .collect();
        let fresh = self.fresh_restarts.then_some(self.fresh_iterations);
        let mut patience = Patience::new(self.patience, m);
        let (mut steps, mut stop) = (0, StopReason::MaxIterations);
        for step in 0..limit {
            let (from, to) = span(step % batches);
            let made;
            let batch = match ready.get(step % batches) {
                Some(batch) => batch,
                None => {
                    made = rows.batch(from, to);
                    &made
                }
            };
            let part = &mut w.as_mut_slice()[from * k..to * k];
            let (cost, change) = work.step(batch, part, fresh, keep, &mut memory);
            work.refresh();
            steps = step + 1;
            // The first step says nothing yet: H has only just left its start.
            let counts = step > 0;
            let smoothed = if counts {
                patience.smooth(cost, to - from)
            } else {
                cost
            };
            let asked = observer.observe(&Progress {
                start: 1,
                n_init: 1,
                sketched: false,
                iteration: steps,
                max_iter: limit,
                objective: cost,
                residual: change,
                measure: smoothed,
                seconds: clock.elapsed().as_secs_f64(),
            });
            let settled = self.nmf.tol > 0.0 && change <= self.nmf.tol;
            if counts && (settled || patience.exhausted(smoothed)) {
                stop = StopReason::Converged;
                break;
            }
            if asked == ControlFlow::Break(()) {
                stop = StopReason::Stopped;
                break;
            }
        }
        if self.fresh_restarts {
            work.solve(&rows.lines(0, m), w.as_mut_slice(), self.solve_iterations);
        }
        let divergence = work.divergence_of_all(rows, w.as_slice(), seen.squares);
        memory.ht = work.right.rows;
        MiniBatchFit {
            divergence,
            w,
            memory,
            steps,
            iterations: steps.div_ceil(batches),
            stop,
        }
    }
}

/// When to give up on a lower cost: the exponentially weighted mean of the batches' costs must reach a new low every few
/// steps.
struct Patience {
    limit: Option<usize>,
    rows: usize,
    smoothed: Option<f64>,
    lowest: f64,
    waited: usize,
}

impl Patience {
    fn new(limit: Option<usize>, rows: usize) -> Self {
        Self {
            limit,
            rows,
            smoothed: None,
            lowest: f64::INFINITY,
            waited: 0,
        }
    }

    /// Takes the cost of a batch with so many rows; the smoothed cost.
    fn smooth(&mut self, cost: f64, rows: usize) -> f64 {
        let share = (rows as f64 / (self.rows + 1) as f64).min(1.0);
        let smoothed = match self.smoothed {
            None => cost,
            Some(before) => before * (1.0 - share) + cost * share,
        };
        self.smoothed = Some(smoothed);
        smoothed
    }

    /// Whether too many steps brought no new low of the smoothed cost.
    fn exhausted(&mut self, smoothed: f64) -> bool {
        if smoothed < self.lowest {
            self.lowest = smoothed;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        self.limit.is_some_and(|limit| self.waited >= limit)
    }
}
