//! How good and how small a reconstruction is.
//!
//! All sums are in f64, whatever the pictures are held in.

use super::PictureMatrix;
use crate::AppError;

/// Standard deviation of SSIM's Gaussian window, in pixels (Wang et al. 2004).
const WINDOW_SIGMA: f64 = 1.5;
/// Pixels on each side of the window's centre: the window is 11 × 11.
const WINDOW_RADIUS: usize = 5;
/// (K₁·L)² and (K₂·L)² with K₁ = 0.01, K₂ = 0.03 and a dynamic range L of 1.
const STABILISER_MEAN: f64 = 0.01 * 0.01;
const STABILISER_VARIANCE: f64 = 0.03 * 0.03;
/// Rows of the map that are worked out together: bounds the work space.
const STRIP_ROWS: usize = 32;
/// The local moments that SSIM is made of: x, y, x², y², xy.
const MOMENTS: usize = 5;

/// Peak signal-to-noise ratio in decibels, −10 log₁₀(mean squared error), for a peak of 1.
///
/// Infinite ([`f64::INFINITY`]) for equal pictures; JSON has no such number, so a writer must say
/// it in another way. Values outside 0..1 count as they are: clip first what will be clipped.
///
/// # Errors
///
/// [`AppError::Shape`] if the pictures differ in size or channels.
pub fn psnr_db(original: &PictureMatrix, other: &PictureMatrix) -> Result<f64, AppError> {
    same_shape(original, other)?;
    let squares: f64 = original
        .values()
        .chunks(original.width())
        .zip(other.values().chunks(original.width()))
        .map(|(a, b)| {
            let square = |(&x, &y): (&f32, &f32)| (f64::from(x) - f64::from(y)).powi(2);
            a.iter().zip(b).map(square).sum::<f64>()
        })
        .sum();
    let mean = squares / original.values().len() as f64;
    Ok(if mean == 0.0 {
        f64::INFINITY
    } else {
        -10.0 * mean.log10()
    })
}

/// Mean structural similarity, at most 1 (equal), with the Gaussian window of 11 × 11 pixels and
/// σ = 1.5, population variances and a dynamic range of 1; of a colour picture the mean over the
/// channels.
///
/// Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: "Image quality assessment: from error
/// visibility to structural similarity", IEEE Trans. Image Processing 13(4), 2004. The mean is over
/// the places where the window fits into the picture. Along a side shorter than 11 pixels it fits
/// nowhere; there the picture is continued by reflection and every place counts.
///
/// # Errors
///
/// [`AppError::Shape`] if the pictures differ in size or channels.
pub fn ssim(original: &PictureMatrix, other: &PictureMatrix) -> Result<f64, AppError> {
    same_shape(original, other)?;
    let channels = original.channels().count();
    let sum: f64 = (0..channels)
        .map(|channel| channel_ssim(original, other, channel))
        .sum();
    Ok(sum / channels as f64)
}

/// Numbers that two factors of rank k store for each number of the m × n matrix: k(m+n)/(mn).
///
/// A share of the plain matrix, so below 1 means smaller. 0 for an empty matrix.
pub fn stored_values_ratio((m, n): (usize, usize), k: usize) -> f64 {
    if m == 0 || n == 0 {
        return 0.0;
    }
    let (m, n) = (m as f64, n as f64);
    k as f64 * (1.0 / m + 1.0 / n)
}

fn same_shape(original: &PictureMatrix, other: &PictureMatrix) -> Result<(), AppError> {
    let shape = original.shape();
    if shape == other.shape() && original.channels() == other.channels() {
        return Ok(());
    }
    Err(AppError::Shape {
        what: "the other picture",
        found: other.values().len(),
        rows: shape.0,
        columns: shape.1,
    })
}

/// The rows or columns along a side of `length` whose SSIM counts.
fn counted(length: usize) -> std::ops::Range<usize> {
    if length > 2 * WINDOW_RADIUS {
        WINDOW_RADIUS..length - WINDOW_RADIUS
    } else {
        0..length
    }
}

