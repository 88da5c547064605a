//! Pictures handed over for a figure, and their pixels at the size the figure shows them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use resvg::tiny_skia;

use crate::{ReportError, canvas::PIXELS_PER_UNIT, colour};

/// Weights of red, green and blue in luma, ITU-R BT.709.
const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// A grey or colour picture. Samples are nominally 0..1; others are clipped when shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    width: usize,
    height: usize,
    channels: usize,
    samples: Vec<f32>,
}

impl Raster {
    /// A grey picture; `samples` row by row.
    ///
    /// # Errors
    ///
    /// [`ReportError::Samples`] if there are not width × height samples, or none.
    pub fn grey(width: usize, height: usize, samples: Vec<f32>) -> Result<Self, ReportError> {
        Self::new(width, height, 1, samples)
    }

    /// A colour picture; `samples` row by row, red, green and blue of a pixel together.
    ///
    /// # Errors
    ///
    /// [`ReportError::Samples`] if there are not 3 × width × height samples, or none.
    pub fn rgb(width: usize, height: usize, samples: Vec<f32>) -> Result<Self, ReportError> {
        Self::new(width, height, 3, samples)
    }

    fn new(
        width: usize,
        height: usize,
        channels: usize,
        samples: Vec<f32>,
    ) -> Result<Self, ReportError> {
        let needed = width
            .checked_mul(height)
            .and_then(|n| n.checked_mul(channels));
        if samples.is_empty() || needed != Some(samples.len()) {
            return Err(ReportError::Samples {
                found: samples.len(),
                width,
                height,
                channels,
            });
        }
        Ok(Self {
            width,
            height,
            channels,
            samples,
        })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Samples a pixel: 1 (grey) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples, row by row, those of a pixel together.
    pub(crate) fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Width, height and channels.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        (self.width, self.height, self.channels)
    }

    /// `other` − `self`, of colour pictures in luma, as a grey picture of signed samples; a sample
    /// that is not a number counts as no difference.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let pixel = |(a, b): (&[f32], &[f32])| {
            let difference = |index: usize| f64::from(b[index]) - f64::from(a[index]);
            let value = match self.channels {
                1 => difference(0),
                _ => (0..3).map(|index| LUMA[index] * difference(index)).sum(),
            };
            if value.is_finite() { value as f32 } else { 0.0 }
        };
        let samples = self
            .samples
            .chunks_exact(self.channels)
            .zip(other.samples.chunks_exact(self.channels))
            .map(pixel)
            .collect();
        Self {
            channels: 1,
            samples,
            ..*self
        }
    }

    /// The absolute value that all but `share_above` of the samples stay within.
    pub(crate) fn magnitude(&self, share_above: f64) -> f64 {
        let mut sizes: Vec<f32> = self.samples.iter().map(|value| value.abs()).collect();
        let kept = ((sizes.len() - 1) as f64 * (1.0 - share_above)).ceil() as usize;
        let (_, value, _) = sizes.select_nth_unstable_by(kept, f32::total_cmp);
        f64::from(*value)
    }

    /// The largest finite sample, or 0 if there is none above.
    pub(crate) fn maximum(&self) -> f64 {
        let finite = self.samples.iter().filter(|value| value.is_finite());
        f64::from(finite.fold(0.0_f32, |largest, &value| largest.max(value)))
    }

    /// The picture at `width` × `height` pixels: along each side the mean over areas where it
    /// shrinks, the nearest pixel where it grows.
    pub(crate) fn resized(&self, width: usize, height: usize) -> Self {
        let (columns, rows) = (stretches(self.width, width), stretches(self.height, height));
        let channels = self.channels;
        let mut samples = Vec::with_capacity(width * height * channels);
        let mut mixed_row = vec![0.0_f64; self.width * channels];
        for row in &rows {
            mixed_row.fill(0.0);
            for &(source, weight) in row {
                let start = source * self.width * channels;
                let line = &self.samples[start..start + self.width * channels];
                for (sum, &value) in mixed_row.iter_mut().zip(line) {
                    *sum += weight * f64::from(value);
                }
            }
            for column in &columns {
                for channel in 0..channels {
                    let mean: f64 = column
                        .iter()
                        .map(|&(source, weight)| weight * mixed_row[source * channels + channel])
                        .sum();
                    samples.push(mean as f32);
                }
            }
        }
        Self {
            width,
            height,
            channels,
            samples,
        }
    }

    /// The pixels, each grey sample times `gain` sent through `map`, each colour clipped to 0..1
    /// after the gain.
    pub(crate) fn bitmap(&self, gain: f64, map: impl Fn(f64) -> [u8; 3]) -> Bitmap {
        let pixels = self
            .samples
            .chunks_exact(self.channels)
            .map(|pixel| match *pixel {
                [sample] => map(f64::from(sample) * gain),
                _ => std::array::from_fn(|c| colour::grey(f64::from(pixel[c]) * gain)[0]),
            })
            .collect();
        Bitmap {
            width: self.width,
            height: self.height,
            pixels,
        }
    }
}

/// For each of `target` places along a side the source places it shows, with weights of sum 1.
fn stretches(source: usize, target: usize) -> Vec<Vec<(usize, f64)>> {
    let stretch = source as f64 / target as f64;
    (0..target)
        .map(|index| {
            if target >= source {
                return vec![((2 * index + 1) * source / (2 * target), 1.0)];
            }
            let (start, end) = (index as f64 * stretch, (index + 1) as f64 * stretch);
            let last = (end.ceil() as usize).min(source);
            (start as usize..last)
                .map(|place| {
                    let covered = end.min(place as f64 + 1.0) - start.max(place as f64);
                    (place, covered / stretch)
                })
                .collect()
        })
        .collect()
}

