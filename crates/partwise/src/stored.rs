//! What the stored entries of sparse lines say, for divergences that need the reconstruction at each of them.

use pulp::{Simd, WithSimd};

use crate::Float;
use crate::kernel::{self, ENTRIES};
use crate::loss::Elementwise;
use crate::matrix::Compressed;
use crate::pass::Fixed;

/// Adds Σ (v·y^(β−2)) h to the row of sums (r × k) of each of the lines from `from` on, with y = x h of their `rows`.
pub(crate) fn add_numerators<T: Float>(
    elementwise: &Elementwise<T>,
    sparse: &Compressed<'_, T>,
    from: usize,
    rows: &[T],
    other: &[T],
    numerators: &mut [T],
    k: usize,
) {
    kernel::machine_for::<T>(k).dispatch(Numerators {
        elementwise,
        sparse,
        from,
        rows,
        other,
        numerators,
        k,
    });
}

struct Numerators<'a, T: Float> {
    elementwise: &'a Elementwise<T>,
    sparse: &'a Compressed<'a, T>,
    from: usize,
    rows: &'a [T],
    other: &'a [T],
    numerators: &'a mut [T],
    k: usize,
}

impl<T: Float> WithSimd for Numerators<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (other, k) = (self.other, self.k);
        let rows = self.rows.chunks_exact(k);
        let mut ratios = [T::ZERO; ENTRIES];
        for (i, (sums, x)) in self.numerators.chunks_exact_mut(k).zip(rows).enumerate() {
            kernel::for_each_group(self.sparse.row(self.from + i), |places, values| {
                let ratios = &mut ratios[..places.len()];
                kernel::reconstruct(simd, x, other, places, ratios);
                self.elementwise.ratio(values, ratios);
                kernel::add_rows(simd, sums, other, places, ratios);
            });
        }
    }
}

/// The Kullback–Leibler divergence of the lines from `from` on, Σ_stored (D(v, y) − y) + Σ_all y, and Σ v, in scaled
/// units.
pub(crate) fn divergence<T: Float>(
    elementwise: &Elementwise<T>,
    sparse: &Compressed<'_, T>,
    from: usize,
    rows: &[T],
    fixed: &Fixed<T>,
) -> (f64, f64) {
    kernel::machine_for::<T>(fixed.rows.cols()).dispatch(Divergence {
        elementwise,
        sparse,
        from,
        rows,
        fixed,
    })
}

struct Divergence<'a, T: Float> {
    elementwise: &'a Elementwise<T>,
    sparse: &'a Compressed<'a, T>,
    from: usize,
    rows: &'a [T],
    fixed: &'a Fixed<T>,
}

impl<T: Float> WithSimd for Divergence<'_, T> {
    type Output = (f64, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f64, f64) {
        let (other, k) = (self.fixed.rows.as_slice(), self.fixed.rows.cols());
        let elementwise = self.elementwise;
        let (mut all, mut stored, mut data) = (0.0, 0.0, 0.0);
        let mut y = [T::ZERO; ENTRIES];
        for (i, x) in self.rows.chunks_exact(k).enumerate() {
            let sums = x.iter().zip(&self.fixed.sums.columns);
            all += sums.map(|(x, sum)| x.to_f64() * sum).sum::<f64>();
            kernel::for_each_group(self.sparse.row(self.from + i), |places, v| {
                let y = &mut y[..places.len()];
                kernel::reconstruct(simd, x, other, places, y);
                stored += elementwise.divergences(v, y) - elementwise.sum_in_units(y);
                data += elementwise.sum_in_units(v);
            });
        }
        (all * elementwise.in_units(T::ONE) + stored, data)
    }
}
