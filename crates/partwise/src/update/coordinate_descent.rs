//! `cd` and `hals`: cyclic coordinate descent, also called hierarchical alternating least squares (HALS).
//!
//! Each coordinate in turn goes to its minimum, x_t ← max(0, x_t − ((x G)_t + l1 − b_t) / G_tt). `cd` makes
//! one sweep a half-step, as scikit-learn does, `hals` as many as pay. (Cichocki & Phan 2009, IEICE Trans. E92-A:3, doi 10.1587/transfun.E92.A.708.)
//!
//! Steps beyond the minimum (over-relaxation) solve a row in fewer sweeps, but fits of pictures then end up to 1 % higher.
//!
//! Rows are independent of each other and coordinates are not, so a group of rows is turned on its side and every lane
//! of a vector holds another row.

use pulp::{Simd, WithSimd};

use super::{Quadratic, projected, settle};
use crate::Float;
use crate::kernel::{Lanes, QUAD, machine};

/// Vectors in a group of rows: enough independent sums to keep the multipliers busy.
const VECTORS: usize = 4;

/// A row is solved well enough when the violation of a sweep has fallen below this share of the first's.
const ENOUGH: f64 = 0.03;

/// One sweep over the coordinates of every row. As in scikit-learn a coordinate without curvature stays.
pub(super) fn update<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    sweep_rows(problem, rhs, rows, (1, false))
}

/// `hals`: sweeps over each row until they no longer pay. How many pay depends on the price of the pass that made
/// the right-hand sides (Gillis & Glineur 2012, Neural Computation 24:4, doi 10.1162/NECO_a_00256).
pub(super) fn converge<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    sweep_rows(problem, rhs, rows, (problem.sweeps, true))
}

/// [`update`] for rows that have a Gram matrix each.
pub(super) fn update_each<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) -> f64 {
    machine().dispatch(SweepsEach(Sweeps::new(problem, rhs, rows, (1, false))))
}

/// [`converge`] for rows that have a Gram matrix each.
pub(super) fn converge_each<T: Float>(
    problem: &Quadratic<'_, T>,
    rhs: &[T],
    rows: &mut [T],
) -> f64 {
    let how = (problem.sweeps, true);
    machine().dispatch(SweepsEach(Sweeps::new(problem, rhs, rows, how)))
}

fn sweep_rows<T: Float>(
    problem: &Quadratic<'_, T>,
    rhs: &[T],
    rows: &mut [T],
    how: (usize, bool),
) -> f64 {
    machine().dispatch(Sweeps::new(problem, rhs, rows, how))
}

struct Sweeps<'a, T> {
    problem: &'a Quadratic<'a, T>,
    rhs: &'a [T],
    rows: &'a mut [T],
    sweeps: usize,
    /// Whether coordinates without curvature go to zero where they have a price: their other half is zero.
    clears: bool,
}

impl<'a, T: Float> Sweeps<'a, T> {
    fn new(
        problem: &'a Quadratic<'a, T>,
        rhs: &'a [T],
        rows: &'a mut [T],
        (sweeps, clears): (usize, bool),
    ) -> Self {
        Self {
            problem,
            rhs,
            rows,
            sweeps,
            clears,
        }
    }

    /// Sweeps over groups of rows, each with the curvatures that `curvatures` has for it.
    #[inline(always)]
    fn run<S: Simd, C: Curvatures<T, S>>(self, simd: S, mut curvatures: C) -> f64 {
        let k = self.problem.k;
        let size = VECTORS * T::count::<S>();
        let l1 = T::splat(simd, self.problem.l1);
        let mut x = vec![T::ZERO; k * size];
        let mut b = vec![T::ZERO; k * size];
        let mut quads = vec![T::ZERO; size * QUAD];
        let mut violation = 0.0;
        let groups = self.rows.chunks_mut(size * k);
        for (group, (rows, rhs)) in groups.zip(self.rhs.chunks(size * k)).enumerate() {
            turn(simd, &mut x, rows, &mut quads, k);
            turn(simd, &mut b, rhs, &mut quads, k);
            curvatures.open(simd, group * size, &mut quads);
            let inner = (&curvatures, l1, self.clears);
            let first = sweep_group(simd, inner, &b, &mut x, &Gate::open(simd));
            violation += first
                .iter()
                .map(|&sum| T::total(simd, sum).to_f64())
                .sum::<f64>();
            let mut gate = Gate::after(simd, first);
            for _ in 1..self.sweeps {
                if !gate.is_open(simd) {
                    break;
                }
                let met = sweep_group(simd, inner, &b, &mut x, &gate);
                gate.narrow(simd, met);
            }
            turn_back(simd, &x, rows, &mut quads, k);
        }
        violation
    }
}

