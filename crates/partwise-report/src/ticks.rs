//! What an axis spans, where its ticks are and how they are labelled.

use crate::{
    chart::Scale,
    number::{power_of_ten, signed},
};

/// Share of an axis left free beyond the data at either end.
const PADDING: f64 = 0.04;
/// Largest over smallest positive value from which an axis becomes logarithmic by itself: without
/// any zero, and with some, which a logarithmic axis can only hint at.
const LOG_RATIO: f64 = 100.0;
const LOG_RATIO_WITH_ZEROS: f64 = 1e4;
/// Smallest over largest value up to which a linear axis starts at zero.
const NEAR_ZERO: f64 = 0.2;
/// Relative differences below this are shown as one constant value.
const CONSTANT: f64 = 1e-9;
/// Numbers beyond this are drawn at the end of a linear axis: the axis's length must be finite.
const LARGEST: f64 = f64::MAX / 4.0;
/// Numbers beyond these are drawn at the ends of a logarithmic axis, which keeps clear of those of
/// f64.
const LOG_ENDS: (f64, f64) = (1e-280, 1e280);
/// An axis of smaller numbers than this is one of zeros: its ticks could not be told apart.
const SMALLEST: f64 = 1e-290;
/// Decades up to which the numbers 2 to 9 of each get a fine line.
const FINE_DECADES: i32 = 6;

/// The stretch of numbers that an axis shows: finite, low < high, positive if logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) logarithmic: bool,
    low: f64,
    high: f64,
    /// All values are whole numbers, so ticks are too.
    whole: bool,
}

/// The marks of an axis.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ticks {
    /// Places of the labelled ticks with their labels.
    pub(crate) labelled: Vec<(f64, String)>,
    /// Places of the fine lines in between.
    pub(crate) fine: Vec<f64>,
    /// What the labels are multiplied by, such as "×10⁵".
    pub(crate) factor: Option<String>,
}

