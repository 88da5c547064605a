//! A picture laid out as a matrix, and back to pixels.

use std::io::Cursor;

use ::image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use crate::AppError;

/// What one pixel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// One sample: luma.
    Grey,
    /// Three samples: red, green, blue.
    Colour,
}

impl Channels {
    /// Samples a pixel: 1 or 3.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Colour => 3,
        }
    }
}

/// A picture as a row-major matrix of height × (channels · width).
///
/// Samples that come from [`load`](super::load) lie in 0..1. A reconstruction may leave that range;
/// it is clipped when pixels are made of it, and only then.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureMatrix {
    height: usize,
    width: usize,
    channels: Channels,
    values: Vec<f32>,
}

impl PictureMatrix {
    /// Takes `values`, row-major, height × (channels · `width`), as a picture.
    ///
    /// # Errors
    ///
    /// [`AppError::Shape`] if the number of values is not that of the shape or is zero.
    pub fn new(
        height: usize,
        width: usize,
        channels: Channels,
        values: Vec<f32>,
    ) -> Result<Self, AppError> {
        let columns = width.saturating_mul(channels.count());
        if values.is_empty() || values.len() != height.saturating_mul(columns) {
            return Err(AppError::Shape {
                what: "the picture",
                found: values.len(),
                rows: height,
                columns,
            });
        }
        Ok(Self {
            height,
            width,
            channels,
            values,
        })
    }

    /// A picture of this one's size and channels with other values, such as a reconstruction.
    ///
    /// # Errors
    ///
    /// [`AppError::Shape`] if `values` has another length than [`values`](Self::values).
    pub fn with_values(&self, values: Vec<f32>) -> Result<Self, AppError> {
        Self::new(self.height, self.width, self.channels, values)
    }

    /// The middle `height` × `width` pixels.
    ///
    /// # Errors
    ///
    /// [`AppError::Shape`] if the picture is smaller, or a side is 0.
    pub fn middle(&self, height: usize, width: usize) -> Result<Self, AppError> {
        let mut values = Vec::new();
        if height <= self.height && width <= self.width {
            let (top, left) = ((self.height - height) / 2, (self.width - width) / 2);
            let rows = self.values.chunks_exact(self.shape().1);
            for row in rows.skip(top).take(height) {
                for channel in row.chunks_exact(self.width) {
                    values.extend(&channel[left..left + width]);
                }
            }
        }
        Self::new(height, width, self.channels, values)
    }

    /// Height in pixels, at least 1: the matrix's rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width in pixels, at least 1: the matrix's columns divided by the channels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What a pixel holds.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Rows and columns (m, n) of the matrix.
    pub fn shape(&self) -> (usize, usize) {
        (self.height, self.width * self.channels.count())
    }

    /// The matrix, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Gives the matrix away, row-major.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// The samples in the order of pixels: row by row, the channels of a pixel together.
    pub fn interleaved(&self) -> Vec<f32> {
        self.map_interleaved(|value| value)
    }

    /// The picture as 8-bit samples, interleaved: clipped to 0..1, scaled to 0..255, rounded to
    /// the nearest. A NaN becomes 0.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.map_interleaved(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
    }

    /// The picture as a PNG file's bytes, 8 bits a sample, grey or RGB; see
    /// [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    ///
    /// [`AppError::Encode`] if a side is longer than PNG can hold (2³¹ − 1 pixels).
    pub fn to_png(&self) -> Result<Vec<u8>, AppError> {
        let colour_type = match self.channels {
            Channels::Grey => ExtendedColorType::L8,
            Channels::Colour => ExtendedColorType::Rgb8,
        };
        self.png_of(&self.to_bytes(), colour_type)
    }

    /// Samples of a picture of this size as a PNG file's bytes; those of 16 bits in the machine's order of bytes.
    pub(super) fn png_of(
        &self,
        samples: &[u8],
        colour_type: ExtendedColorType,
    ) -> Result<Vec<u8>, AppError> {
        let (width, height) = (self.width, self.height);
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let mut file = Cursor::new(Vec::new());
        PngEncoder::new(&mut file)
            .write_image(samples, side(width), side(height), colour_type)
            .map_err(|source| AppError::Encode {
                width,
                height,
                source,
            })?;
        Ok(file.into_inner())
    }

    fn map_interleaved<T>(&self, map: impl Fn(f32) -> T) -> Vec<T> {
        let channels = self.channels.count();
        let mut samples = Vec::with_capacity(self.values.len());
        for row in self.values.chunks_exact(self.width * channels) {
            for column in 0..self.width {
                samples.extend((0..channels).map(|c| map(row[c * self.width + column])));
            }
        }
        samples
    }
}