impl<T: Float> WithSimd for Sweeps<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (problem, k) = (self.problem, self.problem.k);
        let inverse = (0..k)
            .map(|t| match problem.gram[t * k + t] {
                curvature if curvature > T::ZERO => T::ONE / curvature,
                _ => T::ZERO,
            })
            .collect();
        self.run(simd, Shared { problem, inverse })
    }
}

/// As [`Sweeps`], of rows that have a Gram matrix each.
struct SweepsEach<'a, T>(Sweeps<'a, T>);

impl<T: Float> WithSimd for SweepsEach<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let problem = self.0.problem;
        let (k, size) = (problem.k, VECTORS * T::count::<S>());
        let own = Own {
            problem,
            lanes: vec![T::ZERO; k * k * size],
            inverse: vec![T::ZERO; k * size],
        };
        self.0.run(simd, own)
    }
}

/// A number of each row in a group.
type Group<T, S> = [<T as Lanes>::Vector<S>; VECTORS];

/// What a coordinate step knows of the Gram matrices of a group of rows. (Methods, which are inlined, and no closures: what a kernel does
/// must be compiled with the kernel.)
trait Curvatures<T: Float, S: Simd> {
    /// What rows of the matrices are made of, and how many of these there are for each entry.
    type Part;
    const PARTS: usize;
    /// Gets ready for the group of rows from `first` on.
    fn open(&mut self, simd: S, first: usize, quads: &mut [T]);
    /// Row `t` of the matrices.
    fn row(&self, t: usize) -> &[Self::Part];
    /// An entry of a row, for each row of the group.
    fn entry(simd: S, parts: &[Self::Part]) -> Group<T, S>;
    /// 1 / G_tt, or zero where that is none.
    fn inverse(&self, simd: S, t: usize) -> Group<T, S>;
    /// Whether coordinate `t` has curvature in every row, or in none; `None` if rows differ.
    fn moves(&self, t: usize) -> Option<bool>;
}

/// One Gram matrix for all rows.
struct Shared<'a, T> {
    problem: &'a Quadratic<'a, T>,
    inverse: Vec<T>,
}

impl<T: Float, S: Simd> Curvatures<T, S> for Shared<'_, T> {
    type Part = T;
    const PARTS: usize = 1;

    #[inline(always)]
    fn open(&mut self, _: S, _: usize, _: &mut [T]) {}

    #[inline(always)]
    fn row(&self, t: usize) -> &[T] {
        self.problem.gram_row(t)
    }

    #[inline(always)]
    fn entry(simd: S, parts: &[T]) -> Group<T, S> {
        [T::splat(simd, parts[0]); VECTORS]
    }

    #[inline(always)]
    fn inverse(&self, simd: S, t: usize) -> Group<T, S> {
        [T::splat(simd, self.inverse[t]); VECTORS]
    }

    #[inline(always)]
    fn moves(&self, t: usize) -> Option<bool> {
        Some(self.inverse[t] > T::ZERO)
    }
}

/// A Gram matrix for each row: those of a group turned on their sides, as the rows are.
struct Own<'a, T> {
    problem: &'a Quadratic<'a, T>,
    lanes: Vec<T>,
    inverse: Vec<T>,
}

