//! Half-steps where only some entries of V count, or some count more: each row of a factor has sums of its own.
//!
//! With weights ω, the row x of a line v is improved against the other factor H from the entries of the line that count:
//!
//! - squared loss: the Gram matrix Σ ω h hᵀ and the right-hand side Σ ω v h, handed to the same solvers as ever;
//! - other β: the numerator Σ ω v y^(β−2) h and the denominator Σ ω y^(β−1) h with y = x H.
//!
//! A row of which nothing is known becomes zero.

use pulp::{Simd, WithSimd};

use crate::Float;
use crate::kernel::{self, ENTRIES, GramRoom};
use crate::loss::Elementwise;
use crate::matrix::{Counted, Entries};
use crate::pass::{self, Fixed, Problem, Terms};
use crate::update::{LineProblem, LinesMet, LinesOf, Quadratic, QuadraticFn};

/// Rows that are improved together: whole vectors of every machine.
pub(crate) const TOGETHER: usize = 64;
/// Components at most with which they are: the Gram matrices of all these rows are at hand then.
const TOGETHER_RANK: usize = 64;

/// Rows of one factor, to be improved from the lines from `first` on while the other factor stands still.
pub(crate) struct HalfStep<'a, T: Float> {
    pub(crate) problem: &'a Problem<T>,
    pub(crate) terms: Terms,
    pub(crate) lines: Counted<'a, T>,
    pub(crate) fixed: &'a Fixed<T>,
}

impl<T: Float> HalfStep<'_, T> {
    /// Improves `rows` (r × k), or only looks at them when `update` is false.
    pub(crate) fn improve(&self, first: usize, rows: &mut [T], update: bool) -> LinesMet {
        if let (Some(improve), true) = (self.problem.lines, update) {
            let problem = LineProblem {
                elementwise: &self.problem.elementwise,
                terms: &self.terms,
                other: self.fixed,
                lines: LinesOf::Counted(self.lines),
                turned: None,
            };
            return improve(&problem, first, rows);
        }
        let k = self.fixed.rows.cols();
        let alone = self.terms.movable.is_some() || self.terms.prices.is_some();
        if let (Some(solve), true) = (self.problem.each, update && !alone && k <= TOGETHER_RANK) {
            return self.improve_together(solve, first, rows);
        }
        let mut sums = LineSums::new(self.problem, k);
        let mut met = LinesMet::default();
        let mut walk = self.lines.walk(first, first + rows.len() / k);
        let mut terms = self.terms.clone();
        for (i, x) in rows.chunks_exact_mut(k).enumerate() {
            let Some(entries) = walk.next() else { break };
            if entries.places.is_empty() {
                if update {
                    self.terms.clear(x);
                }
                continue;
            }
            sums.take(self, entries, x);
            let parts = (&sums.numerator[..], &sums.denominator[..]);
            terms.penalty = self.terms.penalty_at(first + i);
            let problem = self.problem;
            met.violation += pass::half_step(problem, &terms, &sums.gram, parts, x, k, update);
            met.magnitude += pass::magnitude(problem, &sums.numerator);
        }
        met
    }

    /// Improves rows at once, by their own Gram matrices.
    fn improve_together(&self, solve: QuadraticFn<T>, first: usize, rows: &mut [T]) -> LinesMet {
        let k = self.fixed.rows.cols();
        let mut sums = LineSums::new(self.problem, k);
        let mut met = LinesMet::default();
        let mut walk = self.lines.walk(first, first + rows.len() / k);
        let mut gram = Vec::with_capacity(rows.len() * k);
        let mut rhs = Vec::with_capacity(rows.len());
        for (i, x) in rows.chunks_exact_mut(k).enumerate() {
            let Some(entries) = walk.next() else { break };
            if entries.places.is_empty() {
                // Without curvature it stays as it is.
                self.terms.clear(x);
                gram.resize(gram.len() + k * k, T::ZERO);
                rhs.resize(rhs.len() + k, T::ZERO);
                continue;
            }
            sums.take(self, entries, x);
            let penalty = self.terms.penalty_at(first + i);
            pass::add_curvatures(self.problem, &penalty, &sums.gram, k, &mut gram);
            let l1 = T::from_f64(penalty.l1);
            rhs.extend(sums.numerator.iter().map(|&b| b - l1));
            met.magnitude += pass::magnitude(self.problem, &sums.numerator);
        }
        let quadratic = Quadratic {
            gram: &gram,
            l1: T::ZERO,
            k,
            sweeps: self.terms.sweeps,
        };
        met.violation += solve(&quadratic, &rhs, rows);
        met
    }

    /// The Gram matrix of the rows of the other factor that a line needs, by its weights.
    fn gram(&self, entries: &Entries<T>, room: &mut GramRoom<T>, gram: &mut Vec<f64>) {
        let all = &self.fixed.sums.gram;
        let (rows, k) = (self.fixed.rows.as_slice(), self.fixed.rows.cols());
        let absent = self.lines.length() - entries.places.len();
        if let Some(weight) = entries.common
            && absent <= entries.places.len() / 2
        {
            let weight = weight.to_f64();
            gram.clone_from(all);
            if absent > 0 {
                let (places, mut missed) = (self.absent(entries), Vec::new());
                let once = vec![T::ONE; places.len()];
                kernel::weighted_gram(rows, k, (&places, &once), room, &mut missed);
                for (sum, missed) in gram.iter_mut().zip(&missed) {
                    *sum -= missed;
                }
            }
            if absent == 0 || self.keeps_digits(gram) {
                gram.iter_mut().for_each(|sum| *sum *= weight);
                return;
            }
        }
        let entries = (&entries.places[..], &entries.weights[..]);
        kernel::weighted_gram(rows, k, entries, room, gram);
    }

    /// Whether enough of each component is left for a difference of sums to have digits.
    fn keeps_digits(&self, gram: &[f64]) -> bool {
        /// The share of a sum that must be left of it.
        const LEFT: f64 = 0.01;
        let (all, k) = (&self.fixed.sums.gram, self.fixed.rows.cols());
        (0..k).all(|t| gram[t * k + t] >= LEFT * all[t * k + t])
    }

    /// The places that no entry has.
    fn absent(&self, entries: &Entries<T>) -> Vec<usize> {
        let (mut absent, mut from) = (Vec::new(), 0);
        for &place in &entries.places {
            absent.extend(from..place);
            from = place + 1;
        }
        absent.extend(from..self.lines.length());
        absent
    }
}

