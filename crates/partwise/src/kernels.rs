//! The kernels, and what the machine can do at most, for benchmarks alone: no part of the interface.
#![allow(missing_docs, reason = "for this workspace's benchmarks only")]

use pulp::{Simd, WithSimd};

pub use crate::kernel::Width;
use crate::kernel::{self, Packed};
use crate::threads::Threads;
use crate::update::Quadratic;
use crate::{Compressed, Dense, Float, Matrix, Solver};

/// Sums that do not wait for each other: enough to keep the multipliers of today's processors busy.
const CHAINS: usize = 12;

/// What `work` gives where this thread's vectors are no wider than that, as on a machine without wider ones. Other threads do not
/// follow.
pub fn no_wider<R>(width: Width, work: impl FnOnce() -> R) -> R {
    struct Before(Width);
    impl Drop for Before {
        fn drop(&mut self) {
            kernel::WIDTH.set(self.0);
        }
    }
    let _before = Before(kernel::WIDTH.replace(width));
    work()
}

/// Vectors of a fused multiply-add in each of the chains, `rounds` times; returns the operations done, two for each number.
pub fn multiply_add<T: Float>(rounds: usize, start: T) -> (usize, T) {
    struct Work<T>(usize, T);
    impl<T: Float> WithSimd for Work<T> {
        type Output = (usize, T);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> (usize, T) {
            let Self(rounds, start) = self;
            let (a, b) = (T::splat(simd, start), T::splat(simd, T::ONE - start));
            let mut sums = [T::splat(simd, start); CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = T::fma(simd, *sum, a, b);
                }
            }
            let total = sums
                .iter()
                .fold(T::ZERO, |total, &sum| total + T::total(simd, sum));
            (2 * rounds * CHAINS * T::count::<S>(), total)
        }
    }
    kernel::machine().dispatch(Work(rounds, start))
}

/// Reads every value once, adding them up.
pub fn read<T: Float>(values: &[T]) -> T {
    struct Work<'a, T>(&'a [T]);
    impl<T: Float> WithSimd for Work<'_, T> {
        type Output = T;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> T {
            let (vectors, _) = T::split::<S>(self.0);
            let mut sums = [T::splat(simd, T::ZERO); CHAINS];
            for vectors in vectors.chunks_exact(CHAINS) {
                for (sum, &vector) in sums.iter_mut().zip(vectors) {
                    *sum = T::plus(simd, *sum, vector);
                }
            }
            sums.iter()
                .fold(T::ZERO, |total, &sum| total + T::total(simd, sum))
        }
    }
    kernel::machine().dispatch(Work(values))
}

/// V · Hᵀ into its argument, for a dense V in rows and H as n × k rows.
pub fn times<'a, T: Float>(v: &Matrix<'a, T>, right: &Dense<T>) -> impl Fn(&mut [T]) + use<'a, T> {
    let packed = Packed::new(
        right.as_slice(),
        right.cols(),
        &Threads::new(Some(std::num::NonZeroUsize::MIN)),
    );
    let Matrix::Dense(view) = *v else {
        panic!("a dense matrix");
    };
    move |out| kernel::times_packed(out, view, &packed)
}

/// Adds Vᵀ · W to its argument, for a dense V in rows and W as m × k rows.
pub fn add_transposed_times<'a, T: Float>(
    v: &Matrix<'a, T>,
    left: &'a Dense<T>,
) -> impl Fn(&mut [T]) + use<'a, T> {
    let Matrix::Dense(view) = *v else {
        panic!("a dense matrix");
    };
    move |out| kernel::add_transposed_times(out, view, left.as_slice())
}

/// V · Hᵀ into its argument, for a sparse V by rows.
pub fn gather<'a, T: Float>(
    v: &'a Compressed<'a, T>,
    right: &'a Dense<T>,
) -> impl Fn(&mut [T]) + use<'a, T> {
    move |out| kernel::gather_lines(out, v, 0, right.as_slice(), right.cols())
}

/// One sweep of coordinate descent over rows of k numbers.
pub fn sweep<T: Float>(gram: &[T], rhs: &[T], rows: &mut [T], k: usize) -> f64 {
    let solver: Solver = "cd".parse().expect("it is in the table");
    let solve = solver.quadratic().expect("it is for the squared loss");
    let problem = Quadratic {
        gram,
        l1: T::ZERO,
        k,
        sweeps: 1,
    };
    solve(&problem, rhs, rows)
}
