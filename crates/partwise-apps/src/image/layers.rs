//! The rank-one layers of a factorised picture, each a picture of its own.
//!
//! V ≈ Σₜ W[:,t]·H[t,:]. Every layer is non-negative, so the layers add up to the reconstruction
//! and each has a share of its total brightness: (Σᵢ Wᵢₜ)(Σⱼ Hₜⱼ) over the sum of that for all t.

use super::{Channels, PictureMatrix};
use crate::AppError;

/// One layer's number and weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Number of the component, from 0: column of W, row of H.
    pub component: usize,
    /// Share of the reconstruction's sum, in 0..1; the shares add up to 1, unless all are 0.
    pub share: f64,
}

/// The layers of one factorisation of a picture.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a, T> {
    w: &'a [T],
    h: &'a [T],
    rank: usize,
    height: usize,
    width: usize,
    channels: Channels,
}

impl<'a, T: Copy + Into<f64>> Layers<'a, T> {
    /// The layers of `picture` ≈ W·H, with `w` row-major m × `rank` and `h` row-major `rank` × n,
    /// where (m, n) is the picture's [`shape`](PictureMatrix::shape).
    ///
    /// # Errors
    ///
    /// [`AppError::Shape`] if a factor has another number of values.
    pub fn new(
        picture: &PictureMatrix,
        w: &'a [T],
        h: &'a [T],
        rank: usize,
    ) -> Result<Self, AppError> {
        let (m, n) = picture.shape();
        let check = |what, found, rows: usize, columns: usize| {
            if found == rows * columns {
                Ok(())
            } else {
                Err(AppError::Shape {
                    what,
                    found,
                    rows,
                    columns,
                })
            }
        };
        check("W", w.len(), m, rank)?;
        check("H", h.len(), rank, n)?;
        Ok(Self {
            w,
            h,
            rank,
            height: m,
            width: picture.width(),
            channels: picture.channels(),
        })
    }

    /// All layers, the largest share first; equal shares in the components' order.
    pub fn by_share(&self) -> Vec<Layer> {
        let mut weights: Vec<f64> = vec![0.0; self.rank];
        if self.rank > 0 {
            for row in self.w.chunks_exact(self.rank) {
                for (weight, &value) in weights.iter_mut().zip(row) {
                    *weight += value.into();
                }
            }
            let n = self.width * self.channels.count();
            for (weight, row) in weights.iter_mut().zip(self.h.chunks_exact(n)) {
                *weight *= row.iter().map(|&value| value.into()).sum::<f64>();
            }
        }
        let total: f64 = weights.iter().sum();
        let mut layers: Vec<Layer> = weights
            .into_iter()
            .enumerate()
            .map(|(component, weight)| Layer {
                component,
                share: if total > 0.0 { weight / total } else { 0.0 },
            })
            .collect();
        layers.sort_by(|a, b| b.share.total_cmp(&a.share));
        layers
    }

    /// The layer of `component` as a picture, shrunk so that neither side is longer than
    /// `longest_side` pixels (at least 1); never enlarged.
    ///
    /// Shrinking averages areas. A layer is an outer product, so averaging the column of W and the
    /// row of H first gives the same picture without making the large one.
    ///
    /// # Errors
    ///
    /// [`AppError::NoSuchComponent`] if there is no such component.
    pub fn picture(
        &self,
        component: usize,
        longest_side: usize,
    ) -> Result<PictureMatrix, AppError> {
        if component >= self.rank {
            return Err(AppError::NoSuchComponent {
                component,
                rank: self.rank,
            });
        }
        let (height, width) = self.fitted(longest_side);
        let column: Vec<f64> = self.w[component..]
            .iter()
            .step_by(self.rank)
            .map(|&value| value.into())
            .collect();
        let column = area_averages(&column, height);

        let n = self.width * self.channels.count();
        let row: Vec<f64> = self.h[component * n..(component + 1) * n]
            .chunks_exact(self.width)
            .flat_map(|channel| {
                let channel: Vec<f64> = channel.iter().map(|&value| value.into()).collect();
                area_averages(&channel, width)
            })
            .collect();

        let values = column
            .iter()
            .flat_map(|left| row.iter().map(move |right| (left * right) as f32))
            .collect();
        PictureMatrix::new(height, width, self.channels, values)
    }

    /// Height and width with the longer side at most `longest_side`, in the picture's proportions.
    fn fitted(&self, longest_side: usize) -> (usize, usize) {
        let longer = self.height.max(self.width);
        let limit = longest_side.clamp(1, longer);
        let scaled = |side: usize| {
            let length = side as f64 * limit as f64 / longer as f64;
            (length.round() as usize).clamp(1, side)
        };
        (scaled(self.height), scaled(self.width))
    }
}

/// `values` shrunk to `length` ≤ values.len() equal stretches, each the average of what it covers.
fn area_averages(values: &[f64], length: usize) -> Vec<f64> {
    let stretch = values.len() as f64 / length as f64;
    (0..length)
        .map(|index| {
            let (start, end) = (index as f64 * stretch, (index + 1) as f64 * stretch);
            let last = (end.ceil() as usize).min(values.len());
            let covered = |place: usize| end.min(place as f64 + 1.0) - start.max(place as f64);
            (start as usize..last)
                .map(|place| values[place] * covered(place))
                .sum::<f64>()
                / stretch
        })
        .collect()
}
