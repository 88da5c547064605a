//! The β-divergence entry by entry, and the two powers of the reconstruction that its gradients are made of.
//!
//! With y = (WH)ᵢⱼ, ∂D/∂W = (Y^(β−1) − V·Y^(β−2)) Hᵀ: [`Elementwise::ratio`] is v·y^(β−2) and
//! [`Elementwise::weight`] is y^(β−1).
//!
//! Powers are taken of v/c and y/c, where c is a power of two near the mean of V, so that neither very large nor
//! very small data leave the range of numbers; D of the scaled entries times c^β is D.

use super::Loss;
use crate::Float;
use crate::float::power_of_two_near;
use crate::kernel::{squared_distance, total};

/// Exponents as near as this to 0 and 1 take a form of the divergence that does not divide rounding by a small β (β − 1).
const NEAR_NAMED: f64 = 0.1;

/// Entries whose divergences are computed together.
const BATCH: usize = 64;
/// Lanes in which their values are added.
const LANES: usize = 8;

/// One loss at one scale of the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elementwise<T> {
    pub(crate) beta: f64,
    scale: f64,
    inverse: T,
    floor: T,
    near: [f64; NEAR_TERMS],
}

/// Terms of the series of D where y is near v: as many as double precision shows.
const NEAR_TERMS: usize = 14;
/// The series is taken while |t| · (1 + |β|) is below this.
const NEAR: f64 = 0.5;

/// Coefficients of t², t³, … in D / v^β = Σ (β^(n−1) − (β−1)^(n−1)) tⁿ / n! with t = log(y/v).
fn near_series(beta: f64) -> [f64; NEAR_TERMS] {
    let (mut upper, mut lower, mut factorial) = (1.0, 1.0, 1.0);
    std::array::from_fn(|i| {
        upper *= beta;
        lower *= beta - 1.0;
        factorial *= (i + 2) as f64;
        (upper - lower) / factorial
    })
}

impl<T: Float> Elementwise<T> {
    /// `mean` is the mean of V, or 0 if V is all zeros.
    pub(crate) fn new(loss: Loss, mean: f64) -> Self {
        let beta = loss.beta();
        // A quadratic loss takes no powers and needs no scale.
        let scale = if loss.is_quadratic() {
            1.0
        } else {
            power_of_two_near::<T>(mean)
        };
        // The smallest y whose power y^(β−2) leaves half of the range of exponents for the factors.
        let floor = (-0.5 * f64::from(T::MAX_EXPONENT) / (2.0 - beta).max(1.0)).exp2();
        Self {
            beta,
            scale,
            inverse: T::from_f64(1.0 / scale),
            floor: T::from_f64(floor),
            near: near_series(beta),
        }
    }

    /// The scale c.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }

    /// c^β: what a sum of scaled divergences is multiplied by.
    pub(crate) fn unit(&self) -> f64 {
        self.scale.powf(self.beta)
    }

    /// c^(β−1): what a scaled gradient is multiplied by, and a penalty divided by to stand beside it.
    pub(crate) fn gradient_unit(&self) -> f64 {
        self.scale.powf(self.beta - 1.0)
    }

    /// The scale c, 1/c, and the smallest y/c.
    pub(crate) fn units(&self) -> (T, T, T) {
        (T::from_f64(self.scale), self.inverse, self.floor)
    }

    /// A value in scaled units.
    #[inline(always)]
    pub(crate) fn in_units(&self, value: T) -> f64 {
        (value * self.inverse).to_f64()
    }

    #[inline(always)]
    fn scaled(&self, v: T, y: T) -> (T, T) {
        (v * self.inverse, (y * self.inverse).max(self.floor))
    }

    /// Replaces each y of a block by v·y^(β−2), scaled.
    #[inline(always)]
    pub(crate) fn ratio(&self, v: &[T], y: &mut [T]) {
        let pairs = v.iter().zip(y);
        if self.beta == 1.0 {
            for (&v, y) in pairs {
                let (v, scaled) = self.scaled(v, *y);
                *y = v / scaled;
            }
        } else if self.beta == 0.0 {
            for (&v, y) in pairs {
                let (v, scaled) = self.scaled(v, *y);
                *y = v / (scaled * scaled);
            }
        } else {
            let exponent = T::from_f64(self.beta - 2.0);
            for (&v, y) in pairs {
                let (v, scaled) = self.scaled(v, *y);
                *y = v * scaled.powf(exponent);
            }
        }
    }

    /// Replaces each y of a block by y^(β−1), scaled.
    #[inline(always)]
    pub(crate) fn weight(&self, y: &mut [T]) {
        if self.beta == 0.0 {
            for y in y {
                *y = T::ONE / (*y * self.inverse).max(self.floor);
            }
        } else {
            let exponent = T::from_f64(self.beta - 1.0);
            for y in y {
                *y = (*y * self.inverse).max(self.floor).powf(exponent);
            }
        }
    }

