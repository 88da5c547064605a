//! A tile of a dense batch: what its columns say about H and its part of the cost, from one look at the reconstruction.

use faer::MatRef;

use crate::Float;
use crate::kernel::{self, vectorised};
use crate::loss::{Elementwise, wide};
use crate::pass::Parts;

/// Rows at a time: with their part of the reconstruction they stay in the second-level cache.
const ROWS: usize = 64;

/// Adds to the parts of a tile of columns (c × k) what its lines say, for a loss other than the squared one; a denominator
/// that all columns share is left alone. `left` are the rows of W, `right` those of Hᵀ for these columns. Returns
/// Σ D(v, y), in scaled units.
pub(super) fn walk<T: Float>(
    elementwise: &Elementwise<T>,
    tile: MatRef<'_, T>,
    (left, right, k): (&[T], &[T], usize),
    parts: &mut Parts<T>,
) -> f64 {
    let (count, width) = (tile.nrows(), tile.ncols());
    let right = MatRef::from_row_major_slice(right, width, k);
    let has_weight = elementwise.beta != 1.0;
    let size = ROWS.min(count) * width;
    let (mut v, mut y) = (vec![T::ZERO; size], vec![T::ZERO; size]);
    let mut weight = vec![T::ZERO; if has_weight { size } else { 0 }];
    let mut positive = Positive::default();
    let mut sum = 0.0;
    for start in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - start);
        let size = rows * width;
        let (v, y) = (&mut v[..size], &mut y[..size]);
        let held = &left[start * k..(start + rows) * k];
        kernel::pack(v, tile.subrows(start, rows));
        let view = |values| MatRef::from_row_major_slice(values, rows, width);
        kernel::outer(y, MatRef::from_row_major_slice(held, rows, k), right);
        sum += positive.divergences(elementwise, v, y);
        if has_weight {
            let weight = &mut weight[..size];
            weight.copy_from_slice(y);
            wide::weight(elementwise, weight);
            kernel::add_transposed_times(&mut parts.denominator, view(weight), held);
        }
        wide::ratio(elementwise, v, y);
        kernel::add_transposed_times(&mut parts.numerator, view(y), held);
    }
    sum
}

/// The entries of a tile above zero, apart from the others: only they need a logarithm.
#[derive(Default)]
struct Positive<T> {
    v: Vec<T>,
    y: Vec<T>,
}

impl<T: Float> Positive<T> {
    /// Σ D(v, y), in scaled units.
    fn divergences(&mut self, elementwise: &Elementwise<T>, v: &[T], y: &[T]) -> f64 {
        let count = vectorised!(v.iter().map(|v| usize::from(*v > T::ZERO)).sum::<usize>());
        if elementwise.beta != 1.0 || 2 * count > v.len() {
            return wide::divergences(elementwise, v, y);
        }
        self.v.resize(v.len() + 1, T::ZERO);
        self.y.resize(v.len() + 1, T::ZERO);
        let mut used = 0;
        for (&v, &y) in v.iter().zip(y) {
            self.v[used] = v;
            self.y[used] = y;
            used += usize::from(v > T::ZERO);
        }
        let (v, positive) = (&self.v[..used], &self.y[..used]);
        // Of nothing, D is y.
        let rest = kernel::sum(y) - kernel::sum(positive);
        let rest = rest.max(0.0) * elementwise.in_units(T::ONE);
        rest + wide::divergences(elementwise, v, positive)
    }
}
