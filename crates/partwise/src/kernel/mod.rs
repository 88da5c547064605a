//! Products and element-wise loops: the innermost work, and the only room where `unsafe` may be.
//!
//! Factors are stored with k contiguous (W as m × k rows, H as n × k rows), because products with few columns run
//! fastest that way. Products are sequential: threads are spread over blocks of rows outside.

mod coordinates;
mod dense;
mod entries;
mod gram;
mod lanes;
mod logarithm;
mod prefetch;
mod products;
mod sparse;
mod sums;
#[cfg(feature = "ndarray")]
pub(crate) mod view;

use pulp::Arch;

pub(crate) use coordinates::{
    PADDING, add_ratios, advance, slope_and_curvature, slope_without, stride, totals, turn,
};
pub(crate) use dense::{Packed, has_rows, times_packed};
pub(crate) use entries::{ENTRIES, add_rows, fetch, for_each_group, reconstruct};
pub(crate) use gram::{GramRoom, weighted_gram};
pub(crate) use lanes::{Lanes, QUAD, padded};
pub(crate) use logarithm::Logarithm;
use prefetch::prefetch;
pub(crate) use products::{add_times, add_transposed_times, gram, lines, outer, pack, times};
pub(crate) use sparse::{Sums, dot, extend_places, for_each_entry, gather_lines, sum_stride};
pub(crate) use sums::{column_sums, inner, largest, squared_distance, sum, total};

/// How wide the vectors of a thread may be.
#[cfg(feature = "kernels")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As wide as the machine has them.
    Full,
    /// Of at most 256 bits.
    Half,
    /// Of one number.
    One,
}

#[cfg(feature = "kernels")]
thread_local! {
    /// For the tests that compare.
    pub(crate) static WIDTH: std::cell::Cell<Width> = const { std::cell::Cell::new(Width::Full) };
}

/// The widest instruction set of this machine.
#[inline(always)]
pub(crate) fn machine() -> Arch {
    #[cfg(feature = "kernels")]
    match WIDTH.get() {
        Width::Full => {}
        Width::Half => return narrowed(Arch::new()),
        Width::One => return Arch::Scalar,
    }
    Arch::new()
}

/// The instruction set for rows of k numbers that are met here and there: vectors of 512 bits gain nothing where no more than two of
/// them are filled, and lose where they are not.
#[inline(always)]
pub(crate) fn machine_for<T>(k: usize) -> Arch {
    const TWO: usize = 2 * 64;
    if k * size_of::<T>() <= TWO {
        narrow_machine()
    } else {
        machine()
    }
}

/// The instruction set with vectors of at most 256 bits: for many short sums, whose lanes are soon added up.
pub(crate) fn narrow_machine() -> Arch {
    narrowed(machine())
}

/// The same with vectors of at most 256 bits.
#[inline(always)]
fn narrowed(machine: Arch) -> Arch {
    #[cfg(target_arch = "x86_64")]
    if let (Arch::V4(_), Some(simd)) = (machine, pulp::x86::V3::try_new()) {
        return Arch::V3(simd);
    }
    machine
}

/// Evaluates an expression compiled for the widest instruction set of this machine. Only what is inlined into it is: functions
/// on the way should be `#[inline(always)]`.
macro_rules! vectorised {
    ($work:expr) => {
        $crate::kernel::machine().dispatch($crate::kernel::Inlined(
            #[inline(always)]
            || $work,
        ))
    };
}
pub(crate) use vectorised;

/// A closure that is called where it stands. Not `FnOnce`, which the compiler calls through a function of its own, without
/// the instructions.
pub(crate) struct Inlined<F>(pub(crate) F);

impl<R, F: FnMut() -> R> pulp::WithSimd for Inlined<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

#[cfg(test)]
mod tests {
    //! Each kernel against its naive twin, over sizes around the widths of vectors and tiles.

    use faer::{Mat, MatRef};

    use super::*;
    use crate::Float;
    use crate::matrix::Compressed;
    use crate::threads::Threads;

    const SIZES: [usize; 7] = [1, 2, 7, 8, 17, 33, 70];

    /// Values between 0 and 1 that do not repeat soon.
    fn values<T: Float>(count: usize) -> Vec<T> {
        (0..count)
            .map(|i| T::from_f64((i as f64 * 0.618_033_988_75 + 0.1).fract()))
            .collect()
    }

    fn assert_close<T: Float>(found: &[T], expected: impl Fn(usize) -> f64, terms: usize) {
        let slack = 4.0 * terms as f64 * T::EPSILON.to_f64();
        for (i, x) in found.iter().enumerate() {
            let expected = expected(i);
            assert!(
                (x.to_f64() - expected).abs() <= slack * (1.0 + expected.abs()),
                "entry {i}: {x} against {expected}"
            );
        }
    }

