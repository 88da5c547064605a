//! Components that last several rows: convolutive factorisation, as of sounds that change while they fade.
//!
//! V(t, f) ≈ Σ_τ Σ_k W(t − τ, k) H(τ, k, f) for τ = 0 .. taps − 1 (Smaragdis 2004, "Non-negative matrix factor deconvolution").
//! With W's rows of the last `taps` moments side by side, W̃ (m × taps·k), it reads V ≈ W̃ H with H (taps·k × n): the same
//! products as ever, and V's shape is that of a plain factorisation with taps·k components. The Kullback–Leibler divergence is
//! minimised by multiplicative updates. Each takes all taps at once, so it is the usual update of a linear model and never
//! raises the objective; the loop is one of its own, since W enters every row of V `taps` times.

mod work;

use std::ops::ControlFlow;

use crate::error::refuse;
use crate::init::{H_STREAMS, W_STREAMS, draw};
use crate::loss::Elementwise;
use crate::matrix::{Matrix, Signs, Summary};
use crate::observe::{Observer, Progress, TracePoint};
use crate::stop::{Look, StopReason, StopRule, Stopper};
use crate::threads::Threads;
use crate::{Error, Factorization, Float, Init, Loss, Nmf, Solver};

use work::Work;

/// A convolutive factorisation to be fitted: components that last several rows, V(t, f) ≈ Σ_τ Σ_k W(t − τ, k) H(τ, k, f) for τ from 0 to
/// `taps` − 1 (Smaragdis 2004, "Non-negative matrix factor deconvolution").
///
/// | name | purpose | range |
/// |---|---|---|
/// | `nmf` | rank, seed, tolerance, limit, threads; the loss must be Kullback–Leibler, the solver `auto` or `mu`, the start one, `auto` or `random`, without penalties and constraints | see [`Nmf`] |
/// | `taps` | rows that a component lasts | ≥ 1, at most the rows of V |
///
/// ```
/// use partwise::{ConvolutiveNmf, Loss, Matrix, Nmf};
/// // A stroke that falls from the first column to the third, twice.
/// let v = [
///     4.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, //
///     8.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 2.0,
/// ];
/// let model = ConvolutiveNmf::new(Nmf::new(1).loss(Loss::KULLBACK_LEIBLER).max_iter(500), 3)
///     .fit(&Matrix::row_major(&v, 7, 3)?, &mut ())?;
/// assert!(model.relative_error < 0.05);
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutiveNmf {
    nmf: Nmf,
    taps: usize,
}

impl ConvolutiveNmf {
    /// A factorisation whose components last `taps` rows.
    pub fn new(nmf: Nmf, taps: usize) -> Self {
        Self { nmf, taps }
    }

    /// Checks everything that can be checked without V.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::SolverLoss`] with the value and what would be right; what `nmf` asks for and this does not do, as a
    /// start that is not drawn, a penalty or a constraint.
    pub fn check(&self) -> Result<(), Error> {
        self.nmf.check()?;
        if self.taps == 0 {
            return refuse("taps", "0", "expected at least 1 row");
        }
        self.nmf.check_free("in a convolutive factorisation")?;
        if self.nmf.loss != Loss::KULLBACK_LEIBLER {
            let legal = "a convolutive factorisation expects kullback-leibler";
            return refuse("loss", self.nmf.loss, legal);
        }
        if !["auto", "mu"].contains(&self.nmf.solver.name()) {
            let legal = "a convolutive factorisation expects auto or mu";
            return refuse("solver", self.nmf.solver.name().to_owned(), legal);
        }
        if ![Init::auto(), Init::drawn()].contains(&self.nmf.init) {
            let legal = "a convolutive factorisation draws its start; expected auto or random";
            return refuse("init", self.nmf.init.name().to_owned(), legal);
        }
        if self.nmf.n_init.get() > 1 {
            let legal = "a convolutive factorisation has one start; expected 1";
            return refuse("n_init", self.nmf.n_init, legal);
        }
        if self.nmf.penalty.alpha_w != 0.0 || self.nmf.penalty.alpha_h != 0.0 {
            let value = self.nmf.penalty.alpha_w.max(self.nmf.penalty.alpha_h);
            let legal = "a convolutive factorisation expects no penalty";
            return refuse("alpha", value, legal);
        }
        Ok(())
    }

