//! The multiplicative step of W, and how H follows from the statistics of the batches.

use super::Memory;
use crate::Float;
use crate::kernel::vectorised;
use crate::loss::Weights;
use crate::matrix::Dense;
use crate::pass::Fixed;
use crate::update::settle;

/// What stands for a denominator of zero, as in scikit-learn: the precision of single numbers.
const NEAR_NOTHING: f64 = f32::EPSILON as f64;

/// A and B, transposed as Hᵀ is: n × k.
pub(super) struct Statistics<T> {
    pub(super) numerator: Dense<T>,
    pub(super) denominator: Dense<T>,
}

impl<T: Float> Statistics<T> {
    pub(super) fn of(memory: &Memory<T>) -> Self {
        Self {
            numerator: memory.numerator.transposed(),
            denominator: memory.denominator.transposed(),
        }
    }

    pub(super) fn into_memory(self, right: &Fixed<T>) -> Memory<T> {
        Memory {
            h: right.rows.transposed(),
            numerator: self.numerator.transposed(),
            denominator: self.denominator.transposed(),
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

    /// Multiplies rows of W (r × k): x ← x · (up / (down + l1 + l2 x))^γ.
    pub(super) fn advance<T: Float>(&self, up: &[T], down: &[T], rows: &mut [T], k: usize) {
        let (l1, l2) = (T::from_f64(self.penalty.l1), T::from_f64(self.penalty.l2));
        let near_nothing = T::from_f64(NEAR_NOTHING);
        let mut factors = vec![T::ZERO; rows.len()];
        vectorised(|| {
            for (i, factors) in factors.chunks_exact_mut(k).enumerate() {
                let (up, x) = (row(up, i, k), row(rows, i, k));
                let down = row_or_all(down, i, k);
                for t in 0..k {
                    let total = down[t] + l1 + l2 * x[t];
                    factors[t] = up[t]
                        / if total == T::ZERO {
                            near_nothing
                        } else {
                            total
                        };
                }
            }
        });
        raise(&mut factors, self.gamma());
        vectorised(|| {
            for (x, factor) in rows.iter_mut().zip(factors) {
                *x = settle(*x * factor);
            }
        });
    }

    /// Adds the parts of some rows of Hᵀ (r × k), times a unit, to what is left of A and B; then x ← (A / B)^γ.
    pub(super) fn follow<T: Float>(
        &self,
        (up, down): (&[T], &[T]),
        (keep, unit): (f64, f64),
        (a, b, rows): (&mut [T], &mut [T], &mut [T]),
        k: usize,
    ) -> Change {
        let gamma = self.gamma();
        // A gathers x^(1/γ), in the rows themselves where that is x.
        let before = rows.to_vec();
        raise(rows, 1.0 / gamma);
        // With the Kullback–Leibler loss, a component that no sample of the batch holds counts one.
        let nothing = if self.beta == 1.0 { 1.0 } else { 0.0 };
        let Weights { l1, l2 } = self.penalty;
        vectorised(|| {
            let parts = a.chunks_exact_mut(k).zip(b.chunks_exact_mut(k));
            for (i, ((a, b), lifted)) in parts.zip(rows.chunks_exact_mut(k)).enumerate() {
                let (up, x) = (row(up, i, k), row(&before, i, k));
                let down = row_or_all(down, i, k);
                for t in 0..k {
                    let down = down[t].to_f64() * unit;
                    let down = if down == 0.0 { nothing } else { down };
                    let total = down + l1 + l2 * x[t].to_f64();
                    let total = if total == 0.0 { NEAR_NOTHING } else { total };
                    let data = up[t].to_f64() * unit * lifted[t].to_f64();
                    a[t] = settle(T::from_f64(keep * a[t].to_f64() + data));
                    b[t] = settle(T::from_f64(keep * b[t].to_f64() + total));
                    lifted[t] = a[t] / b[t];
                }
            }
        });
        raise(rows, gamma);
        // Small entries would leave the range of powers.
        let least = if self.beta <= 1.0 { f64::EPSILON } else { 0.0 };
        vectorised(|| {
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

/// How far a factor has moved: ‖new − old‖² and ‖new‖².
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    difference: f64,
    size: f64,
}

impl Change {
    pub(super) fn of<T: Float>(new: &[T], old: &[T]) -> Self {
        /// Sums that do not wait for each other.
        const LANES: usize = 8;
        let (mut difference, mut size) = ([0.0; LANES], [0.0; LANES]);
        vectorised(|| {
            for (new, old) in new.chunks(LANES).zip(old.chunks(LANES)) {
                for (lane, (new, old)) in new.iter().zip(old).enumerate() {
                    let (new, old) = (new.to_f64(), old.to_f64());
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
    pub(super) fn sum(parts: &[Self]) -> Self {
        Self {
            difference: parts.iter().map(|part| part.difference).sum(),
            size: parts.iter().map(|part| part.size).sum(),
        }
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

fn row<T>(values: &[T], i: usize, k: usize) -> &[T] {
    &values[i * k..(i + 1) * k]
}

/// The row of a matrix of rows, or the one row there is for all.
fn row_or_all<T>(values: &[T], i: usize, k: usize) -> &[T] {
    if values.len() == k {
        values
    } else {
        row(values, i, k)
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