/// What a line says about its row.
struct LineSums<T> {
    is_quadratic: bool,
    gram: Vec<f64>,
    numerator: Vec<T>,
    denominator: Vec<T>,
    room: GramRoom<T>,
}

impl<T: Float> LineSums<T> {
    fn new(problem: &Problem<T>, k: usize) -> Self {
        let is_quadratic = problem.quadratic.is_some();
        Self {
            is_quadratic,
            gram: Vec::new(),
            numerator: vec![T::ZERO; k],
            denominator: vec![T::ZERO; if is_quadratic { 0 } else { k }],
            room: GramRoom::default(),
        }
    }

    fn take(&mut self, step: &HalfStep<'_, T>, entries: &Entries<T>, x: &[T]) {
        if self.is_quadratic {
            step.gram(entries, &mut self.room, &mut self.gram);
        }
        self.numerator.fill(T::ZERO);
        self.denominator.fill(T::ZERO);
        let rows = step.fixed.rows.as_slice();
        let elementwise = &step.problem.elementwise;
        let (numerator, denominator) = (&mut self.numerator[..], &mut self.denominator[..]);
        kernel::machine_for::<T>(x.len()).dispatch(Parts {
            elementwise,
            entries,
            x,
            rows,
            numerator,
            denominator,
        });
    }
}

/// The parts of one row; the squared loss has no denominator.
struct Parts<'a, T: Float> {
    elementwise: &'a Elementwise<T>,
    entries: &'a Entries<T>,
    x: &'a [T],
    rows: &'a [T],
    numerator: &'a mut [T],
    denominator: &'a mut [T],
}

impl<T: Float> WithSimd for Parts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (mut y, mut factors) = ([T::ZERO; ENTRIES], [T::ZERO; ENTRIES]);
        for (places, values, weights) in groups(self.entries) {
            let (y, factors) = (&mut y[..places.len()], &mut factors[..places.len()]);
            if self.denominator.is_empty() {
                factors.copy_from_slice(values);
            } else {
                kernel::reconstruct(simd, self.x, self.rows, places, y);
                factors.copy_from_slice(y);
                self.elementwise.ratio(values, factors);
                self.elementwise.weight(y);
                scale(y, weights);
                kernel::add_rows(simd, self.denominator, self.rows, places, y);
            }
            scale(factors, weights);
            kernel::add_rows(simd, self.numerator, self.rows, places, factors);
        }
    }
}

#[inline(always)]
fn scale<T: Float>(values: &mut [T], weights: &[T]) {
    for (value, &weight) in values.iter_mut().zip(weights) {
        *value *= weight;
    }
}

/// Places, values and weights of a few entries at a time.
fn groups<T>(entries: &Entries<T>) -> impl Iterator<Item = (&[usize], &[T], &[T])> {
    let values = entries.values.chunks(ENTRIES);
    let pairs = values.zip(entries.weights.chunks(ENTRIES));
    let places = entries.places.chunks(ENTRIES);
    places.zip(pairs).map(|(p, (v, w))| (p, v, w))
}

/// Adds Σ ω h over the entries to `sums` (k).
#[inline(always)]
pub(crate) fn add_weighted_rows<S: Simd, T: Float>(
    simd: S,
    entries: &Entries<T>,
    rows: &[T],
    sums: &mut [T],
) {
    for (places, _, weights) in groups(entries) {
        kernel::add_rows(simd, sums, rows, places, weights);
    }
}

/// Σ ω D(v, y) over the lines from `first` on, in scaled units.
pub(crate) fn divergence<T: Float>(
    elementwise: &Elementwise<T>,
    lines: &Counted<'_, T>,
    first: usize,
    rows: &[T],
    fixed: &Fixed<T>,
) -> f64 {
    let k = fixed.rows.cols();
    let mut walk = lines.walk(first, first + rows.len() / k);
    let mut sum = 0.0;
    for x in rows.chunks_exact(k) {
        let Some(entries) = walk.next() else { break };
        sum += kernel::machine_for::<T>(k).dispatch(Divergence {
            elementwise,
            entries,
            x,
            rows: fixed.rows.as_slice(),
        });
    }
    sum
}

struct Divergence<'a, T: Float> {
    elementwise: &'a Elementwise<T>,
    entries: &'a Entries<T>,
    x: &'a [T],
    rows: &'a [T],
}

impl<T: Float> WithSimd for Divergence<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let mut y = [T::ZERO; ENTRIES];
        let mut sum = 0.0;
        for (places, values, weights) in groups(self.entries) {
            let y = &mut y[..places.len()];
            kernel::reconstruct(simd, self.x, self.rows, places, y);
            sum += match self.entries.common {
                Some(weight) => weight.to_f64() * self.elementwise.divergences(values, y),
                None => {
                    let pairs = values.iter().zip(y.iter()).zip(weights);
                    pairs
                        .map(|((&v, &y), w)| w.to_f64() * self.elementwise.divergence(v, y))
                        .sum()
                }
            };
        }
        sum
    }
}
