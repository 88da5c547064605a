//! A picture as planes of luma and chroma, and back.
//!
//! Luma and chroma are those of JPEG (ITU-R BT.601, full range), with chroma moved by ½ so that nothing is below zero.
//! Each plane is scaled by what an error in it costs in red, green and blue together, so that one step serves them all:
//! equal squared errors in the planes are equal squared errors in the picture.

use super::damage::Damage;
use crate::image::{Channels, PictureMatrix};

/// Weights of red, green and blue in luma.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// What chroma counts of blue − luma and red − luma.
const CHROMA: [f32; 2] = [1.0 / 1.772, 1.0 / 1.402];
/// What green loses for each unit of the two chromas.
const GREEN: [f32; 2] = [0.344_136, 0.714_136];
/// Lengths of (1, 1, 1), (0, −0.344, 1.772) and (1.402, −0.714, 0): the error in a pixel from one in a plane.
const SCALES: [f32; 3] = [1.732_050_8, 1.805_109_2, 1.573_401_9];

/// Samples of one kind, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) samples: Vec<f32>,
}

/// The form of a picture and of its planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: Channels,
    /// Whether chroma has one sample for 2 × 2 pixels.
    pub(super) halved: bool,
}

impl Form {
    /// Width and height of a plane.
    pub(super) fn plane(&self, plane: usize) -> (usize, usize) {
        if plane > 0 && self.halved {
            (self.width.div_ceil(2), self.height.div_ceil(2))
        } else {
            (self.width, self.height)
        }
    }

    /// What samples of a plane are multiplied with.
    fn scale(&self, plane: usize) -> f32 {
        match (self.channels, plane) {
            (Channels::Grey, _) => 1.0,
            (Channels::Colour, 0) => SCALES[0],
            // A sample stands for four pixels.
            (Channels::Colour, plane) if self.halved => 2.0 * SCALES[plane],
            (Channels::Colour, plane) => SCALES[plane],
        }
    }

    /// The planes of a picture of this form.
    pub(super) fn split(&self, picture: &PictureMatrix) -> Vec<Plane> {
        let (width, height) = (self.width, self.height);
        let values = picture.values();
        if self.channels == Channels::Grey {
            return vec![Plane {
                width,
                height,
                samples: values.to_vec(),
            }];
        }
        let mut planes: [Vec<f32>; 3] = std::array::from_fn(|_| Vec::with_capacity(width * height));
        for row in values.chunks_exact(3 * width) {
            for x in 0..width {
                let rgb = [row[x], row[width + x], row[2 * width + x]];
                let luma: f32 = LUMA.iter().zip(rgb).map(|(weight, c)| weight * c).sum();
                planes[0].push(luma);
                planes[1].push((rgb[2] - luma) * CHROMA[0] + 0.5);
                planes[2].push((rgb[0] - luma) * CHROMA[1] + 0.5);
            }
        }
        let plane = |(index, mut samples): (usize, Vec<f32>)| {
            let (plane_width, plane_height) = self.plane(index);
            if (plane_width, plane_height) != (width, height) {
                samples = halve(&samples, width, height);
            }
            let scale = self.scale(index);
            samples.iter_mut().for_each(|sample| *sample *= scale);
            Plane {
                width: plane_width,
                height: plane_height,
                samples,
            }
        };
        planes.into_iter().enumerate().map(plane).collect()
    }

