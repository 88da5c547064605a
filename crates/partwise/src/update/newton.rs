//! `newton`: cyclic coordinate Newton steps for the Kullback–Leibler divergence, row by row.
//!
//! A row x has its own line v of V and the other factor H. With y = x H the objective is Σ (y − v log y) with penalties,
//! and in one coordinate its slope is s − Σ v h / y and its curvature Σ v h² / y². A few sweeps over the coordinates are
//! made while the line and the rows of H it needs lie in cache, transposed, so that each sum runs over the entries of the
//! line in vectors. (Hsieh & Dhillon 2011, doi 10.1145/2020408.2020577; Carbonetto et al. 2021, arXiv:2105.13440.)
//!
//! A bare Newton step that shrinks a coordinate can overshoot into a corner where y is zero. Here each step goes to the
//! minimum of a function that bounds the objective in that coordinate and shares its slope, and on the way down its
//! curvature, so that no step raises the objective and the last ones are Newton's:
//!
//! - up, where Σ v h / (y + h d) is at least S₁ / (1 + τ d), with S₁ the sum now and τ the mean of h / y in it (Jensen);
//! - down to u, where it is at most S₁ + S₂ (x − u) x / u with S₂ the curvature, since no h / y exceeds 1 / x;
//! - to zero, where Newton's step would go there and the slope at zero says that it is the minimum.
//!
//! Steps of all coordinates of a row at once, to the minimum of the quadratic function that shares slopes and curvatures (Σ v h hᵀ / y²),
//! were tried in their place. One does what the sweeps over a row do, nearly always, and costs more than they: fits of pictures and of
//! counts took 0.8 to 2.6 times as long to the same objective, mostly 1.1 to 1.5. Of seven data sets one gained, dense with noise, by 3.6.
//!
//! The right factor is improved in the same way from the columns of V. Where V comes in blocks of rows no block holds
//! whole columns, and the right factor takes the multiplicative step from the statistics of the pass.

mod pull;
mod room;

pub(crate) use room::Turned;

use std::iter::Sum;

use pulp::{Simd, WithSimd};

use pull::Pull;
use room::Room;

use super::{projected, settle};
use crate::Float;
use crate::counted;
use crate::kernel;
use crate::loss::Elementwise;
use crate::matrix::{Counted, Lines};
use crate::pass::{Fixed, Terms};

/// Sweeps over the coordinates of a row at most.
const SWEEPS: usize = 8;
/// A row is done when a sweep meets less than this multiple of what the first one met.
const ENOUGH: f64 = 0.1;
/// A step down goes to this part of a coordinate at least, or to zero.
const SMALLEST_PART: f64 = 1.0 / 16.0;
/// Values of the transposed copy for one line at most, 8 MB in double precision: where a line is so long that not even one
/// component fits, one component at a time is copied.
const COPY_VALUES: usize = 1 << 20;
/// Values of a packed tile of dense lines at most.
const TILE_VALUES: usize = 1 << 20;
/// Lines of a packed tile: where lines are columns of a row-major V, what a cache line holds of them.
const TILE_LINES: usize = 16;

/// The rows of one factor, to be improved from the lines of V while the other factor stands still.
pub struct LineProblem<'a, T: Float> {
    pub(crate) elementwise: &'a Elementwise<T>,
    pub(crate) terms: &'a Terms,
    pub(crate) other: &'a Fixed<T>,
    pub(crate) lines: LinesOf<'a, T>,
    /// The other factor transposed, for dense lines.
    pub(crate) turned: Option<&'a Turned<T>>,
}

/// The lines that rows are improved from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LinesOf<'a, T: Float> {
    /// Every entry counts.
    All(Lines<'a, T>),
    /// Some entries count, or some more than others.
    Counted(Counted<'a, T>),
}

/// What the rows were like when they were met.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinesMet {
    /// Σ |projected gradient|, and Σ of the data's part of the gradient.
    pub(crate) violation: f64,
    pub(crate) magnitude: f64,
}

impl Sum for LinesMet {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            violation: sum.violation + part.violation,
            magnitude: sum.magnitude + part.magnitude,
        })
    }
}

