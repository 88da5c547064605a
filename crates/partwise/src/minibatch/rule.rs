//! The multiplicative step of W, and how H follows from the statistics of the batches.

use pulp::{Simd, WithSimd};

use crate::Float;
use crate::kernel::{machine, padded, vectorised};
use crate::loss::Weights;
use crate::update::settle;

/// What stands for a denominator of zero, as in scikit-learn: the precision of single numbers.
const NEAR_NOTHING: f64 = f32::EPSILON as f64;
/// Entries that go through vectors together, and sums that do not wait for each other.
const LANES: usize = 8;

/// The step of one factor, in the units of its parts: a numerator for each entry, and a denominator for each entry or for
/// each component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) beta: f64,
    /// The penalties, in the same units.
    pub(super) penalty: Weights,
}

impl Rule {
    /// The exponent of `mu`. (Févotte & Idier 2011.)
    fn gamma(&self) -> f64 {
        if self.beta < 1.0 {
            1.0 / (2.0 - self.beta)
        } else if self.beta > 2.0 {
            1.0 / (self.beta - 1.0)
        } else {
            1.0
        }
    }

    /// Multiplies rows of W: x ← x · (up / (down + l1 + l2 x))^γ. `down` has one row for each row, or one for all.
    pub(super) fn advance<T: Float>(&self, up: &[T], down: &[T], rows: &mut [T]) {
        let mut factors = vec![T::ZERO; rows.len()];
        vectorised!({
            let lines = factors.chunks_exact_mut(down.len());
            let parts = up
                .chunks_exact(down.len())
                .zip(rows.chunks_exact(down.len()));
            for (factors, (up, rows)) in lines.zip(parts) {
                self.divide(factors, (up, down, rows));
            }
        });
        raise(&mut factors, self.gamma());
        vectorised!({
            for (x, factor) in rows.iter_mut().zip(&factors) {
                *x = settle(*x * factor);
            }
        });
    }

    /// What entries one beside the other are multiplied by.
    #[inline(always)]
    fn divide<T: Float>(&self, factors: &mut [T], (up, down, rows): (&[T], &[T], &[T])) {
        let (l1, l2) = (T::from_f64(self.penalty.l1), T::from_f64(self.penalty.l2));
        let near_nothing = T::from_f64(NEAR_NOTHING);
        let parts = up.iter().zip(down).zip(rows);
        for (factor, ((up, down), x)) in factors.iter_mut().zip(parts) {
            let total = *down + l1 + l2 * *x;
            let total = if total == T::ZERO {
                near_nothing
            } else {
                total
            };
            *factor = *up / total;
        }
    }

    /// [`Self::advance`] for one row and γ = 1: what becomes of x.
    #[inline(always)]
    pub(super) fn advance_row<S: Simd, T: Float>(
        &self,
        simd: S,
        [up, down, x]: [&[T]; 3],
        next: &mut [T],
    ) {
        let splat = |x: f64| T::splat(simd, T::from_f64(x));
        let weights = [splat(self.penalty.l1), splat(self.penalty.l2)];
        let [up, down, x] = [up, down, x].map(T::split::<S>);
        let (whole, rest) = T::split_mut::<S>(next);
        let parts = up.0.iter().zip(down.0).zip(x.0);
        for (next, ((&up, &down), &x)) in whole.iter_mut().zip(parts) {
            *next = multiplied::<S, T>(simd, [up, down, x], weights);
        }
        if !rest.is_empty() {
            let [up, down, x] = [up.1, down.1, x.1].map(|rest| T::part(simd, rest));
            T::store_part(simd, rest, multiplied::<S, T>(simd, [up, down, x], weights));
        }
    }

    /// Adds the parts of some rows of Hᵀ (r × k), times a unit, to what is left of A and B; then x ← (A / B)^γ.
    pub(super) fn follow<T: Float>(
        &self,
        (up, down): (&[T], &[T]),
        (keep, unit): (f64, f64),
        (a, b, rows): (&mut [T], &mut [T], &mut [T]),
    ) -> Change {
        let gamma = self.gamma();
        // A gathers x^(1/γ), in the rows themselves where that is x.
        let before = rows.to_vec();
        raise(rows, 1.0 / gamma);
        machine().dispatch(Gather {
            keep,
            unit,
            // With the Kullback–Leibler loss, a component that no sample of the batch holds counts one.
            nothing: if self.beta == 1.0 { 1.0 } else { 0.0 },
            penalty: self.penalty,
            parts: [up, down, &before],
            moved: [&mut *a, &mut *b, &mut *rows],
        });
        raise(rows, gamma);
        // Small entries would leave the range of powers.
        let least = if self.beta <= 1.0 { f64::EPSILON } else { 0.0 };
        vectorised!({
            for x in rows.iter_mut() {
                *x = if x.to_f64() < least {
                    T::ZERO
                } else {
                    settle(*x)
                };
            }
        });
        Change::of(rows, &before)
    }
}