    fn products_agree<T: Float>(r: usize, n: usize, k: usize) {
        let (v, right, left) = (values::<T>(r * n), values::<T>(n * k), values::<T>(r * k));
        let at = |x: &[T], width: usize, i: usize, j: usize| x[i * width + j].to_f64();
        let v_view = MatRef::from_row_major_slice(&v, r, n);
        // The same V, columns together and reversed in memory.
        let turned = Mat::from_fn(r, n, |i, j| v_view[(r - 1 - i, n - 1 - j)]);
        let strided = turned.as_ref().reverse_rows_and_cols();
        let right_view = MatRef::from_row_major_slice(&right, n, k);
        let left_view = MatRef::from_row_major_slice(&left, r, k);
        for v_view in [v_view, strided] {
            let forward = |e: usize| {
                let terms = (0..n).map(|j| at(&v, n, e / k, j) * at(&right, k, j, e % k));
                terms.sum::<f64>()
            };
            let mut out = vec![T::ONE; r * k];
            times(&mut out, v_view, right_view);
            assert_close(&out, forward, n);
            if has_rows(v_view) {
                let packed = Packed::new(&right, k, &Threads::new(std::num::NonZeroUsize::new(1)));
                let mut out = vec![T::ONE; r * k];
                times_packed(&mut out, v_view, &packed);
                assert_close(&out, forward, n);
            }
            add_times(&mut out, v_view, right_view);
            assert_close(&out, |e| 2.0 * forward(e), n);
            let mut out = vec![T::ONE; n * k];
            add_transposed_times(&mut out, v_view, &left);
            let backward = |e: usize| {
                let terms = (0..r).map(|i| at(&v, n, i, e / k) * at(&left, k, i, e % k));
                1.0 + terms.sum::<f64>()
            };
            assert_close(&out, backward, r);
            let mut out = vec![T::ZERO; r * n];
            pack(&mut out, v_view);
            assert_eq!(out, v);
            let mut room = vec![T::ZERO; (r + 1) * n];
            let found: Vec<_> = lines(v_view, &mut room).map(<[T]>::to_vec).collect();
            assert_eq!(found.concat(), v);
        }
        let mut out = vec![T::ONE; r * n];
        outer(&mut out, left_view, right_view);
        let spanned = |e: usize| {
            let terms = (0..k).map(|t| at(&left, k, e / n, t) * at(&right, k, e % n, t));
            terms.sum::<f64>()
        };
        assert_close(&out, spanned, k);
        let squared = |e: usize| {
            let terms = (0..r).map(|i| at(&left, k, i, e / k) * at(&left, k, i, e % k));
            terms.sum::<f64>()
        };
        assert_close(&gram(&left, k), squared, r);
    }

    #[test]
    fn dense_products_agree_with_three_loops() {
        for r in SIZES {
            for n in SIZES {
                for k in [1, 3, 8, 19] {
                    products_agree::<f64>(r, n, k);
                    products_agree::<f32>(r, n, k);
                }
            }
        }
    }