/// Improves the `rows` (r × k) that belong to the lines from `first` on.
pub(super) fn update<T: Float>(
    problem: &LineProblem<'_, T>,
    first: usize,
    rows: &mut [T],
) -> LinesMet {
    walk(problem, first, rows, COPY_VALUES)
}

/// As [`update`], with at most so many values in the transposed copy.
fn walk<T: Float>(
    problem: &LineProblem<'_, T>,
    first: usize,
    rows: &mut [T],
    copy_values: usize,
) -> LinesMet {
    kernel::machine().dispatch(Walk {
        problem,
        first,
        rows,
        copy_values,
    })
}

struct Walk<'a, T: Float> {
    problem: &'a LineProblem<'a, T>,
    first: usize,
    rows: &'a mut [T],
    copy_values: usize,
}

impl<T: Float> WithSimd for Walk<'_, T> {
    type Output = LinesMet;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> LinesMet {
        let k = self.problem.other.rows.cols();
        let mut room = Room::new(self.problem, self.copy_values);
        let mut met = LinesMet::default();
        match &self.problem.lines {
            LinesOf::Counted(lines) => {
                let mut sums = vec![T::ZERO; k];
                let to = self.first + self.rows.len() / k;
                let other = self.problem.other.rows.as_slice();
                let mut walk = lines.walk(self.first, to);
                for (i, x) in self.rows.chunks_exact_mut(k).enumerate() {
                    let Some(entries) = walk.next() else { break };
                    room.clear();
                    sums.fill(T::ZERO);
                    counted::add_weighted_rows(simd, entries, other, &mut sums);
                    room.weigh(self.first + i, &sums);
                    let pairs = entries.values.iter().zip(&entries.weights);
                    for (&place, (&value, &weight)) in entries.places.iter().zip(pairs) {
                        room.take(place, value * weight);
                    }
                    improve_row(simd, &mut room, x, &mut met);
                }
            }
            LinesOf::All(Lines::Sparse(sparse)) => {
                for (i, x) in self.rows.chunks_exact_mut(k).enumerate() {
                    room.clear();
                    kernel::for_each_entry(sparse.row(self.first + i), |place, value| {
                        room.take(place, value);
                    });
                    improve_row(simd, &mut room, x, &mut met);
                }
            }
            LinesOf::All(lines @ Lines::Dense(_)) => {
                let length = lines.length();
                let tile = (TILE_VALUES / length).clamp(1, TILE_LINES);
                let mut packed = vec![T::ZERO; tile * length];
                for (i, rows) in self.rows.chunks_mut(tile * k).enumerate() {
                    let from = self.first + i * tile;
                    let count = rows.len() / k;
                    let packed = &mut packed[..count * length];
                    lines.pack(from, from + count, packed);
                    for (x, line) in rows.chunks_exact_mut(k).zip(packed.chunks_exact(length)) {
                        room.clear();
                        let filled = line.iter().filter(|v| **v > T::ZERO).count();
                        if 2 * filled > length {
                            room.take_all(line);
                        } else {
                            for (place, &value) in line.iter().enumerate() {
                                room.take(place, value);
                            }
                        }
                        improve_row(simd, &mut room, x, &mut met);
                    }
                }
            }
        }
        met
    }
}

/// Component `t` of those that are ready.
macro_rules! component {
    ($room:expr, $t:expr) => {{
        let values = match $room.problem.turned {
            Some(turned) if $room.places.is_empty() => &turned.values[..],
            _ => &$room.copy[..],
        };
        let from = ($t - $room.loaded.0) * $room.copy_stride;
        &values[from..from + $room.v.len()]
    }};
}

/// y = x H anew.
#[inline(always)]
fn reconstruct<S: Simd, T: Float>(simd: S, room: &mut Room<'_, T>, block: usize) {
    room.y.fill(T::ZERO);
    for from in (0..room.k).step_by(block) {
        let to = (from + block).min(room.k);
        room.load(from, to);
        for t in from..to {
            if room.x[t] > T::ZERO {
                kernel::advance(simd, &mut room.y, room.x[t], component!(room, t));
            }
        }
    }
}

