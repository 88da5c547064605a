//! JPEG at equal bytes, to compare with.

use ::image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};

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

/// The best JPEG of at most `bytes` bytes: baseline with the usual Huffman tables and full chroma, 8 bits a sample, as
/// the crate `image` writes it. `None` if even the lowest quality takes more, or a side is longer than JPEG has.
///
/// # Errors
///
/// [`AppError::Encode`] or [`AppError::Decode`].
pub fn jpeg_within(picture: &PictureMatrix, bytes: u64) -> Result<Option<Jpeg>, AppError> {
    if picture.width().max(picture.height()) > LONGEST_SIDE {
        return Ok(None);
    }
    let samples = picture.to_bytes();
    let (mut low, mut high) = (0_u8, 100);
    let mut best: Option<(u8, Vec<u8>)> = None;
    while low < high {
        let quality = (low + high).div_ceil(2);
        let file = encode(picture, &samples, quality)?;
        if file.len() as u64 <= bytes {
            low = quality;
            best = Some((quality, file));
        } else {
            high = quality - 1;
        }
    }
    let Some((quality, file)) = best else {
        return Ok(None);
    };
    let decoded = decode(&file, "the JPEG", picture.channels(), u64::MAX)?;
    Ok(Some(Jpeg {
        quality,
        bytes: file.len() as u64,
        psnr_db: psnr_db(picture, &decoded)?,
        ssim: ssim(picture, &decoded)?,
    }))
}

fn encode(picture: &PictureMatrix, samples: &[u8], quality: u8) -> Result<Vec<u8>, AppError> {
    let (width, height) = (picture.width(), picture.height());
    let kind = match picture.channels() {
        Channels::Grey => ExtendedColorType::L8,
        Channels::Colour => ExtendedColorType::Rgb8,
    };
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality)
        .write_image(samples, width as u32, height as u32, kind)
        .map_err(|source| AppError::Encode {
            width,
            height,
            source,
        })?;
    Ok(file)
}
