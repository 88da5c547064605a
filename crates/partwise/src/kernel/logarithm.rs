//! A logarithm without branches, so that loops over it run in vectors of any instruction set.
//!
//! x = 2^k (1 + f) with √½ ≤ 1 + f < √2, and log(1 + f) = f − f²/2 + s (f²/2 + R(s²)) with s = f / (2 + f), where R is
//! the minimax polynomial that C libraries have used since FreeBSD's msun, one for each precision. The error is below one
//! unit in the last place or so.

/// Numbers that have this logarithm.
pub trait Logarithm: Copy {
    /// y − v − v log(y/v) of two positive numbers whose quotient is a number of full precision or too large for one, zero
    /// or more; y if v is zero. Nothing cancels where y is near v, and nothing overflows where v is far below y.
    #[doc(hidden)]
    fn excess(y: Self, v: Self) -> Self;
}

macro_rules! logarithm {
    ($module:ident, $type:ty, $bits:ty, one: $one:literal, root_half: $root_half:literal, shifter: $shifter:literal,
     ln2: ($high:literal, $low:literal), series: $series:expr) => {
        mod $module {
            const MANTISSA_DIGITS: u32 = <$type>::MANTISSA_DIGITS - 1;
            const BIAS: $type = (<$type>::MAX_EXP - 1) as $type;
            const ONE: $bits = $one;
            /// The bits of √½, or a little less.
            const ROOT_HALF: $bits = $root_half;
            /// A small integer in the last bits of this is a number.
            const SHIFTER: $bits = $shifter;
            const LN2_HIGH: $type = $high;
            const LN2_LOW: $type = $low;
            /// Coefficients of s², s⁴, … in R.
            const SERIES: &[$type] = &$series;

            /// f and k of a positive, finite number of full precision; of any other number something.
            #[inline(always)]
            pub(super) fn reduce(x: $type) -> ($type, $type) {
                let bits = x.to_bits().wrapping_add(ONE - ROOT_HALF);
                let exponent = <$type>::from_bits(SHIFTER | (bits >> MANTISSA_DIGITS));
                let mantissa = bits & ((1 << MANTISSA_DIGITS) - 1);
                let f = <$type>::from_bits(mantissa + ROOT_HALF) - 1.0;
                (f, exponent - <$type>::from_bits(SHIFTER) - BIAS)
            }

            /// f − log(1 + f), to full relative precision, for √½ ≤ 1 + f ≤ √2.
            #[inline(always)]
            pub(super) fn lag(f: $type) -> $type {
                let s = f / (2.0 + f);
                let z = s * s;
                let series = SERIES.iter().rev().fold(0.0, |sum, c| sum * z + c);
                let half_square = 0.5 * f * f;
                half_square - s * (half_square + z * series)
            }

            /// log x from f, k and f − log(1 + f).
            #[inline(always)]
            pub(super) fn assemble(f: $type, k: $type, lag: $type) -> $type {
                k * LN2_HIGH - ((lag - k * LN2_LOW) - f)
            }

            impl super::Logarithm for $type {
                #[inline(always)]
                fn excess(y: Self, v: Self) -> Self {
                    let tiny = v < Self::MIN_POSITIVE;
                    let inverse = 1.0 / if tiny { Self::MIN_POSITIVE } else { v };
                    let r = (y - v) * inverse;
                    let quotient = y * inverse;
                    let large = quotient > Self::MAX;
                    let (f, k) = reduce(if large { Self::MAX } else { quotient });
                    let near = r > -0.25 && r < 0.4;
                    let (f, k) = if near { (r, 0.0) } else { (f, k) };
                    let lag = lag(f);
                    let log = assemble(f, k, lag);
                    let ratio = if near { lag } else { r - log };
                    let value = if y > 2.0 * v {
                        (y - v) - v * log
                    } else {
                        v * ratio
                    };
                    let value = if value > 0.0 { value } else { 0.0 };
                    if v > 0.0 { value } else { y }
                }
            }
        }
    };
}

logarithm!(
    single, f32, u32,
    one: 0x3f80_0000, root_half: 0x3f35_04f3, shifter: 0x4b00_0000,
    ln2: (6.931_381e-1, 9.058_001e-6),
    series: [0.666_666_6, 0.400_009_72, 0.284_987_87, 0.242_790_79]
);
logarithm!(
    double, f64, u64,
    one: 0x3ff0_0000_0000_0000, root_half: 0x3fe6_a09e_0000_0000, shifter: 0x4330_0000_0000_0000,
    ln2: (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10),
    series: [
        0.666_666_666_666_673_5,
        0.399_999_999_994_094_2,
        0.285_714_287_436_623_9,
        0.222_221_984_321_497_84,
        0.181_835_721_616_180_5,
        0.153_138_376_992_093_73,
        0.147_981_986_051_165_86,
    ]
);

#[cfg(test)]
mod tests {
    use super::Logarithm;

    /// Positive numbers of full precision of every exponent, with mantissas that do not repeat.
    fn numbers() -> impl Iterator<Item = f64> {
        let spread = (0..200_000u64).map(|i| {
            let bits = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
            f64::from_bits(bits % 0x7ff0_0000_0000_0000)
        });
        let near_one = (0..2000).map(|i| 1.0 + f64::from(i - 1000) * 1e-16 * 1.01f64.powi(i));
        let edges = [
            f64::MIN_POSITIVE,
            f64::MAX,
            1.0,
            2.0,
            std::f64::consts::SQRT_2,
            std::f64::consts::FRAC_1_SQRT_2,
        ];
        let all = spread.chain(near_one).chain(edges);
        all.filter(|x| *x >= f64::MIN_POSITIVE)
    }

