//! Loops over the entries of one line of V for one component at a time: the sums that a coordinate step of the
//! Kullback–Leibler divergence is made of.
//!
//! All slices of a line have the same length, a multiple of [`PADDING`]; values behind the entries are zero.

use pulp::Simd;

use super::fetch;
use crate::Float;

/// Lengths are multiples of the widest vector.
pub(crate) const PADDING: usize = 16;

/// The room for one component of a line of `length` entries: padded, and not a multiple of a page, whose lines would all
/// compete for the same places in the cache.
pub(crate) fn stride<T>(length: usize) -> usize {
    const PAGE: usize = 4096;
    let padded = length.next_multiple_of(PADDING);
    if (padded * size_of::<T>()).is_multiple_of(PAGE) {
        padded + PADDING
    } else {
        padded
    }
}

/// Writes components `from..to` of `count` rows of a factor, a component after another; `place` says which rows.
#[inline(always)]
pub(crate) fn turn<T: Float>(
    out: &mut [T],
    stride: usize,
    rows: &[T],
    k: usize,
    (from, to): (usize, usize),
    count: usize,
    place: impl Fn(usize) -> usize,
) {
    const GROUP: usize = 8;
    for entry in 0..count.min(GROUP) {
        fetch(rows, place(entry), k);
    }
    for first in (0..count).step_by(GROUP) {
        let last = (first + GROUP).min(count);
        for entry in last..(last + GROUP).min(count) {
            fetch(rows, place(entry), k);
        }
        let mut group: [&[T]; GROUP] = [&[]; GROUP];
        for (e, row) in group.iter_mut().enumerate() {
            // A group that is not full has its last row several times.
            let start = place((first + e).min(last - 1)) * k;
            *row = &rows[start + from..start + to];
        }
        for (t, out) in out.chunks_exact_mut(stride).take(to - from).enumerate() {
            let mut values = [T::ZERO; GROUP];
            for (value, row) in values.iter_mut().zip(&group) {
                *value = row[t];
            }
            let out = &mut out[first..last];
            match <&mut [T; GROUP]>::try_from(&mut *out) {
                Ok(out) => *out = values,
                Err(_) => out.copy_from_slice(&values[..last - first]),
            }
        }
    }
}

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

/// Adds Σ (v / y) h over the entries of a line to the vector of sums that `lanes` has for each component, with y = x H, each at
/// least `floor`; component t of H begins at `turned[t · stride]`.
#[inline(always)]
pub(crate) fn add_ratios<S: Simd, T: Float>(
    simd: S,
    v: &[T],
    x: &[T],
    turned: (&[T], usize),
    floor: T,
    lanes: &mut [T],
) {
    let floor = T::splat(simd, floor);
    let lanes = T::split_mut::<S>(lanes).0;
    let v = T::split::<S>(v).0;
    let mut at = 0;
    while v.len() - at >= 8 {
        add_some_ratios::<S, T, 8>(simd, (v, at), x, turned, floor, lanes);
        at += 8;
    }
    while v.len() - at >= 2 {
        add_some_ratios::<S, T, 2>(simd, (v, at), x, turned, floor, lanes);
        at += 2;
    }
    if v.len() > at {
        add_some_ratios::<S, T, 1>(simd, (v, at), x, turned, floor, lanes);
    }
}

/// The sums of the vectors in `lanes`.
#[inline(always)]
pub(crate) fn totals<S: Simd, T: Float>(simd: S, lanes: &[T], sums: &mut [T]) {
    for (sum, &lanes) in sums.iter_mut().zip(T::split::<S>(lanes).0) {
        *sum = T::total(simd, lanes);
    }
}

/// The part of N vectors of entries in [`add_ratios`], from vector `at` on: what is read of H is still in the first-level cache
/// when it is read again.
#[inline(always)]
fn add_some_ratios<S: Simd, T: Float, const N: usize>(
    simd: S,
    (v, at): (&[T::Vector<S>], usize),
    x: &[T],
    (turned, stride): (&[T], usize),
    floor: T::Vector<S>,
    sums: &mut [T::Vector<S>],
) {
    let mut y = [T::splat(simd, T::ZERO); N];
    for (&x, component) in x.iter().zip(turned.chunks_exact(stride)) {
        let x = T::splat(simd, x);
        for (y, h) in y.iter_mut().zip(vectors::<S, T, N>(component, at)) {
            *y = T::fma(simd, x, h, *y);
        }
    }
    for (y, &v) in y.iter_mut().zip(&v[at..]) {
        *y = T::over(simd, v, T::larger(simd, *y, floor));
    }
    for (sum, component) in sums.iter_mut().zip(turned.chunks_exact(stride)) {
        for (&ratio, h) in y.iter().zip(vectors::<S, T, N>(component, at)) {
            *sum = T::fma(simd, ratio, h, *sum);
        }
    }
}

/// N vectors of a component, from vector `at` on.
#[inline(always)]
fn vectors<S: Simd, T: Float, const N: usize>(component: &[T], at: usize) -> [T::Vector<S>; N] {
    let vectors = T::split::<S>(component).0;
    *vectors[at..].first_chunk().expect("components are padded")
}