    /// The scaled divergence of one entry, zero or more.
    #[inline(always)]
    pub(crate) fn divergence(&self, v: T, y: T) -> f64 {
        if self.beta == 2.0 {
            let residual = v.to_f64() - y.to_f64();
            return 0.5 * residual * residual;
        }
        let beta = self.beta;
        if beta == 1.0 {
            return self.kullback_leibler(v, y).to_f64();
        }
        if v == T::ZERO && beta > 0.0 {
            // No power here needs a floor: of nothing, nothing is exact.
            return self.in_units(y).powf(beta) / beta;
        }
        let value = if beta > 1.0 && y * self.inverse < self.floor {
            // Without a negative power the divergence at zero is finite, and near zero its terms cancel only where v is
            // there, too: rounding alone is left then.
            let (v, y) = (self.in_units(v), self.in_units(y));
            let at_zero = v.powf(beta) / beta - v * y.powf(beta - 1.0);
            at_zero / (beta - 1.0) + y.powf(beta) / beta
        } else {
            let (v, y) = self.scaled(v, y);
            let (v, y) = (v.to_f64(), y.to_f64());
            match beta {
                0.0 => excess(v, y),
                _ => self.general(v, y),
            }
        };
        value.max(0.0)
    }

    /// v log(v/y) − v + y of one entry. No power needs a floor where v is zero: of nothing, nothing is exact.
    #[inline(always)]
    fn kullback_leibler(&self, v: T, y: T) -> T {
        // Read before any branch, so that loops over this run in vectors.
        let (inverse, floor) = (self.inverse, self.floor);
        let (v, y) = (v * inverse, y * inverse);
        let floored = if y < floor { floor } else { y };
        T::excess(if v > T::ZERO { floored } else { y }, v)
    }

    /// The sum of the scaled divergences of some entries.
    #[inline(always)]
    pub(crate) fn divergences(&self, v: &[T], y: &[T]) -> f64 {
        if self.beta == 2.0 {
            return 0.5 * squared_distance::<T, { 2 * LANES }>(v, y);
        }
        if self.beta != 1.0 {
            let pairs = v.iter().zip(y);
            return pairs.map(|(&v, &y)| self.divergence(v, y)).sum();
        }
        let mut values = [T::ZERO; BATCH];
        let mut sum = 0.0;
        for (v, y) in v.chunks(BATCH).zip(y.chunks(BATCH)) {
            let values = &mut values[..v.len()];
            for ((value, &v), &y) in values.iter_mut().zip(v).zip(y) {
                *value = self.kullback_leibler(v, y);
            }
            sum += total::<T, LANES>(values);
        }
        sum
    }

    /// The sum of some values in scaled units.
    #[inline(always)]
    pub(crate) fn sum_in_units(&self, values: &[T]) -> f64 {
        let mut scaled = [0.0; BATCH];
        let mut sum = 0.0;
        for values in values.chunks(BATCH) {
            let scaled = &mut scaled[..values.len()];
            for (scaled, &value) in scaled.iter_mut().zip(values) {
                *scaled = self.in_units(value);
            }
            sum += total::<f64, LANES>(scaled);
        }
        sum
    }
}

impl<T> Elementwise<T> {
    /// D for β other than 2, 1 and 0: by the formula, or by forms of it that keep their digits where its terms cancel.
    #[inline(always)]
    fn general(&self, v: f64, y: f64) -> f64 {
        let beta = self.beta;
        let t = ((y - v) / v).ln_1p();
        if t.abs() * (1.0 + beta.abs()) < NEAR {
            let series = self.near.iter().rev().fold(0.0, |sum, c| sum * t + c);
            return v.powf(beta) * t * t * series;
        }
        let (r, log) = ((v - y) / y, v.ln() - y.ln());
        if beta.abs() < NEAR_NAMED {
            y.powf(beta) * ((beta * log).exp_m1() / beta - r) / (beta - 1.0)
        } else if (beta - 1.0).abs() < NEAR_NAMED {
            let power = ((beta - 1.0) * log).exp_m1() / (beta - 1.0);
            y.powf(beta) * ((1.0 + r) * power - r) / beta
        } else {
            (v.powf(beta) + (beta - 1.0) * y.powf(beta) - beta * v * y.powf(beta - 1.0))
                / (beta * (beta - 1.0))
        }
    }
}

