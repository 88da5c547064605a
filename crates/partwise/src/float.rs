//! The two number types of the engine, `f32` and `f64`, behind one sealed trait.

use std::fmt::{Debug, Display, LowerExp};

use crate::doors::Doors;
use crate::init::{StartFn, StartRule};
use crate::kernel::{Lanes, Logarithm};
use crate::shard::Wire;
use crate::update::{LinesFn, LinesRule, QuadraticFn, QuadraticRule};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real number type that matrices hold: exactly `f32` and `f64`.
pub trait Float:
    sealed::Sealed
    + Doors
    + faer::traits::RealField
    + Lanes
    + Logarithm
    + Wire
    + Copy
    + Default
    + Debug
    + Display
    + LowerExp
    + Send
    + Sync
    + 'static
{
    /// Single precision: half as wide as `f64`, and no wider than `f32`, which is that.
    type Single: Float;
    /// Its name as NumPy writes it: `float32` or `float64`.
    const NAME: &'static str;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The smallest positive number of full precision; what is smaller is flushed to zero in the factors.
    const MIN_POSITIVE: Self;
    /// The largest entry of a factor: 2^16 squares of it are still finite.
    const LARGEST: Self;
    /// The largest exponent of two.
    const MAX_EXPONENT: i32;
    /// Below this squared relative error the expansion ‖V‖² − 2⟨S, H⟩ + ⟨G, HHᵀ⟩ has lost too many digits to
    /// cancellation, and the residual is computed entry by entry. At the threshold about ten digits of an `f64` are
    /// left, and half of those of an `f32`.
    const CANCELLATION: f64;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as `f64`.
    fn to_f64(self) -> f64;
    /// Square root.
    fn sqrt(self) -> Self;
    /// `self` to the power `exponent`.
    fn powf(self, exponent: Self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// The larger of two numbers.
    fn max(self, other: Self) -> Self;
    /// The version of a solver for this type.
    #[doc(hidden)]
    fn of(rule: &QuadraticRule) -> QuadraticFn<Self>;
    /// The version of a solver that sees the data for this type.
    #[doc(hidden)]
    fn lines(rule: &LinesRule) -> LinesFn<Self>;
    /// The version of a start for this type.
    #[doc(hidden)]
    fn start(rule: &StartRule) -> StartFn<Self>;
}

/// A power of two near `size`, such that it and its inverse are numbers of full precision; 1 if `size` is 0.
pub(crate) fn power_of_two_near<T: Float>(size: f64) -> f64 {
    if size <= 0.0 {
        return 1.0;
    }
    let limit = f64::from(T::MAX_EXPONENT - 2);
    size.log2().round().clamp(-limit, limit).exp2()
}

macro_rules! float {
    ($type:ident, $name:literal, $largest:literal, $cancellation:literal) => {
        impl Float for $type {
            type Single = f32;
            const NAME: &'static str = $name;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = $type::EPSILON;
            const MIN_POSITIVE: Self = $type::MIN_POSITIVE;
            const LARGEST: Self = $largest;
            const MAX_EXPONENT: i32 = $type::MAX_EXP;
            const CANCELLATION: f64 = $cancellation;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn powf(self, exponent: Self) -> Self {
                $type::powf(self, exponent)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $type::is_finite(self)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if other > self { other } else { self }
            }
            fn of(rule: &QuadraticRule) -> QuadraticFn<Self> {
                rule.$type
            }
            fn lines(rule: &LinesRule) -> LinesFn<Self> {
                rule.$type
            }
            fn start(rule: &StartRule) -> StartFn<Self> {
                rule.$type
            }
        }
    };
}

float!(f32, "float32", 7e16, 1e-3);
float!(f64, "float64", 5e151, 1e-5);
