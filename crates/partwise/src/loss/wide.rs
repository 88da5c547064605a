//! The loops of a divergence over many entries, compiled for the widest instruction set of this machine. (As structures and
//! not closures: a closure need not be compiled into the function whose instructions it is to use.)

use pulp::{Simd, WithSimd};

use super::Elementwise;
use crate::Float;
use crate::kernel::machine;

/// Replaces each y of a block by v·y^(β−2), scaled.
pub(crate) fn ratio<T: Float>(elementwise: &Elementwise<T>, v: &[T], y: &mut [T]) {
    machine().dispatch(Ratio(elementwise, v, y));
}

/// Replaces each y of a block by y^(β−1), scaled.
pub(crate) fn weight<T: Float>(elementwise: &Elementwise<T>, y: &mut [T]) {
    machine().dispatch(Weight(elementwise, y));
}

/// The sum of the scaled divergences of some entries.
pub(crate) fn divergences<T: Float>(elementwise: &Elementwise<T>, v: &[T], y: &[T]) -> f64 {
    machine().dispatch(Divergences(elementwise, v, y))
}

struct Ratio<'a, T: Float>(&'a Elementwise<T>, &'a [T], &'a mut [T]);

impl<T: Float> WithSimd for Ratio<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.ratio(self.1, self.2);
    }
}

struct Weight<'a, T: Float>(&'a Elementwise<T>, &'a mut [T]);

impl<T: Float> WithSimd for Weight<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.weight(self.1);
    }
}

struct Divergences<'a, T: Float>(&'a Elementwise<T>, &'a [T], &'a [T]);

impl<T: Float> WithSimd for Divergences<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.0.divergences(self.1, self.2)
    }
}
