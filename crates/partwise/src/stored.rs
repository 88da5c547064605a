//! What the stored entries of sparse lines say, for divergences that need the reconstruction at each of them.

use pulp::{Simd, WithSimd};

use crate::Float;
use crate::kernel::{self, ENTRIES};
use crate::loss::Elementwise;
use crate::matrix::Compressed;
use crate::pass::{Fixed, Sums};

/// What the stored entries of some lines add to their Kullback–Leibler divergence, in scaled units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Σ (D(v, y) − y).
    beyond: f64,
    /// Σ v.
    data: f64,
}

impl Met {
    #[inline(always)]
    fn add<T: Float>(&mut self, elementwise: &Elementwise<T>, v: &[T], y: &[T]) {
        self.beyond += elementwise.divergences(v, y) - elementwise.sum_in_units(y);
        self.data += elementwise.sum_in_units(v);
    }

    /// The divergence of all entries of the lines, stored or not, with their `rows`; `None` where it cancels.
    pub(crate) fn divergence<T: Float>(
        &self,
        elementwise: &Elementwise<T>,
        rows: &[T],
        other: &Sums,
    ) -> Option<f64> {
        let sums = kernel::column_sums(rows, other.columns.len());
        let pairs = sums.iter().zip(&other.columns);
        let all: f64 = pairs.map(|(a, b)| a * b).sum();
        let sum = all * elementwise.in_units(T::ONE) + self.beyond;
        // Where nothing is stored nothing cancels: empty lines are not walked entry by entry.
        (self.data == 0.0 || sum > T::CANCELLATION * self.data).then_some(sum)
    }
}

/// Adds Σ (v·y^(β−2)) h to the row of sums (r × k) of each of the lines from `from` on, with y = x h of their `rows`; and to `met`, if
/// it is there, what the entries are like.
pub(crate) fn add_numerators<T: Float>(
    elementwise: &Elementwise<T>,
    sparse: &Compressed<'_, T>,
    from: usize,
    (rows, other, k): (&[T], &[T], usize),
    numerators: &mut [T],
    met: Option<&mut Met>,
) {
    kernel::machine_for::<T>(k).dispatch(Numerators {
        elementwise,
        sparse,
        from,
        rows,
        other,
        numerators,
        met,
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
    met: Option<&'a mut Met>,
    k: usize,
}

impl<T: Float> WithSimd for Numerators<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (other, k) = (self.other, self.k);
        let rows = self.rows.chunks_exact(k);
        let mut ratios = [T::ZERO; ENTRIES];
        for (i, (sums, x)) in self.numerators.chunks_exact_mut(k).zip(rows).enumerate() {
            kernel::for_each_group(self.sparse.row(self.from + i), |places, values| {
                let ratios = &mut ratios[..places.len()];
                kernel::reconstruct(simd, x, other, places, ratios);
                if let Some(met) = &mut self.met {
                    met.add(self.elementwise, values, ratios);
                }
                self.elementwise.ratio(values, ratios);
                kernel::add_rows(simd, sums, other, places, ratios);
            });
        }
    }
}

/// What the entries of the lines from `from` on are like, with y = x h of their `rows`.
pub(crate) fn meet<T: Float>(
    elementwise: &Elementwise<T>,
    sparse: &Compressed<'_, T>,
    from: usize,
    rows: &[T],
    fixed: &Fixed<T>,
) -> Met {
    kernel::machine_for::<T>(fixed.rows.cols()).dispatch(Meet {
        elementwise,
        sparse,
        from,
        rows,
        fixed,
    })
}

struct Meet<'a, T: Float> {
    elementwise: &'a Elementwise<T>,
    sparse: &'a Compressed<'a, T>,
    from: usize,
    rows: &'a [T],
    fixed: &'a Fixed<T>,
}

impl<T: Float> WithSimd for Meet<'_, T> {
    type Output = Met;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Met {
        let (other, k) = (self.fixed.rows.as_slice(), self.fixed.rows.cols());
        let mut met = Met::default();
        let mut y = [T::ZERO; ENTRIES];
        for (i, x) in self.rows.chunks_exact(k).enumerate() {
            kernel::for_each_group(self.sparse.row(self.from + i), |places, v| {
                let y = &mut y[..places.len()];
                kernel::reconstruct(simd, x, other, places, y);
                met.add(self.elementwise, v, y);
            });
        }
        met
    }
}
