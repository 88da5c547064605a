//! JPEG at equal bytes, to compare with.

use ::image::ImageError;
use ::image::ImageFormat;
use ::image::error::{EncodingError, ImageFormatHint};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::AppError;
use crate::image::{Channels, PictureMatrix, decode, psnr_db, ssim};

/// JPEG's own limit on a side, in pixels.
const LONGEST_SIDE: usize = 65_535;

/// A picture as JPEG.
#[derive(Debug, Clone, PartialEq)]
pub struct Jpeg {
    /// The encoder's quality, 1 to 100.
    pub quality: u8,
    /// Size of the file.
    pub bytes: u64,
    /// Peak signal-to-noise ratio, in decibels.
    pub psnr_db: f64,
    /// Mean structural similarity.
    pub ssim: f64,
}

/// The best JPEG of at most `bytes` bytes: with chroma at full or at half the width and height, whichever comes nearer to
/// the picture, and Huffman tables of its own; baseline or progressive, whichever is smaller; 8 bits a sample. `None` if
/// even the lowest quality takes more, or a side is longer than JPEG has.
///
/// # Errors
///
/// [`AppError::Encode`] or [`AppError::Decode`].
pub fn jpeg_within(picture: &PictureMatrix, bytes: u64) -> Result<Option<Jpeg>, AppError> {
    if picture.width().max(picture.height()) > LONGEST_SIDE {
        return Ok(None);
    }
    let samplings: &[SamplingFactor] = match picture.channels() {
        Channels::Grey => &[SamplingFactor::F_1_1],
        Channels::Colour => &[SamplingFactor::F_1_1, SamplingFactor::F_2_2],
    };
    let samples = picture.to_bytes();
    let mut best: Option<Jpeg> = None;
    for &sampling in samplings {
        let Some((quality, file)) = largest_within(picture, &samples, sampling, bytes)? else {
            continue;
        };
        let decoded = decode(&file, "the JPEG", picture.channels(), u64::MAX)?;
        let jpeg = Jpeg {
            quality,
            bytes: file.len() as u64,
            psnr_db: psnr_db(picture, &decoded)?,
            ssim: ssim(picture, &decoded)?,
        };
        if best.as_ref().is_none_or(|best| jpeg.psnr_db > best.psnr_db) {
            best = Some(jpeg);
        }
    }
    Ok(best)
}

/// The highest quality whose file has at most `bytes` bytes, and that file.
fn largest_within(
    picture: &PictureMatrix,
    samples: &[u8],
    sampling: SamplingFactor,
    bytes: u64,
) -> Result<Option<(u8, Vec<u8>)>, AppError> {
    let (mut low, mut high) = (0_u8, 100);
    let mut best = None;
    while low < high {
        let quality = (low + high).div_ceil(2);
        let baseline = encode(picture, samples, quality, sampling, false)?;
        let progressive = encode(picture, samples, quality, sampling, true)?;
        let file = std::cmp::min_by_key(baseline, progressive, Vec::len);
        if file.len() as u64 <= bytes {
            low = quality;
            best = Some((quality, file));
        } else {
            high = quality - 1;
        }
    }
    Ok(best)
}

fn encode(
    picture: &PictureMatrix,
    samples: &[u8],
    quality: u8,
    sampling: SamplingFactor,
    progressive: bool,
) -> Result<Vec<u8>, AppError> {
    let (width, height) = (picture.width(), picture.height());
    let kind = match picture.channels() {
        Channels::Grey => ColorType::Luma,
        Channels::Colour => ColorType::Rgb,
    };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(sampling);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_progressive(progressive);
    let sides = [width, height].map(|side| side.min(LONGEST_SIDE) as u16);
    encoder
        .encode(samples, sides[0], sides[1], kind)
        .map_err(|source| AppError::Encode {
            width,
            height,
            source: ImageError::Encoding(EncodingError::new(
                ImageFormatHint::Exact(ImageFormat::Jpeg),
                source,
            )),
        })?;
    Ok(file)
}