    /// Sums over some entries of a factor with `k` components, by the kernels.
    struct Entries<'a, T: Float> {
        x: &'a [T],
        rows: &'a [T],
        places: &'a [usize],
        weights: &'a [T],
    }

    impl<T: Float> pulp::WithSimd for Entries<'_, T> {
        type Output = (Vec<T>, Vec<T>);

        fn with_simd<S: pulp::Simd>(self, simd: S) -> Self::Output {
            let mut products = vec![T::ONE; self.places.len()];
            reconstruct(simd, self.x, self.rows, self.places, &mut products);
            let mut sums = vec![T::ONE; self.x.len()];
            add_rows(simd, &mut sums, self.rows, self.places, self.weights);
            (products, sums)
        }
    }

    fn entries_agree<T: Float>(count: usize, k: usize) {
        let (x, rows, weights) = (values::<T>(k), values::<T>(12 * k), values::<T>(count));
        let places: Vec<usize> = (0..count).map(|e| e * 7 % 12).collect();
        let (products, sums) = machine().dispatch(Entries {
            x: &x,
            rows: &rows,
            places: &places,
            weights: &weights,
        });
        let at = |e: usize, t: usize| rows[places[e] * k + t].to_f64();
        let product = |e: usize| (0..k).map(|t| x[t].to_f64() * at(e, t)).sum::<f64>();
        assert_close(&products, product, k);
        let sum = |t: usize| {
            let terms = (0..count).map(|e| weights[e].to_f64() * at(e, t));
            1.0 + terms.sum::<f64>()
        };
        assert_close(&sums, sum, count);
    }

    #[test]
    fn sums_over_entries_agree_with_loops() {
        for count in [0, 1, 3, 4, 11, 64] {
            for k in SIZES {
                entries_agree::<f64>(count, k);
                entries_agree::<f32>(count, k);
            }
        }
    }

    /// Sums of ratios over a padded line, by the kernel.
    struct Ratios<'a, T: Float> {
        v: &'a [T],
        x: &'a [T],
        turned: (&'a [T], usize),
    }

    impl<T: Float> pulp::WithSimd for Ratios<'_, T> {
        type Output = Vec<T>;

        fn with_simd<S: pulp::Simd>(self, simd: S) -> Vec<T> {
            let k = self.x.len();
            let mut sums = vec![T::ONE; k];
            let mut lanes = vec![T::ZERO; k * T::count::<S>()];
            let floor = T::from_f64(0.5);
            add_ratios(simd, self.v, self.x, self.turned, floor, &mut lanes);
            totals(simd, &lanes, &mut sums);
            sums
        }
    }

    fn ratios_agree<T: Float>(count: usize, k: usize) {
        let (x, rows) = (values::<T>(k), values::<T>(count * k));
        let mut v = values::<T>(count);
        v.resize(count.next_multiple_of(PADDING), T::ZERO);
        let stride = stride::<T>(count);
        let mut turned = vec![T::ZERO; stride * k];
        turn(&mut turned, stride, &rows, k, (0, k), count, |e| {
            count - 1 - e
        });
        let at = |e: usize, t: usize| rows[(count - 1 - e) * k + t].to_f64();
        let y = |e: usize| {
            (0..k)
                .map(|t| x[t].to_f64() * at(e, t))
                .sum::<f64>()
                .max(0.5)
        };
        let sum = |t: usize| {
            let terms = (0..count).map(|e| v[e].to_f64() / y(e) * at(e, t));
            terms.sum::<f64>()
        };
        for arch in [machine(), narrow_machine()] {
            let found = arch.dispatch(Ratios {
                v: &v,
                x: &x,
                turned: (&turned, stride),
            });
            assert_close(&found, sum, count + k);
        }
    }

    #[test]
    fn sums_of_ratios_agree_with_loops() {
        for count in [1, 15, 16, 40, 150, 512] {
            for k in SIZES {
                ratios_agree::<f64>(count, k);
                ratios_agree::<f32>(count, k);
            }
        }
    }

    #[test]
    fn the_largest_entry_is_found_wherever_it_is() {
        for count in [1, 7, 16, 33] {
            for at in 0..count {
                let mut numbers = values::<f64>(count);
                numbers[at] = -3.0;
                assert_eq!(largest(&numbers), 3.0);
            }
        }
        assert_eq!(largest::<f32>(&[]), 0.0);
    }

    #[test]
    fn sparse_rows_agree_with_dense_ones() {
        sparse_rows_agree::<f64>();
        sparse_rows_agree::<f32>();
    }

    fn sparse_rows_agree<T: Float>() {
        for k in SIZES {
            let other = values::<T>(12 * k);
            // The last row of `other` is read to its end, and one line is empty.
            let (offsets, indices) = ([0i64, 3, 3, 5], [11i32, 0, 5, 10, 11]);
            let stored = [0.5, 2.0, 0.0, 1.5, 0.25].map(T::from_f64);
            let sparse =
                Compressed::new("CSR matrix", 3, 12, &offsets[..], &indices[..], &stored).unwrap();
            let mut out = vec![T::ONE; 3 * k];
            gather_lines(&mut out, &sparse, 0, &other, k);
            let naive = |e: usize| {
                let (line, t) = (e / k, e % k);
                let entries = offsets[line] as usize..offsets[line + 1] as usize;
                let terms = entries
                    .map(|p| stored[p].to_f64() * other[indices[p] as usize * k + t].to_f64());
                terms.sum::<f64>()
            };
            assert_close(&out, naive, 3);
            let (a, b) = (&other[..k], &other[k..2 * k]);
            let naive: f64 = a.iter().zip(b).map(|(x, y)| x.to_f64() * y.to_f64()).sum();
            assert_close(&[dot(a, b)], |_| naive, k);
            assert!((inner(a, b) - naive).abs() <= 1e-12 * naive);
            let total: f64 = a.iter().map(|x| x.to_f64()).sum();
            assert!((sum(a) - total).abs() <= 1e-12 * total);
            for (t, found) in column_sums(&other, k).into_iter().enumerate() {
                let naive: f64 = (0..12).map(|i| other[i * k + t].to_f64()).sum();
                assert!((found - naive).abs() <= 1e-12 * naive);
            }
        }
    }
}