impl<T: Float, S: Simd> Curvatures<T, S> for Own<'_, T> {
    type Part = T::Vector<S>;
    const PARTS: usize = VECTORS;

    #[inline(always)]
    fn open(&mut self, simd: S, first: usize, quads: &mut [T]) {
        let (k, size) = (self.problem.k, VECTORS * T::count::<S>());
        let all = &self.problem.gram[first * k * k..];
        let group = &all[..all.len().min(size * k * k)];
        turn(simd, &mut self.lanes, group, quads, k * k);
        let (zero, one) = (T::splat(simd, T::ZERO), T::splat(simd, T::ONE));
        let lanes = T::split::<S>(&self.lanes).0;
        let inverse = T::split_mut::<S>(&mut self.inverse).0;
        for (t, inverse) in inverse.chunks_exact_mut(VECTORS).enumerate() {
            let curvatures = &lanes[t * (k + 1) * VECTORS..];
            for (inverse, &g) in inverse.iter_mut().zip(curvatures) {
                *inverse = T::where_greater(simd, (g, zero), T::over(simd, one, g), zero);
            }
        }
    }

    #[inline(always)]
    fn row(&self, t: usize) -> &[T::Vector<S>] {
        let length = self.problem.k * VECTORS;
        &T::split::<S>(&self.lanes).0[t * length..(t + 1) * length]
    }

    #[inline(always)]
    fn entry(_: S, parts: &[T::Vector<S>]) -> Group<T, S> {
        *parts.first_chunk().expect("a whole group")
    }

    #[inline(always)]
    fn inverse(&self, simd: S, t: usize) -> Group<T, S> {
        Self::entry(simd, &T::split::<S>(&self.inverse).0[t * VECTORS..])
    }

    #[inline(always)]
    fn moves(&self, _: usize) -> Option<bool> {
        None
    }
}

/// Which rows of a group still move: those whose latest violation is above what is enough. Each row decides alone, whatever
/// its neighbours are.
struct Gate<T: Float, S: Simd> {
    met: [T::Vector<S>; VECTORS],
    enough: [T::Vector<S>; VECTORS],
}

impl<T: Float, S: Simd> Gate<T, S> {
    /// Open for every row.
    #[inline(always)]
    fn open(simd: S) -> Self {
        Self {
            met: [T::splat(simd, T::ONE); VECTORS],
            enough: [T::splat(simd, T::ZERO); VECTORS],
        }
    }

    /// Open for rows that the first sweep has moved.
    #[inline(always)]
    fn after(simd: S, first: [T::Vector<S>; VECTORS]) -> Self {
        let share = T::splat(simd, T::from_f64(ENOUGH));
        Self {
            met: first,
            enough: first.map(|met| T::times(simd, met, share)),
        }
    }

    /// Whether any row is left.
    #[inline(always)]
    fn is_open(&self, simd: S) -> bool {
        let (zero, one) = (T::splat(simd, T::ZERO), T::splat(simd, T::ONE));
        let pairs = self.met.iter().zip(&self.enough);
        let mut open =
            pairs.map(|(&met, &enough)| T::where_greater(simd, (met, enough), one, zero));
        open.any(|open| T::total(simd, open) > T::ZERO)
    }

    /// Closes for rows that have moved little. A closed row does not move, so it stays closed.
    #[inline(always)]
    fn narrow(&mut self, simd: S, met: [T::Vector<S>; VECTORS]) {
        for (v, met) in met.into_iter().enumerate() {
            let pair = (self.met[v], self.enough[v]);
            self.met[v] = T::where_greater(simd, pair, met, self.met[v]);
        }
    }
}

/// Turns rows of k into k lines of lanes, a row in each lane; lanes without a row are zero. `quads` holds four coordinates
/// of every row on the way.
#[inline(always)]
fn turn<T: Float, S: Simd>(simd: S, to: &mut [T], rows: &[T], quads: &mut [T], k: usize) {
    let (to, _) = T::split_mut::<S>(to);
    if rows.len() < to.len() / VECTORS * quads.len() / QUAD {
        quads.fill(T::ZERO);
    }
    for (first, to) in (0..k).step_by(QUAD).zip(to.chunks_mut(QUAD * VECTORS)) {
        for (row, quad) in rows.chunks_exact(k).zip(quads.chunks_exact_mut(QUAD)) {
            copy(quad, &row[first..]);
        }
        let (quads, _) = T::split::<S>(quads);
        for (v, rows) in quads.chunks_exact(QUAD).enumerate() {
            let places = T::turn(simd, [rows[0], rows[1], rows[2], rows[3]]);
            for (line, place) in to.chunks_exact_mut(VECTORS).zip(places) {
                line[v] = place;
            }
        }
    }
}

