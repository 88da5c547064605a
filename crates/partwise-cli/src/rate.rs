//! How small a picture becomes at what loss, beside the truncated SVD and JPEG: curves, a picture of them, words.

use partwise_apps::compress::{RateCurve, bytes_ratio, rate_distortion};
use partwise_apps::image::{Depth, Photo, PictureMatrix};
use partwise_report::{Axis, Chart, Panel, Run, Scale, Series, decimal, line_chart, percent};
use serde_json::{Value, json};

use crate::factoriser::Engine;
use crate::interrupt;
use crate::progress::Progress;
use crate::table::Table;

/// Pixels that are compressed at most: of a larger picture the middle.
const MOST_PIXELS: usize = 1 << 20;

/// Curves of one picture: ours, the SVD's and JPEG's, in this order.
#[derive(Debug)]
pub(crate) struct Rates {
    curves: Vec<RateCurve>,
    /// Width and height of the middle, if not all was compressed.
    middle: Option<(usize, usize)>,
}

impl Rates {
    /// Compresses a picture at several sizes; `None` if the user asked to end.
    ///
    /// # Errors
    /// What compression meets.
    pub(crate) fn of(
        picture: &PictureMatrix,
        engine: &Engine,
        progress: &Progress,
    ) -> anyhow::Result<Option<Self>> {
        let (width, height) = (picture.width(), picture.height());
        let whole = width.saturating_mul(height);
        let (picture, middle) = if whole > MOST_PIXELS {
            let scale = (MOST_PIXELS as f64 / whole as f64).sqrt();
            let side = |length: usize| ((length as f64 * scale) as usize).max(1);
            let (width, height) = (side(width), side(height));
            (picture.middle(height, width)?, Some((width, height)))
        } else {
            (picture.clone(), None)
        };
        let photo = Photo {
            picture,
            depth: Depth::Eight,
        };
        let watch = |doing: &str| {
            progress.doing(doing);
            !interrupt::requested()
        };
        let curves = rate_distortion(&photo, engine, &watch)?;
        Ok((!curves.is_empty()).then_some(Self { curves, middle }))
    }

    /// Everything, for run.json.
    pub(crate) fn record(&self, run: &mut Run) {
        let point = |point: &partwise_apps::compress::RatePoint| {
            json!({
                "bytes": point.bytes,
                "psnr_db": Some(point.psnr_db).filter(|db| db.is_finite()),
                "ssim": point.ssim,
                "label": point.label,
            })
        };
        let curves = self.curves.iter().map(|curve| {
            let points: Vec<Value> = curve.points.iter().map(point).collect();
            json!({ "method": curve.method, "points": points })
        });
        let curves: Vec<Value> = curves.collect();
        run.extra
            .insert("rate_distortion".to_owned(), curves.into());
    }

    /// Bytes beside the other methods' at equal PSNR, in words.
    pub(crate) fn list(&self, table: &mut Table) {
        for other in &self.curves[1..] {
            let name = format!("bytes beside {}", short(&other.method));
            table.row(name, self.beside(other));
        }
    }

    fn beside(&self, other: &RateCurve) -> String {
        let ratios = bytes_ratio(&self.curves[0], other);
        if ratios.is_empty() {
            return "no sizes at which both reach the same PSNR".to_owned();
        }
        let logarithms: f64 = ratios.iter().map(|(_, ratio)| ratio.ln()).sum();
        let mean = (logarithms / ratios.len() as f64).exp();
        let losses: Vec<String> = ratios
            .iter()
            .filter(|(_, ratio)| *ratio > 1.0)
            .map(|(db, ratio)| format!("{} dB ({})", decimal(*db, 3), percent(*ratio)))
            .collect();
        let other = short(&other.method);
        let verdict = if losses.is_empty() {
            format!("{other} is smaller nowhere")
        } else {
            format!("{other} is smaller at {}", losses.join(", "))
        };
        format!("{} at equal PSNR; {verdict}", percent(mean))
    }

    /// PSNR and SSIM over bytes.
    ///
    /// # Errors
    /// If the figure cannot be rendered.
    pub(crate) fn draw(&self, title: &str) -> anyhow::Result<Vec<u8>> {
        let series = |value: fn(&partwise_apps::compress::RatePoint) -> f64| -> Vec<Series> {
            self.curves
                .iter()
                .filter(|curve| !curve.points.is_empty())
                .map(|curve| {
                    let points = curve.points.iter();
                    let points = points.map(|point| (point.bytes as f64 / 1000.0, value(point)));
                    Series::new(curve.method.clone(), points.collect())
                })
                .collect()
        };
        let words: Vec<String> = self.curves[1..]
            .iter()
            .map(|other| {
                format!(
                    "Bytes beside {}: {}.",
                    short(&other.method),
                    self.beside(other)
                )
            })
            .collect();
        let mut caption = words.join(" ");
        if let Some((width, height)) = self.middle {
            caption.push_str(&format!(" Of the middle {width} × {height} pixels."));
        }
        let panel = |name: &str, series| Panel::new(Axis::new(name).scaled(Scale::Linear), series);
        let chart = Chart {
            title: format!("{title}: quality over size"),
            caption: Some(caption),
            x: Axis::new("size of the file (kB)").scaled(Scale::Log),
            panels: vec![
                panel("PSNR (dB)", series(|point| point.psnr_db)),
                panel("SSIM", series(|point| point.ssim)),
            ],
        };
        Ok(line_chart(&chart).to_png()?)
    }

    /// The curves as the page takes them. A perfect picture, which has no number of decibels, is left out.
    pub(crate) fn for_page(&self) -> Vec<partwise_report::RateCurve> {
        let point = |point: &partwise_apps::compress::RatePoint| partwise_report::RatePoint {
            bytes: point.bytes,
            psnr_db: point.psnr_db,
            ssim: point.ssim,
            label: point.label.clone(),
        };
        let curve = |curve: &RateCurve| {
            let finite = curve.points.iter().filter(|p| p.psnr_db.is_finite());
            partwise_report::RateCurve {
                method: curve.method.clone(),
                points: finite.map(point).collect(),
            }
        };
        self.curves.iter().map(curve).collect()
    }
}

/// A method's name without what explains it.
fn short(method: &str) -> &str {
    method.split(',').next().unwrap_or(method)
}