/// Improves one row from the line in the room.
#[inline(always)]
fn improve_row<S: Simd, T: Float>(
    simd: S,
    room: &mut Room<'_, T>,
    row: &mut [T],
    met: &mut LinesMet,
) {
    let k = room.k;
    for (x, &value) in room.x.iter_mut().zip(row.iter()) {
        *x = value * room.inverse;
    }
    if room.v.iter().all(|v| *v == T::ZERO) {
        // Nothing pulls upwards: zero is the minimum.
        for ((x, linear), held) in row.iter_mut().zip(&room.linear).zip(&room.held) {
            if *held {
                continue;
            }
            if *x > T::ZERO {
                met.violation += linear + room.l2 * (*x * room.inverse).to_f64();
            }
            *x = T::ZERO;
        }
        return;
    }
    let block = room.open();
    if room.x.iter().all(|x| *x == T::ZERO) {
        begin(room);
    }
    reconstruct(simd, room, block);
    room.settled.copy_from_slice(&room.held);
    let mut first = 0.0;
    for sweep in 0..SWEEPS {
        let mut swept = Swept::default();
        for from in (0..k).step_by(block) {
            let to = (from + block).min(k);
            room.load(from, to);
            let single = block >= k;
            sweep_block(simd, room, (from, to), single, &mut swept);
        }
        if sweep == 0 {
            first = swept.violation;
            met.violation += first;
            met.magnitude += swept.magnitude;
        }
        if swept.violation <= ENOUGH * first {
            break;
        }
        if swept.fell && sweep + 1 < SWEEPS {
            reconstruct(simd, room, block);
        }
    }
    for (value, &x) in row.iter_mut().zip(&room.x) {
        *value = settle(x * room.scale);
    }
}

/// Leaves the corner where all coordinates are zero: to the best row of equal coordinates.
fn begin<T: Float>(room: &mut Room<'_, T>) {
    let columns = room.problem.other.sums.columns.iter();
    let live: Vec<bool> = columns
        .zip(&room.held)
        .map(|(sum, held)| *sum > 0.0 && !held)
        .collect();
    let count = live.iter().filter(|live| **live).count() as f64;
    let slopes = room.linear.iter().zip(&live);
    let slope: f64 = slopes.filter(|(_, live)| **live).map(|(s, _)| s).sum();
    let total = kernel::sum(&room.v);
    let level = 2.0 * total / (slope + (slope * slope + 4.0 * count * room.l2 * total).sqrt());
    let level = T::from_f64(level);
    if level.is_finite() {
        for (x, live) in room.x.iter_mut().zip(live) {
            *x = if live { level } else { T::ZERO };
        }
    }
}

/// What a sweep has met and done.
#[derive(Default)]
struct Swept {
    violation: f64,
    magnitude: f64,
    /// A coordinate has become much smaller, so that digits of y are lost.
    fell: bool,
}

