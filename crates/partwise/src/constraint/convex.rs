//! `convex`: the components are mixtures of the rows of V, H = C V with C ≥ 0, so that V ≈ W C V. Convex-NMF (Ding, Li & Jordan 2010,
//! IEEE Trans. Pattern Analysis and Machine Intelligence 32:1, doi 10.1109/TPAMI.2008.277): each component is a centre of samples that
//! C names, and V may have entries of any sign.
//!
//! C is as wide as V is long, and its half-step asks for products of V with more than a pass has, so this is a loop of its own. With
//! the Gram matrix P = WᵀW and Q = VᵀW it minimises ½ tr(P H Hᵀ) − ⟨H, Qᵀ⟩ over C by accelerated projected gradient with restarts
//! where the value rises (Beck & Teboulle 2009, SIAM J. Imaging Sciences 2:1, doi 10.1137/080716542; O'Donoghue & Candès 2015): each step is
//! two products with V. Steps are measured in rows of V of length 1 and columns of W of length 1, which bring all curvatures near each
//! other, and as long as the curvature that was met allows.
//!
//! It begins with C naming one row for each component, drawn as far from each other as k-means++ draws its centres (Arthur &
//! Vassilvitskii 2007), or found by the starts `spa` and `snpa`.

use crate::Float;
use crate::archive::Archive;
use crate::kernel;
use crate::many::mix;
use crate::matrix::{Blocks, Dense};
use crate::pass::{self, Problem, Sums};
use crate::sketch::Products;
use crate::threads::Threads;
use crate::update::settle;

/// Steps of C in an iteration.
const STEPS: usize = 8;
/// Rows in a task.
const ROWS: usize = 128;
/// How much longer a step may be than the one before, and how much shorter one that was too long becomes.
const LONGER: f64 = 0.9;
const SHORTER: f64 = 1.5;

/// A fit at work, in units of V that keep its products in range: H is the one of V/c.
pub(crate) struct Convex<'a, 'v, T: Float> {
    products: Products<'a, 'v, T>,
    problem: &'a Problem<T>,
    threads: &'a Threads,
    /// 1 / ‖v‖² of each row of V/c, 0 for a row of zeros.
    shares: Vec<f64>,
    /// ½‖V/c‖².
    half: f64,
    w: Dense<T>,
    /// Cᵀ, m × k, and Hᵀ = VᵀCᵀ, n × k.
    mixture: Dense<T>,
    ht: Dense<T>,
    /// What the curvature of C was met to be at most.
    curvature: f64,
}

/// What an iteration met: the objective after it, Σ |projected gradient| over both half-steps, and the larger residual of both.
pub(crate) struct Met {
    pub(crate) objective: f64,
    pub(crate) violation: f64,
    pub(crate) residual: f64,
}