/// Turns lines of lanes back into rows.
#[inline(always)]
fn turn_back<T: Float, S: Simd>(simd: S, from: &[T], rows: &mut [T], quads: &mut [T], k: usize) {
    let (from, _) = T::split::<S>(from);
    let zero = T::splat(simd, T::ZERO);
    for (first, from) in (0..k).step_by(QUAD).zip(from.chunks(QUAD * VECTORS)) {
        let (vectors, _) = T::split_mut::<S>(quads);
        for (v, vectors) in vectors.chunks_exact_mut(QUAD).enumerate() {
            let mut places = [zero; QUAD];
            for (place, line) in places.iter_mut().zip(from.chunks_exact(VECTORS)) {
                *place = line[v];
            }
            vectors.copy_from_slice(&T::turn_back(simd, places));
        }
        for (row, quad) in rows.chunks_exact_mut(k).zip(quads.chunks_exact(QUAD)) {
            copy(&mut row[first..], quad);
        }
    }
}

/// Copies four numbers at once, or as many as there are.
#[inline(always)]
fn copy<T: Float>(to: &mut [T], from: &[T]) {
    match (to.first_chunk_mut::<QUAD>(), from.first_chunk::<QUAD>()) {
        (Some(to), Some(from)) => *to = *from,
        _ => {
            let count = to.len().min(from.len());
            to[..count].copy_from_slice(&from[..count]);
        }
    }
}

/// One sweep over the coordinates of a group of rows, k lines of lanes; each row's sum of |projected gradient| met.
#[inline(always)]
fn sweep_group<T: Float, S: Simd, C: Curvatures<T, S>>(
    simd: S,
    (curvatures, l1, clears): (&C, T::Vector<S>, bool),
    b: &[T],
    x: &mut [T],
    gate: &Gate<T, S>,
) -> [T::Vector<S>; VECTORS] {
    let (b, _) = T::split::<S>(b);
    let (x, _) = T::split_mut::<S>(x);
    let zero = T::splat(simd, T::ZERO);
    // The number just below, so that "above it" is "at least that".
    let least = T::splat(simd, T::MIN_POSITIVE - T::MIN_POSITIVE * T::EPSILON);
    let largest = T::splat(simd, T::LARGEST);
    let mut met = [zero; VECTORS];
    for (t, b) in b.chunks_exact(VECTORS).enumerate() {
        // Two sums for each vector: the multipliers take longer than one can wait for.
        let mut even = [l1; VECTORS];
        let mut odd = [zero; VECTORS];
        for v in 0..VECTORS {
            even[v] = T::minus(simd, even[v], b[v]);
        }
        let row = curvatures.row(t).chunks_exact(2 * C::PARTS);
        let last = row.remainder();
        for (pair, x) in row.zip(x.chunks_exact(2 * VECTORS)) {
            let (g0, g1) = pair.split_at(C::PARTS);
            let (g0, g1) = (C::entry(simd, g0), C::entry(simd, g1));
            for v in 0..VECTORS {
                even[v] = T::fma(simd, g0[v], x[v], even[v]);
                odd[v] = T::fma(simd, g1[v], x[VECTORS + v], odd[v]);
            }
        }
        if !last.is_empty() {
            let g = C::entry(simd, last);
            let x = &x[x.len() - VECTORS..];
            for v in 0..VECTORS {
                even[v] = T::fma(simd, g[v], x[v], even[v]);
            }
        }
        let inverse = curvatures.inverse(simd, t);
        let moves = curvatures.moves(t);
        let x = &mut x[t * VECTORS..(t + 1) * VECTORS];
        for v in 0..VECTORS {
            let gradient = T::plus(simd, even[v], odd[v]);
            let fall = T::lesser(simd, gradient, zero);
            let projected = T::where_greater(simd, (x[v], zero), gradient, fall);
            met[v] = T::plus(simd, met[v], T::absolute(simd, projected));
            if moves != Some(false) {
                let to = T::fma(simd, gradient, T::minus(simd, zero, inverse[v]), x[v]);
                let to = T::where_greater(simd, (to, least), T::lesser(simd, to, largest), zero);
                let to = T::where_greater(simd, (gate.met[v], gate.enough[v]), to, x[v]);
                x[v] = match moves {
                    None => T::where_greater(simd, (inverse[v], zero), to, x[v]),
                    _ => to,
                };
            }
            if moves != Some(true) && clears {
                let flat = T::where_greater(simd, (gradient, zero), zero, x[v]);
                x[v] = T::where_greater(simd, (inverse[v], zero), x[v], flat);
            }
        }
    }
    met
}

