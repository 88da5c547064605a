//! A picture with the precision of the file it came from.

use ::image::ExtendedColorType;

use super::{Channels, PictureMatrix};
use crate::AppError;

/// Bits a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bits: 0..=255.
    Eight,
    /// 16 bits: 0..=65535.
    Sixteen,
}

impl Depth {
    /// The largest sample.
    pub fn peak(self) -> f32 {
        match self {
            Depth::Eight => 255.0,
            Depth::Sixteen => 65535.0,
        }
    }

    /// Bits a sample: 8 or 16.
    pub fn bits(self) -> u32 {
        match self {
            Depth::Eight => 8,
            Depth::Sixteen => 16,
        }
    }
}

/// A picture in its own channels and depth.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// The samples, in 0..1.
    pub picture: PictureMatrix,
    /// What their file kept of each.
    pub depth: Depth,
}

impl Photo {
    /// Bytes of the samples without any compression.
    pub fn plain_bytes(&self) -> u64 {
        self.picture.values().len() as u64 * u64::from(self.depth.bits() / 8)
    }

    /// The picture as a PNG file's bytes, grey or RGB, in its depth.
    ///
    /// # Errors
    ///
    /// [`AppError::Encode`] if a side is longer than PNG can hold (2³¹ − 1 pixels).
    pub fn to_png(&self) -> Result<Vec<u8>, AppError> {
        if self.depth == Depth::Eight {
            return self.picture.to_png();
        }
        let colour_type = match self.picture.channels() {
            Channels::Grey => ExtendedColorType::L16,
            Channels::Colour => ExtendedColorType::Rgb16,
        };
        let sample = |value: f32| (value.clamp(0.0, 1.0) * self.depth.peak()).round() as u16;
        let samples = self.picture.interleaved().into_iter().map(sample);
        let bytes: Vec<u8> = samples.flat_map(u16::to_ne_bytes).collect();
        self.picture.png_of(&bytes, colour_type)
    }
}
