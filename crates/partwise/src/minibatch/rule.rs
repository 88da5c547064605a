//! How H follows from the statistics of the batches.

use super::Memory;
use crate::Float;
use crate::loss::Weights;
use crate::matrix::Dense;
use crate::pass::{Fixed, Sums};
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

/// How H follows from its statistics.
pub(super) struct Rule {
    pub(super) beta: f64,
    /// What scaled parts are multiplied by.
    pub(super) unit: f64,
    /// What is left of the old statistics.
    pub(super) keep: f64,
    /// The penalties of H for the rows of the batch.
    pub(super) penalty: Weights,
}

impl Rule {
    fn gamma(&self) -> f64 {
        if self.beta < 1.0 {
            1.0 / (2.0 - self.beta)
        } else if self.beta > 2.0 {
            1.0 / (self.beta - 1.0)
        } else {
            1.0
        }
    }

    /// Adds the parts of some rows of Hᵀ (r × k) to A and B.
    pub(super) fn add<T: Float>(
        &self,
        (up, down): (&[T], &[T]),
        left: &Sums,
        rows: &[T],
        a: &mut [T],
        b: &mut [T],
    ) {
        let k = left.columns.len();
        let gamma = self.gamma();
        let down_at = |row: &[T], entry: usize, t: usize| -> f64 {
            if self.beta == 2.0 {
                let gram = &left.gram[t * k..(t + 1) * k];
                return gram.iter().zip(row).map(|(g, x)| g * x.to_f64()).sum();
            }
            let down = down[entry % down.len()].to_f64() * self.unit;
            // Components that no sample of the batch holds.
            if self.beta == 1.0 && down == 0.0 {
                1.0
            } else {
                down
            }
        };
        for (index, row) in rows.chunks_exact(k).enumerate() {
            for (t, &x) in row.iter().enumerate() {
                let (entry, x) = (index * k + t, x.to_f64());
                let mut total = down_at(row, entry, t) + self.penalty.l1 + self.penalty.l2 * x;
                if total == 0.0 {
                    total = NEAR_NOTHING;
                }
                let lifted = if gamma == 1.0 { x } else { x.powf(1.0 / gamma) };
                let data = up[entry].to_f64() * self.unit * lifted;
                a[entry] = T::from_f64(self.keep * a[entry].to_f64() + data);
                b[entry] = T::from_f64(self.keep * b[entry].to_f64() + total);
            }
        }
    }

    /// (A / B)^γ.
    pub(super) fn quotient<T: Float>(&self, a: T, b: T) -> T {
        let gamma = self.gamma();
        let quotient = a.to_f64() / b.to_f64();
        let x = if gamma == 1.0 {
            quotient
        } else {
            quotient.powf(gamma)
        };
        // Small entries would leave the range of powers.
        if self.beta <= 1.0 && x < f64::EPSILON {
            T::ZERO
        } else {
            settle(T::from_f64(x))
        }
    }
}
