//! Samples in memory.

use crate::AppError;

/// A sound: channels of equally many samples, nominally −1..1, all of them numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    name: String,
    rate: u32,
    channels: Vec<Vec<f32>>,
    damaged: u64,
}

impl Sound {
    /// A sound of `rate` samples a second; `name` stands for it in errors.
    ///
    /// # Errors
    ///
    /// [`AppError::NoSamples`] without a channel, a sample or a rate, [`AppError::UnequalChannels`], and
    /// [`AppError::SampleNotANumber`] with the place of the first sample that is NaN or infinite.
    pub fn new(
        name: impl Into<String>,
        rate: u32,
        channels: Vec<Vec<f32>>,
    ) -> Result<Self, AppError> {
        let name = name.into();
        let length = channels.first().map_or(0, Vec::len);
        if length == 0 || rate == 0 {
            return Err(AppError::NoSamples { name });
        }
        for (channel, samples) in channels.iter().enumerate() {
            if samples.len() != length {
                return Err(AppError::UnequalChannels {
                    name,
                    channel: channel + 1,
                    found: samples.len(),
                    expected: length,
                });
            }
            if let Some(place) = samples.iter().position(|sample| !sample.is_finite()) {
                return Err(AppError::SampleNotANumber {
                    name,
                    value: samples[place],
                    sample: place,
                    seconds: place as f64 / f64::from(rate),
                    channel: channel + 1,
                });
            }
        }
        Ok(Self {
            name,
            rate,
            channels,
            damaged: 0,
        })
    }

    /// The same sound with a count of pieces that could not be decoded and are silent.
    pub(super) fn with_damage(self, damaged: u64) -> Self {
        Self { damaged, ..self }
    }

    /// The file, or what else stands for the sound in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Samples a second, at least 1.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The channels, at least one, of equal length.
    pub fn channels(&self) -> &[Vec<f32>] {
        &self.channels
    }

    /// Samples of a channel, at least 1.
    pub fn length(&self) -> usize {
        self.channels[0].len()
    }

    /// Duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.length() as f64 / f64::from(self.rate)
    }

    /// Pieces of the file that could not be decoded and are silent here.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Whether no sample differs from zero.
    pub fn is_silent(&self) -> bool {
        self.channels
            .iter()
            .all(|samples| samples.iter().all(|sample| *sample == 0.0))
    }

    /// One channel alone, numbered from 1.
    ///
    /// # Errors
    ///
    /// [`AppError::NoSuchChannel`] if the sound has fewer.
    pub fn channel(mut self, number: usize) -> Result<Self, AppError> {
        if number == 0 || number > self.channels.len() {
            return Err(AppError::NoSuchChannel {
                name: self.name,
                channel: number,
                channels: self.channels.len(),
            });
        }
        if self.channels.len() > 1 {
            self.name = format!("{} (channel {number})", self.name);
        }
        self.channels = vec![self.channels.swap_remove(number - 1)];
        Ok(self)
    }

    /// The mean of the channels.
    pub fn mono(&self) -> Vec<f32> {
        let share = 1.0 / self.channels.len() as f32;
        let mut mean = vec![0.0; self.length()];
        for samples in &self.channels {
            for (sum, sample) in mean.iter_mut().zip(samples) {
                *sum += share * sample;
            }
        }
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_refused_with_its_place() {
        let refusal = |rate, channels| Sound::new("it", rate, channels).unwrap_err().to_string();
        assert!(refusal(8000, vec![]).contains("no samples"));
        assert!(refusal(0, vec![vec![0.0]]).contains("no samples"));
        let place = refusal(
            10,
            vec![vec![0.0; 20], {
                let mut samples = vec![0.0; 20];
                samples[5] = f32::NAN;
                samples
            }],
        );
        assert!(
            place.contains("NaN") && place.contains("0.5") && place.contains("channel 2"),
            "{place}"
        );
        assert!(refusal(10, vec![vec![0.0; 2], vec![0.0; 3]]).contains("3 samples"));
    }

    #[test]
    fn channels_are_numbered_from_one_and_averaged() {
        let sound = Sound::new("it", 4, vec![vec![1.0, 0.0], vec![0.0, 0.5]]).unwrap();
        assert_eq!(sound.mono(), [0.5, 0.25]);
        assert_eq!(sound.clone().channel(2).unwrap().channels(), [[0.0, 0.5]]);
        let refusal = sound.channel(3).unwrap_err().to_string();
        assert!(
            refusal.contains("channel 3") && refusal.contains('2'),
            "{refusal}"
        );
    }
}
