//! Many equally sized pictures as sums of shared parts.

use serde_json::json;

use super::{Content, Kind, check, data};
use crate::{Raster, ReportError};

/// A folder of equally sized grey pictures, one a row of V.
#[derive(Debug, Clone)]
pub struct PartsSection {
    /// Width of every picture in pixels, at least 1.
    pub width: usize,
    /// Height of every picture in pixels, at least 1.
    pub height: usize,
    /// Number of parts, k, at least 1.
    pub rank: usize,
    /// What the m pictures are called, in the order of the rows; m is its length, at least 1.
    pub names: Vec<String>,
    /// The pictures, m × (width · height), row-major, not negative, on any common scale.
    pub images: Vec<f32>,
    /// W, m × k, row-major, not negative: how much of each part a picture holds.
    pub w: Vec<f32>,
    /// H, k × (width · height), row-major, not negative: the parts.
    pub h: Vec<f32>,
    /// Hoyer's sparseness of each part (row of H), 0..1, k of them; or none.
    pub part_sparseness: Vec<f64>,
    /// Hoyer's sparseness of the use of each part (column of W), 0..1, k of them; or none.
    pub code_sparseness: Vec<f64>,
}

/// Most pictures that the page holds, evenly spread; fewer where they are large.
const IMAGES: usize = 400;
/// Least pictures that the page holds, if there are as many: large ones are shrunk rather.
const FEW: usize = 48;
/// Bytes that pictures and parts may take.
const BYTES: usize = 2_400_000;

impl PartsSection {
    /// What the page's script draws.
    pub(super) fn content(&self) -> Result<Content, ReportError> {
        self.check()?;
        let total = self.names.len();
        let pixels = self.width * self.height;
        let parts_bytes = 2 * self.rank * pixels;
        let room = BYTES.saturating_sub(parts_bytes) / pixels;
        let kept = total.min(IMAGES).min(room.max(FEW));
        let scale = (BYTES as f64 / (parts_bytes + kept * pixels) as f64).sqrt();
        let side = |length: usize| match scale {
            ..1.0 => ((length as f64 * scale) as usize).max(1),
            _ => length,
        };
        let (width, height) = (side(self.width), side(self.height));
        let places: Vec<usize> = (0..kept).map(|place| place * total / kept).collect();
        let shrunk = |picture: &[f32]| -> Result<Vec<f32>, ReportError> {
            if (width, height) == (self.width, self.height) {
                return Ok(picture.to_vec());
            }
            let picture = Raster::grey(self.width, self.height, picture.to_vec())?;
            Ok(picture.resized(width, height).samples().to_vec())
        };
        let mut images = Vec::new();
        for &place in &places {
            images.extend(shrunk(&self.images[place * pixels..][..pixels])?);
        }
        let mut parts = Vec::new();
        for part in self.h.chunks_exact(pixels) {
            parts.extend(shrunk(part)?);
        }
        let names: Vec<&str> = places.iter().map(|&p| self.names[p].as_str()).collect();
        let w: Vec<f32> = places
            .iter()
            .flat_map(|&place| self.w[place * self.rank..][..self.rank].iter().copied())
            .collect();
        let white = self.images.iter().fold(0.0_f32, |most, &v| most.max(v));
        Ok(Content {
            kind: Kind::Parts,
            name: None,
            data: json!({
                "width": width,
                "height": height,
                "fullSize": [self.width, self.height],
                "total": total,
                "rank": self.rank,
                "names": names,
                "white": white,
                "shares": self.shares(),
                "images": data::bytes(&images, images.len()),
                "w": data::floats(&w),
                "h": data::words(&parts, width * height),
                "partSparseness": self.part_sparseness,
                "codeSparseness": self.code_sparseness,
            }),
        })
    }

    /// Each part's share of the brightness of all pictures together.
    fn shares(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.rank];
        for row in self.w.chunks_exact(self.rank) {
            for (sum, &weight) in sums.iter_mut().zip(row) {
                *sum += f64::from(weight);
            }
        }
        let parts = self.h.chunks_exact(self.width * self.height);
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum *= part.iter().map(|&value| f64::from(value)).sum::<f64>();
        }
        let total: f64 = sums.iter().sum();
        let share = |sum| if total > 0.0 { sum / total } else { 0.0 };
        sums.into_iter().map(share).collect()
    }

    /// Refuses what the page could not show.
    pub(super) fn check(&self) -> Result<(), ReportError> {
        let (images, rank) = (self.names.len(), self.rank);
        check::at_least_one("width", self.width)?;
        check::at_least_one("height", self.height)?;
        check::at_least_one("rank", rank)?;
        check::at_least_one("number of names", images)?;
        let sizes = [images, self.width, self.height];
        check::length(
            "images",
            self.images.len(),
            "names × width × height",
            &sizes,
        )?;
        check::length("W", self.w.len(), "names × rank", &[images, rank])?;
        let sizes = [rank, self.width, self.height];
        check::length("H", self.h.len(), "rank × width × height", &sizes)?;
        check::non_negative("images", &self.images)?;
        check::non_negative("W", &self.w)?;
        check::non_negative("H", &self.h)?;
        let figures = [
            ("part_sparseness", &self.part_sparseness),
            ("code_sparseness", &self.code_sparseness),
        ];
        for (name, values) in figures {
            if !values.is_empty() {
                check::length(name, values.len(), "rank", &[rank])?;
            }
            check::finite(name, values)?;
        }
        Ok(())
    }
}
