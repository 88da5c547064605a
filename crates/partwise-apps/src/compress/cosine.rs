//! The cosine transform of square blocks with 8 or 16 pixels a side, orthonormal, in a fixed order of operations.
//!
//! The constants are written out: a cosine of the system's library may differ in its last bit from one machine to
//! another, and a file must decode to the same picture on all of them.

/// cos(iπ/32) for i in 0..=16.
const COSINES: [f32; 17] = [
    1.0,
    0.995_184_7,
    0.980_785_3,
    0.956_940_35,
    0.923_879_5,
    0.881_921_3,
    0.831_469_6,
    0.773_010_43,
    0.707_106_77,
    0.634_393_3,
    0.555_570_24,
    0.471_396_74,
    0.382_683_43,
    0.290_284_67,
    0.195_090_32,
    0.098_017_14,
    0.0,
];

/// cos(iπ/32) for any i.
fn cosine(i: usize) -> f32 {
    match i % 64 {
        i @ 0..=16 => COSINES[i],
        i @ 17..=32 => -COSINES[32 - i],
        i @ 33..=48 => -COSINES[i - 32],
        i => COSINES[64 - i],
    }
}

/// The transform of blocks of one size.
#[derive(Debug, Clone)]
pub(super) struct Cosine {
    side: usize,
    /// Row u: the basis function of frequency u.
    basis: Vec<f32>,
    /// Places u·side + v in the order in which coefficients are kept: by u + v, the constant one first.
    order: Vec<usize>,
}

impl Cosine {
    /// The transform of blocks with `side` pixels, 8 or 16.
    pub(super) fn new(side: usize) -> Self {
        let mut basis = vec![0.0; side * side];
        for (u, row) in basis.chunks_exact_mut(side).enumerate() {
            let scale = if u == 0 { COSINES[8] } else { 1.0 } * (2.0 / side as f32).sqrt();
            for (x, value) in row.iter_mut().enumerate() {
                *value = scale * cosine((2 * x + 1) * u * 16 / side);
            }
        }
        let mut order: Vec<usize> = (0..side * side).collect();
        order.sort_by_key(|place| (place / side + place % side, place / side));
        Self { side, basis, order }
    }

    /// Coefficients of a block.
    pub(super) fn count(&self) -> usize {
        self.side * self.side
    }

    /// Vertical and horizontal frequency of the coefficient at `place` in the order kept.
    pub(super) fn frequency(&self, place: usize) -> (usize, usize) {
        (self.order[place] / self.side, self.order[place] % self.side)
    }

    /// The place in the order kept of a pair of frequencies.
    pub(super) fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.count()];
        for (place, &at) in self.order.iter().enumerate() {
            places[at] = place;
        }
        places
    }

    /// Coefficients, in the order kept, of a block of pixels.
    pub(super) fn forward(&self, pixels: &[f32], coefficients: &mut [f32]) {
        let side = self.side;
        let mut rows = vec![0.0; side * side];
        for (row, target) in pixels.chunks_exact(side).zip(rows.chunks_exact_mut(side)) {
            for (v, value) in target.iter_mut().enumerate() {
                let basis = &self.basis[v * side..(v + 1) * side];
                *value = row.iter().zip(basis).map(|(a, b)| a * b).sum();
            }
        }
        for (target, &at) in coefficients.iter_mut().zip(&self.order) {
            let (u, v) = (at / side, at % side);
            *target = (0..side)
                .map(|y| rows[y * side + v] * self.basis[u * side + y])
                .sum();
        }
    }

    /// Pixels of a block from its coefficients in the order kept.
    pub(super) fn inverse(&self, coefficients: &[f32], pixels: &mut [f32]) {
        let side = self.side;
        let mut columns = vec![0.0; side * side];
        for (&coefficient, &at) in coefficients.iter().zip(&self.order) {
            if coefficient != 0.0 {
                let (u, v) = (at / side, at % side);
                for y in 0..side {
                    columns[y * side + v] += coefficient * self.basis[u * side + y];
                }
            }
        }
        pixels.fill(0.0);
        for (row, column) in pixels
            .chunks_exact_mut(side)
            .zip(columns.chunks_exact(side))
        {
            for (&value, basis) in column.iter().zip(self.basis.chunks_exact(side)) {
                for (pixel, b) in row.iter_mut().zip(basis) {
                    *pixel += value * b;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_and_keeps_its_length() {
        for side in [8, 16] {
            let cosine = Cosine::new(side);
            let count = cosine.count();
            let pixels: Vec<f32> = (0..count).map(|i| (i * i % 97) as f32 / 97.0).collect();
            let (mut coefficients, mut back) = (vec![0.0; count], vec![0.0; count]);
            cosine.forward(&pixels, &mut coefficients);
            cosine.inverse(&coefficients, &mut back);
            let worst = pixels.iter().zip(&back).map(|(a, b)| (a - b).abs());
            assert!(worst.fold(0.0, f32::max) < 1e-5);
            let length = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>();
            assert!((length(&pixels) / length(&coefficients) - 1.0).abs() < 1e-5);
            assert_eq!(cosine.frequency(0), (0, 0));
            let (u, v) = cosine.frequency(7);
            assert_eq!(cosine.places()[u * side + v], 7);
        }
    }

    #[test]
    fn cosines_are_those_of_the_library() {
        for i in 0..200 {
            let exact = (i as f64 * std::f64::consts::PI / 32.0).cos();
            assert!((f64::from(cosine(i)) - exact).abs() < 1e-6);
        }
    }
}