    /// Bytes that a fit of V needs beyond V itself.
    pub fn memory_needed<T: Float>(&self, v: &Matrix<'_, T>) -> u64 {
        let columns = (self.nmf.rank as u64).saturating_mul(self.taps as u64);
        let (m, n) = (v.rows() as u64, v.cols() as u64);
        let tasks = work::tasks(v.rows()) as u64;
        // W̃'s gradient; H, its best and what each task adds to its gradient.
        let entries = m.saturating_add((tasks + 3).saturating_mul(n));
        let lines = n.saturating_add(columns.saturating_mul(2));
        let block = (tasks * work::ROWS as u64).saturating_mul(lines);
        let values = entries.saturating_mul(columns).saturating_add(block);
        values.saturating_mul(size_of::<T>() as u64)
    }

    /// Factors V (m × n). In the answer `w` is m × k and `h` taps·k × n, row τ·k + c the τth row of component c.
    ///
    /// # Errors
    /// As [`Self::check`]; as [`Nmf::fit_with`] about V; [`Error::Parameter`] if V is sparse, not in memory, or has fewer rows than there are
    /// taps.
    pub fn fit<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        self.check()?;
        T::convolve(self, v, observer)
    }

    pub(crate) fn fit_here<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        threads.until_ended(|| self.fit_on(&threads, v, observer))
    }

    fn fit_on<T: Float>(
        &self,
        threads: &Threads,
        v: &Matrix<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let clock = std::time::Instant::now();
        v.check_held("a convolutive factorisation")?;
        let summary = Summary::of(v, Signs::NonNegative, threads)?;
        let (m, n, k) = (v.rows(), v.cols(), self.nmf.rank);
        let Matrix::Dense(view) = *v else {
            return refuse(
                "V",
                "sparse",
                "a convolutive factorisation expects a dense matrix",
            );
        };
        if self.taps > m {
            return refuse(
                "taps",
                self.taps,
                format!("expected at most {m}, the rows of V"),
            );
        }
        let mut wide = self.nmf.clone();
        wide.rank = self.taps.saturating_mul(k);
        wide.check_rank_size::<T>(m, n)?;
        let mean = summary.mean();
        let columns = wide.rank;
        let size = (mean / columns as f64).sqrt();
        let mut work = Work {
            v: view,
            k,
            taps: self.taps,
            w: draw(m, k, size, self.nmf.seed, W_STREAMS),
            ht: draw(n, columns, size, self.nmf.seed, H_STREAMS),
            loss: Elementwise::new(Loss::KULLBACK_LEIBLER, mean),
            threads,
        };
        let max_iter = self.nmf.max_iter;
        let mut stopper: Option<Stopper> = None;
        let mut trace = Vec::new();
        let mut residual = 0.0;
        let mut iteration = 0;
        let (divergence, stop) = loop {
            // What is known before a step of W: the objective of the factors that the iteration before left.
            let look = work.look_for_w();
            let seconds = clock.elapsed().as_secs_f64();
            let point = TracePoint {
                iteration,
                seconds,
                objective: look.divergence,
                residual: (iteration > 0).then_some(residual),
                sketched: false,
            };
            point.join(&mut trace);
            let Some(rule) = &mut stopper else {
                let rule = StopRule::PLATEAU;
                stopper = Some(Stopper::new(rule, self.nmf.tol, look.divergence));
                residual = work.step(look);
                iteration = 1;
                continue;
            };
            let told = observer.observe(&Progress {
                start: 1,
                n_init: 1,
                iteration,
                max_iter,
                objective: look.divergence,
                residual,
                measure: look.divergence,
                seconds,
                sketched: false,
            });
            let seen = Look {
                iteration,
                divergence: look.divergence,
                objective: look.divergence,
                ..Look::default()
            };
            if told == ControlFlow::Break(()) {
                break (look.divergence, StopReason::Stopped);
            }
            if rule.converged(&seen) {
                break (look.divergence, StopReason::Converged);
            }
            if iteration == max_iter {
                break (look.divergence, StopReason::MaxIterations);
            }
            residual = work.step(look);
            iteration += 1;
        };
        let error = work.squared_error();
        let relative_error = if summary.squares > 0.0 {
            (error / summary.squares).sqrt()
        } else {
            0.0
        };
        Ok(Factorization {
            single_iterations: 0,
            approach_iterations: 0,
            w: work.w,
            h: work.ht.transposed(),
            divergence,
            objective: divergence,
            relative_error,
            residual,
            iterations: iteration,
            stop,
            trace,
            solver: "mu".parse::<Solver>()?,
            init: Some("random".parse()?),
            picked: Vec::new(),
            mixture: None,
            class_parts: None,
            starts: Vec::new(),
            squares: summary.squares,
            nonzeros: summary.nonzeros,
            seconds: clock.elapsed().as_secs_f64(),
        })
    }
}
