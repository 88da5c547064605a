//! The solvers: one file each, and one line each in [`SOLVERS`].
//!
//! A half-step improves one factor while the other stands still, and every row of it is a problem of its own.
//! For the squared loss that problem is quadratic, ½ x G xᵀ − (b − l1) xᵀ over x ≥ 0, and a solver sees only the
//! Gram matrix G (k × k), the right-hand sides b and the rows x. For other divergences it sees the two parts of the
//! gradient, or the lines of V themselves.

mod anls;
mod coordinate_descent;
mod least_squares;
mod multiplicative;
mod newton;
mod pair;
mod projected_gradient;

pub(crate) use multiplicative::MultiplicativeRule;
pub(crate) use newton::{LineProblem, LinesMet, LinesOf, Turned};

use crate::kernel::dot;
use crate::named::named;
use crate::stop::StopRule;
use crate::{Error, Float, Loss};

/// The quadratic problem that all rows of a half-step share.
pub struct Quadratic<'a, T> {
    /// G, k × k, symmetric, with the L2 penalty on its diagonal; one for each row, one after another, where a solver is asked so.
    pub gram: &'a [T],
    /// The L1 penalty of every coordinate.
    pub l1: T,
    /// Number of components.
    pub k: usize,
    /// Sweeps over a row at most, for a solver that decides how well to solve it: as many as are cheap beside the
    /// walk over V that made the right-hand sides.
    pub sweeps: usize,
}