/// The place inside 0..length that `position` − WINDOW_RADIUS lands on when the side is continued
/// by reflection at its ends (d c b a | a b c d | d c b a).
fn reflected(position: usize, length: usize) -> usize {
    let period = 2 * length;
    let shifted = (position + period * WINDOW_RADIUS - WINDOW_RADIUS) % period;
    shifted.min(period - 1 - shifted)
}

fn window() -> [f64; 2 * WINDOW_RADIUS + 1] {
    let weights: [f64; 2 * WINDOW_RADIUS + 1] = std::array::from_fn(|index| {
        let distance = index as f64 - WINDOW_RADIUS as f64;
        (-0.5 * (distance / WINDOW_SIGMA).powi(2)).exp()
    });
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

fn channel_ssim(original: &PictureMatrix, other: &PictureMatrix, channel: usize) -> f64 {
    let (height, width) = (original.height(), original.width());
    let (rows, columns) = (counted(height), counted(width));
    let weights = window();

    // Row `position` − WINDOW_RADIUS of one channel, continued at both ends of the row.
    let continued_row = |picture: &PictureMatrix, position: usize, target: &mut [f64]| {
        let start = reflected(position, height) * picture.shape().1 + channel * width;
        let row = &picture.values()[start..start + width];
        for (place, value) in target.iter_mut().enumerate() {
            *value = f64::from(row[reflected(place, width)]);
        }
    };

    let mut first = vec![0.0; width + 2 * WINDOW_RADIUS];
    let mut second = first.clone();
    let mut product = first.clone();
    let mut blurred_rows = vec![0.0; (STRIP_ROWS + 2 * WINDOW_RADIUS) * MOMENTS * width];
    let mut blurred = vec![0.0; MOMENTS * width];
    let mut sum = 0.0;

    let mut strip = rows.start;
    while strip < rows.end {
        let strip_end = (strip + STRIP_ROWS).min(rows.end);
        let blurred_along_rows = blurred_rows.chunks_exact_mut(MOMENTS * width);
        for (position, moments) in (strip..strip_end + 2 * WINDOW_RADIUS).zip(blurred_along_rows) {
            continued_row(original, position, &mut first);
            continued_row(other, position, &mut second);
            for (moment, target) in moments.chunks_exact_mut(width).enumerate() {
                for ((value, &x), &y) in product.iter_mut().zip(&first).zip(&second) {
                    *value = [x, y, x * x, y * y, x * y][moment];
                }
                target.fill(0.0);
                for (offset, weight) in weights.iter().enumerate() {
                    for (value, source) in target.iter_mut().zip(&product[offset..]) {
                        *value += weight * source;
                    }
                }
            }
        }
        for row in 0..strip_end - strip {
            blurred.fill(0.0);
            for (offset, weight) in weights.iter().enumerate() {
                let start = (row + offset) * MOMENTS * width;
                for (value, source) in blurred.iter_mut().zip(&blurred_rows[start..]) {
                    *value += weight * source;
                }
            }
            let moment = |index: usize, column: usize| blurred[index * width + column];
            sum += columns
                .clone()
                .map(|c| similarity(std::array::from_fn(|index| moment(index, c))))
                .sum::<f64>();
        }
        strip = strip_end;
    }
    sum / (rows.len() * columns.len()) as f64
}

/// SSIM at one place from the local means of x, y, x², y² and xy.
fn similarity([x, y, xx, yy, xy]: [f64; MOMENTS]) -> f64 {
    let (variance_x, variance_y, covariance) = (xx - x * x, yy - y * y, xy - x * y);
    let means = (2.0 * x * y + STABILISER_MEAN) / (x * x + y * y + STABILISER_MEAN);
    let spreads =
        (2.0 * covariance + STABILISER_VARIANCE) / (variance_x + variance_y + STABILISER_VARIANCE);
    means * spreads
}
