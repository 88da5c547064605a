//! A picture as the sum of its layers.

use serde_json::{Value, json};

use super::{Content, Kind, check, data};
use crate::{Raster, ReportError};

/// A picture factored as a matrix of its rows.
///
/// V has `height` rows and n = `width` · `channels` columns; the channels stand side by side (colour: the red
/// block, then green, then blue). The page recomputes W H itself, for any number of components.
#[derive(Debug, Clone)]
pub struct ImageSection {
    /// What the picture is called, such as its file's name.
    pub name: String,
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// Samples a pixel: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Number of components, k, at least 1.
    pub rank: usize,
    /// W, height × k, row-major, not negative, for samples of 0..1.
    pub w: Vec<f32>,
    /// H, k × n, row-major, not negative.
    pub h: Vec<f32>,
    /// The picture itself, samples of 0..1.
    pub original: Raster,
    /// Quality over bytes, one curve a method; may be empty.
    pub rate_distortion: Vec<RateCurve>,
}

/// Quality over size of one way to store a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct RateCurve {
    /// Its name, as in "JPEG".
    pub method: String,
    /// Its points, in any order.
    pub points: Vec<RatePoint>,
}

/// One size and what it buys.
#[derive(Debug, Clone, PartialEq)]
pub struct RatePoint {
    /// Bytes stored.
    pub bytes: u64,
    /// Peak signal-to-noise ratio in dB; +∞ for equal pictures.
    pub psnr_db: f64,
    /// Structural similarity, at most 1.
    pub ssim: f64,
    /// What was set, as in "quality 75".
    pub label: String,
}

/// Most samples (pixels × channels) of the picture that the page holds; of a larger one it holds a smaller version.
const SAMPLES: usize = 1_500_000;
/// Most bytes of exact factors; larger ones are kept in 16 bits.
const EXACT_BYTES: usize = 1_000_000;

impl ImageSection {
    /// What the page's script draws. Components are strongest first: by the sum of their layer.
    pub(super) fn content(&self) -> Result<Content, ReportError> {
        self.check()?;
        let small = self.shrunk()?;
        let (order, shares) = small.by_share();
        let n = small.width * small.channels;
        let w: Vec<f32> = order
            .iter()
            .flat_map(|&c| small.w.iter().skip(c).step_by(small.rank).copied())
            .collect();
        let h: Vec<f32> = order
            .iter()
            .flat_map(|&c| small.h[c * n..][..n].iter().copied())
            .collect();
        let rate_distortion: Vec<Value> = self.rate_distortion.iter().map(curve).collect();
        Ok(Content {
            kind: Kind::Image,
            name: Some(self.name.clone()),
            data: json!({
                "width": small.width,
                "height": small.height,
                "channels": small.channels,
                "fullSize": [self.width, self.height],
                "components": order,
                "shares": shares,
                // Each component's column of W in a row of its own.
                "w": data::numbers(&w, small.height, EXACT_BYTES / 2),
                "h": data::numbers(&h, n, EXACT_BYTES / 2),
                "original": data::picture(small.original.samples()),
                "rateDistortion": rate_distortion,
            }),
        })
    }

    /// The components, the largest sum of W\[:, c\] H\[c, :\] first, and these sums as shares.
    fn by_share(&self) -> (Vec<usize>, Vec<f64>) {
        let n = self.width * self.channels;
        let sum = |c: usize| -> f64 {
            let column = self.w.iter().skip(c).step_by(self.rank);
            let column: f64 = column.map(|&value| f64::from(value)).sum();
            let row = &self.h[c * n..][..n];
            column * row.iter().map(|&value| f64::from(value)).sum::<f64>()
        };
        let sums: Vec<f64> = (0..self.rank).map(sum).collect();
        let total: f64 = sums.iter().sum();
        let mut order: Vec<usize> = (0..self.rank).collect();
        order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]));
        let share = |&c: &usize| if total > 0.0 { sums[c] / total } else { 0.0 };
        let shares = order.iter().map(share).collect();
        (order, shares)
    }

    /// The picture and its factors with sides shrunk alike until [`SAMPLES`] hold it. Averaging areas of W H is
    /// averaging W and H.
    fn shrunk(&self) -> Result<Self, ReportError> {
        let samples = (self.width * self.height * self.channels) as f64;
        let scale = (SAMPLES as f64 / samples).sqrt();
        if scale >= 1.0 {
            return Ok(self.clone());
        }
        let side = |length: usize| ((length as f64 * scale) as usize).max(1);
        let (width, height) = (side(self.width), side(self.height));
        let w = Raster::grey(self.rank, self.height, self.w.clone())?;
        // Every channel of every row of H is a line of its own.
        let lines = self.rank * self.channels;
        let h = Raster::grey(self.width, lines, self.h.clone())?;
        Ok(Self {
            width,
            height,
            w: w.resized(self.rank, height).samples().to_vec(),
            h: h.resized(width, lines).samples().to_vec(),
            original: in_bytes(&self.original.resized(width, height))?,
            ..self.clone()
        })
    }

    /// Refuses what the page could not show.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        check::at_least_one("width", self.width)?;
        check::at_least_one("height", self.height)?;
        check::at_least_one("rank", self.rank)?;
        if self.channels != 1 && self.channels != 3 {
            return Err(ReportError::Value {
                place: "channels".to_owned(),
                value: self.channels.to_string(),
                expected: "1 or 3".to_owned(),
            });
        }
        let Self {
            width,
            height,
            channels,
            rank,
            ..
        } = *self;
        let stated = (width, height, channels);
        if self.original.shape() != stated {
            return Err(ReportError::DifferentPictures {
                original: self.original.shape(),
                reconstruction: stated,
            });
        }
        check::length("W", self.w.len(), "height × rank", &[height, rank])?;
        let sizes = [rank, width, channels];
        check::length("H", self.h.len(), "rank × width × channels", &sizes)?;
        check::non_negative("W", &self.w)?;
        check::non_negative("H", &self.h)?;
        check::finite("original", self.original.samples())?;
        for curve in &self.rate_distortion {
            for point in &curve.points {
                let place = |field: &str| format!("{field} of {} at {}", curve.method, point.label);
                if point.psnr_db != f64::INFINITY {
                    check::finite(&place("psnr_db"), &[point.psnr_db])?;
                }
                check::finite(&place("ssim"), &[point.ssim])?;
            }
        }
        Ok(())
    }
}

/// Samples as the nearest that 8 bits can hold: what a picture made smaller by any other program would have.
fn in_bytes(picture: &Raster) -> Result<Raster, ReportError> {
    let most = f32::from(u8::MAX);
    let nearest = |sample: &f32| (sample.clamp(0.0, 1.0) * most).round() / most;
    let samples = picture.samples().iter().map(nearest).collect();
    match picture.channels() {
        1 => Raster::grey(picture.width(), picture.height(), samples),
        _ => Raster::rgb(picture.width(), picture.height(), samples),
    }
}

fn curve(curve: &RateCurve) -> Value {
    let mut points: Vec<&RatePoint> = curve.points.iter().collect();
    points.sort_by_key(|point| point.bytes);
    let point = |point: &RatePoint| {
        // JSON has no infinity; a PSNR that is not there is equality.
        json!({ "bytes": point.bytes, "psnr": point.psnr_db.is_finite().then_some(point.psnr_db),
                "ssim": point.ssim, "label": point.label })
    };
    json!({ "method": curve.method, "points": points.into_iter().map(point).collect::<Vec<_>>() })
}