/// Improves `rows` (r × k) for the right-hand sides `rhs` (r × k); returns the sum of |projected gradient| as
/// the solver met it.
pub(crate) type QuadraticFn<T> = fn(&Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64;

/// A quadratic solver for both number types.
#[derive(Clone, Copy)]
pub struct QuadraticRule {
    pub(crate) f32: QuadraticFn<f32>,
    pub(crate) f64: QuadraticFn<f64>,
}

/// Improves `rows` (r × k) that belong to the lines from `first` on, from the lines themselves.
pub(crate) type LinesFn<T> = fn(&LineProblem<'_, T>, first: usize, rows: &mut [T]) -> LinesMet;

/// A solver that sees the data, for both number types.
#[derive(Clone, Copy)]
pub struct LinesRule {
    pub(crate) f32: LinesFn<f32>,
    pub(crate) f64: LinesFn<f64>,
}

/// Names one generic function for both number types.
macro_rules! quadratic {
    ($function:path) => {
        Some(QuadraticRule {
            f32: $function,
            f64: $function,
        })
    };
}

/// What the table holds of a solver.
struct Spec {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    /// Whether the objective never rises.
    descends: bool,
    /// Whether both factors are carried on beyond each step.
    extrapolates: bool,
    /// Whether it begins on a sketch of V.
    sketches: bool,
    /// Whether it goes through the components one by one, in an order that may be said.
    ordered: bool,
    stop: StopRule,
    quadratic: Option<QuadraticRule>,
    /// The same for rows that have a Gram matrix each, where a solver does better on several of them than on one after another.
    each: Option<QuadraticRule>,
    /// The half-step of the Kullback–Leibler loss from the lines of V and the other factor.
    lines: Option<LinesRule>,
    /// Whether it minimises every β-divergence by multiplicative rules.
    divergence: bool,
    /// For a name that stands for the best of the others: which one, for a loss and by whether a sketch of V pays.
    road: Option<fn(Loss, bool) -> &'static str>,
}

/// What an entry of the table need not say.
const PLAIN: Spec = Spec {
    name: "",
    title: "",
    source: "",
    descends: true,
    extrapolates: false,
    sketches: false,
    ordered: false,
    stop: StopRule::Violation,
    quadratic: None,
    each: None,
    lines: None,
    divergence: false,
    road: None,
};

/// Every solver there is. Tests, help texts and bindings iterate over this table.
static SOLVERS: &[Spec] = &[
    Spec {
        name: "auto",
        title: "chosen by the loss: hals for frobenius, or sketched where it pays; newton for kullback-leibler; mu for every other",
        road: Some(|loss, sketch_pays| match loss.beta() {
            2.0 if sketch_pays => "sketched",
            2.0 => "hals",
            1.0 => "newton",
            _ => "mu",
        }),
        ..PLAIN
    },
    Spec {
        name: "cd",
        title: "coordinate descent (HALS), one sweep a half-step",
        source: "Cichocki & Phan 2009",
        ordered: true,
        quadratic: quadratic!(coordinate_descent::update),
        each: quadratic!(coordinate_descent::update_each),
        ..PLAIN
    },
    Spec {
        name: "hals",
        title: "coordinate descent as far as each half-step is worth, extrapolated with restarts",
        source: "Gillis & Glineur 2012; Ang & Gillis 2019",
        extrapolates: true,
        stop: StopRule::PLATEAU,
        quadratic: quadratic!(coordinate_descent::converge),
        each: quadratic!(coordinate_descent::converge_each),
        ..PLAIN
    },
    Spec {
        name: "sketched",
        title: "hals on a sketch of V, with far fewer columns, and then on V",
        source: "Erichson et al. 2018",
        extrapolates: true,
        sketches: true,
        stop: StopRule::PLATEAU,
        quadratic: quadratic!(coordinate_descent::converge),
        each: quadratic!(coordinate_descent::converge_each),
        ..PLAIN
    },
    Spec {
        name: "mu",
        title: "multiplicative updates, for every loss",
        source: "Lee & Seung 2001; Févotte & Idier 2011",
        stop: StopRule::ErrorDrop,
        quadratic: quadratic!(multiplicative::update),
        divergence: true,
        ..PLAIN
    },
    Spec {
        name: "newton",
        title: "coordinate Newton steps row by row, several sweeps a half-step, extrapolated with restarts",
        source: "Hsieh & Dhillon 2011; Carbonetto et al. 2021",
        extrapolates: true,
        stop: StopRule::SHORT_PLATEAU,
        lines: Some(LinesRule {
            f32: newton::update,
            f64: newton::update,
        }),
        ..PLAIN
    },
    Spec {
        name: "als",
        title: "alternating least squares, clipped at zero; may not descend",
        source: "Paatero & Tapper 1994; Berry et al. 2007",
        descends: false,
        quadratic: quadratic!(least_squares::update),
        ..PLAIN
    },
    Spec {
        name: "anls",
        title: "exact non-negative least squares by block principal pivoting",
        source: "Kim & Park 2011",
        quadratic: quadratic!(anls::update),
        ..PLAIN
    },
    Spec {
        name: "pg",
        title: "projected gradient with line search",
        source: "Lin 2007",
        quadratic: quadratic!(projected_gradient::line_search),
        ..PLAIN
    },
    Spec {
        name: "apg",
        title: "accelerated projected gradient (NeNMF)",
        source: "Guan et al. 2012",
        quadratic: quadratic!(projected_gradient::accelerated),
        ..PLAIN
    },
];

/// A way to minimise the objective, by its name in the table.
#[derive(Clone, Copy)]
pub struct Solver(&'static Spec);

impl Solver {
    /// Every solver, `auto` first.
    pub fn all() -> impl Iterator<Item = Self> {
        SOLVERS.iter().map(Self)
    }

    /// The solver that is chosen by the loss.
    pub fn auto() -> Self {
        Self(&SOLVERS[0])
    }

    /// The short name, as given to [`str::parse`].
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What it does, in a few words.
    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// The papers it follows; empty for `auto`.
    pub fn source(self) -> &'static str {
        self.0.source
    }

    /// Whether the objective never rises from one iteration to the next.
    pub fn descends(self) -> bool {
        self.0.descends
    }

    /// Whether it minimises this loss.
    pub fn handles(self, loss: Loss) -> bool {
        if self.0.road.is_some() {
            return true;
        }
        if loss.is_quadratic() {
            self.0.quadratic.is_some()
        } else {
            self.0.divergence || self.0.lines.is_some() && loss == Loss::KULLBACK_LEIBLER
        }
    }

    /// The solver that does the work for this loss: itself, or the one that `auto` stands for where a sketch of V does
    /// not pay.
    ///
    /// # Errors
    /// [`Error::SolverLoss`] if it cannot minimise the loss.
    pub fn resolve(self, loss: Loss) -> Result<Self, Error> {
        self.road(loss, false)
    }

    /// The solver that does the work for this loss.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub(crate) fn road(self, loss: Loss, sketch_pays: bool) -> Result<Self, Error> {
        if let Some(road) = self.0.road {
            return road(loss, sketch_pays).parse();
        }
        if self.handles(loss) {
            return Ok(self);
        }
        let choices: Vec<_> = Self::all()
            .filter(|solver| solver.handles(loss))
            .map(Self::name)
            .collect();
        Err(Error::SolverLoss {
            solver: self.name(),
            loss: loss.to_string(),
            choices: choices.join(", "),
        })
    }

    /// Whether it can move a coordinate that is zero. Solvers that multiply cannot. (`auto` stands for others: ask the one that
    /// [`Self::resolve`] gives.)
    pub fn leaves_zero(self) -> bool {
        !self.0.divergence
    }

    /// Whether both factors are carried on beyond each step.
    pub(crate) fn extrapolates(self) -> bool {
        self.0.extrapolates
    }

    /// Whether it goes through the components one by one, in an order that may be said.
    pub(crate) fn takes_orders(self) -> bool {
        self.0.ordered
    }

    /// Whether it begins on a sketch of V.
    pub(crate) fn sketches(self) -> bool {
        self.0.sketches
    }

    /// Whether the latest factors may not be the best ones.
    pub(crate) fn strays(self) -> bool {
        self.0.extrapolates || !self.0.descends
    }

    /// Whether the same V in another storage takes the same steps, up to rounding. A solver that carries the factors on
    /// beyond each step does not: the factor that goes with the lines leads, and how well each half-step is solved depends
    /// on what a walk over V costs. (Of `auto` ask what it resolves to.)
    pub fn alike_in_storages(self) -> bool {
        !self.0.extrapolates
    }

    /// Whether a V in blocks of rows takes the same steps as in one piece, up to rounding. A solver that improves H from
    /// the columns of V does not: no block holds them, so there H takes multiplicative steps. (Of `auto` ask what it resolves to.)
    pub fn alike_in_blocks(self) -> bool {
        self.0.lines.is_none()
    }

    pub(crate) fn stop_rule(self) -> StopRule {
        self.0.stop
    }

    /// The half-step of a quadratic loss.
    pub(crate) fn quadratic<T: Float>(self) -> Option<QuadraticFn<T>> {
        self.0.quadratic.as_ref().map(T::of)
    }

    /// The half-step of a quadratic loss for rows with a Gram matrix each, if it has one.
    pub(crate) fn each<T: Float>(self) -> Option<QuadraticFn<T>> {
        self.0.each.as_ref().map(T::of)
    }

    /// The half-step that sees the lines of V, if this loss has one.
    pub(crate) fn lines<T: Float>(self, loss: Loss) -> Option<LinesFn<T>> {
        let rule = self.0.lines.as_ref();
        rule.filter(|_| loss == Loss::KULLBACK_LEIBLER)
            .map(T::lines)
    }
}

named!(Solver, "solver");

impl<T: Float> Quadratic<'_, T> {
    /// Row `t` of the Gram matrix.
    #[inline(always)]
    fn gram_row(&self, t: usize) -> &[T] {
        &self.gram[t * self.k..(t + 1) * self.k]
    }

    /// ∂/∂x_t = (x G)_t + l1 − b_t.
    #[inline(always)]
    fn gradient(&self, x: &[T], b: &[T], t: usize) -> T {
        dot(self.gram_row(t), x) + self.l1 - b[t]
    }

    /// Twice the change of the objective from `from` to `to`, in double precision: d·(∇(from) + ∇(to)), whose
    /// terms do not cancel as the two values would.
    fn change(&self, from: &[T], to: &[T], b: &[T]) -> f64 {
        (0..self.k)
            .map(|t| {
                let step = to[t].to_f64() - from[t].to_f64();
                let slope: f64 = (0..self.k)
                    .map(|s| self.gram_row(t)[s].to_f64() * (from[s].to_f64() + to[s].to_f64()))
                    .sum();
                step * (slope + 2.0 * (self.l1.to_f64() - b[t].to_f64()))
            })
            .sum()
    }

    /// The sum of |projected gradient| of all rows as they stand.
    pub(crate) fn violation(&self, rhs: &[T], rows: &[T]) -> f64 {
        let mut violation = 0.0;
        for (x, b) in rows.chunks_exact(self.k).zip(rhs.chunks_exact(self.k)) {
            for t in 0..self.k {
                violation += projected(self.gradient(x, b, t), x[t]).abs().to_f64();
            }
        }
        violation
    }
}

/// The projected gradient of one coordinate: at a bound, only a descent into the allowed side counts.
#[inline(always)]
pub(crate) fn projected<T: Float>(gradient: T, x: T) -> T {
    if x > T::ZERO || gradient < T::ZERO {
        gradient
    } else {
        T::ZERO
    }
}

/// Zero for anything too small to be a number of full precision, NaN included, and at most the largest number whose
/// squares still add up: where only one factor is penalised, the other may grow without limit.
#[inline(always)]
pub(crate) fn settle<T: Float>(x: T) -> T {
    if x >= T::LARGEST {
        T::LARGEST
    } else if x >= T::MIN_POSITIVE {
        x
    } else {
        T::ZERO
    }
}

/// The same for an entry of any sign.
pub(crate) fn settle_signed<T: Float>(x: T) -> T {
    if x < T::ZERO { -settle(-x) } else { settle(x) }
}
