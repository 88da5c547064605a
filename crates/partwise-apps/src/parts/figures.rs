//! Which parts matter, and how sparse they are.

use super::Album;
use crate::AppError;

/// Hoyer's sparseness of a vector, (√n − ‖x‖₁ / ‖x‖₂) / (√n − 1): 0 if all entries are alike, 1 if one alone is not zero.
///
/// P. O. Hoyer: "Non-negative matrix factorization with sparseness constraints", Journal of Machine Learning Research 5,
/// 2004. A vector of zeros has 1 and one of a single entry 0, where the formula says nothing.
pub fn hoyer_sparseness(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut count, mut sum, mut squares) = (0_usize, 0.0, 0.0);
    for value in values {
        count += 1;
        sum += value.abs();
        squares += value * value;
    }
    if squares == 0.0 {
        return 1.0;
    }
    if count == 1 {
        return 0.0;
    }
    let root = (count as f64).sqrt();
    ((root - sum / squares.sqrt()) / (root - 1.0)).clamp(0.0, 1.0)
}

/// A part and how much it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Number of the part, from 0: row of H.
    pub part: usize,
    /// Share of the brightness of what it is part of, in 0..1.
    pub share: f64,
}

/// The factors of an album, V ≈ W H.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    w: &'a [f32],
    h: &'a [f32],
    rank: usize,
    pixels: usize,
}

impl<'a> Parts<'a> {
    /// The parts of an album of m pictures with `w` row-major m × `rank` and `h` row-major `rank` × pixels.
    ///
    /// # Errors
    ///
    /// [`AppError::Shape`] if a factor has another number of values.
    pub fn new(album: &Album, w: &'a [f32], h: &'a [f32], rank: usize) -> Result<Self, AppError> {
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
        check("W", w.len(), album.names.len(), rank)?;
        check("H", h.len(), rank, album.pixels())?;
        Ok(Self {
            w,
            h,
            rank,
            pixels: album.pixels(),
        })
    }

    /// The pixels of a part.
    pub fn part(&self, part: usize) -> &'a [f32] {
        &self.h[part * self.pixels..(part + 1) * self.pixels]
    }

    /// The sum of all parts of a picture, with its weights.
    pub fn sum(&self, picture: usize) -> Vec<f32> {
        let mut sum = vec![0.0; self.pixels];
        for (part, &weight) in self.weights(picture).iter().enumerate() {
            for (sum, value) in sum.iter_mut().zip(self.part(part)) {
                *sum += weight * value;
            }
        }
        sum
    }

    /// The weights of a picture: a row of W.
    pub fn weights(&self, picture: usize) -> &'a [f32] {
        &self.w[picture * self.rank..(picture + 1) * self.rank]
    }

    /// The parts with their shares of all pictures, the largest first.
    pub fn by_share(&self) -> Vec<Share> {
        let mut weights = vec![0.0; self.rank];
        for row in self.w.chunks_exact(self.rank.max(1)) {
            for (sum, &weight) in weights.iter_mut().zip(row) {
                *sum += f64::from(weight);
            }
        }
        self.shares(weights)
    }

    /// The parts with their shares of one picture, the largest first.
    pub fn of_picture(&self, picture: usize) -> Vec<Share> {
        let weights = self.weights(picture).iter();
        self.shares(weights.map(|&weight| f64::from(weight)).collect())
    }

    fn shares(&self, weights: Vec<f64>) -> Vec<Share> {
        let brightness = |(part, weight): (usize, f64)| {
            weight
                * self
                    .part(part)
                    .iter()
                    .map(|&value| f64::from(value))
                    .sum::<f64>()
        };
        let sums: Vec<f64> = weights.into_iter().enumerate().map(brightness).collect();
        let total: f64 = sums.iter().sum();
        let share = |(part, sum): (usize, f64)| Share {
            part,
            share: if total > 0.0 { sum / total } else { 0.0 },
        };
        let mut shares: Vec<Share> = sums.into_iter().enumerate().map(share).collect();
        shares.sort_by(|a, b| b.share.total_cmp(&a.share));
        shares
    }

    /// Hoyer's sparseness of each part.
    pub fn part_sparseness(&self) -> Vec<f64> {
        (0..self.rank)
            .map(|part| hoyer_sparseness(self.part(part).iter().map(|&value| value.into())))
            .collect()
    }

    /// Hoyer's sparseness of the use of each part over the pictures: of a column of W.
    pub fn code_sparseness(&self) -> Vec<f64> {
        (0..self.rank)
            .map(|part| {
                let column = self.w.iter().skip(part).step_by(self.rank);
                hoyer_sparseness(column.map(|&value| value.into()))
            })
            .collect()
    }
}