    /// The picture of planes of this form; samples are clipped to 0..1 and rounded to whole multiples of 1/`peak`.
    pub(super) fn join(&self, planes: &[Plane], peak: f32) -> Result<PictureMatrix, Damage> {
        let (width, height) = (self.width, self.height);
        let sample = |value: f32| rounded(value, peak);
        let values = if self.channels == Channels::Grey {
            planes[0]
                .samples
                .iter()
                .map(|&value| sample(value))
                .collect()
        } else {
            let inverse: [f32; 3] = std::array::from_fn(|plane| 1.0 / self.scale(plane));
            let mut values = Vec::with_capacity(3 * width * height);
            let mut chroma = [vec![0.0; width], vec![0.0; width]];
            for y in 0..height {
                for (index, line) in chroma.iter_mut().enumerate() {
                    self.chroma_line(&planes[index + 1], y, inverse[index + 1], line);
                }
                let luma = &planes[0].samples[y * width..(y + 1) * width];
                let luma = luma.iter().map(|value| value * inverse[0]);
                let [blue, red] = &chroma;
                let pixels = || luma.clone().zip(blue.iter().zip(red));
                values.extend(pixels().map(|(l, (_, r))| sample(l + 1.402 * r)));
                values.extend(pixels().map(|(l, (b, r))| sample(l - GREEN[0] * b - GREEN[1] * r)));
                values.extend(pixels().map(|(l, (b, _))| sample(l + 1.772 * b)));
            }
            values
        };
        PictureMatrix::new(height, width, self.channels, values)
            .map_err(|_| Damage("the planes do not fit the picture"))
    }

    /// Row `y` of a plane of chroma at the picture's width, around 0.
    fn chroma_line(&self, plane: &Plane, y: usize, inverse: f32, line: &mut [f32]) {
        let row = |y: usize| &plane.samples[y * plane.width..(y + 1) * plane.width];
        if !self.halved {
            for (target, value) in line.iter_mut().zip(row(y)) {
                *target = value * inverse - 0.5;
            }
            return;
        }
        let (near, far) = neighbours(y, plane.height);
        let (near, far) = (row(near), row(far));
        for (x, target) in line.iter_mut().enumerate() {
            let (left, right) = neighbours(x, plane.width);
            let at = |x: usize| 0.75 * near[x] + 0.25 * far[x];
            *target = (0.75 * at(left) + 0.25 * at(right)) * inverse - 0.5;
        }
    }
}

/// A sample as pixels keep it: clipped to 0..1, a whole multiple of 1/`peak`. No file's codes and steps are so large that
/// a value is not finite.
pub(super) fn rounded(value: f32, peak: f32) -> f32 {
    (value.clamp(0.0, 1.0) * peak).round() / peak
}

/// The sample that a pixel lies in, of half as many, and the next one on the pixel's side.
fn neighbours(pixel: usize, count: usize) -> (usize, usize) {
    let near = pixel / 2;
    let far = if pixel.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(count - 1)
    };
    (near, far)
}

/// Means of 2 × 2 pixels; at odd ends the last row or column counts twice.
fn halve(samples: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut halved = Vec::with_capacity(width.div_ceil(2) * height.div_ceil(2));
    for y in (0..height).step_by(2) {
        let upper = &samples[y * width..(y + 1) * width];
        let below = (y + 1).min(height - 1);
        let lower = &samples[below * width..(below + 1) * width];
        for x in (0..width).step_by(2) {
            let right = (x + 1).min(width - 1);
            halved.push((upper[x] + upper[right] + lower[x] + lower[right]) / 4.0);
        }
    }
    halved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_give_the_picture_back() {
        for (width, height) in [(1, 1), (5, 3), (8, 2)] {
            let values: Vec<f32> = (0..3 * width * height)
                .map(|i| (i * 37 % 256) as f32 / 255.0)
                .collect();
            let picture = PictureMatrix::new(height, width, Channels::Colour, values).unwrap();
            let form = Form {
                width,
                height,
                channels: Channels::Colour,
                halved: false,
            };
            let planes = form.split(&picture);
            assert!(
                planes
                    .iter()
                    .flat_map(|plane| &plane.samples)
                    .all(|&x| x > -1e-6)
            );
            assert_eq!(form.join(&planes, 255.0).unwrap(), picture);
        }
    }

    #[test]
    fn half_the_chroma_keeps_even_colours() {
        let values = [[0.2_f32; 5], [0.8; 5], [0.4; 5]].concat().repeat(3);
        let picture = PictureMatrix::new(3, 5, Channels::Colour, values).unwrap();
        let form = Form {
            width: 5,
            height: 3,
            channels: Channels::Colour,
            halved: true,
        };
        let planes = form.split(&picture);
        assert_eq!((planes[1].width, planes[1].height), (3, 2));
        assert_eq!(form.join(&planes, 255.0).unwrap(), picture);
    }
}
