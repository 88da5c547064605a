//! Writing a WAV file a piece at a time.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use crate::AppError;

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SampleFormat {
    /// Whole numbers of 16 bits: samples outside −1..1 are clipped.
    Pcm16,
    /// Whole numbers of 24 bits: samples outside −1..1 are clipped.
    Pcm24,
    /// Floating point of 32 bits: nothing is rounded or clipped.
    #[default]
    Float32,
}

impl SampleFormat {
    /// Bytes a sample.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Float32 => 4,
        }
    }
}

/// A WAV file in the making.
pub struct WaveFile {
    path: PathBuf,
    writer: hound::WavWriter<BufWriter<File>>,
    format: SampleFormat,
    /// Bytes of samples until now.
    bytes: u64,
}

impl std::fmt::Debug for WaveFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaveFile")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl WaveFile {
    /// Bytes of samples in a file at the most: its sizes are of 32 bits, and count the headers.
    pub const MOST_BYTES: u64 = u32::MAX as u64 - 1024;

    /// Begins a file of `channels` channels and `rate` samples a second.
    ///
    /// # Errors
    ///
    /// [`AppError::WriteSound`] if the system refuses, or for more than 65,535 channels.
    pub fn create(
        path: &Path,
        channels: usize,
        rate: u32,
        format: SampleFormat,
    ) -> Result<Self, AppError> {
        let (bits_per_sample, sample_format) = match format {
            SampleFormat::Pcm16 => (16, hound::SampleFormat::Int),
            SampleFormat::Pcm24 => (24, hound::SampleFormat::Int),
            SampleFormat::Float32 => (32, hound::SampleFormat::Float),
        };
        let counted = u16::try_from(channels);
        let spec = hound::WavSpec {
            channels: counted
                .map_err(|_| too_large(path, "more channels than a WAV file holds"))?,
            sample_rate: rate,
            bits_per_sample,
            sample_format,
        };
        let writer = hound::WavWriter::create(path, spec).map_err(|error| refused(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            format,
            bytes: 0,
        })
    }

    /// Adds samples: as many of each channel.
    ///
    /// # Errors
    ///
    /// [`AppError::WriteSound`] if the system refuses, as on a full disk, or for more than [`MOST_BYTES`](Self::MOST_BYTES) in all.
    pub fn append(&mut self, channels: &[Vec<f32>]) -> Result<(), AppError> {
        let length = channels.first().map_or(0, Vec::len);
        let bytes = self.format.bytes().saturating_mul(length as u64);
        let after = bytes
            .saturating_mul(channels.len() as u64)
            .saturating_add(self.bytes);
        if after > Self::MOST_BYTES {
            return Err(too_large(&self.path, "more samples than a WAV file holds"));
        }
        self.bytes = after;
        let scale = match self.format {
            SampleFormat::Pcm16 => f32::from(i16::MAX),
            _ => 8_388_607.0,
        };
        for place in 0..length {
            for samples in channels {
                let sample = samples[place];
                let written = match self.format {
                    SampleFormat::Float32 => self.writer.write_sample(sample),
                    _ => self
                        .writer
                        .write_sample((sample.clamp(-1.0, 1.0) * scale).round() as i32),
                };
                written.map_err(|error| refused(&self.path, error))?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// As [`Self::append`].
    pub fn finish(self) -> Result<(), AppError> {
        let path = self.path;
        self.writer
            .finalize()
            .map_err(|error| refused(&path, error))
    }
}

fn too_large(path: &Path, what: &str) -> AppError {
    refused(
        path,
        std::io::Error::new(std::io::ErrorKind::InvalidInput, what).into(),
    )
}

fn refused(path: &Path, error: hound::Error) -> AppError {
    let source = match error {
        hound::Error::IoError(source) => source,
        other => std::io::Error::other(other),
    };
    AppError::WriteSound {
        path: path.to_owned(),
        source,
    }
}
