//! V: how strong every frequency is around every moment.

use rayon::prelude::*;
use realfft::num_complex::Complex;

use super::{Sound, Transform};
use crate::AppError;

/// The smallest entry of a spectrogram for losses that need positive ones, relative to the largest: 100 dB below for
/// magnitudes, under the noise of 16 bits.
pub const FLOOR: f32 = 1e-5;

/// Frames that one task transforms.
const FRAMES_A_TASK: usize = 64;

/// A spectrogram, frames × bins (or bands), row after row; nothing below zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// Rows.
    pub frames: usize,
    /// Columns: bins from 0 Hz to half the rate, or bands.
    pub bins: usize,
    /// The values, row after row.
    pub values: Vec<f32>,
}

impl Spectrogram {
    /// |X|^exponent, the mean over the channels. The exponent is 1 for magnitudes, 2 for power.
    ///
    /// # Errors
    ///
    /// [`AppError::TooShort`] for a sound shorter than a frame, [`AppError::Silent`] for one without any sample other than 0.
    pub fn new(sound: &Sound, transform: &Transform, exponent: f32) -> Result<Self, AppError> {
        let framing = transform.framing();
        if sound.length() < framing.frame {
            return Err(AppError::TooShort {
                name: sound.name().to_owned(),
                samples: sound.length(),
                seconds: sound.seconds(),
                frame: framing.frame,
            });
        }
        if sound.is_silent() {
            return Err(AppError::Silent {
                name: sound.name().to_owned(),
            });
        }
        let (frames, bins) = (transform.frames(sound.length()), transform.bins());
        let share = 1.0 / sound.channels().len() as f32;
        let mut values = vec![0.0_f32; frames * bins];
        values
            .par_chunks_mut(FRAMES_A_TASK * bins)
            .enumerate()
            .for_each(|(task, rows)| {
                let mut workspace = transform.workspace();
                let mut spectrum = vec![Complex::default(); bins];
                for (row, out) in rows.chunks_exact_mut(bins).enumerate() {
                    for channel in sound.channels() {
                        let index = task * FRAMES_A_TASK + row;
                        transform.analyse(channel, index, &mut spectrum, &mut workspace);
                        for (sum, x) in out.iter_mut().zip(&spectrum) {
                            *sum += share * raised(x.norm_sqr(), exponent);
                        }
                    }
                }
            });
        Ok(Self {
            frames,
            bins,
            values,
        })
    }

    /// The largest value, 0 if there is none above.
    pub fn maximum(&self) -> f32 {
        self.values.iter().fold(0.0, |most, value| most.max(*value))
    }

    /// Lifts every entry to at least `floor` times the largest.
    pub fn lift(&mut self, floor: f32) {
        let least = floor * self.maximum();
        for value in &mut self.values {
            *value = value.max(least);
        }
    }

    /// Each entry times that of a mask of the same shape.
    ///
    /// # Panics
    /// If the mask has another length.
    pub fn mask(&mut self, mask: &[f32]) {
        assert_eq!(mask.len(), self.values.len(), "a mask of the same shape");
        for (value, weight) in self.values.iter_mut().zip(mask) {
            *value *= weight;
        }
    }
}

/// |X|^exponent from |X|².
fn raised(square: f32, exponent: f32) -> f32 {
    if exponent == 1.0 {
        square.sqrt()
    } else if exponent == 2.0 {
        square
    } else {
        square.powf(0.5 * exponent)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::super::Framing;
    use super::*;

    #[test]
    fn a_sine_is_a_line_in_both_channels_mean() {
        let tone = |level: f32| -> Vec<f32> {
            (0..4000)
                .map(|i| level * (TAU * 1000.0 * i as f32 / 8000.0).sin())
                .collect()
        };
        let sound = Sound::new("tone", 8000, vec![tone(1.0), tone(0.0)]).unwrap();
        let transform = Transform::new(Framing::usual(8000)).unwrap();
        let v = Spectrogram::new(&sound, &transform, 1.0).unwrap();
        assert_eq!((v.frames, v.bins), (transform.frames(4000), 257));
        let row = &v.values[10 * v.bins..11 * v.bins];
        let peak = (0..v.bins).max_by(|a, b| row[*a].total_cmp(&row[*b]));
        assert_eq!(peak, Some(64));
        // A Hann window sums to half a frame, a sine has half its level at each of ± its frequency.
        assert!((row[64] - 0.5 * 512.0 / 4.0).abs() < 0.1, "{}", row[64]);
        let power = Spectrogram::new(&sound, &transform, 2.0).unwrap();
        let expected = 0.5 * (512.0_f32 / 4.0).powi(2);
        assert!((power.values[10 * v.bins + 64] - expected).abs() < 1.0);
    }

    #[test]
    fn floors_are_relative_to_the_largest_value() {
        let mut v = Spectrogram {
            frames: 1,
            bins: 3,
            values: vec![0.0, 2.0, 1e-9],
        };
        v.lift(FLOOR);
        assert_eq!(v.values, [2e-5, 2.0, 2e-5]);
    }

    #[test]
    fn silence_and_clips_shorter_than_a_frame_are_refused() {
        let transform = Transform::new(Framing::usual(8000)).unwrap();
        let refusal = |samples| {
            let sound = Sound::new("it", 8000, vec![samples]).unwrap();
            Spectrogram::new(&sound, &transform, 1.0)
                .unwrap_err()
                .to_string()
        };
        assert!(refusal(vec![0.0; 5000]).contains("silent"));
        let short = refusal(vec![0.5; 100]);
        assert!(
            short.contains("100 samples") && short.contains("512"),
            "{short}"
        );
    }
}