/// a/b − 1 − log(a/b), zero or more, accurate where a is near b and where it is far below.
#[inline(always)]
fn excess(a: f64, b: f64) -> f64 {
    let r = (a - b) / b;
    if r > -0.5 {
        r - r.ln_1p()
    } else {
        r - (a.ln() - b.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook formulas, without scale or floor.
    fn naive(beta: f64, v: f64, y: f64) -> f64 {
        if beta == 2.0 {
            0.5 * (v - y).powi(2)
        } else if beta == 1.0 {
            (if v > 0.0 { v * (v / y).ln() } else { 0.0 }) - v + y
        } else if beta == 0.0 {
            v / y - (v / y).ln() - 1.0
        } else {
            (v.powf(beta) + (beta - 1.0) * y.powf(beta) - beta * v * y.powf(beta - 1.0))
                / (beta * (beta - 1.0))
        }
    }

    #[test]
    fn follows_the_textbook_formula_at_any_scale() {
        for beta in [-1.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0] {
            for mean in [1e-3, 1.0, 700.0] {
                let loss = Elementwise::<f64>::new(Loss::beta_divergence(beta).unwrap(), mean);
                for (v, y) in [(1.0, 2.0), (3.5, 0.2), (0.7, 0.7), (1e-4, 1e-3)] {
                    let expected = naive(beta, v, y);
                    let found = loss.divergence(v, y) * loss.unit();
                    assert!(
                        (found - expected).abs() <= 1e-12 * (1.0 + expected.abs()),
                        "beta {beta}, mean {mean}, v {v}, y {y}: {found} against {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn exponents_near_the_named_ones_give_nearly_their_values() {
        for near in [0.0, 1.0] {
            let exact = Elementwise::<f64>::new(Loss::beta_divergence(near).unwrap(), 1.0);
            for (v, y) in [(1.0, 2.0), (3.5, 0.2), (0.7, 0.7001), (1e-4, 1e-3)] {
                for distance in [1e-3, 1e-9, 1e-15, 1e-300, -1e-9] {
                    let beta = Loss::beta_divergence(near + distance).unwrap();
                    let found = Elementwise::<f64>::new(beta, 1.0).divergence(v, y);
                    let expected = exact.divergence(v, y);
                    assert!(
                        (found - expected).abs() <= (40.0 * distance.abs() + 1e-8) * expected,
                        "{near} + {distance:e}, v {v}, y {y}: {found:e} against {expected:e}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_value_far_below_its_reconstruction_counts() {
        let loss = Elementwise::<f64>::new(Loss::KULLBACK_LEIBLER, 1.0);
        assert!((loss.divergence(1e-310, 0.25) - 0.25).abs() < 1e-15);
    }

    #[test]
    fn keeps_its_digits_where_v_and_y_are_close() {
        // D(1 | 1 + δ) = δ²/2 + (β−2) δ³/3 + O(δ⁴)
        for beta in [-9.5, -1.0, 0.5, 1.5, 3.0, 10.0] {
            let loss = Elementwise::<f64>::new(Loss::beta_divergence(beta).unwrap(), 1.0);
            for exponent in [-20, -30, -40] {
                let delta = f64::from(exponent).exp2();
                let expected = delta * delta * (0.5 + (beta - 2.0) / 3.0 * delta);
                let found = loss.divergence(1.0, 1.0 + delta);
                let off = (found / expected - 1.0).abs();
                assert!(
                    off < 200.0 * delta * delta + 1e-14,
                    "{beta}, {delta:e}: off by {off:e}"
                );
            }
        }
    }

    #[test]
    fn is_never_below_zero() {
        fn check<T: Float>(beta: f64) {
            let loss = Elementwise::<T>::new(Loss::beta_divergence(beta).unwrap(), 1.0);
            // Around the floor, and where v is there as well.
            for place in 0..60 {
                let v = loss.floor * T::from_f64(f64::from(place - 30).exp2() * 1.37);
                for factor in [0.0, 0.5, 0.9, 1.0 - 1e-6, 1.0, 1.0 + 1e-6, 1.3, 2.0] {
                    let y = v * T::from_f64(factor);
                    assert!(loss.divergence(v, y) >= 0.0, "{beta}: {v} by {y}");
                }
            }
        }
        for beta in [
            -2.0, -0.5, 0.0, 0.5, 1.0, 1.000_001, 1.2, 1.5, 1.75, 2.5, 3.0, 3.3, 10.0,
        ] {
            check::<f32>(beta);
            check::<f64>(beta);
        }
    }

    #[test]
    fn the_two_powers_make_the_gradient() {
        for beta in [-1.0, 0.0, 0.5, 1.0, 1.7, 3.0] {
            let loss = Elementwise::<f64>::new(Loss::beta_divergence(beta).unwrap(), 0.4);
            let (v, y, step) = (0.8, 0.3, 1e-6);
            let slope = (naive(beta, v, y + step) - naive(beta, v, y - step)) / (2.0 * step);
            let (mut ratio, mut weight) = ([y], [y]);
            loss.ratio(&[v], &mut ratio);
            loss.weight(&mut weight);
            let found = (weight[0] - ratio[0]) * loss.gradient_unit();
            assert!(
                (found - slope).abs() < 1e-6 * slope.abs(),
                "{beta}: {found} {slope}"
            );
        }
    }

    #[test]
    fn no_power_leaves_the_range() {
        for beta in [-3.0, -1.0, 0.0, 0.5, 1.0, 1.5, 3.0] {
            let loss = Elementwise::<f32>::new(Loss::beta_divergence(beta).unwrap(), 1.0);
            let (mut ratio, mut weight) = ([0f32], [0f32]);
            loss.ratio(&[100.0], &mut ratio);
            loss.weight(&mut weight);
            assert!(ratio[0].is_finite() && weight[0].is_finite(), "beta {beta}");
            assert!(loss.divergence(100.0, 0.0).is_finite(), "beta {beta}");
        }
    }
}