impl Span {
    /// The span of the finite ones among `values`, with a little room at the ends.
    ///
    /// Without a positive value there is no logarithmic axis; the span is linear then.
    pub(crate) fn of(values: impl Iterator<Item = f64> + Clone, scale: Scale) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let extent = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |range: Option<(f64, f64)>, value| match range {
                Some((low, high)) => Some((low.min(value), high.max(value))),
                None => Some((value, value)),
            })
        };
        let all = extent(&mut finite.clone());
        let positive = extent(&mut finite.clone().filter(|&value| value > 0.0));
        let whole = finite.clone().all(|value| value.fract() == 0.0);
        match (scale, all, positive) {
            (Scale::Log, _, Some((low, high))) => Self::logarithmic(low, high),
            (Scale::Auto, Some((least, _)), Some((low, high)))
                if (least > 0.0 && high / low >= LOG_RATIO)
                    || (least == 0.0 && high / low >= LOG_RATIO_WITH_ZEROS) =>
            {
                Self::logarithmic(low, high)
            }
            (_, Some((low, high)), _) => Self::linear(low, high, whole),
            (_, None, _) => Self::linear(0.0, 1.0, false),
        }
    }

    /// The span from `low` to `high` and no further; logarithmic only if both are positive.
    pub(crate) fn exact(low: f64, high: f64, logarithmic: bool) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self {
            logarithmic: logarithmic && low > 0.0,
            low,
            high,
            whole: false,
        }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let inside = |value: f64| value.clamp(LOG_ENDS.0, LOG_ENDS.1).log10();
        let (low, high) = (inside(low), inside(high));
        let room = if high - low < CONSTANT {
            0.5
        } else {
            (high - low) * PADDING
        };
        Self {
            logarithmic: true,
            low: 10_f64.powf(low - room),
            high: 10_f64.powf(high + room),
            whole: false,
        }
    }

    fn linear(low: f64, high: f64, whole: bool) -> Self {
        let (low, high) = (low.clamp(-LARGEST, LARGEST), high.clamp(-LARGEST, LARGEST));
        let size = low.abs().max(high.abs());
        let (low_end, high_end) = if size < SMALLEST {
            (0.0, 1.0)
        } else if high - low > CONSTANT * size {
            let room = (high - low) * PADDING;
            (low - room, high + room)
        } else {
            let room = if whole { 1.0 } else { 0.0 };
            let room = (0.1 * size).max(room);
            (low - room, high + room)
        };
        Self {
            logarithmic: false,
            // An axis of non-negative numbers starts at zero if that is near, and never below.
            low: if low < 0.0 {
                low_end
            } else if low < NEAR_ZERO * high {
                0.0
            } else {
                low_end.max(0.0)
            },
            high: high_end,
            whole,
        }
    }

    /// Where `value` lies between the ends, 0..1 inside; `None` if the axis has no place for it.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        if self.logarithmic {
            let (low, high) = (self.low.log10(), self.high.log10());
            (value > 0.0 && value.is_finite()).then(|| (value.log10() - low) / (high - low))
        } else {
            let inside = value.clamp(self.low, self.high);
            value
                .is_finite()
                .then(|| (inside - self.low) / (self.high - self.low))
        }
    }

    /// A good distance of ticks along a vertical axis, in units. Decades may be denser, since the
    /// numbers between them are known.
    pub(crate) fn tick_distance(&self) -> f64 {
        if self.logarithmic { 34.0 } else { 55.0 }
    }

    /// About `wanted` ticks, as far as there are good places for them; a logarithmic axis has at
    /// least two.
    pub(crate) fn ticks(&self, wanted: usize) -> Ticks {
        let wanted = wanted.max(2);
        if self.logarithmic {
            self.logarithmic_ticks(wanted)
        } else {
            self.linear_ticks(wanted)
        }
    }

    fn linear_ticks(&self, wanted: usize) -> Ticks {
        let raw = (self.high - self.low) / wanted as f64;
        let exponent = raw.log10().floor() as i32;
        let power = 10_f64.powi(exponent);
        let (mut step, mut step_exponent) = [1.0, 2.0, 5.0]
            .into_iter()
            .map(|multiple| (multiple * power, exponent))
            .find(|(step, _)| *step >= raw)
            .unwrap_or((10.0 * power, exponent + 1));
        if self.whole && step < 1.0 {
            (step, step_exponent) = (1.0, 0);
        }
        let places_of = |step: f64| -> Vec<f64> {
            let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
            (0..=(last - first).max(0.0) as usize)
                .map(|index| (first + index as f64) * step)
                .collect()
        };
        let mut places = places_of(step);
        // One number alone says nothing of the scale: of steps at most five times as fine there is a second.
        for finer in [5.0, 2.0, 1.0, 0.5, 0.2] {
            let finer = finer * 10_f64.powi(step_exponent);
            if places.len() < 2 && finer < step && !self.whole {
                places = places_of(finer);
                step = finer;
            }
        }
        if step < 10_f64.powi(step_exponent) {
            step_exponent -= 1;
        }
        let largest = places
            .iter()
            .fold(0.0_f64, |most, tick| most.max(tick.abs()));
        let magnitude = if largest > 0.0 {
            largest.log10().floor() as i32
        } else {
            0
        };
        // Counts stay plain numbers longer.
        let plain = -3..if self.whole { 7 } else { 5 };
        let factor = if plain.contains(&magnitude) {
            0
        } else {
            magnitude
        };
        let digits = (factor - step_exponent).max(0) as usize;
        let label = |value: f64| {
            let scaled = value / 10_f64.powi(factor);
            let text = format!("{:.digits$}", scaled.abs());
            if text.bytes().all(|sign| matches!(sign, b'0' | b'.')) {
                "0".to_owned()
            } else {
                signed(scaled, text)
            }
        };
        Ticks {
            labelled: places.into_iter().map(|tick| (tick, label(tick))).collect(),
            fine: Vec::new(),
            factor: (factor != 0).then(|| format!("×{}", power_of_ten(factor))),
        }
    }

    fn logarithmic_ticks(&self, wanted: usize) -> Ticks {
        // Rounding must not lose a decade that is an end.
        let inside =
            |value: &f64| *value >= self.low * 0.999_999 && *value <= self.high * 1.000_001;
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let decades: Vec<i32> = (first..=last)
            .filter(|&exponent| inside(&10_f64.powi(exponent)))
            .collect();
        let multiples = |factors: std::ops::RangeInclusive<i32>| {
            (first..=last)
                .flat_map(move |e| factors.clone().map(move |f| (f, e)))
                .map(|(factor, exponent)| {
                    (factor, exponent, f64::from(factor) * 10_f64.powi(exponent))
                })
                .filter(|(_, _, value)| inside(value))
        };
        // Few decades: the numbers in between are labelled as well, as many as there is room for.
        if decades.len() * 3 <= wanted + 1 {
            let within = multiples(1..=9).count() <= wanted;
            let chosen: Vec<_> = multiples(1..=9)
                .filter(|(factor, _, _)| within || matches!(factor, 1 | 2 | 5))
                .collect();
            if chosen.len() < 2 {
                return self.linear_ticks(wanted);
            }
            return Ticks {
                labelled: chosen
                    .into_iter()
                    .map(|(factor, exponent, value)| (value, log_label(factor, exponent)))
                    .collect(),
                fine: multiples(2..=9).map(|(_, _, value)| value).collect(),
                factor: None,
            };
        }
        let step = decades.len().div_ceil(wanted) as i32;
        let plain = decades.iter().all(|exponent| (-3..5).contains(exponent));
        let (labelled, between): (Vec<i32>, Vec<i32>) = decades
            .iter()
            .partition(|&&exponent| exponent.rem_euclid(step) == 0);
        let fine = if step > 1 {
            between.into_iter().map(|e| 10_f64.powi(e)).collect()
        } else if last - first <= FINE_DECADES {
            multiples(2..=9).map(|(_, _, value)| value).collect()
        } else {
            Vec::new()
        };
        Ticks {
            labelled: labelled
                .into_iter()
                .map(|exponent| {
                    let label = if plain {
                        log_label(1, exponent)
                    } else {
                        power_of_ten(exponent)
                    };
                    (10_f64.powi(exponent), label)
                })
                .collect(),
            fine,
            factor: None,
        }
    }
}

