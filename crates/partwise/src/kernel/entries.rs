//! Some entries of a sparse line at a time against the rows of a factor: their reconstructions, and sums of those rows.
//!
//! A row of the factor is fetched ahead of its use and read from memory once: what [`reconstruct`] has read is still in
//! the first-level cache when [`add_rows`] adds it up.

use pulp::Simd;

use super::{Lanes, for_each_entry, prefetch};
use crate::Float;
use crate::matrix::Row;

/// Entries at a time: their rows of the factor stay in the first-level cache for common ranks.
pub(crate) const ENTRIES: usize = 64;
/// Rows of the factor at a time: as many sums as hide the latency of an addition.
const GROUP: usize = 4;
/// Rows that are fetched ahead.
const AHEAD: usize = 8;

/// Places in a factor, one for each of some entries.
pub(crate) type Places = [usize; ENTRIES];

/// Calls `visit(places, values)` for the entries of a sparse line, at most [`ENTRIES`] at a time.
#[inline(always)]
pub(crate) fn for_each_group<T: Float>(row: Row<'_, T>, mut visit: impl FnMut(&[usize], &[T])) {
    let mut places: Places = [0; ENTRIES];
    let mut first = 0;
    while first < row.values.len() {
        let last = (first + ENTRIES).min(row.values.len());
        let part = row.range(first, last);
        let mut count = 0;
        for_each_entry(part, |index, _| {
            places[count] = index;
            count += 1;
        });
        visit(&places[..count], part.values);
        first = last;
    }
}

/// Asks for a row of k values ahead of its use.
#[inline(always)]
pub(crate) fn fetch<T>(rows: &[T], place: usize, k: usize) {
    let row = &rows[place * k..(place + 1) * k];
    prefetch(row.as_ptr(), size_of_val(row));
}

/// `out[e]` = x · row `places[e]`.
#[inline(always)]
pub(crate) fn reconstruct<S: Simd, T: Float>(
    simd: S,
    x: &[T],
    rows: &[T],
    places: &[usize],
    out: &mut [T],
) {
    let k = x.len();
    for &place in &places[..places.len().min(AHEAD)] {
        fetch(rows, place, k);
    }
    let whole = places.len() - places.len() % GROUP;
    for (first, out) in (0..whole).step_by(GROUP).zip(out.chunks_exact_mut(GROUP)) {
        for &place in places.iter().skip(first + AHEAD).take(GROUP) {
            fetch(rows, place, k);
        }
        let group: [usize; GROUP] = std::array::from_fn(|e| places[first + e]);
        out.copy_from_slice(&products(simd, x, rows, group));
    }
    for (&place, out) in places[whole..].iter().zip(&mut out[whole..]) {
        *out = products(simd, x, rows, [place])[0];
    }
}

/// The inner products of x and some rows.
#[inline(always)]
fn products<S: Simd, T: Float, const N: usize>(
    simd: S,
    x: &[T],
    rows: &[T],
    places: [usize; N],
) -> [T; N] {
    let k = x.len();
    let (x, x_rest) = T::split::<S>(x);
    let rows: [_; N] = views::<S, T, N>(rows, k, places);
    let mut sums = [T::splat(simd, T::ZERO); N];
    for (i, &x) in x.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum = T::fma(simd, x, row.0[i], *sum);
        }
    }
    if !x_rest.is_empty() {
        let x = T::part(simd, x_rest);
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum = T::fma(simd, x, T::part(simd, row.1), *sum);
        }
    }
    let mut totals = [T::ZERO; N];
    for (total, &sum) in totals.iter_mut().zip(&sums) {
        *total = T::total(simd, sum);
    }
    totals
}

/// A row of a factor: whole vectors, and the rest.
type Views<'a, S, T> = (&'a [<T as Lanes>::Vector<S>], &'a [T]);

/// Some rows of a factor.
#[inline(always)]
fn views<'a, S: Simd, T: Float, const N: usize>(
    rows: &'a [T],
    k: usize,
    places: [usize; N],
) -> [Views<'a, S, T>; N] {
    let mut views: [Views<'a, S, T>; N] = [(&[], &[]); N];
    for (view, &place) in views.iter_mut().zip(&places) {
        *view = T::split::<S>(&rows[place * k..(place + 1) * k]);
    }
    views
}

/// `sums` (k) += Σ `weights[e]` · row `places[e]`.
#[inline(always)]
pub(crate) fn add_rows<S: Simd, T: Float>(
    simd: S,
    sums: &mut [T],
    rows: &[T],
    places: &[usize],
    weights: &[T],
) {
    let whole = places.len() - places.len() % GROUP;
    for first in (0..whole).step_by(GROUP) {
        let group: [usize; GROUP] = std::array::from_fn(|e| places[first + e]);
        let shares: [T; GROUP] = std::array::from_fn(|e| weights[first + e]);
        add_weighted(simd, sums, rows, group, shares);
    }
    for (&place, &weight) in places[whole..].iter().zip(&weights[whole..]) {
        add_weighted(simd, sums, rows, [place], [weight]);
    }
}

#[inline(always)]
fn add_weighted<S: Simd, T: Float, const N: usize>(
    simd: S,
    sums: &mut [T],
    rows: &[T],
    places: [usize; N],
    weights: [T; N],
) {
    let k = sums.len();
    let rows: [_; N] = views::<S, T, N>(rows, k, places);
    let mut splats = [T::splat(simd, T::ZERO); N];
    for (splat, &weight) in splats.iter_mut().zip(&weights) {
        *splat = T::splat(simd, weight);
    }
    let weights = splats;
    let (sums, sums_rest) = T::split_mut::<S>(sums);
    for (i, sum) in sums.iter_mut().enumerate() {
        let mut total = *sum;
        for (&weight, row) in weights.iter().zip(&rows) {
            total = T::fma(simd, weight, row.0[i], total);
        }
        *sum = total;
    }
    if !sums_rest.is_empty() {
        let mut total = T::part(simd, sums_rest);
        for (&weight, row) in weights.iter().zip(&rows) {
            total = T::fma(simd, weight, T::part(simd, row.1), total);
        }
        T::store_part(simd, sums_rest, total);
    }
}