/// One step of each of the coordinates `from..to` that may move.
#[inline(always)]
fn sweep_block<S: Simd, T: Float>(
    simd: S,
    room: &mut Room<'_, T>,
    (from, to): (usize, usize),
    single: bool,
    swept: &mut Swept,
) {
    let mut pending: Option<(T, usize)> = None;
    for t in from..to {
        if room.settled[t] {
            continue;
        }
        let h = component!(room, t);
        let moved = match pending.take() {
            Some((step, last)) => Some((step, component!(room, last))),
            None => None,
        };
        let (slope, curvature) =
            kernel::slope_and_curvature(simd, &room.v, &mut room.y, moved, h, room.floor);
        let pull = Pull::new(slope, curvature)
            .unwrap_or_else(|| Pull::at_the_floor(&room.v, &room.y, h, room.floor));
        let x = room.x[t].to_f64();
        let linear = room.linear[t];
        let push = linear + room.l2 * x;
        // Where y is near zero the gradient has no upper limit: more than this says only that it is far off.
        let gradient = (push - pull.slope()).max(-push);
        swept.violation += projected(gradient, x).abs();
        swept.magnitude += pull.slope().min(2.0 * push);
        let mut next = if gradient < 0.0 {
            x + pull.rise(push, room.l2)
        } else if x == 0.0 {
            room.settled[t] = true;
            continue;
        } else {
            x * pull.part(x, push, linear, room.l2).max(SMALLEST_PART)
        };
        if gradient > 0.0 && gradient >= (pull.curvature() + room.l2) * x {
            let (slope, crowded) =
                kernel::slope_without(simd, &room.v, &room.y, room.x[t], h, room.floor);
            if slope.to_f64() <= linear {
                if crowded.to_f64() < 0.5 {
                    next = 0.0;
                } else if single && zero_is_best(simd, room, t) {
                    // y is already that of the new row.
                    room.x[t] = T::ZERO;
                    room.settled[t] = true;
                    continue;
                }
            }
        }
        let next = T::from_f64(next.min(T::LARGEST.to_f64()));
        let next = if next >= T::MIN_POSITIVE {
            next
        } else {
            T::ZERO
        };
        swept.fell |= next.to_f64() < 0.5 * x;
        pending = Some((next - room.x[t], t));
        room.x[t] = next;
    }
    if let Some((step, last)) = pending {
        let h = component!(room, last);
        kernel::advance(simd, &mut room.y, step, h);
    }
}

