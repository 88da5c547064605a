//! The loops of a divergence over many entries, compiled for the widest instruction set of this machine.

use super::Elementwise;
use crate::Float;
use crate::kernel::vectorised;

/// Replaces each y of a block by v·y^(β−2), scaled.
pub(crate) fn ratio<T: Float>(elementwise: &Elementwise<T>, v: &[T], y: &mut [T]) {
    vectorised!(elementwise.ratio(v, y));
}

/// Replaces each y of a block by y^(β−1), scaled.
pub(crate) fn weight<T: Float>(elementwise: &Elementwise<T>, y: &mut [T]) {
    vectorised!(elementwise.weight(y));
}

/// The sum of the scaled divergences of some entries.
pub(crate) fn divergences<T: Float>(elementwise: &Elementwise<T>, v: &[T], y: &[T]) -> f64 {
    vectorised!(elementwise.divergences(v, y))
}
