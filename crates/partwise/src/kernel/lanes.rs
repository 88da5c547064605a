//! Vectors of `f32` and `f64` behind one trait, so that a kernel is written once for both.

use pulp::Simd;

/// Numbers that are turned together.
pub(crate) const QUAD: usize = 4;

/// What is left of a slice after whole runs of numbers, with zeros behind it.
#[inline(always)]
pub(crate) fn padded<T: Copy + Default, const RUN: usize>(rest: &[T]) -> [T; RUN] {
    let mut run = [T::default(); RUN];
    run[..rest.len()].copy_from_slice(rest);
    run
}

/// A number that travels in SIMD vectors. Every method is one instruction, or few.
pub trait Lanes: Copy + 'static {
    /// A full vector on the instruction set `S`.
    type Vector<S: Simd>: Copy + 'static;
    /// Numbers in a vector.
    fn count<S: Simd>() -> usize {
        size_of::<Self::Vector<S>>() / size_of::<Self>()
    }
    /// The same number in every lane.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    /// The whole vectors in a slice, and the rest.
    fn split<S: Simd>(slice: &[Self]) -> (&[Self::Vector<S>], &[Self]);
    /// The whole vectors in a slice, and the rest.
    fn split_mut<S: Simd>(slice: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self]);
    /// A vector of less numbers than it holds, zeros behind them.
    fn part<S: Simd>(simd: S, slice: &[Self]) -> Self::Vector<S>;
    /// Writes the first numbers of a vector.
    fn store_part<S: Simd>(simd: S, slice: &mut [Self], vector: Self::Vector<S>);
    /// a + b.
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a − b.
    fn minus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a · b.
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a / b.
    fn over<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a · b + c, rounded once where the machine can.
    fn fma<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// |a|.
    fn absolute<S: Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// The larger number of each lane.
    fn larger<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The smaller number of each lane.
    fn lesser<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The lanes of `x` where a > b of the pair, those of `other` elsewhere (where either is NaN, too).
    fn where_greater<S: Simd>(
        simd: S,
        pair: (Self::Vector<S>, Self::Vector<S>),
        x: Self::Vector<S>,
        other: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Rows of [`QUAD`] numbers, one after another in four vectors, as a vector for each of the four places. Rows keep the
    /// same lane in every place, but not their order.
    fn turn<S: Simd>(simd: S, rows: [Self::Vector<S>; QUAD]) -> [Self::Vector<S>; QUAD];
    /// What [`Self::turn`] has turned, turned back.
    fn turn_back<S: Simd>(simd: S, places: [Self::Vector<S>; QUAD]) -> [Self::Vector<S>; QUAD];
    /// The sum of the lanes.
    fn total<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
}

macro_rules! lanes {
    ($type:ident, $vector:ident, $split:ident, $split_mut:ident, $splat:ident,
     $part:ident, $store_part:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $max:ident, $mul_add:ident, $abs:ident, $min:ident, $greater:ident, $select:ident, $turn:ident,
     $turn_back:ident, $sum:ident) => {
        impl Lanes for $type {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn split<S: Simd>(slice: &[Self]) -> (&[S::$vector], &[Self]) {
                S::$split(slice)
            }
            #[inline(always)]
            fn split_mut<S: Simd>(slice: &mut [Self]) -> (&mut [S::$vector], &mut [Self]) {
                S::$split_mut(slice)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn part<S: Simd>(simd: S, slice: &[Self]) -> S::$vector {
                simd.$part(slice)
            }
            #[inline(always)]
            fn store_part<S: Simd>(simd: S, slice: &mut [Self], vector: S::$vector) {
                simd.$store_part(slice, vector);
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
            fn minus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn fma<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn absolute<S: Simd>(simd: S, a: S::$vector) -> S::$vector {
                simd.$abs(a)
            }
            #[inline(always)]
            fn lesser<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$min(a, b)
            }
            #[inline(always)]
            fn where_greater<S: Simd>(
                simd: S,
                (a, b): (S::$vector, S::$vector),
                x: S::$vector,
                other: S::$vector,
            ) -> S::$vector {
                simd.$select(simd.$greater(a, b), x, other)
            }
            #[inline(always)]
            fn turn<S: Simd>(simd: S, rows: [S::$vector; QUAD]) -> [S::$vector; QUAD] {
                simd.$turn(rows)
            }
            #[inline(always)]
            fn turn_back<S: Simd>(simd: S, places: [S::$vector; QUAD]) -> [S::$vector; QUAD] {
                simd.$turn_back(places)
            }
            #[inline(always)]
            fn total<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$sum(a)
            }
        }
    };
}
lanes!(
    f32,
    f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    partial_load_f32s,
    partial_store_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    max_f32s,
    mul_add_e_f32s,
    abs_f32s,
    min_f32s,
    greater_than_f32s,
    select_f32s,
    deinterleave_shfl_f32s,
    interleave_shfl_f32s,
    reduce_sum_f32s
);
lanes!(
    f64,
    f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    partial_load_f64s,
    partial_store_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    max_f64s,
    mul_add_e_f64s,
    abs_f64s,
    min_f64s,
    greater_than_f64s,
    select_f64s,
    deinterleave_shfl_f64s,
    interleave_shfl_f64s,
    reduce_sum_f64s
);
