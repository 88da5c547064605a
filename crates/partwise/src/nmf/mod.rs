//! The front door: parameters, checked once, and the fit that they ask for.

mod approach;
mod checks;
mod factorization;
mod identity;
mod memory;
mod ready;
mod remote;
mod single;
mod start;
mod task;

use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use crate::constraint::{Beside, Constraint, Graph, Labels, Shifted};
use crate::course::Course;
use crate::error::refuse;
use crate::fit::Quality;
use crate::init::Init;
use crate::loss::{Loss, Penalty};
use crate::matrix::{Blocks, Dense, Matrix, Signs, Wanted, Weighting};
use crate::observe::Observer;
use crate::sketch;
use crate::threads::Threads;
use crate::{Error, Float, Solver};
pub(crate) use factorization::product;
pub use factorization::{Factorization, reconstruct};
use identity::Shape;
pub(crate) use ready::Ready;
pub use start::{Factor, Start};
use task::Task;

/// A non-negative matrix factorisation to be fitted.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `rank` | | number of components, k | ≥ 1; at most min(m, n) for the `nndsvd*` and `spa` starts |
/// | `loss` | `frobenius` | the divergence between V and W H | any β from −10 to 10 |
/// | `solver` | `auto` | how it is minimised | see [`Solver::all`] |
/// | `init` | `auto` | where to begin | see [`Init::all`] |
/// | `n_init` | 1 | starts to try, the best of which is carried on | ≥ 1; 1 where no start is drawn |
/// | `seed` | 0 | random starts, and the sketch of the `nndsvd*` starts | any |
/// | `tol` | 1e-4 | when to stop | ≥ 0 |
/// | `max_iter` | 200 | iterations at most | ≥ 1 |
/// | `penalty` | none | L1 and L2 weights | see [`Penalty`] |
/// | `constraints` | none | what the factors must be besides non-negative | one on a factor at most, see [`Constraint`] |
/// | `graph` | none | which rows are neighbours, for the constraint `graph` | see [`Graph`]; without one it is made of V |
/// | `labels` | none | the classes of rows, for the constraint `labels`, which needs them | see [`Labels`] |
/// | `orders` | none | the order in which `cd` goes through the components, in each half-step | permutations of 0 to `rank` − 1 |
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
    pub(crate) solver: Solver,
    pub(crate) init: Init,
    pub(crate) n_init: NonZeroUsize,
    pub(crate) seed: u64,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
    pub(crate) penalty: Penalty,
    pub(crate) constraints: Vec<Constraint>,
    /// What is known of the rows of a factor, for its constraint.
    pub(crate) beside: Option<Beside>,
    /// The factor that may have entries of any sign, as V then may.
    pub(crate) signed: Option<Factor>,
    /// An L1 penalty of each component on both factors, in the units of the objective.
    pub(crate) prices: Option<Arc<[f64]>>,
    /// Permutations of the components, one for each half-step that is taken.
    pub(crate) orders: Option<Arc<[Vec<usize>]>>,
    pub(crate) threads: Option<NonZeroUsize>,
    /// Whether the objective's plateau may be short.
    pub(crate) brief: bool,
}

impl Nmf {
    /// A factorisation with `rank` components and the defaults of the table above.
    pub fn new(rank: usize) -> Self {
        Self {
            rank,
            loss: Loss::FROBENIUS,
            solver: Solver::auto(),
            init: Init::auto(),
            n_init: NonZeroUsize::MIN,
            seed: 0,
            tol: 1e-4,
            max_iter: 200,
            penalty: Penalty::default(),
            constraints: Vec::new(),
            signed: None,
            beside: None,
            prices: None,
            orders: None,
            threads: None,
            brief: false,
        }
    }

    /// Sets the divergence that is minimised; at first [`Loss::FROBENIUS`].
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// Sets the solver; at first [`Solver::auto`]. One that does not handle the loss is refused by [`Self::check`].
    #[must_use]
    pub fn solver(mut self, solver: Solver) -> Self {
        self.solver = solver;
        self
    }

