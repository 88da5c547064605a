//! Bins drawn together into bands that are evenly spaced to the ear.
//!
//! Each bin shares its value between the two bands whose centres it lies between, so that nothing is lost; a template over
//! bands becomes one over bins by the same shares, each band spread evenly over its bins.

use std::{fmt, str::FromStr};

use super::Spectrogram;
use crate::AppError;

/// Lowest centre of a logarithmic axis in hertz: the lowest key of a piano.
const LOWEST_HERTZ: f64 = 27.5;

/// How frequencies are spaced along V's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    /// The bins of the transform.
    #[default]
    Linear,
    /// Evenly in mel (O'Shaughnessy 1987): 2595 log10(1 + f / 700).
    Mel,
    /// Evenly in the logarithm of the frequency, as keys of a piano, from 27.5 Hz up.
    Log,
}

impl Scale {
    /// Every scale, with its name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("linear", Self::Linear),
        ("mel", Self::Mel),
        ("log", Self::Log),
    ];

    /// Bands that a scale has unless another number is asked for, over `hertz`; 0 for the bins of the transform.
    pub fn usual_bands(self, hertz: f64) -> usize {
        match self {
            Self::Linear => 0,
            Self::Mel => 128,
            // Three to a semitone.
            Self::Log => (36.0 * (hertz / LOWEST_HERTZ).log2()).ceil().max(1.0) as usize,
        }
    }

    fn place(self, hertz: f64) -> f64 {
        match self {
            Self::Linear => hertz,
            Self::Mel => 2595.0 * (1.0 + hertz / 700.0).log10(),
            Self::Log => (hertz.max(LOWEST_HERTZ) / LOWEST_HERTZ).log2(),
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, scale)| scale == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for Scale {
    type Err = AppError;

    fn from_str(text: &str) -> Result<Self, AppError> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named
            .map(|(_, scale)| *scale)
            .ok_or_else(|| AppError::Parameter {
                name: "scale",
                value: text.to_owned(),
                expected: "linear, mel or log".to_owned(),
            })
    }
}

/// Bands over the bins of a transform; those that would hold no bin are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Bands {
    /// For each bin the lower of its bands, and the share of the one above.
    shares: Vec<(usize, f32)>,
    /// Sum of the shares in each band.
    widths: Vec<f32>,
}

impl Bands {
    /// At most `count` bands over `bins` bins from 0 Hz to half of `rate`.
    ///
    /// # Errors
    ///
    /// [`AppError::Parameter`] for fewer than 2 bands or more than there are bins, and for a scale that begins above half of `rate`.
    pub fn new(scale: Scale, count: usize, bins: usize, rate: u32) -> Result<Self, AppError> {
        if count < 2 || count > bins {
            return Err(AppError::Parameter {
                name: "bands",
                value: count.to_string(),
                expected: format!("2 to {bins}, the bins of a frame"),
            });
        }
        let highest = f64::from(rate) / 2.0;
        let hertz = |bin: usize| highest * bin as f64 / (bins - 1) as f64;
        let (low, high) = (scale.place(0.0), scale.place(highest));
        if high <= low {
            return Err(AppError::Parameter {
                name: "scale",
                value: scale.to_string(),
                expected: format!("linear or mel for a sound of {rate} samples a second"),
            });
        }
        let raw: Vec<(usize, f32)> = (0..bins)
            .map(|bin| {
                let place = (scale.place(hertz(bin)) - low) / (high - low) * (count - 1) as f64;
                let below = (place as usize).min(count - 2);
                (below, (place - below as f64).clamp(0.0, 1.0) as f32)
            })
            .collect();
        let mut widths = vec![0.0_f32; count];
        for &(below, above) in &raw {
            widths[below] += 1.0 - above;
            widths[below + 1] += above;
        }
        // A bin whose lower band is nearly empty counts fully to the upper one and the other way round: bands narrower than a
        // bin have nothing of their own.
        let mut number = vec![usize::MAX; count];
        let mut kept = 0;
        for (band, width) in widths.iter().enumerate() {
            if *width > 0.0 {
                number[band] = kept;
                kept += 1;
            }
        }
        let shares: Vec<(usize, f32)> = raw
            .into_iter()
            .map(|(below, above)| match above {
                0.0 => (number[below], 0.0),
                1.0 => (number[below + 1], 0.0),
                above => (number[below], above),
            })
            .collect();
        widths.retain(|width| *width > 0.0);
        Ok(Self { shares, widths })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.widths.len()
    }

    /// The spectrogram in bands: each the sum of its shares of bins.
    pub fn gathered(&self, v: &Spectrogram) -> Spectrogram {
        let count = self.count();
        let mut values = vec![0.0; v.frames * count];
        for (out, row) in values
            .chunks_exact_mut(count)
            .zip(v.values.chunks_exact(v.bins))
        {
            for (&(below, above), value) in self.shares.iter().zip(row) {
                out[below] += (1.0 - above) * value;
                if above > 0.0 {
                    out[below + 1] += above * value;
                }
            }
        }
        Spectrogram {
            frames: v.frames,
            bins: count,
            values,
        }
    }

    /// Templates over bands (rows × bands) as templates over bins (rows × bins).
    ///
    /// # Panics
    /// If they are no whole rows.
    pub fn spread(&self, templates: &[f32]) -> Vec<f32> {
        let count = self.count();
        assert!(
            templates.len().is_multiple_of(count),
            "templates in whole rows"
        );
        let mut values = Vec::with_capacity(templates.len() / count * self.shares.len());
        for row in templates.chunks_exact(count) {
            let density = |band: usize| row[band] / self.widths[band];
            values.extend(self.shares.iter().map(|&(below, above)| {
                let lower = (1.0 - above) * density(below);
                if above > 0.0 {
                    lower + above * density(below + 1)
                } else {
                    lower
                }
            }));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_keep_the_sum_and_spread_what_is_flat_evenly() {
        for scale in [Scale::Mel, Scale::Log] {
            for count in [2, 7, 40, 128] {
                let bands = Bands::new(scale, count, 257, 16_000).unwrap();
                assert!(bands.count() <= count && bands.count() >= 2);
                let v = Spectrogram {
                    frames: 1,
                    bins: 257,
                    values: (0..257).map(|bin| (bin % 5) as f32).collect(),
                };
                let gathered = bands.gathered(&v);
                let sums = (
                    v.values.iter().sum::<f32>(),
                    gathered.values.iter().sum::<f32>(),
                );
                assert!((sums.0 - sums.1).abs() < 1e-2, "{sums:?}");
                let spread = bands.spread(&bands.widths);
                assert!(spread.iter().all(|value| (value - 1.0).abs() < 1e-4));
            }
        }
    }

    #[test]
    fn a_mel_band_is_wider_the_higher_it_lies() {
        let bands = Bands::new(Scale::Mel, 40, 513, 44_100).unwrap();
        let widths = &bands.widths[1..bands.count() - 1];
        assert!(widths.last() > widths.first());
        assert!(Bands::new(Scale::Mel, 600, 513, 44_100).is_err());
        assert!(Bands::new(Scale::Mel, 1, 513, 44_100).is_err());
    }

    #[test]
    fn scales_have_names() {
        for (name, scale) in Scale::ALL {
            assert_eq!(name.parse::<Scale>().unwrap(), scale);
            assert_eq!(scale.to_string(), name);
        }
        assert!("bark".parse::<Scale>().is_err());
    }
}