/// Pixels as they stand in the rendering.
#[derive(Debug)]
pub(crate) struct Bitmap {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Bitmap {
    /// A strip of colours from the left to the right.
    pub(crate) fn strip(width: usize, height: usize, map: impl Fn(f64) -> [u8; 3]) -> Self {
        let last = width.saturating_sub(1).max(1) as f64;
        let row: Vec<[u8; 3]> = (0..width).map(|x| map(x as f64 / last)).collect();
        Self {
            width,
            height,
            pixels: row.repeat(height),
        }
    }

    /// A strip of colours from the bottom to the top.
    pub(crate) fn upright_strip(width: usize, height: usize, map: impl Fn(f64) -> [u8; 3]) -> Self {
        let Self { pixels, .. } = Self::strip(height, 1, map);
        let rows = pixels.into_iter().rev();
        Self {
            width,
            height,
            pixels: rows
                .flat_map(|pixel| std::iter::repeat_n(pixel, width))
                .collect(),
        }
    }

    /// Width and height in units.
    pub(crate) fn units(&self) -> (f64, f64) {
        let units = |pixels: usize| pixels as f64 / PIXELS_PER_UNIT as f64;
        (units(self.width), units(self.height))
    }

    /// The pixels as a PNG in a data URI.
    pub(crate) fn data_uri(&self) -> String {
        let opaque = |&[red, green, blue]: &[u8; 3]| [red, green, blue, u8::MAX];
        let bytes: Vec<u8> = self.pixels.iter().flat_map(opaque).collect();
        let encoded = tiny_skia::IntSize::from_wh(self.width as u32, self.height as u32)
            .and_then(|size| tiny_skia::Pixmap::from_vec(bytes, size))
            .and_then(|pixmap| pixmap.encode_png().ok())
            .expect("pixels of a figure's size can be encoded");
        format!("data:image/png;base64,{}", STANDARD.encode(encoded))
    }
}

/// Pixels at which a picture of `width` × `height` fills a frame of at most `frame` pixels: shrunk
/// if it is larger, at its own size or a whole multiple of it, up to about `enlarged` pixels a
/// side, if it is smaller. No side is thinner than `thinnest`. Both are whole units long.
pub(crate) fn shown_pixels(
    (width, height): (usize, usize),
    frame: (usize, usize),
    enlarged: usize,
    thinnest: usize,
) -> (usize, usize) {
    let scale = (frame.0 as f64 / width as f64).min(frame.1 as f64 / height as f64);
    let scale = if scale < 1.0 {
        scale
    } else {
        let whole = enlarged / width.max(height);
        (whole as f64).clamp(1.0, scale.floor())
    };
    let side = |length: usize, limit: usize| {
        let pixels = (length as f64 * scale).round() as usize;
        let whole_units = pixels.div_ceil(PIXELS_PER_UNIT) * PIXELS_PER_UNIT;
        // A picture at its own size is not worth resampling for one pixel.
        let pixels = if scale < 1.0 { whole_units } else { pixels };
        pixels.clamp(thinnest.min(limit), limit)
    };
    (side(width, frame.0), side(height, frame.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_averages_and_growing_repeats() {
        let picture = Raster::grey(4, 2, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
        assert_eq!(picture.resized(2, 1).samples, [2.5, 4.5]);
        assert_eq!(picture.resized(1, 1).samples, [3.5]);
        let pair = Raster::grey(2, 1, vec![0.25, 0.75]).unwrap();
        assert_eq!(
            pair.resized(4, 2).samples,
            [0.25, 0.25, 0.75, 0.75].repeat(2)
        );
        let uneven = picture.resized(3, 2);
        let mean = uneven.samples.iter().sum::<f32>() / 6.0;
        assert!((mean - 3.5).abs() < 1e-6);
        let colour = Raster::rgb(2, 1, vec![0.0, 0.5, 1.0, 1.0, 0.5, 0.0]).unwrap();
        assert_eq!(colour.resized(1, 1).samples, [0.5, 0.5, 0.5]);
    }

    #[test]
    fn sizes_shown_fit_the_frame() {
        let frame = (800, 600);
        assert_eq!(shown_pixels((768, 512), frame, 400, 8), (768, 512));
        assert_eq!(shown_pixels((8000, 6000), frame, 400, 8), (800, 600));
        assert_eq!(shown_pixels((1, 1), frame, 400, 8), (400, 400));
        assert_eq!(shown_pixels((30, 20), frame, 400, 8), (390, 260));
        assert_eq!(shown_pixels((100_000, 1), frame, 400, 8), (800, 8));
        assert_eq!(shown_pixels((1, 100_000), frame, 400, 8), (8, 600));
    }

    #[test]
    fn differences_are_signed_and_finite() {
        let first = Raster::grey(3, 1, vec![0.5, 0.25, 0.0]).unwrap();
        let second = Raster::grey(3, 1, vec![0.25, 0.5, f32::NAN]).unwrap();
        let difference = first.difference(&second);
        assert_eq!(difference.samples, [-0.25, 0.25, 0.0]);
        assert_eq!(difference.magnitude(0.0), 0.25);
        let white = Raster::rgb(1, 1, vec![1.0; 3]).unwrap();
        let black = Raster::rgb(1, 1, vec![0.0; 3]).unwrap();
        assert!((black.difference(&white).samples[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn samples_must_fit() {
        assert!(Raster::grey(2, 2, vec![0.0; 3]).is_err());
        assert!(Raster::rgb(0, 0, Vec::new()).is_err());
        assert!(Raster::rgb(usize::MAX, usize::MAX, vec![0.0]).is_err());
    }
}