/// Whether coordinate `t` is best at zero, with y computed anew since it is nearly all of some entry. If so, y is left
/// as it is without the coordinate, else as it was.
#[inline(always)]
fn zero_is_best<S: Simd, T: Float>(simd: S, room: &mut Room<'_, T>, t: usize) -> bool {
    let x = std::mem::replace(&mut room.x[t], T::ZERO);
    reconstruct(simd, room, room.k);
    let h = component!(room, t);
    let (slope, _) = kernel::slope_and_curvature(simd, &room.v, &mut room.y, None, h, room.floor);
    if slope.to_f64() <= room.linear[t] {
        return true;
    }
    room.x[t] = x;
    kernel::advance(simd, &mut room.y, x, h);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loss;
    use crate::loss::Weights;
    use crate::matrix::{Compressed, Dense, IndexSlice};
    use crate::threads::Threads;

    /// Numbers between `low` and 1 that do not repeat soon.
    fn numbers(count: usize, start: f64, low: f64) -> Vec<f64> {
        (0..count)
            .map(|i| low + (1.0 - low) * (i as f64 * 0.618_033_988_75 + start).fract())
            .collect()
    }

    fn fixed(rows: Vec<f64>, k: usize) -> Fixed<f64> {
        let count = rows.len() / k;
        Fixed::new(
            Dense::from_rows(rows, count, k).unwrap(),
            &Threads::new(None),
        )
    }

    fn objective(v: &[f64], x: &[f64], other: &Fixed<f64>, weights: &Weights) -> f64 {
        let rows = other.rows.as_slice().chunks_exact(x.len());
        let data = v.iter().zip(rows).map(|(&v, h)| {
            let y: f64 = x.iter().zip(h).map(|(x, h)| x * h).sum();
            y - if v > 0.0 { v * y.ln() } else { 0.0 }
        });
        let squares = x.iter().map(|x| x * x).sum();
        data.sum::<f64>() + weights.of(x.iter().sum(), squares)
    }

    #[test]
    fn every_step_goes_down_and_ends_at_the_minimum() {
        let (n, k) = (37, 4);
        for seed in 0..60 {
            let start = f64::from(seed) * 0.137;
            let other = fixed(numbers(n * k, start, 0.0), k);
            let mut v = numbers(n, start + 0.3, 0.0);
            // From nearly exact to very sparse lines.
            for (j, v) in v.iter_mut().enumerate() {
                *v = if !(j + seed as usize).is_multiple_of(1 + seed as usize % 7) {
                    0.0
                } else {
                    *v * 5.0
                };
            }
            let penalties = [(0.0, 0.0), (0.7, 0.0), (0.0, 0.9), (0.2, 3.0)];
            let (l1, l2) = penalties[seed as usize % 4];
            let weights = Weights { l1, l2 };
            let elementwise = Elementwise::new(Loss::KULLBACK_LEIBLER, 0.4);
            let places: Vec<i32> = (0..n as i32).collect();
            let offsets = [0i64, n as i64];
            let line = Compressed::new("line", 1, n, &offsets[..], &places[..], &v).unwrap();
            let problem = LineProblem {
                elementwise: &elementwise,
                terms: &Terms::new(weights, 1.0, k),
                other: &other,
                lines: LinesOf::All(Lines::Sparse(line)),
                turned: None,
            };
            // Far too large, far too small, or with a corner to leave.
            let mut x = numbers(k, start, 0.01);
            x[0] *= [1e3, 1e-9, 0.0][seed as usize % 3];
            let mut last = objective(&v, &x, &other, &weights);
            for _ in 0..300 {
                update(&problem, 0, &mut x);
                let now = objective(&v, &x, &other, &weights);
                assert!(
                    now <= last + 1e-13 * last.abs().max(1.0),
                    "{seed}: {last} to {now}"
                );
                last = now;
            }
            for t in 0..k {
                for step in [1e-4, -1e-4] {
                    let mut near = x.clone();
                    near[t] = (near[t] + step).max(0.0);
                    let there = objective(&v, &near, &other, &weights);
                    assert!(
                        there >= last - 1e-11,
                        "{seed}: {t} by {step}: {there} below {last}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_line_too_long_for_the_copy_takes_the_same_steps() {
        let (n, k) = (530, 5);
        let other = fixed(numbers(n * k, 0.2, 0.05), k);
        let v = numbers(n, 0.4, 0.1);
        let elementwise = Elementwise::new(Loss::KULLBACK_LEIBLER, 0.5);
        let weights = Weights::default();
        let turned = Turned::of(&other.rows);
        let places: Vec<u32> = (0..n as u32).collect();
        let offsets = [0usize, n];
        let indices = IndexSlice::U32(&places);
        let sparse = Compressed::new("line", 1, n, &offsets[..], indices, &v).unwrap();
        let view = faer::MatRef::from_row_major_slice(&v, 1, n);
        let solved = |lines, turned, copy_values| {
            let lines = LinesOf::All(lines);
            let problem = LineProblem {
                elementwise: &elementwise,
                terms: &Terms::new(weights, 1.0, k),
                other: &other,
                lines,
                turned,
            };
            let mut x = numbers(k, 0.7, 0.1);
            walk(&problem, 0, &mut x, copy_values);
            x
        };
        let whole = solved(Lines::Sparse(sparse), None, COPY_VALUES);
        assert_eq!(whole, solved(Lines::Sparse(sparse), None, 2 * 544));
        assert_eq!(whole, solved(Lines::Sparse(sparse), None, 1));
        assert_eq!(
            whole,
            solved(Lines::Dense(view), Some(&turned), COPY_VALUES)
        );
    }

    #[test]
    fn a_corner_whose_curvature_has_no_number_is_left() {
        // The second entry is held by the second coordinate alone, which begins at zero.
        let other = fixed(vec![1.0, 0.0, 0.0, 1.0], 2);
        let elementwise = Elementwise::new(Loss::KULLBACK_LEIBLER, 8.0);
        let weights = Weights::default();
        let turned = Turned::of(&other.rows);
        let v = [3.0, 13.0];
        let view = faer::MatRef::from_row_major_slice(&v, 1, 2);
        let problem = LineProblem {
            elementwise: &elementwise,
            terms: &Terms::new(weights, 1.0, 2),
            other: &other,
            lines: LinesOf::All(Lines::Dense(view)),
            turned: Some(&turned),
        };
        let mut x = [3.0, 0.0];
        for _ in 0..5 {
            let met = update(&problem, 0, &mut x);
            assert!(met.violation.is_finite() && met.magnitude.is_finite());
        }
        assert!(
            (x[0] - 3.0).abs() < 1e-12 && (x[1] - 13.0).abs() < 1e-9,
            "{x:?}"
        );
    }
}