/// One sweep over the coordinates of one row; the sum of |projected gradient| met on the way.
#[inline(always)]
pub(super) fn sweep<T: Float>(problem: &Quadratic<'_, T>, b: &[T], x: &mut [T]) -> f64 {
    let mut violation = 0.0;
    for t in 0..problem.k {
        let gradient = problem.gradient(x, b, t);
        violation += projected(gradient, x[t]).abs().to_f64();
        let curvature = problem.gram[t * problem.k + t];
        if curvature > T::ZERO {
            x[t] = settle(x[t] - gradient / curvature);
        } else if gradient > T::ZERO {
            x[t] = T::ZERO;
        }
    }
    violation
}

#[cfg(test)]
mod tests {
    use super::super::QuadraticFn;
    use super::*;

    fn numbers<T: Float>(count: usize, seed: usize) -> Vec<T> {
        let draw = |i: usize| ((i * 7919 + seed * 104_729) % 1009) as f64 / 1009.0;
        (0..count).map(|i| T::from_f64(draw(i))).collect()
    }

    fn together_and_one_by_one<T: Float>() {
        for (k, count) in [(1, 3), (2, 33), (5, 70), (10, 64), (17, 5)] {
            let mut gram = Vec::new();
            for row in 0..count {
                let lines = numbers::<T>(3 * k, row);
                for t in 0..k {
                    for s in 0..k {
                        let terms = lines.chunks_exact(k).map(|line| line[t] * line[s]);
                        // Some coordinates of some rows have no curvature.
                        let flat = (row + t).is_multiple_of(7) || (row + s).is_multiple_of(7);
                        let ridge = if t == s { T::from_f64(0.25) } else { T::ZERO };
                        let sum = terms.fold(ridge, |sum, term| sum + term);
                        gram.push(if flat { T::ZERO } else { sum });
                    }
                }
            }
            let rhs: Vec<T> = numbers(count * k, 3);
            let rhs: Vec<T> = rhs.iter().map(|&b| b - T::from_f64(0.3)).collect();
            let start: Vec<T> = numbers(count * k, 5);
            let problem = |gram| Quadratic {
                gram,
                l1: T::ZERO,
                k,
                sweeps: 9,
            };
            let pairs: [(QuadraticFn<T>, QuadraticFn<T>); 2] =
                [(update_each, update), (converge_each, converge)];
            for (each, one) in pairs {
                let mut together = start.clone();
                let met = each(&problem(&gram), &rhs, &mut together);
                let mut alone = start.clone();
                let mut sum = 0.0;
                for (i, x) in alone.chunks_exact_mut(k).enumerate() {
                    let gram = &gram[i * k * k..(i + 1) * k * k];
                    sum += one(&problem(gram), &rhs[i * k..(i + 1) * k], x);
                }
                assert_eq!(together, alone, "{k} {count}");
                assert!((met - sum).abs() <= 1e-4 * sum, "{k} {count}: {met} {sum}");
            }
        }
    }

    #[test]
    fn rows_with_a_gram_matrix_each_take_the_steps_that_each_takes_alone() {
        together_and_one_by_one::<f32>();
        together_and_one_by_one::<f64>();
    }
}
