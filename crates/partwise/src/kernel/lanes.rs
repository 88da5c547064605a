//! Vectors of either number type, as wide as the machine has them.
#![allow(
    unreachable_pub,
    reason = "a bound of the public number trait, never named outside"
)]

use pulp::Simd;

/// A number type that comes in vectors of an instruction set `S`.
pub trait Lanes: Copy {
    /// Some numbers next to each other.
    type Vector<S: Simd>: Copy;

    /// The whole vectors at the front of a slice, and the rest.
    fn vectors<S: Simd>(values: &[Self]) -> (&[Self::Vector<S>], &[Self])
    where
        Self: Sized;
    /// The whole vectors at the front of a slice, and the rest, to change.
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self])
    where
        Self: Sized;
    /// A vector of less numbers than it holds, zeros behind them.
    fn part<S: Simd>(simd: S, values: &[Self]) -> Self::Vector<S>
    where
        Self: Sized;
    /// Writes the first numbers of a vector.
    fn store_part<S: Simd>(simd: S, values: &mut [Self], vector: Self::Vector<S>)
    where
        Self: Sized;
    /// The same number everywhere.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// a + b.
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a · b.
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a / b.
    fn over<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The larger of a and b.
    fn larger<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a · b + c.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// The sum of all numbers of a vector.
    fn total<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
}

macro_rules! lanes {
    ($type:ident, $vector:ident, $split:ident, $split_mut:ident, $part:ident, $store_part:ident, $splat:ident,
     $add:ident, $mul:ident, $div:ident, $max:ident, $mul_add:ident, $total:ident) => {
        impl Lanes for $type {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn vectors<S: Simd>(values: &[Self]) -> (&[S::$vector], &[Self]) {
                S::$split(values)
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(values: &mut [Self]) -> (&mut [S::$vector], &mut [Self]) {
                S::$split_mut(values)
            }
            #[inline(always)]
            fn part<S: Simd>(simd: S, values: &[Self]) -> S::$vector {
                simd.$part(values)
            }
            #[inline(always)]
            fn store_part<S: Simd>(simd: S, values: &mut [Self], vector: S::$vector) {
                simd.$store_part(values, vector);
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn over<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$div(a, b)
            }
            #[inline(always)]
            fn larger<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$max(a, b)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn total<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$total(a)
            }
        }
    };
}
lanes!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s,
    splat_f32s,
    add_f32s,
    mul_f32s,
    div_f32s,
    max_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s
);
lanes!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s,
    splat_f64s,
    add_f64s,
    mul_f64s,
    div_f64s,
    max_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s
);

/// Work that is written for any instruction set.
pub(crate) trait Vectorised {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Runs `work` with the widest instruction set of this machine.
#[inline(always)]
pub(crate) fn on_lanes<W: Vectorised>(work: W) -> W::Output {
    struct Adapter<W>(W);
    impl<W: Vectorised> pulp::WithSimd for Adapter<W> {
        type Output = W::Output;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> W::Output {
            self.0.run(simd)
        }
    }
    pulp::Arch::new().dispatch(Adapter(work))
}