impl<'a, 'v, T: Float> Convex<'a, 'v, T> {
    /// A fit that begins with the rows of V of these numbers as components. `problem` has W on its left.
    pub(crate) fn new(
        blocks: &'a Blocks<'v, T>,
        problem: &'a Problem<T>,
        picked: &[usize],
        threads: &'a Threads,
    ) -> Self {
        let products = Products::new(blocks, threads);
        let unit = products.unit;
        let squares = blocks.row_squares(threads);
        let share = |square: f64| match (unit * unit) / square {
            share if share.is_finite() => share,
            _ => 0.0,
        };
        let k = picked.len();
        let mut mixture = Dense::zeros(blocks.rows, k);
        for (t, &row) in picked.iter().enumerate() {
            mixture.as_mut_slice()[row * k + t] = T::ONE;
        }
        let ht = products.backward(&mut mixture);
        Self {
            shares: squares.into_iter().map(share).collect(),
            half: 0.5 * blocks.summary.squares / (unit * unit),
            w: Dense::zeros(blocks.rows, k),
            mixture,
            ht,
            curvature: 1.0,
            products,
            problem,
            threads,
        }
    }

    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.dense(&mut self.w);
        archive.dense(&mut self.mixture);
        archive.dense(&mut self.ht);
        archive.float(&mut self.curvature);
        archive.require(self.curvature > 0.0);
    }

    /// W, Cᵀ whose columns sum to one, and Hᵀ.
    pub(crate) fn finish(mut self) -> (Dense<T>, Dense<T>, Dense<T>) {
        let sums = kernel::column_sums(self.mixture.as_slice(), self.w.cols());
        self.pass_scale(|t| sums[t]);
        let unit = T::from_f64(self.products.unit);
        self.ht.as_mut_slice().iter_mut().for_each(|x| *x *= unit);
        (self.w, self.mixture, self.ht)
    }

    /// One iteration: W, then C.
    pub(crate) fn iterate(&mut self) -> Met {
        let k = self.w.cols();
        let of_w = self.step_w();
        let squares: Vec<f64> = self.gram(&self.w).into_iter().step_by(k + 1).collect();
        self.pass_scale(|t| squares[t].sqrt().recip());
        let of_c = self.step_c();
        let unit = self.products.unit;
        let residual = |(violation, size): (f64, f64)| match violation / size {
            share if share.is_finite() => share,
            _ if violation == 0.0 => 0.0,
            _ => 1.0,
        };
        Met {
            objective: (self.half + of_c.value).max(0.0) * unit * unit,
            violation: of_w.0 + of_c.violation,
            residual: residual(of_w).max(residual((of_c.violation, of_c.size))),
        }
    }

    /// Multiplies column t of W by `by(t)`, and divides those of Cᵀ and Hᵀ by it: W H stays.
    fn pass_scale(&mut self, by: impl Fn(usize) -> f64) {
        let shares: Vec<f64> = (0..self.w.cols())
            .map(|t| match by(t) {
                share if share.is_normal() && share.recip().is_normal() => share,
                _ => 1.0,
            })
            .collect();
        let factors: Vec<T> = shares.iter().map(|&x| T::from_f64(x)).collect();
        pass::scale(&mut self.w, &factors);
        let factors: Vec<T> = shares.iter().map(|&x| T::from_f64(x.recip())).collect();
        pass::scale(&mut self.mixture, &factors);
        pass::scale(&mut self.ht, &factors);
    }

    fn gram(&self, rows: &Dense<T>) -> Vec<f64> {
        Sums::over(rows, self.threads).gram
    }

    /// The half-step of W: the solver's. Σ |projected gradient| as it met it, and what that is measured by.
    fn step_w(&mut self) -> (f64, f64) {
        let k = self.w.cols();
        let gram = self.gram(&self.ht);
        let numerator = self.products.forward(&mut self.ht);
        let numerator = numerator.as_slice();
        let problem = self.problem;
        let violations = self
            .threads
            .map_chunks(self.w.as_mut_slice(), ROWS * k, |index, rows| {
                let from = index * ROWS * k;
                let parts = (&numerator[from..from + rows.len()], &[][..]);
                pass::half_step(problem, &problem.left, &gram, parts, rows, k, true)
            });
        (violations.iter().sum(), pass::magnitude(problem, numerator))
    }

    fn step_c(&mut self) -> OfC {
        let k = self.w.cols();
        let gram = self.gram(&self.w);
        let turn: Vec<T> = gram.iter().map(|&g| T::from_f64(g)).collect();
        let turn = Dense::from_rows(turn, k, k).expect("a Gram matrix is k × k");
        let mut toward = self.products.backward(&mut self.w);
        let size = pass::magnitude(self.problem, self.products.forward(&mut toward).as_slice());
        let mut value = self.value(&self.ht, &turn, &toward);
        // Below this a step is the rounding of H.
        let whole = value + kernel::inner(toward.as_slice(), self.ht.as_slice());
        let rounding = (64.0 * T::EPSILON.to_f64()).powi(2) * 2.0 * whole;
        let mut violation = None;
        let (mut ahead, mut ahead_h) = (self.mixture.clone(), self.ht.clone());
        let (mut pace, mut plain) = (1.0f64, true);
        self.curvature *= LONGER;
        for _ in 0..STEPS {
            let mut slope = self.turned(&ahead_h, &turn);
            subtract(&mut slope, &toward);
            let gradient = self.products.forward(&mut slope);
            let (next, next_h, met) = self.step((&ahead, &ahead_h), &gradient, (&turn, rounding));
            violation.get_or_insert(met);
            let found = self.value(&next_h, &turn, &toward);
            if found <= value {
                let faster = f64::midpoint(1.0, (1.0 + 4.0 * pace * pace).sqrt());
                let share = T::from_f64((pace - 1.0) / faster);
                carry_on(&mut ahead, &next, &self.mixture, share);
                carry_on(&mut ahead_h, &next_h, &self.ht, share);
                (self.mixture, self.ht) = (next, next_h);
                (pace, plain, value) = (faster, share == T::ZERO, found);
            } else if plain {
                // Rounding is all that is left.
                break;
            } else {
                (ahead, ahead_h) = (self.mixture.clone(), self.ht.clone());
                (pace, plain) = (1.0, true);
            }
        }
        OfC {
            value,
            violation: violation.unwrap_or_default(),
            size,
        }
    }

    /// A step of Cᵀ from where it stands, with its Hᵀ, as long as the curvature on its way allows; `rounding` is what a step of H of none
    /// may come to. Returns also Σ |projected gradient|.
    fn step(
        &mut self,
        (from, from_h): (&Dense<T>, &Dense<T>),
        gradient: &Dense<T>,
        (turn, rounding): (&Dense<T>, f64),
    ) -> (Dense<T>, Dense<T>, f64) {
        let mut violation = None;
        loop {
            let (mut next, moved) = self.projected(from, gradient);
            let violation = *violation.get_or_insert(moved.gradient);
            let next_h = self.products.backward(&mut next);
            let mut step_h = next_h.clone();
            subtract(&mut step_h, from_h);
            let turned = self.turned(&step_h, turn);
            let met = kernel::inner(turned.as_slice(), step_h.as_slice());
            let bound = (self.curvature * moved.length * (1.0 + 1e-6)).max(rounding);
            // With a curvature beyond all numbers no step was made.
            if met <= bound || self.curvature == f64::MAX {
                return (next, next_h, violation);
            }
            let longest = (self.curvature * SHORTER).max(met / moved.length);
            self.curvature = longest.min(f64::MAX);
        }
    }

    /// ½ tr(P H Hᵀ) − ⟨H, Qᵀ⟩.
    fn value(&self, ht: &Dense<T>, turn: &Dense<T>, toward: &Dense<T>) -> f64 {
        let turned = self.turned(ht, turn);
        0.5 * kernel::inner(turned.as_slice(), ht.as_slice())
            - kernel::inner(toward.as_slice(), ht.as_slice())
    }

    /// Rows times a k × k matrix.
    fn turned(&self, rows: &Dense<T>, turn: &Dense<T>) -> Dense<T> {
        let k = turn.cols();
        let mut out = Dense::zeros(rows.rows(), k);
        self.threads
            .map_chunks(out.as_mut_slice(), ROWS * k, |index, out| {
                let from = index * ROWS;
                let count = out.len() / k;
                kernel::times(out, rows.view().subrows(from, count), turn.view());
            });
        out
    }

    /// A step against the gradient into what is not below zero.
    fn projected(&self, from: &Dense<T>, gradient: &Dense<T>) -> (Dense<T>, Moved) {
        let k = from.cols();
        let mut next = from.clone();
        let parts = self
            .threads
            .map_chunks(next.as_mut_slice(), ROWS * k, |index, rows| {
                let first = index * ROWS;
                let mut moved = Moved::default();
                let gradient = gradient.row_range(first, first + rows.len() / k);
                for (i, (row, slopes)) in rows
                    .chunks_exact_mut(k)
                    .zip(gradient.chunks_exact(k))
                    .enumerate()
                {
                    let share = self.shares[first + i];
                    if share == 0.0 {
                        row.fill(T::ZERO);
                        continue;
                    }
                    for (x, slope) in row.iter_mut().zip(slopes) {
                        let before = x.to_f64();
                        let step = share / self.curvature * slope.to_f64();
                        *x = settle(T::from_f64((before - step).max(0.0)));
                        let step = x.to_f64() - before;
                        moved.length += step * step / share;
                        moved.gradient += step.abs() * self.curvature / share;
                    }
                }
                moved
            });
        let mut moved = Moved::default();
        for part in parts {
            moved.length += part.length;
            moved.gradient += part.gradient;
        }
        (next, moved)
    }
}

