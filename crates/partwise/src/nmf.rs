//! The front door: parameters, checked once, and what a fit gives back.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::fit::{self, Outcome, Plan, Side};
use crate::init::{Init, Input, Pair};
use crate::loss::{Elementwise, Loss, Penalty};
use crate::matrix::{Blocks, Dense, Lines, Matrix, bad_entry};
use crate::observe::{Observer, Progress, TracePoint};
use crate::pass::{Problem, Terms};
use crate::shard::{Local, Many, Shard};
use crate::stop::StopReason;
use crate::threads::Threads;
use crate::{Error, Float, Solver};

/// One of the two factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// W, m × k.
    W,
    /// H, k × n.
    H,
}

impl Factor {
    fn name(self) -> &'static str {
        match self {
            Self::W => "W",
            Self::H => "H",
        }
    }
}

/// A non-negative matrix factorisation to be fitted.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `rank` | | number of components, k | ≥ 1; at most min(m, n) for the `nndsvd*` and `spa` starts |
/// | `loss` | `frobenius` | the divergence between V and W H | any β from −10 to 10 |
/// | `solver` | `auto` | how it is minimised | see [`Solver::all`] |
/// | `init` | `auto` | where to begin | see [`Init::all`] |
/// | `seed` | 0 | random starts, and the sketch of the `nndsvd*` starts | any |
/// | `tolerance` | 1e-4 | when to stop | ≥ 0 |
/// | `max_iter` | 200 | iterations at most | ≥ 1 |
/// | `penalty` | none | L1 and L2 weights | see [`Penalty`] |
/// | `threads` | all | threads to work with; the answer has the same bits for any number | ≥ 1 |
///
/// ```
/// use partwise::{Matrix, Nmf};
/// let v = [1.0, 1.0, 2.0, 1.0, 3.0, 1.2, 4.0, 1.0, 5.0, 0.8, 6.0, 1.0];
/// let v = Matrix::row_major(&v, 6, 2)?;
/// let model = Nmf::new(2).fit(&v)?;
/// assert!(model.relative_error < 0.01);
/// assert_eq!((model.h.rows(), model.h.cols()), (2, 2));
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Nmf {
    pub(crate) rank: usize,
    pub(crate) loss: Loss,
    solver: Solver,
    init: Init,
    seed: u64,
    pub(crate) tolerance: f64,
    pub(crate) max_iter: usize,
    pub(crate) penalty: Penalty,
    pub(crate) threads: Option<NonZeroUsize>,
}

/// Factors to begin with, or to hold fixed.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a, T: Float> {
    /// W, m × k; drawn by the `init` if absent.
    pub w: Option<&'a Dense<T>>,
    /// H, k × n; drawn by the `init` if absent.
    pub h: Option<&'a Dense<T>>,
    /// The factor that is not to be changed.
    pub hold: Option<Factor>,
}

impl<T: Float> Default for Start<'_, T> {
    fn default() -> Self {
        Self {
            w: None,
            h: None,
            hold: None,
        }
    }
}

/// V ≈ W H, and how it came about.
#[derive(Clone, Debug)]
pub struct Factorization<T> {
    /// How much of each component each sample holds, m × k.
    pub w: Dense<T>,
    /// The components, k × n: each row is a basis vector.
    pub h: Dense<T>,
    /// D(V, WH) without penalties.
    pub divergence: f64,
    /// D(V, WH) with penalties.
    pub objective: f64,
    /// ‖V − WH‖ / ‖V‖ in the Frobenius norm, whatever the loss; infinite if V is all zeros and WH is not.
    pub relative_error: f64,
    /// Distance from a stationary point at the factors returned; see [`Progress::residual`].
    pub residual: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Why the fit ended.
    pub stop: StopReason,
    /// The objective after each iteration; from iteration 0, the start, where it is known.
    pub trace: Vec<TracePoint>,
    /// The solver that did the work.
    pub solver: Solver,
    /// The start that was made; `None` if both factors were given.
    pub init: Option<Init>,
    /// Seconds from the first look at V to the factors.
    pub seconds: f64,
}

impl<T: Float> Factorization<T> {
    /// W H, m × n, dense.
    pub fn reconstruct(&self) -> Dense<T> {
        reconstruct(&self.w, &self.h)
    }
}

/// W (r × k) · H (k × n), dense: the inverse of a transform.
///
/// # Panics
/// If W has another number of columns than H has rows.
pub fn reconstruct<T: Float>(w: &Dense<T>, h: &Dense<T>) -> Dense<T> {
    assert_eq!(w.cols(), h.rows(), "W and H must share the rank");
    Lines::Dense(w.view()).times(h, &Threads::new(None))
}