/// factor·10^exponent, plain where that is short.
fn log_label(factor: i32, exponent: i32) -> String {
    match exponent {
        0..5 => format!("{}", i64::from(factor) * 10_i64.pow(exponent as u32)),
        -3..0 => format!(
            "{:.*}",
            -exponent as usize,
            f64::from(factor) * 10_f64.powi(exponent)
        ),
        _ if factor == 1 => power_of_ten(exponent),
        _ => format!("{factor}×{}", power_of_ten(exponent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], scale: Scale) -> (Vec<String>, Option<String>) {
        let ticks = Span::of(values.iter().copied(), scale).ticks(5);
        let labels = ticks.labelled.into_iter().map(|(_, label)| label).collect();
        (labels, ticks.factor)
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&[0.0, 1.0], Scale::Linear).0, ["0", "1"]);
        assert_eq!(
            labels(&[0.0, 0.1, 1.0], Scale::Linear).0,
            ["0", "0.5", "1.0"]
        );
        assert_eq!(labels(&[1.0, 3.0], Scale::Linear).0, ["1", "2", "3"]);
        assert_eq!(
            labels(&[-0.2, 0.2], Scale::Linear).0,
            ["−0.2", "−0.1", "0", "0.1", "0.2"]
        );
        let (large, factor) = labels(&[1.2e6, 3.4e6 + 0.5], Scale::Linear);
        assert_eq!(
            (large[0].as_str(), factor.as_deref()),
            ("1.5", Some("×10⁶"))
        );
    }

    #[test]
    fn no_axis_has_one_number_alone() {
        // With two ticks wanted, as in a low panel.
        for (low, high) in [
            (0.945, 0.982),
            (0.62, 0.98),
            (0.03, 0.63),
            (4.1, 6.3),
            (0.3, 0.45),
        ] {
            let ticks = Span::of([low, high].into_iter(), Scale::Linear).ticks(2);
            let labels: Vec<_> = ticks.labelled.iter().map(|(_, label)| label).collect();
            assert!((2..=6).contains(&labels.len()), "{low}..{high}: {labels:?}");
        }
    }

    #[test]
    fn wide_ranges_become_logarithmic_and_narrow_ones_stay() {
        assert_eq!(
            labels(&[1e-7, 1e-3], Scale::Auto).0,
            ["10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³"]
        );
        assert_eq!(
            labels(&[0.1, 100.0], Scale::Auto).0,
            ["0.1", "1", "10", "100"]
        );
        assert!(!Span::of([-1.0, 1e6].into_iter(), Scale::Auto).logarithmic);
        assert!(!Span::of([50.0, 100.0].into_iter(), Scale::Auto).logarithmic);
        assert_eq!(labels(&[50.0, 200.0], Scale::Log).0, ["50", "100", "200"]);
        assert!(!Span::of([0.0, -3.0].into_iter(), Scale::Log).logarithmic);
    }

    #[test]
    fn every_range_has_finite_places_and_at_least_one_tick() {
        let ends = [
            -f64::MAX,
            -1e300,
            -5.0,
            -1e-300,
            0.0,
            5e-324,
            1e-300,
            1e-9,
            0.3,
            1.0,
            1.000_001,
            123_456.789,
            1e15,
            1e300,
            f64::MAX,
        ];
        for scale in [Scale::Linear, Scale::Log, Scale::Auto] {
            for low in ends {
                for high in ends.into_iter().filter(|&high| high >= low) {
                    let span = Span::of([low, high, f64::NAN].into_iter(), scale);
                    assert!(span.low < span.high, "{span:?} of {low}..{high}");
                    for value in [low, high] {
                        if let Some(place) = span.place(value) {
                            assert!(place.is_finite(), "{value} in {span:?}");
                        } else {
                            assert!(span.logarithmic && value <= 0.0);
                        }
                    }
                    let ticks = span.ticks(5);
                    assert!(!ticks.labelled.is_empty(), "{low}..{high}, {scale:?}");
                    assert!(ticks.labelled.len() <= 12, "{low}..{high}: {ticks:?}");
                    for (tick, label) in ticks.labelled {
                        assert!(span.place(tick).is_some_and(f64::is_finite));
                        assert!(!label.is_empty() && label.chars().count() <= 20, "{label}");
                    }
                }
            }
        }
    }

    #[test]
    fn constants_lie_inside() {
        for value in [0.0, 1.0, -3.5, 1e-12, 7e200] {
            for scale in [Scale::Linear, Scale::Log] {
                let span = Span::of([value; 3].into_iter(), scale);
                let place = span.place(value).unwrap();
                assert!((0.0..=1.0).contains(&place), "{value}: {span:?}");
            }
        }
        assert_eq!(
            Span::of(std::iter::empty(), Scale::Auto)
                .ticks(5)
                .labelled
                .len(),
            3
        );
    }
}
