//! Rows of a matrix, where they lie in the picture, and their singular vectors.

use faer::{Mat, Side};

use super::patches::{Grid, MOST_COMPONENTS};

/// Rows of a matrix that components are to add up to, and where they lie in the picture.
#[derive(Debug)]
pub(super) struct Rows {
    /// Rows × width.
    pub(super) values: Vec<f32>,
    pub(super) width: usize,
    /// Which rows lie beside each other: some planes of rows.
    pub(super) grids: Vec<Grid>,
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Of each row, those left and above.
    pub(super) fn beside(&self) -> Vec<[Option<usize>; 2]> {
        let mut beside = Vec::with_capacity(self.count());
        for grid in &self.grids {
            let start = beside.len();
            for place in 0..grid.count() {
                let left = (place % grid.across > 0).then(|| start + place - 1);
                let above = (place >= grid.across).then(|| start + place - grid.across);
                beside.push([left, above]);
            }
        }
        beside
    }

    /// The leading singular vectors of the rows, components × width.
    pub(super) fn singular_vectors(&self) -> Vec<f32> {
        let width = self.width;
        let mut gram = vec![0.0_f64; width * width];
        for row in self.values.chunks_exact(width) {
            for (i, &a) in row.iter().enumerate() {
                if a != 0.0 {
                    let target = &mut gram[i * width..=i * width + i];
                    for (sum, &b) in target.iter_mut().zip(row) {
                        *sum += f64::from(a * b);
                    }
                }
            }
        }
        let gram = Mat::from_fn(width, width, |i, j| gram[i.max(j) * width + i.min(j)]);
        let rank = width.min(MOST_COMPONENTS).min(self.count());
        // A matrix that cannot be decomposed is none that blocks have; the coefficients themselves serve.
        let vectors = gram.self_adjoint_eigen(Side::Lower);
        (0..rank)
            .flat_map(|component| {
                let vectors = vectors.as_ref();
                (0..width).map(move |i| match vectors {
                    Ok(found) => found.U()[(i, width - 1 - component)] as f32,
                    Err(_) => f32::from(u8::from(i == component)),
                })
            })
            .collect()
    }
}

/// Row × matrix: the products of a row with each column of `matrix`, row.len() × found.len().
pub(super) fn products(row: &[f32], matrix: &[f32], found: &mut [f32]) {
    found.fill(0.0);
    for (&value, line) in row.iter().zip(matrix.chunks_exact(found.len().max(1))) {
        for (sum, &entry) in found.iter_mut().zip(line) {
            *sum += value * entry;
        }
    }
}