/// How a batch comes into A and B: moves A, B and x as it was lifted, which becomes A / B, by the numerators and denominators of the
/// data and x as it was.
struct Gather<'a, T> {
    keep: f64,
    unit: f64,
    /// What stands for a denominator of the data that is zero.
    nothing: f64,
    penalty: Weights,
    parts: [&'a [T]; 3],
    moved: [&'a mut [T]; 3],
}

impl<T: Float> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let least = T::MIN_POSITIVE.to_f64();
        let splat = |x: f64| T::splat(simd, T::from_f64(x));
        let share = Share::<S, T> {
            keep: splat(self.keep),
            // A number other than zero in this type, too, so that its products with zero are zero.
            unit: splat(self.unit.clamp(least, least.recip())),
            nothing: splat(self.nothing),
            l1: splat(self.penalty.l1),
            l2: splat(self.penalty.l2),
        };
        let [up, down, before] = self.parts.map(T::split::<S>);
        let [a, b, lifted] = self.moved.map(T::split_mut::<S>);
        let whole = up.0.iter().zip(down.0).zip(before.0);
        let to = a.0.iter_mut().zip(b.0).zip(lifted.0);
        for (((&up, &down), &before), ((a, b), lifted)) in whole.zip(to) {
            [*a, *b, *lifted] = share.step(simd, [up, down, before], [*a, *b, *lifted]);
        }
        if !up.1.is_empty() {
            let parts = [up.1, down.1, before.1].map(|rest| T::part(simd, rest));
            let to = [a.1, b.1, lifted.1];
            let now = to.each_ref().map(|rest| T::part(simd, rest));
            let moved = share.step(simd, parts, now);
            for (rest, vector) in to.into_iter().zip(moved) {
                T::store_part(simd, rest, vector);
            }
        }
    }
}

/// The numbers of a [`Gather`] in all lanes.
struct Share<S: Simd, T: Float> {
    keep: T::Vector<S>,
    unit: T::Vector<S>,
    nothing: T::Vector<S>,
    l1: T::Vector<S>,
    l2: T::Vector<S>,
}

impl<S: Simd, T: Float> Share<S, T> {
    /// A, B and A / B as they become.
    #[inline(always)]
    fn step(
        &self,
        simd: S,
        [up, down, before]: [T::Vector<S>; 3],
        [a, b, lifted]: [T::Vector<S>; 3],
    ) -> [T::Vector<S>; 3] {
        let near_nothing = T::splat(simd, T::from_f64(NEAR_NOTHING));
        let down = above_zero::<S, T>(simd, T::times(simd, down, self.unit), self.nothing);
        let total = T::fma(simd, self.l2, before, T::plus(simd, down, self.l1));
        let total = above_zero::<S, T>(simd, total, near_nothing);
        let data = T::times(simd, T::times(simd, up, lifted), self.unit);
        let a = settled::<S, T>(simd, T::fma(simd, self.keep, a, data));
        let b = settled::<S, T>(simd, T::fma(simd, self.keep, b, total));
        [a, b, T::over(simd, a, b)]
    }
}

/// x · up / (down + l1 + l2 x).
#[inline(always)]
fn multiplied<S: Simd, T: Float>(
    simd: S,
    [up, down, x]: [T::Vector<S>; 3],
    [l1, l2]: [T::Vector<S>; 2],
) -> T::Vector<S> {
    let near_nothing = T::splat(simd, T::from_f64(NEAR_NOTHING));
    let total = T::fma(simd, l2, x, T::plus(simd, down, l1));
    let total = above_zero::<S, T>(simd, total, near_nothing);
    settled::<S, T>(simd, T::times(simd, x, T::over(simd, up, total)))
}

/// x where it is above zero, `other` elsewhere.
#[inline(always)]
fn above_zero<S: Simd, T: Float>(simd: S, x: T::Vector<S>, other: T::Vector<S>) -> T::Vector<S> {
    T::where_greater(simd, (x, T::splat(simd, T::ZERO)), x, other)
}

/// [`settle`] in vectors: NaN becomes zero.
#[inline(always)]
fn settled<S: Simd, T: Float>(simd: S, x: T::Vector<S>) -> T::Vector<S> {
    let below = T::MIN_POSITIVE.to_f64() * (1.0 - T::EPSILON.to_f64());
    let pair = (x, T::splat(simd, T::from_f64(below)));
    let x = T::where_greater(simd, pair, x, T::splat(simd, T::ZERO));
    T::lesser(simd, x, T::splat(simd, T::LARGEST))
}

/// How far a factor has moved: ‖new − old‖² and ‖new‖².
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    difference: f64,
    size: f64,
}

impl Change {
    pub(super) fn of<T: Float>(new: &[T], old: &[T]) -> Self {
        let (mut difference, mut size) = ([0.0; LANES], [0.0; LANES]);
        vectorised!({
            let (new, old) = (new.as_chunks::<LANES>(), old.as_chunks::<LANES>());
            let last = [new.1, old.1].map(padded);
            let pairs = new.0.iter().zip(old.0).chain([(&last[0], &last[1])]);
            for (new, old) in pairs {
                for lane in 0..LANES {
                    let (new, old) = (new[lane].to_f64(), old[lane].to_f64());
                    difference[lane] += (new - old) * (new - old);
                    size[lane] += new * new;
                }
            }
        });
        Self {
            difference: difference.iter().sum(),
            size: size.iter().sum(),
        }
    }

    /// From the squares of each component.
    pub(super) fn of_squares(differences: &[f64], sizes: &[f64]) -> Self {
        Self {
            difference: differences.iter().sum(),
            size: sizes.iter().sum(),
        }
    }

    /// Adds that of another part.
    pub(super) fn add(&mut self, part: &Self) {
        self.difference += part.difference;
        self.size += part.size;
    }

    /// ‖new − old‖ / ‖new‖.
    pub(super) fn relative(&self) -> f64 {
        if self.difference == 0.0 {
            0.0
        } else {
            (self.difference / self.size).sqrt()
        }
    }
}

/// Raises values to a power. The usual power is 1, and costs nothing.
fn raise<T: Float>(values: &mut [T], power: f64) {
    if power == 1.0 {
        return;
    }
    let power = T::from_f64(power);
    for x in values {
        *x = x.powf(power);
    }
}