    /// Sets the start that is made where none is given; at first [`Init::auto`].
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Sets how many starts are tried (at first 1; more only where they are drawn), with the seeds from [`Self::seed`] on. Each gets a few iterations, on a sketch of V
    /// where the solver takes one, and the best is carried on. Of the starts that `auto` stands for the first is made, and the
    /// others are drawn.
    #[must_use]
    pub fn n_init(mut self, n_init: NonZeroUsize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Sets the seed of all random draws; at first 0. The same seed gives the same bits.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the tolerance of the solver's stopping rule, a finite number of at least 0; at first 1e-4. `hals` and
    /// `sketched` end once the objective falls by no more than this share of itself over 20 iterations, `newton` over 10, `mu` once √(2 D)
    /// falls over 10 iterations by less than this share of what it is at the start, and the others once the sum of the projected gradient
    /// is this share of that of the first iteration. With a constraint every solver ends as `hals` does; with a factor held `hals`,
    /// `sketched` and `newton` end by the projected gradient. 0 goes on to the limit, or until nothing moves.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// As one of many fits that are looked at together, which need not wait long for their end.
    pub(crate) fn brief(mut self) -> Self {
        self.brief = true;
        self
    }

    /// Sets the limit on iterations, at least 1; at first 200.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets the penalties; at first none.
    #[must_use]
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.penalty = penalty;
        self
    }

    /// Adds a constraint on a factor; at first there is none. [`Self::check`] refuses two on one factor, and what does not go with the loss,
    /// the solver or the penalties.
    ///
    /// ```
    /// use partwise::{Matrix, Nmf};
    /// // Samples 0 and 2 are pure, the others are mixtures of them.
    /// let v = [4.0, 0.0, 2.0, 2.0, 1.5, 2.5, 0.0, 3.0, 3.0, 1.0, 2.0, 2.5];
    /// let model = Nmf::new(2).constraint("separable".parse()?).fit(&Matrix::row_major(&v, 4, 3)?)?;
    /// assert_eq!(model.h.row(0), [4.0, 0.0, 2.0]);
    /// assert_eq!(model.picked, [0, 2]);
    ///
    /// // Two triangles that share an edge between them.
    /// let mut graph = [0.0; 36];
    /// for (i, j) in [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)] {
    ///     (graph[i * 6 + j], graph[j * 6 + i]) = (1.0, 1.0);
    /// }
    /// let model = Nmf::new(2).constraint("symmetric".parse()?).fit(&Matrix::row_major(&graph, 6, 6)?)?;
    /// let first = |i| model.w.get(i, 0) > model.w.get(i, 1);
    /// assert!((0..6).all(|i| first(i) == if i < 3 { first(0) } else { !first(0) }));
    /// assert_eq!(model.h.transposed().as_slice(), model.w.as_slice());
    /// # Ok::<(), partwise::Error>(())
    /// ```
    #[must_use]
    pub fn constraint(mut self, constraint: Constraint) -> Self {
        if constraint.is_signed() {
            self.signed = Some(constraint.factor());
        }
        self.constraints.push(constraint);
        self
    }

    /// Sets the graph of the constraint `graph`, of the rows of W or those of Hᵀ. Without it the constraint takes the graph of
    /// the [`Graph::NEIGHBOURS`] nearest rows of V, or columns, by the angle between them: that takes m² n operations (n² m), and
    /// V in memory. Takes the place of [`Self::labels`]: a fit has one of them.
    #[must_use]
    pub fn graph(mut self, graph: Graph) -> Self {
        self.beside = Some(Beside::Graph(graph));
        self
    }