    /// The same in single precision.
    fn single_numbers() -> impl Iterator<Item = f32> {
        let spread = (0..200_000u32).map(|i| {
            let bits = i.wrapping_mul(0x9e37_79b9) >> 1;
            f32::from_bits(bits % 0x7f80_0000)
        });
        let near_one = (0..2000).map(|i| 1.0 + (i - 1000) as f32 * 1e-7 * 1.007f32.powi(i));
        let all = spread.chain(near_one).chain([f32::MIN_POSITIVE, f32::MAX]);
        all.filter(|x| *x >= f32::MIN_POSITIVE)
    }

    #[test]
    fn the_logarithm_is_that_of_the_standard_library() {
        for x in numbers() {
            let (f, k) = super::double::reduce(x);
            let found = super::double::assemble(f, k, super::double::lag(f));
            let ulp = 3.0 * f64::EPSILON * x.ln().abs();
            assert!((found - x.ln()).abs() <= ulp, "{x:e}: {found}");
        }
        for x in single_numbers() {
            let (f, k) = super::single::reduce(x);
            let found = super::single::assemble(f, k, super::single::lag(f));
            let expected = f64::from(x).ln();
            let ulp = f64::from(f32::EPSILON) * expected.abs();
            assert!((f64::from(found) - expected).abs() <= ulp, "{x:e}: {found}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_fault() {
        for y in [
            f64::NAN,
            -f64::NAN,
            f64::from_bits(u64::MAX),
            f64::NEG_INFINITY,
        ] {
            assert_eq!(f64::excess(y, 1.0), 0.0);
            assert_eq!(f32::excess(y as f32, 1.0), 0.0);
        }
    }

    #[test]
    fn the_excess_is_that_of_the_formula_where_nothing_cancels() {
        for (y, v) in numbers().zip(numbers().skip(77)) {
            // Beyond these the formula itself, or the quotient, leaves the range of numbers.
            let legal = 1e-290..1e290;
            if !legal.contains(&y) || !legal.contains(&v) || !legal.contains(&(y / v)) {
                continue;
            }
            let log = y.ln() - v.ln();
            let expected = (y - v) - v * log;
            let slack = 6.0 * f64::EPSILON * (y + v * (1.0 + y.ln().abs() + v.ln().abs()));
            let found = f64::excess(y, v);
            assert!(
                (found - expected).abs() <= slack && found >= 0.0,
                "{y:e} {v:e}: {found:e} not {expected:e}"
            );
        }
    }

    #[test]
    fn single_precision_keeps_its_digits_everywhere() {
        let mut worst = 0.0f64;
        for v in single_numbers().step_by(7) {
            for step in -60..60 {
                let y = v * (step as f32 * 0.05).exp();
                if !(1e-30..1e30).contains(&v) || !(1e-30..1e30).contains(&y) {
                    continue;
                }
                let expected = f64::excess(f64::from(y), f64::from(v));
                let found = f64::from(f32::excess(y, v));
                assert!(found >= 0.0);
                if expected > 0.0 {
                    worst = worst.max((found / expected - 1.0).abs());
                }
            }
        }
        // A quarter below v what is left of r − log(1 + r) is a seventh of either.
        assert!(worst < 32.0 * f64::from(f32::EPSILON), "{worst:e}");
    }

    #[test]
    fn the_excess_keeps_its_digits_where_the_two_are_close() {
        // d²/2 − d³/3 + d⁴/4 for y = v (1 + d)
        for exponent in 10..50 {
            for sign in [-1.0, 1.0] {
                let d = sign * f64::from(-exponent).exp2();
                let expected = d * d * (0.5 - d * (1.0 / 3.0 - d * (0.25 - d * 0.2)));
                let off = f64::excess(3.0 * (1.0 + d), 3.0) / 3.0 / expected - 1.0;
                assert!(off.abs() < 1e-14 + 2.0 * d.abs().powi(4), "{d:e}: {off:e}");
            }
        }
    }

    #[test]
    fn the_excess_of_the_ends_of_the_range_is_a_number() {
        assert_eq!(f64::excess(0.25, 0.0), 0.25);
        assert_eq!(f64::excess(0.0, 0.0), 0.0);
        assert_eq!(f64::excess(7.0, 7.0), 0.0);
        assert_eq!(f64::excess(1.0, 5e-324), 1.0);
        assert!(f64::excess(1.5e-323, 1e-323) < 1e-322);
        let far = f64::excess(2f64.powi(-512), 1.0);
        assert!((far - (512.0 * std::f64::consts::LN_2 - 1.0)).abs() < 1e-12);
        assert_eq!(f32::excess(0.25, 0.0), 0.25);
        assert_eq!(f32::excess(1.0, 1e-45), 1.0);
        assert!(f32::excess(4e-45, 3e-45) < 1e-43);
        let far = f32::excess(2f32.powi(-103), 8.0);
        assert!((far / (8.0 * (106.0 * std::f32::consts::LN_2 - 1.0)) - 1.0).abs() < 1e-6);
    }
}
