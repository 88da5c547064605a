//! A logarithm without branches, so that loops over it run in vectors of any instruction set.
//!
//! x = 2^k (1 + f) with √½ ≤ 1 + f < √2, and log(1 + f) = f − f²/2 + s (f²/2 + R(s²)) with s = f / (2 + f), where R is
//! the minimax polynomial that C libraries have used since FreeBSD's msun. The error is below one unit in the last place
//! or so.

const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Coefficients of s², s⁴, … in R.
const SERIES: [f64; 7] = [
    0.666_666_666_666_673_5,
    0.399_999_999_994_094_2,
    0.285_714_287_436_623_9,
    0.222_221_984_321_497_84,
    0.181_835_721_616_180_5,
    0.153_138_376_992_093_73,
    0.147_981_986_051_165_86,
];
/// The bits of √½, rounded to the upper half of its digits.
const ROOT_HALF: u64 = 0x3fe6_a09e_0000_0000;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
/// 2^52: a small integer in the last bits of it is a number.
const SHIFTER: u64 = 0x4330_0000_0000_0000;
/// What brings the smallest numbers into the range of full precision.
const LIFT: i32 = 54;

/// f and k of a positive, finite number.
#[inline(always)]
fn reduce(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let lifted = x * (1u64 << LIFT) as f64;
    let bits = (if tiny { lifted } else { x }).to_bits() + (ONE - ROOT_HALF);
    let exponent = f64::from_bits(SHIFTER | (bits >> 52)) - f64::from_bits(SHIFTER);
    let lift = if tiny { f64::from(LIFT) } else { 0.0 };
    let f = f64::from_bits((bits & MANTISSA) + ROOT_HALF) - 1.0;
    (f, exponent - 1023.0 - lift)
}

/// f − log(1 + f), to full relative precision, for √½ ≤ 1 + f ≤ √2.
#[inline(always)]
fn lag(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let series = SERIES.iter().rev().fold(0.0, |sum, c| sum * z + c);
    let half_square = 0.5 * f * f;
    half_square - s * (half_square + z * series)
}

/// log x from f, k and f − log(1 + f).
#[inline(always)]
fn assemble(f: f64, k: f64, lag: f64) -> f64 {
    k * LN2_HIGH - ((lag - k * LN2_LOW) - f)
}

/// y − v − v log(y/v) of two positive numbers, y/v no less than 2^−1000, zero or more; y if v is zero. Nothing cancels where y is near v, and nothing
/// overflows where v is far below y.
#[inline(always)]
pub(crate) fn excess_of(y: f64, v: f64) -> f64 {
    let r = (y - v) / v;
    let quotient = y / v;
    let quotient = if quotient < f64::MAX {
        quotient
    } else {
        f64::MAX
    };
    let (f, k) = reduce(quotient);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ln(x: f64) -> f64 {
        let (f, k) = reduce(x);
        assemble(f, k, lag(f))
    }

    /// Positive numbers of every exponent, with mantissas that do not repeat.
    fn numbers() -> impl Iterator<Item = f64> {
        let spread = (0..200_000u64).map(|i| {
            let bits = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
            f64::from_bits(bits % 0x7ff0_0000_0000_0000)
        });
        let near_one = (0..2000).map(|i| 1.0 + f64::from(i - 1000) * 1e-16 * 1.01f64.powi(i));
        let edges = [
            5e-324,
            f64::MIN_POSITIVE,
            f64::MIN_POSITIVE / 2.0,
            f64::MAX,
            1.0,
            2.0,
            std::f64::consts::SQRT_2,
            std::f64::consts::FRAC_1_SQRT_2,
        ];
        spread.chain(near_one).chain(edges).filter(|x| *x > 0.0)
    }

    #[test]
    fn the_logarithm_is_that_of_the_standard_library() {
        for x in numbers() {
            let (found, expected) = (ln(x), x.ln());
            let ulp = 3.0 * f64::EPSILON * expected.abs();
            assert!(
                (found - expected).abs() <= ulp,
                "{x:e}: {found} not {expected}"
            );
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
            let slack = 4.0 * f64::EPSILON * (y + v * (1.0 + y.ln().abs() + v.ln().abs()));
            let found = excess_of(y, v);
            assert!(
                (found - expected).abs() <= slack && found >= 0.0,
                "{y:e} {v:e}: {found:e} not {expected:e}"
            );
        }
    }

    #[test]
    fn the_excess_keeps_its_digits_where_the_two_are_close() {
        // d²/2 − d³/3 + d⁴/4 for y = v (1 + d)
        for exponent in 10..50 {
            for sign in [-1.0, 1.0] {
                let d = sign * f64::from(-exponent).exp2();
                let expected = d * d * (0.5 - d * (1.0 / 3.0 - d * (0.25 - d * 0.2)));
                let off = excess_of(3.0 * (1.0 + d), 3.0) / 3.0 / expected - 1.0;
                assert!(off.abs() < 1e-14 + 2.0 * d.abs().powi(4), "{d:e}: {off:e}");
            }
        }
    }

    #[test]
    fn the_excess_of_the_ends_of_the_range_is_a_number() {
        assert_eq!(excess_of(0.25, 0.0), 0.25);
        assert_eq!(excess_of(0.0, 0.0), 0.0);
        assert_eq!(excess_of(7.0, 7.0), 0.0);
        assert_eq!(excess_of(1.0, 5e-324), 1.0);
        let far = excess_of(2f64.powi(-512), 1.0);
        assert!((far - (512.0 * std::f64::consts::LN_2 - 1.0)).abs() < 1e-12);
    }
}