/// What a half-step of C came to.
struct OfC {
    /// ½ tr(P H Hᵀ) − ⟨H, Qᵀ⟩ after it.
    value: f64,
    /// Σ |projected gradient| before it, and what that is measured by.
    violation: f64,
    size: f64,
}

/// How far a step went: the square of its length, and Σ |projected gradient|.
#[derive(Default)]
struct Moved {
    length: f64,
    gradient: f64,
}

fn subtract<T: Float>(from: &mut Dense<T>, what: &Dense<T>) {
    for (x, &y) in from.as_mut_slice().iter_mut().zip(what.as_slice()) {
        *x -= y;
    }
}

/// next + share · (next − before).
fn carry_on<T: Float>(ahead: &mut Dense<T>, next: &Dense<T>, before: &Dense<T>, share: T) {
    let pairs = next.as_slice().iter().zip(before.as_slice());
    for (ahead, (&next, &before)) in ahead.as_mut_slice().iter_mut().zip(pairs) {
        *ahead = next + share * (next - before);
    }
}

/// Numbers of rows of V to begin with, each drawn with a probability that grows with the square of its distance from the nearest one
/// before. Of fewer rows that differ some are named again.
pub(crate) fn drawn<T: Float>(
    blocks: &Blocks<'_, T>,
    k: usize,
    seed: u64,
    threads: &Threads,
) -> Vec<usize> {
    let products = Products::new(blocks, threads);
    let unit = products.unit;
    let squares: Vec<f64> = blocks.row_squares(threads);
    let squares: Vec<f64> = squares.into_iter().map(|x| x / (unit * unit)).collect();
    // The first is drawn by the distance from nothing: a row of zeros is no component.
    let mut distances = squares.clone();
    let mut picked = Vec::with_capacity(k);
    while picked.len() < k {
        // With all distances zero every row is as good.
        let row = mix::place(&distances, mix::uniform(seed, picked.len(), 0));
        let row = row.unwrap_or(picked.len() % blocks.rows);
        let line = blocks.row(row);
        let line = line.into_iter().map(|v| T::from_f64(v.to_f64() / unit));
        let mut line = Dense::from_rows(line.collect(), blocks.cols, 1).expect("one row of V");
        let along = products.forward(&mut line);
        for ((distance, &square), inner) in distances.iter_mut().zip(&squares).zip(along.as_slice())
        {
            let apart = square + squares[row] - 2.0 * inner.to_f64();
            *distance = distance.min(apart.max(0.0));
        }
        distances[row] = 0.0;
        picked.push(row);
    }
    picked
}
