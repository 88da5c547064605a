//! Loops over the entries of one line of V for one component at a time: the sums that a coordinate step of the
//! Kullback–Leibler divergence is made of.
//!
//! All slices of a line have the same length, a multiple of [`PADDING`]; values behind the entries are zero.

use pulp::Simd;

use crate::Float;

/// Lengths are multiples of the widest vector.
pub(crate) const PADDING: usize = 16;

/// `y += step · h`.
#[inline(always)]
pub(crate) fn advance<S: Simd, T: Float>(simd: S, y: &mut [T], step: T, h: &[T]) {
    let step = T::splat(simd, step);
    let (y, h) = (T::split_mut::<S>(y).0, T::split::<S>(h).0);
    for (y, &h) in y.iter_mut().zip(h) {
        *y = T::fma(simd, step, h, *y);
    }
}

/// `y += step · previous`, then Σ (v/y) h and Σ (v/y²) h², with each y at least `floor`.
#[inline(always)]
pub(crate) fn slope_and_curvature<S: Simd, T: Float>(
    simd: S,
    v: &[T],
    y: &mut [T],
    pending: Option<(T, &[T])>,
    h: &[T],
    floor: T,
) -> (T, T) {
    let zero = T::splat(simd, T::ZERO);
    let (one, floor) = (T::splat(simd, T::ONE), T::splat(simd, floor));
    let (v, h) = (T::split::<S>(v).0, T::split::<S>(h).0);
    let y = T::split_mut::<S>(y).0;
    let (mut slope, mut curvature) = (zero, zero);
    if let Some((step, previous)) = pending {
        let (step, previous) = (T::splat(simd, step), T::split::<S>(previous).0);
        for (((y, &previous), &v), &h) in y.iter_mut().zip(previous).zip(v).zip(h) {
            let now = T::fma(simd, step, previous, *y);
            *y = now;
            let share = T::times(simd, h, T::over(simd, one, T::larger(simd, now, floor)));
            let part = T::times(simd, v, share);
            slope = T::plus(simd, slope, part);
            curvature = T::fma(simd, part, share, curvature);
        }
    } else {
        for ((&y, &v), &h) in y.iter().zip(v).zip(h) {
            let share = T::times(simd, h, T::over(simd, one, T::larger(simd, y, floor)));
            let part = T::times(simd, v, share);
            slope = T::plus(simd, slope, part);
            curvature = T::fma(simd, part, share, curvature);
        }
    }
    (T::total(simd, slope), T::total(simd, curvature))
}

/// Σ v h / (y − x h), each denominator at least `floor`: the slope without this component. Also the sum of (x h / y)^16,
/// which is near one or above where the component is nearly all of an entry.
#[inline(always)]
pub(crate) fn slope_without<S: Simd, T: Float>(
    simd: S,
    v: &[T],
    y: &[T],
    x: T,
    h: &[T],
    floor: T,
) -> (T, T) {
    let zero = T::splat(simd, T::ZERO);
    let (less, floor) = (T::splat(simd, T::ZERO - x), T::splat(simd, floor));
    let (one, minus) = (T::splat(simd, T::ONE), T::splat(simd, T::ZERO - T::ONE));
    let entries = T::split::<S>(v).0.iter().zip(T::split::<S>(y).0);
    let (mut slope, mut crowded) = (zero, zero);
    for ((&v, &y), &h) in entries.zip(T::split::<S>(h).0) {
        let rest = T::larger(simd, T::fma(simd, less, h, y), floor);
        slope = T::plus(simd, slope, T::over(simd, T::times(simd, v, h), rest));
        // One minus what is left of y, of entries that count.
        let left = T::over(simd, rest, T::larger(simd, y, floor));
        let share = T::larger(simd, T::fma(simd, left, minus, one), zero);
        let power = T::times(simd, share, share);
        let power = T::times(simd, power, power);
        let power = T::times(simd, power, power);
        crowded = T::fma(simd, power, power, crowded);
    }
    (T::total(simd, slope), T::total(simd, crowded))
}