impl Nmf {
    /// A factorisation with `rank` components and the defaults of the table above.
    pub fn new(rank: usize) -> Self {
        Self {
            rank,
            loss: Loss::FROBENIUS,
            solver: Solver::auto(),
            init: Init::auto(),
            seed: 0,
            tolerance: 1e-4,
            max_iter: 200,
            penalty: Penalty::default(),
            threads: None,
        }
    }

    /// Sets the divergence that is minimised.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// Sets the solver.
    #[must_use]
    pub fn solver(mut self, solver: Solver) -> Self {
        self.solver = solver;
        self
    }

    /// Sets the start.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Sets the seed of all random draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the tolerance of the solver's stopping rule.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the limit on iterations.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the penalties.
    #[must_use]
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.penalty = penalty;
        self
    }

    /// Sets the number of threads; `None` takes all processors.
    #[must_use]
    pub fn threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.threads = threads;
        self
    }

    /// Checks everything that can be checked without V.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::SolverLoss`] with the value and what would be right.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |name, value: String, legal: &str| {
            Err(Error::Parameter {
                name,
                value,
                legal: legal.to_owned(),
            })
        };
        if self.rank == 0 {
            return refuse("rank", "0".to_owned(), "expected at least 1 component");
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            let value = self.tolerance.to_string();
            return refuse("tol", value, "expected a finite number of at least 0");
        }
        if self.max_iter == 0 {
            return refuse("max_iter", "0".to_owned(), "expected at least 1 iteration");
        }
        self.penalty.check()?;
        self.solver.resolve(self.loss).map(|_| ())
    }

    /// Bytes that a fit of an m × n matrix with `stored` entries needs beyond V itself: the factors, their statistics,
    /// a bounded work space, and for a sparse V the twin that gives its other axis.
    pub fn memory_needed<T: Float>(&self, matrix: &Matrix<'_, T>) -> u64 {
        /// Blocks in work at once, tiles and small matrices.
        const WORK_SPACE: u64 = 64 << 20;
        /// Copies of the factors' size at once: the factors, what is gathered for the next ones, the best so far.
        const COPIES: u64 = 4;
        /// Gram matrices at once: of the blocks of a run of lines.
        const GRAMS: u64 = 64;
        let value = size_of::<T>() as u64;
        let (m, n) = (matrix.rows() as u64, matrix.cols() as u64);
        let twin = match matrix {
            Matrix::Dense(_) => 0,
            // The offsets twice, while the entries are sorted.
            Matrix::Csr(_) => matrix.stored() as u64 * (value + 4) + 16 * n,
            Matrix::Csc(_) => matrix.stored() as u64 * (value + 4) + 16 * m,
        };
        let init = self.init.resolve(self.rank, matrix.rows(), matrix.cols());
        let rank = self.rank as u64;
        let columns = rank.saturating_add(init.map_or(0, Init::extra_columns) as u64);
        let factors = (m + n)
            .saturating_mul(columns)
            .saturating_mul(COPIES * value);
        let grams = rank
            .saturating_mul(rank)
            .saturating_mul(8 * GRAMS.min(1 + (m + n) / 256));
        [factors, grams, twin, WORK_SPACE]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Factors V.
    ///
    /// # Errors
    /// Parameters out of range, V with negative or non-finite entries, empty, or unfit for the loss: before any work.
    pub fn fit<T: Float>(&self, v: &Matrix<'_, T>) -> Result<Factorization<T>, Error> {
        self.fit_with(std::slice::from_ref(v), Start::default(), &mut go_on)
    }

    /// Finds W for new samples while H (k × n) is held: the return's `w`. The penalty on W is that of a fit.
    ///
    /// # Errors
    /// As [`Self::fit`], and [`Error::Shape`] if H does not fit V and the rank.
    pub fn transform<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        h: &Dense<T>,
    ) -> Result<Factorization<T>, Error> {
        let start = Start {
            w: None,
            h: Some(h),
            hold: Some(Factor::H),
        };
        self.fit_with(std::slice::from_ref(v), start, &mut go_on)
    }

    /// Factors a V that is given as blocks of rows, with a start, watched by an observer.
    ///
    /// The same blocks give the same bits; other blocks of the same V differ by rounding. (A solver that is not
    /// [`Solver::alike_in_blocks`] takes other steps for one block than for several.)
    ///
    /// # Errors
    /// As [`Self::fit`]; a start of a wrong shape or with illegal entries; a held factor without a start.
    pub fn fit_with<T: Float>(
        &self,
        blocks: &[Matrix<'_, T>],
        start: Start<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let threads = Threads::new(self.threads).interruptible(observer.interrupt());
        threads.until_interrupted(|| self.fit_on(&threads, blocks, start, observer))
    }

    fn fit_on<T: Float>(
        &self,
        threads: &Threads,
        blocks: &[Matrix<'_, T>],
        start: Start<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let clock = std::time::Instant::now();
        self.check()?;
        let rows = blocks.iter().map(Matrix::rows).sum();
        let cols = blocks.first().map_or(0, Matrix::cols);
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        self.check_rank_size::<T>(rows, cols)?;
        self.check_start(&start, rows, cols)?;
        let init = self.init.resolve(self.rank, rows, cols);
        // A start that is not made cannot be refused.
        let init = match (start.w, start.h) {
            (Some(_), Some(_)) => None,
            _ if start.hold.is_some() => None,
            _ => Some(init?),
        };
        let blocks = Blocks::new(blocks, threads)?;
        let entries = blocks.rows as f64 * blocks.cols as f64;
        blocks.summary.check_loss(self.loss, entries)?;
        self.check_start_size(&start, blocks.summary.largest, entries)?;
        let solver = self.solver.resolve(self.loss)?;
        let pair = self.begin(&blocks, &start, init, solver, threads);
        let outcome = self.run(blocks, pair, start.hold, solver, threads, observer);
        let Outcome {
            left: w,
            right: ht,
            trace,
            iterations,
            stop,
            quality,
        } = outcome;
        Ok(Factorization {
            w,
            h: ht.transposed(),
            divergence: quality.divergence,
            objective: quality.objective,
            relative_error: quality.relative_error,
            residual: quality.residual,
            iterations,
            stop,
            trace,
            solver,
            init,
            seconds: clock.elapsed().as_secs_f64(),
        })
    }

    /// Factors to begin with: those given, and the rest made.
    fn begin<T: Float>(
        &self,
        blocks: &Blocks<'_, T>,
        start: &Start<'_, T>,
        init: Option<Init>,
        solver: Solver,
        threads: &Threads,
    ) -> Pair<T> {
        let made = init.map(|init| {
            init.make(&Input {
                blocks,
                k: self.rank,
                seed: self.seed,
                threads,
            })
        });
        let (made_w, made_ht) = made.map_or((None, None), |pair| (Some(pair.w), Some(pair.ht)));
        // With one factor held the other begins where scikit-learn's transform does: at zero, or for solvers that
        // multiply at a constant.
        let level = if solver.leaves_zero() {
            T::ZERO
        } else {
            T::from_f64((blocks.mean() / self.rank as f64).sqrt())
        };
        let flat = |rows| Dense::filled(rows, self.rank, level);
        Pair {
            w: start
                .w
                .cloned()
                .or(made_w)
                .unwrap_or_else(|| flat(blocks.rows)),
            ht: start
                .h
                .map(Dense::transposed)
                .or(made_ht)
                .unwrap_or_else(|| flat(blocks.cols)),
        }
    }

    /// Sets up the loop in the orientation of the blocks, and turns its result back.
    fn run<T: Float>(
        &self,
        blocks: Blocks<'_, T>,
        pair: Pair<T>,
        hold: Option<Factor>,
        solver: Solver,
        threads: &Threads,
        observer: &mut dyn Observer,
    ) -> Outcome<T> {
        let transposed = blocks.transposed;
        let (w_weights, h_weights) = self.penalty.weights(blocks.rows, blocks.cols);
        let (left_weights, right_weights) = oriented(transposed, w_weights, h_weights);
        let (left_rows, right_rows) = oriented(transposed, blocks.rows, blocks.cols);
        // With one factor held, its product with V is made once and serves every iteration: sweeps cost next to nothing.
        let walked_per = |rows: usize| match hold {
            Some(_) => f64::INFINITY,
            None => blocks.walked as f64 / rows as f64,
        };
        let w_side = if transposed { Side::Right } else { Side::Left };
        let h_side = if transposed { Side::Left } else { Side::Right };
        let quadratic = if self.loss.is_quadratic() {
            solver.quadratic()
        } else {
            None
        };
        let problem = Problem {
            elementwise: Elementwise::new(self.loss, blocks.mean()),
            quadratic,
            lines: solver.lines(self.loss),
            left: Terms::new(left_weights, walked_per(left_rows), self.rank),
            right: Terms::new(right_weights, walked_per(right_rows), self.rank),
        };
        let plan = Plan {
            solver,
            tolerance: self.tolerance,
            max_iter: self.max_iter,
            held: hold.map(|factor| match factor {
                Factor::W => w_side,
                Factor::H => h_side,
            }),
            first: if solver.extrapolates() {
                Side::Left
            } else {
                w_side
            },
        };
        let (left, right) = if transposed {
            (pair.ht, pair.w)
        } else {
            (pair.w, pair.ht)
        };
        let summary = blocks.summary;
        let shard = shards(blocks, left, threads);
        let outcome = fit::run(shard, right, &problem, &plan, &summary, threads, observer);
        if !transposed {
            return outcome;
        }
        Outcome {
            left: outcome.right,
            right: outcome.left,
            ..outcome
        }
    }

    pub(crate) fn check_start<T: Float>(
        &self,
        start: &Start<'_, T>,
        rows: usize,
        cols: usize,
    ) -> Result<(), Error> {
        let given = [
            (Factor::W, start.w, rows, self.rank),
            (Factor::H, start.h, self.rank, cols),
        ];
        for (factor, matrix, rows, cols) in given {
            let Some(matrix) = matrix else {
                if start.hold == Some(factor) {
                    return Err(Error::HeldWithoutStart {
                        factor: factor.name(),
                    });
                }
                continue;
            };
            if (matrix.rows(), matrix.cols()) != (rows, cols) {
                return Err(Error::Shape {
                    matrix: factor.name(),
                    rows: matrix.rows(),
                    cols: matrix.cols(),
                    expected_rows: rows,
                    expected_cols: cols,
                });
            }
            let legal = |x: &T| *x >= T::ZERO && x.is_finite();
            if let Some(bad) = matrix.as_slice().iter().position(|x| !legal(x)) {
                let value = matrix.as_slice()[bad].to_f64();
                return Err(bad_entry(factor.name(), value, bad / cols, bad % cols));
            }
        }
        Ok(())
    }

    /// Refuses a rank with which the factors could not be addressed.
    pub(crate) fn check_rank_size<T>(&self, rows: usize, cols: usize) -> Result<(), Error> {
        let lines = rows as f64 + cols as f64 + self.rank as f64;
        // Gram matrices are kept in double precision.
        let bytes = lines * self.rank as f64 * size_of::<T>().max(size_of::<f64>()) as f64;
        if bytes < isize::MAX as f64 {
            return Ok(());
        }
        Err(Error::Parameter {
            name: "rank",
            value: self.rank.to_string(),
            legal: format!(
                "expected a rank with which the factors of a {rows} x {cols} matrix fit in memory"
            ),
        })
    }

    /// Refuses a start so large that its products or the first objective would overflow.
    pub(crate) fn check_start_size<T: Float>(
        &self,
        start: &Start<'_, T>,
        v_largest: f64,
        entries: f64,
    ) -> Result<(), Error> {
        let largest = |factor: Option<&Dense<T>>| {
            let values = factor.map_or(&[][..], Dense::as_slice).iter();
            values.fold(0.0, |max: f64, x| max.max(x.to_f64()))
        };
        let (w, h) = (largest(start.w), largest(start.h));
        // A factor that is not given is made in proportion to √V.
        let made = |size: f64| if size > 0.0 { size } else { v_largest.sqrt() };
        let product = self.rank as f64 * made(w) * made(h);
        let powers = product.powf(self.loss.exponent().max(2.0)) * entries;
        // Gram matrices and V Hᵀ are kept in the type of V.
        let sums = (w.max(h) * w.max(h).max(v_largest)) * entries;
        if powers.is_finite() && T::from_f64(sums).is_finite() {
            return Ok(());
        }
        let (matrix, value) = if w > h { ("W", w) } else { ("H", h) };
        Err(Error::Scale {
            matrix,
            value,
            what: "its product with the other factor",
        })
    }
}

/// The blocks with their rows of the left factor.
fn shards<'a, T: Float>(
    blocks: Blocks<'a, T>,
    left: Dense<T>,
    threads: &Threads,
) -> Box<dyn Shard<T> + 'a> {
    let mut sources = blocks.sources;
    if sources.len() == 1
        && let Some(source) = sources.pop()
    {
        return Box::new(Local::new(source, left, threads.clone()));
    }
    let k = left.cols();
    let mut from = 0;
    let shards = sources.into_iter().map(|source| {
        let to = from + source.rows().count();
        let rows = left.row_range(from, to).to_vec();
        let rows = Dense::from_rows(rows, to - from, k).expect("a range of whole rows");
        from = to;
        Box::new(Local::new(source, rows, threads.clone())) as Box<dyn Shard<T> + 'a>
    });
    Box::new(Many::new(shards.collect()))
}

/// An observer that never stops a fit.
fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What belongs to W and to H, as what belongs to the left and the right factor.
fn oriented<X>(transposed: bool, w: X, h: X) -> (X, X) {
    if transposed { (h, w) } else { (w, h) }
}