    /// Sets the classes of the samples (for `h:labels` of the features), as far as they are known, for the constraint `labels`.
    /// Takes the place of [`Self::graph`].
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.beside = Some(Beside::Labels(labels));
        self
    }

    /// Sets the orders in which the solver `cd` goes through the components: a permutation for each half-step that is taken, one after
    /// another. In half-steps beyond these it goes from the first component to the last, as at first in all. (Those that are drawn are
    /// scikit-learn's `shuffle`.)
    #[must_use]
    pub fn orders(mut self, orders: impl Into<Vec<Vec<usize>>>) -> Self {
        self.orders = Some(orders.into().into());
        self
    }

    /// The same for new samples, whose components are held: with the constraints alone that say something of each sample.
    #[must_use]
    pub fn for_new_samples(mut self) -> Self {
        self.constraints
            .retain(|constraint| constraint.factor() == Factor::W && constraint.is_rowwise());
        self.beside = None;
        self
    }

    /// Sets the number of threads; `None`, as at first, takes all processors. The answer has the same bits for any number. At
    /// most 64 are made, or as many as there are processors if those are more.
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
        if self.rank == 0 {
            return refuse("rank", "0", "expected at least 1 component");
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            let value = self.tol.to_string();
            return refuse("tol", value, "expected a finite number of at least 0");
        }
        if self.max_iter == 0 {
            return refuse("max_iter", "0", "expected at least 1 iteration");
        }
        self.penalty.check()?;
        self.solver.resolve(self.loss)?;
        self.check_orders()?;
        self.check_constraints()
    }

    /// What V may hold.
    pub(crate) fn signs(&self) -> Signs {
        match self.signed {
            Some(_) => Signs::Any,
            None => Signs::NonNegative,
        }
    }

    /// The solver that does the work for a shape, where a sketch of V may be worth its price.
    fn road(&self, sketchable: bool, rows: usize, cols: usize) -> Result<Solver, Error> {
        let free = self.constraints.is_empty();
        let pays = sketchable && free && sketch::pays(rows, cols, self.rank);
        self.solver.road(self.loss, pays)
    }

    /// Whether what is missing of V may be filled by the factors on the way: for half-steps that need not be exact.
    fn fills<T: Float>(&self, start: &Start<'_, T>) -> bool {
        let solver = self.solver.road(self.loss, false);
        let extrapolates = solver.is_ok_and(Solver::extrapolates);
        extrapolates && self.loss.is_quadratic() && start.hold.is_none()
    }

    /// Factors V (m × n).
    ///
    /// # Errors
    /// Before any work: as [`Self::check`]; [`Error::Parameter`] for a rank, a start or a constraint that V has no room for;
    /// [`Error::Empty`], [`Error::Negative`] (unless a constraint allows entries of any sign), [`Error::NotFinite`],
    /// [`Error::ZeroEntry`] and [`Error::Scale`] about V. On the way: [`Error::Read`] where V is read.
    pub fn fit<T: Float>(&self, v: &Matrix<'_, T>) -> Result<Factorization<T>, Error> {
        self.fit_with(std::slice::from_ref(v), Start::default(), &mut ())
    }

    /// Finds W (r × k) for new samples V (r × n) while H (k × n) is held: the return's `w`. The penalty on W is that of a fit.
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
            ..Start::default()
        };
        self.check()?;
        let nmf = self.clone().for_new_samples();
        nmf.fit_with(std::slice::from_ref(v), start, &mut ())
    }

    /// Factors a V that is given as blocks of rows, from the first on and all n wide, with a start, watched by an observer.
    ///
    /// The same blocks give the same bits; other blocks of the same V differ by rounding. (A solver that is not
    /// [`Solver::alike_in_blocks`] takes other steps for one block than for several.)
    ///
    /// # Errors
    /// As [`Self::fit`]; about the start [`Error::Shape`], [`Error::Negative`], [`Error::NotFinite`] and [`Error::HeldWithoutStart`];
    /// [`Error::Parameter`] for held components that there are not, or if nothing is left to find; [`Error::Interrupted`].
    pub fn fit_with<T: Float>(
        &self,
        blocks: &[Matrix<'_, T>],
        start: Start<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        T::fit(self, (blocks, None), start, None, observer)
    }

    /// Goes on with a fit from a state that an observer has kept ([`Observer::keep`]). V, the start and all parameters but
    /// the threads must be those of that fit; the factors are then those that it would have ended in, to the last bit.
    ///
    /// # Errors
    /// As [`Self::fit_with`]; [`Error::State`] if the state is damaged, of another version, or that of another fit.
    pub fn resume<T: Float>(
        &self,
        blocks: &[Matrix<'_, T>],
        start: Start<'_, T>,
        state: &mut dyn Read,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        T::fit(self, (blocks, None), start, Some(state), observer)
    }

    /// Factors a V of which some entries are missing or count more than others; what is missing shows in W H.
    ///
    /// Each line of V has sums of its own here, so the squared loss costs about k/2 times what it costs where every entry
    /// counts. Not so for `hals`, which `auto` takes, where entries are missing, no more than half of any line, and the others
    /// count alike: what the factors say of those stands for them in each half-step (Srebro & Jaakkola 2003). A row of W or a column of H
    /// of which no entry is known becomes zero. The start is drawn, or given.
    ///
    /// # Errors
    /// As [`Self::fit_with`]; [`Error::Shape`], [`Error::Negative`] and [`Error::NotFinite`] about the weights;
    /// [`Error::NothingCounts`]; [`Error::Parameter`] for a start, a solver or a constraint that needs every entry, and for a V or weights
    /// that are not in memory.
    pub fn fit_weighted<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        weighting: &Weighting<'_, T>,
        start: Start<'_, T>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let weighting = Some(weighting).filter(|weighting| !weighting.is_even());
        if weighting.is_some() {
            v.check_held("a fit where entries are missing or weighted")?;
        }
        if let Some(entries) = weighting.and_then(|weighting| weighting.entries) {
            entries.check_held("a matrix of weights")?;
        }
        let v = (std::slice::from_ref(v), weighting);
        T::fit(self, v, start, None, observer)
    }

    pub(crate) fn fit_here<T: Float>(
        &self,
        v: (&[Matrix<'_, T>], Option<&Weighting<'_, T>>),
        start: Start<'_, T>,
        state: Option<&mut dyn Read>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let threads = Threads::new(self.threads).interruptible(observer.interrupt());
        threads.until_ended(|| self.fit_on(&threads, v, start, state, observer))
    }

    fn fit_on<T: Float>(
        &self,
        threads: &Threads,
        (given, weighting): (&[Matrix<'_, T>], Option<&Weighting<'_, T>>),
        start: Start<'_, T>,
        state: Option<&mut dyn Read>,
        observer: &mut dyn Observer,
    ) -> Result<Factorization<T>, Error> {
        let clock = Instant::now();
        let blocks = given;
        self.check()?;
        let rows = blocks.iter().map(Matrix::rows).sum();
        let cols = blocks.first().map_or(0, Matrix::cols);
        if rows == 0 || cols == 0 {
            return Err(Error::Empty { rows, cols });
        }
        self.check_rank_size::<T>(rows, cols)?;
        self.check_start(&start, rows, cols)?;
        let start = start.settled(self.rank)?;
        self.check_constrained(&start, blocks, (rows, cols))?;
        if weighting.is_some() {
            self.check_passes_alone(&start)?;
        }
        let init = match weighting {
            Some(_) => Ok(Init::drawn()),
            None => self.chosen_init(self.rank, rows, cols),
        };
        // A start that is not made cannot be refused.
        let init = match (start.w, start.h) {
            (Some(_), Some(_)) => None,
            _ if start.hold.is_some() => None,
            _ => Some(init?),
        };
        self.check_n_init(init)?;
        let informed = self.informed();
        let transposed = match informed {
            // The loop sees the rows of the right factor together.
            Some(factor) => factor == Factor::W,
            None => blocks.len() == 1 && blocks[0].prefers_columns(),
        };
        let right = if transposed { Factor::W } else { Factor::H };
        let wanted = match start.hold {
            Some(held) if held == right => Wanted::Rows,
            _ => self.wanted(),
        };
        let blocks = match weighting {
            Some(weighting) => {
                let asked = (self.fills(&start), self.penalty != Penalty::default());
                Blocks::weighted(&blocks[0], weighting, asked, threads)?
            }
            None => Blocks::oriented(blocks, (transposed, wanted), self.signs(), threads)?,
        };
        blocks.summary.check_loss::<T>(self.loss)?;
        let plain = blocks;
        let price = self.symmetric_price(plain.summary.squares);
        let shifted = price.map(|price| Shifted::of(&given[0], price));
        let replaced = match &shifted {
            Some(shifted) => Some(Blocks::new(
                &[shifted.view()?],
                wanted,
                self.signs(),
                threads,
            )?),
            None => None,
        };
        let (blocks, plain) = match replaced {
            Some(blocks) => (blocks, Some(plain)),
            None => (plain, None),
        };
        self.check_start_size(&start, &blocks.summary)?;
        // One factor alone is a convex problem, for which V is walked once.
        let sketchable = start.hold.is_none() && blocks.is_dense() && weighting.is_none();
        let solver = self.road(sketchable, rows, cols)?;
        let identity = || {
            self.identity(
                &Shape::of(given, solver),
                &start,
                (init, solver),
                &blocks.summary,
            )
        };
        let (left, right) = if blocks.transposed {
            (cols, rows)
        } else {
            (rows, cols)
        };
        let shape = (left, right, self.rank);
        let state = state.map(|state| state as &mut dyn Read);
        let rounded = match (weighting, given) {
            (None, [v]) if self.rounds(v) && self.fits_in_single(&blocks.summary, &start) => {
                self.rounded(v, threads)
            }
            _ => None,
        };
        let single = rounded.as_ref();
        let single = single.map(|rounded| self.in_single((&given[0], rounded), &blocks));
        let single = single.transpose()?;
        let begins_in_single = single.is_some();
        let mut course = Course::new(self, observer, &identity, shape, state, begins_in_single)?;
        let begun = single.filter(|_| !course.road.begun).map(|single| {
            let begin = (&start, init, solver);
            single.first_part(self, begin, threads, &mut course)
        });
        drop(rounded);
        let mut task = Task {
            nmf: self,
            blocks: &blocks,
            given: &start,
            init,
            solver,
            sketch: None,
            constant: 0.0,
            beside: informed.map(|factor| {
                let made = || Beside::Graph(Graph::nearest(&blocks, factor, threads));
                self.beside.clone().unwrap_or_else(made)
            }),
            goes_on: false,
            threads,
        };
        if let (Some(price), Some(plain)) = (price, &plain) {
            // l2 = n · alpha.
            let alpha = price / rows as f64;
            let nmf = self.clone().penalty(Penalty {
                alpha_w: alpha,
                alpha_h: alpha,
                l1_ratio: 0.0,
            });
            (task.nmf, task.constant) =
                (&nmf, 0.5 * (blocks.summary.squares - plain.summary.squares));
            let outcome = task.run(None, &mut course);
            (task.nmf, task.blocks, task.constant) = (self, plain, 0.0);
            let outcome = task.symmetrised(outcome);
            return Ok(Factorization::of(&task, course, outcome, clock));
        }
        if self.constraints.iter().any(Constraint::mixes) {
            let (outcome, mixture) = task.run_mixed(&mut course);
            return Ok(Factorization {
                mixture: Some(mixture),
                ..Factorization::of(&task, course, outcome, clock)
            });
        }
        let Some((h, picked)) = task.rows_of_v() else {
            let outcome = task.run(begun, &mut course);
            return Ok(Factorization::of(&task, course, outcome, clock));
        };
        let held = Start {
            h: Some(&h),
            hold: Some(Factor::H),
            ..start
        };
        (task.given, task.init) = (&held, None);
        let outcome = task.run(None, &mut course);
        Ok(Factorization {
            init,
            picked,
            ..Factorization::of(&task, course, outcome, clock)
        })
    }

    /// What fits want of a sparse V, unless the factor that goes with its columns is held.
    pub(crate) fn wanted(&self) -> Wanted {
        if self.loss.is_quadratic() {
            Wanted::Sums
        } else {
            Wanted::Columns
        }
    }

    /// How good W (m × k) and H (k × n) are for a V.
    pub(crate) fn look<T: Float>(
        &self,
        v: &Matrix<'_, T>,
        (w, h): (&Dense<T>, &Dense<T>),
        threads: &Threads,
    ) -> Result<Quality, Error> {
        let blocks = Blocks::new(
            std::slice::from_ref(v),
            self.wanted(),
            self.signs(),
            threads,
        )?;
        let (w, ht) = (w.clone(), h.transposed());
        let (left, right) = if blocks.transposed { (ht, w) } else { (w, ht) };
        let task = Task {
            nmf: self,
            blocks: &blocks,
            given: &Start::default(),
            init: None,
            solver: self.solver.road(self.loss, false)?,
            sketch: None,
            constant: 0.0,
            beside: None,
            goes_on: false,
            threads,
        };
        Ok(task.look(left, right).2)
    }
}
