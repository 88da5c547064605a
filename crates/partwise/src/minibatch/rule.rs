//! The multiplicative step of W, and how H follows from the statistics of the batches.

use super::Memory;
use crate::Float;
use crate::kernel::{padded, vectorised};
use crate::loss::Weights;
use crate::matrix::Dense;
use crate::update::settle;

/// What stands for a denominator of zero, as in scikit-learn: the precision of single numbers.
const NEAR_NOTHING: f64 = f32::EPSILON as f64;
/// Entries that go through vectors together, and sums that do not wait for each other.
const LANES: usize = 8;

/// A and B, transposed as Hᵀ is: n × k.
pub(super) struct Statistics<T> {
    pub(super) numerator: Dense<T>,
    pub(super) denominator: Dense<T>,
}

impl<T: Float> Statistics<T> {
    pub(super) fn of(memory: &Memory<T>) -> Self {
        Self {
            numerator: memory.numerator.clone(),
            denominator: memory.denominator.clone(),
        }
    }

    pub(super) fn into_memory(self, right: Dense<T>) -> Memory<T> {
        Memory {
            ht: right,
            numerator: self.numerator,
            denominator: self.denominator,
        }
    }
}

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
        let gather = Gather {
            keep,
            unit,
            // With the Kullback–Leibler loss, a component that no sample of the batch holds counts one.
            nothing: if self.beta == 1.0 { 1.0 } else { 0.0 },
            penalty: self.penalty,
        };
        vectorised!(gather.entries([up, down, &before], [&mut *a, &mut *b, &mut *rows]));
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

/// How a batch comes into A and B.
#[derive(Clone, Copy)]
struct Gather {
    keep: f64,
    unit: f64,
    /// What stands for a denominator of the data that is zero.
    nothing: f64,
    penalty: Weights,
}

impl Gather {
    /// Moves A, B and x as it was lifted, which becomes A / B, by their parts and x as it was.
    #[inline(always)]
    fn entries<T: Float>(&self, parts: [&[T]; 3], moved: [&mut [T]; 3]) {
        // Arrays of a fixed length, read whole before any is written, go through vectors.
        let [up, down, before] = parts.map(|part| part.as_chunks::<LANES>());
        let [a, b, lifted] = moved.map(|part| part.as_chunks_mut::<LANES>());
        let whole = up.0.iter().zip(down.0).zip(before.0);
        let to = a.0.iter_mut().zip(b.0).zip(lifted.0);
        for (((up, down), before), ((a, b), lifted)) in whole.zip(to) {
            [*a, *b, *lifted] = self.lanes([*up, *down, *before], [*a, *b, *lifted]);
        }
        let rest = up.1.iter().zip(down.1).zip(before.1);
        let to = a.1.iter_mut().zip(b.1).zip(lifted.1);
        for (((up, down), before), ((a, b), lifted)) in rest.zip(to) {
            [[*a], [*b], [*lifted]] =
                self.lanes([[*up], [*down], [*before]], [[*a], [*b], [*lifted]]);
        }
    }

    #[inline(always)]
    fn lanes<T: Float, const N: usize>(
        &self,
        [up, down, before]: [[T; N]; 3],
        [mut a, mut b, mut lifted]: [[T; N]; 3],
    ) -> [[T; N]; 3] {
        let Self {
            keep,
            unit,
            nothing,
            penalty: Weights { l1, l2 },
        } = *self;
        for i in 0..N {
            let down = down[i].to_f64() * unit;
            let down = if down == 0.0 { nothing } else { down };
            let total = down + l1 + l2 * before[i].to_f64();
            let total = if total == 0.0 { NEAR_NOTHING } else { total };
            let data = up[i].to_f64() * unit * lifted[i].to_f64();
            a[i] = settle(T::from_f64(keep * a[i].to_f64() + data));
            b[i] = settle(T::from_f64(keep * b[i].to_f64() + total));
            lifted[i] = a[i] / b[i];
        }
        [a, b, lifted]
    }
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

    /// The change of all parts together.
    pub(super) fn sum(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            difference: sum.difference + part.difference,
            size: sum.size + part.size,
        })
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
