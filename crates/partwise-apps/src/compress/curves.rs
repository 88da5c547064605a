//! How good pictures are over how many bytes they take.

use super::Method;
use super::encoder::Encoder;
use super::factors::Factoriser;
use super::jpeg::jpeg_within;
use crate::AppError;
use crate::image::{Photo, ssim};

/// Qualities (see [`Target::Quality`](super::Target::Quality)) that a curve goes through.
const QUALITIES: [f64; 5] = [8.0, 22.0, 36.0, 50.0, 64.0];

/// What a file of some size gives.
#[derive(Debug, Clone, PartialEq)]
pub struct RatePoint {
    /// Size of the file.
    pub bytes: u64,
    /// Peak signal-to-noise ratio in decibels, infinite if nothing is lost.
    pub psnr_db: f64,
    /// Mean structural similarity.
    pub ssim: f64,
    /// How the file keeps the picture.
    pub label: String,
}

/// One method at several sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct RateCurve {
    /// The method's name.
    pub method: String,
    /// From small to large.
    pub points: Vec<RatePoint>,
}

/// Curves of our files, of the truncated SVD stored the same way, and of JPEG at no more bytes than ours. `watch` hears
/// what is under way before each size, and may end it all by saying no: then there are no curves.
///
/// # Errors
///
/// As [`compress`](super::compress).
pub fn rate_distortion(
    photo: &Photo,
    factoriser: &dyn Factoriser,
    watch: &dyn Fn(&str) -> bool,
) -> Result<Vec<RateCurve>, AppError> {
    let mut curves = Vec::new();
    for (name, method) in [
        ("partwise", Method::NonNegative),
        ("truncated SVD, stored the same way", Method::Singular),
    ] {
        let encoder = Encoder::new(photo, method, factoriser);
        let mut points = Vec::new();
        for (size, quality) in QUALITIES.into_iter().enumerate() {
            if !watch(&format!(
                "compressing at size {} of {}: {name}",
                size + 1,
                QUALITIES.len()
            )) {
                return Ok(Vec::new());
            }
            let trial = encoder.best((-quality / 12.5).exp2() as f32)?;
            points.push(RatePoint {
                bytes: trial.bytes.len() as u64,
                psnr_db: trial.psnr_db,
                ssim: ssim(&photo.picture, &trial.picture)?,
                label: trial.way.to_string(),
            });
        }
        curves.push(RateCurve {
            method: name.to_owned(),
            points,
        });
    }
    let mut jpegs: Vec<RatePoint> = Vec::new();
    for point in &curves[0].points {
        if !watch("compressing at several sizes: JPEG") {
            return Ok(Vec::new());
        }
        if let Some(jpeg) = jpeg_within(&photo.picture, point.bytes)?
            && jpegs.last().is_none_or(|last| last.bytes < jpeg.bytes)
        {
            jpegs.push(RatePoint {
                bytes: jpeg.bytes,
                psnr_db: jpeg.psnr_db,
                ssim: jpeg.ssim,
                label: format!("quality {}", jpeg.quality),
            });
        }
    }
    curves.push(RateCurve {
        method: "JPEG".to_owned(),
        points: jpegs,
    });
    Ok(curves)
}

/// Bytes of `ours` over bytes of `other` at equal PSNR: for each of our points that lies between two of the other's, its
/// PSNR in decibels and the ratio. Between points the logarithm of the size goes along a straight line.
pub fn bytes_ratio(ours: &RateCurve, other: &RateCurve) -> Vec<(f64, f64)> {
    let between = |point: &RatePoint| {
        let pair = other.points.windows(2).find(|pair| {
            pair[0].psnr_db <= point.psnr_db
                && point.psnr_db <= pair[1].psnr_db
                && pair[1].psnr_db.is_finite()
        })?;
        let span = pair[1].psnr_db - pair[0].psnr_db;
        let share = if span > 0.0 {
            (point.psnr_db - pair[0].psnr_db) / span
        } else {
            0.0
        };
        let logarithm = |point: &RatePoint| (point.bytes as f64).ln();
        let theirs = logarithm(&pair[0]) * (1.0 - share) + logarithm(&pair[1]) * share;
        Some((point.psnr_db, (logarithm(point) - theirs).exp()))
    };
    ours.points.iter().filter_map(between).collect()
}
