//! A picture, its reconstruction and the difference of the two.

use crate::{
    Raster, ReportError,
    canvas::{Anchor, Canvas, Figure, MARGIN, PIXELS_PER_UNIT, Type, ink},
    colour,
    number::{UNIT_SPACE, decimal, percent, signed},
    raster::{Bitmap, shown_pixels},
};

/// What a comparison shows.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// Heading, such as the picture's name.
    pub title: &'a str,
    /// The picture that was factored.
    pub original: &'a Raster,
    /// What the factors make of it, of the same size and channels.
    pub reconstruction: &'a Raster,
    /// Words below the reconstruction, such as those of [`quality_caption`].
    pub caption: &'a str,
}

/// Largest size of one picture, in pixels: side by side, and one above the other.
const BESIDE: (usize, usize) = (840, 1000);
const STACKED: (usize, usize) = (1800, 500);
/// Width over height from which the pictures stand one above the other.
const WIDE: f64 = 2.6;
/// Pixels a side up to which a small picture is enlarged, and below which no side falls.
const ENLARGED: usize = 520;
const THINNEST: usize = 16;
/// Narrowest column, so that captions have room, in units.
const NARROWEST: f64 = 240.0;
/// Space between columns or rows.
const GAP: f64 = 24.0;
/// Share of the pixels whose difference may be off the colour bar.
const OFF_THE_BAR: f64 = 0.01;
/// Size of the colour bar in units.
const BAR: (f64, f64) = (220.0, 12.0);

/// Draws original | reconstruction | difference, each with its words.
///
/// The difference is reconstruction − original (of colour pictures in BT.709 luma), red where the
/// reconstruction is too bright and blue where it is too dark. The colours' ends are a round number
/// that all but 1 % of the pixels stay within. Pictures larger than the figure are shrunk by
/// averaging, small ones enlarged pixel by pixel, and very wide ones stand one above the other.
///
/// # Errors
///
/// [`ReportError::DifferentPictures`] if the two differ in size or channels.
pub fn comparison(comparison: &Comparison<'_>) -> Result<Figure, ReportError> {
    let Comparison {
        title,
        original,
        reconstruction,
        caption,
    } = *comparison;
    if original.shape() != reconstruction.shape() {
        return Err(ReportError::DifferentPictures {
            original: original.shape(),
            reconstruction: reconstruction.shape(),
        });
    }
    let (width, height, channels) = original.shape();
    let stacked = width as f64 / height as f64 > WIDE;
    let frame = if stacked { STACKED } else { BESIDE };
    let pixels = shown_pixels((width, height), frame, ENLARGED, THINNEST);

    let difference = original.difference(reconstruction);
    let end = bar_end(difference.magnitude(OFF_THE_BAR));
    let beyond = difference.magnitude(0.0) > end;
    let shown = |picture: &Raster| picture.resized(pixels.0, pixels.1);
    let bitmaps = [
        shown(original).bitmap(1.0, colour::grey),
        shown(reconstruction).bitmap(1.0, colour::grey),
        shown(&difference).bitmap(1.0 / end, colour::diverging),
    ];

    let (picture_width, picture_height) = bitmaps[0].units();
    let column = picture_width.max(NARROWEST).ceil();
    let kind = if channels == 1 { "grey" } else { "colour" };
    let first_caption = format!("{width} × {height} pixels, {kind}");
    let difference_name = match channels {
        1 => "Difference",
        _ => "Difference in luma",
    };
    let headings = ["Original", "Reconstruction", difference_name];
    let captions = [
        Type::NOTE.wrapped(&first_caption, column),
        Type::NOTE.wrapped(caption, column),
        Vec::new(),
    ];

    let mut canvas = Canvas::default();
    let figure_width = match stacked {
        true => column,
        false => 3.0 * column + 2.0 * GAP,
    } + 2.0 * MARGIN;
    let mut y = MARGIN + Type::TITLE.size;
    let title = Type::TITLE.wrapped(title, figure_width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::TITLE, &title);

    let (mut x, mut top, mut lowest) = (MARGIN, y.round() - 4.0, y);
    for (index, bitmap) in bitmaps.iter().enumerate() {
        canvas.text(
            (x, top + Type::HEADING.size),
            Type::HEADING,
            headings[index],
        );
        let picture_top = top + Type::HEADING.line_height() + 4.0;
        canvas.bitmap((x, picture_top), bitmap);
        let mut below = picture_top + picture_height;
        canvas.rectangle(
            (x - 0.5, picture_top - 0.5),
            (picture_width + 1.0, picture_height + 1.0),
            "none",
            Some(ink::FRAME),
        );
        if index == 2 {
            below = draw_bar(&mut canvas, (x, (below + 12.0).ceil()), column, end, beyond);
        } else {
            let baseline = below + 8.0 + Type::NOTE.size;
            below = canvas.lines((x, baseline), Type::NOTE, &captions[index])
                - Type::NOTE.line_height()
                + 6.0;
        }
        lowest = lowest.max(below);
        if stacked {
            top = (below + GAP).round();
        } else {
            x += column + GAP;
        }
    }
    Ok(canvas.finish(figure_width, lowest + MARGIN * 0.75))
}

/// The figures of a reconstruction in one line: "rank 20: PSNR 24.3 dB, SSIM 0.71, 7.9 % of the
/// picture's values".
///
/// `psnr_db` may be infinite; `stored_values_ratio` is the share of the plain matrix's numbers that
/// the factors hold. The spaces before units do not break.
pub fn quality_caption(rank: u64, psnr_db: f64, ssim: f64, stored_values_ratio: f64) -> String {
    // Two decimals of a similarity near 1 would call everything above 0.995 perfect.
    let digits = if (0.995..1.0).contains(&ssim) { 4 } else { 2 };
    format!(
        "rank{space}{rank}: PSNR{space}{}{space}dB, SSIM{space}{}, {} of the picture's values",
        decimal(psnr_db, 3),
        signed(ssim, format!("{:.digits$}", ssim.abs())),
        percent(stored_values_ratio),
        space = UNIT_SPACE,
    )
}

/// The number at the ends of the colour bar: one digit and a power of ten, at least 10⁻³.
fn bar_end(magnitude: f64) -> f64 {
    let magnitude = magnitude.clamp(1e-3, 1e30);
    let power = 10_f64.powi(magnitude.log10().floor() as i32);
    (1..10)
        .map(|digit| f64::from(digit) * power)
        .find(|&end| end >= magnitude * (1.0 - 1e-6))
        .unwrap_or(10.0 * power)
}

/// The colour bar with its range; returns where it ends.
fn draw_bar(canvas: &mut Canvas, (x, y): (f64, f64), column: f64, end: f64, beyond: bool) -> f64 {
    let width = BAR.0.min(column).floor();
    let pixels = |length: f64| length as usize * PIXELS_PER_UNIT;
    let strip = Bitmap::strip(pixels(width), pixels(BAR.1), |place| {
        colour::diverging(2.0 * place - 1.0)
    });
    canvas.bitmap((x, y), &strip);
    canvas.rectangle(
        (x - 0.5, y - 0.5),
        (width + 1.0, BAR.1 + 1.0),
        "none",
        Some(ink::FRAME),
    );
    let baseline = y + BAR.1 + 5.0 + Type::SMALL.size;
    let (least, most) = if beyond { ("≤ ", "≥ ") } else { ("", "") };
    let label = decimal(end, 1);
    let place = |share: f64| (x + share * width, baseline);
    let below = |share: f64| (x + share * width, baseline + Type::SMALL.line_height());
    let low = format!("{least}−{label}");
    canvas.text(place(0.0), Type::SMALL, &low);
    canvas.text(place(0.5), Type::SMALL.anchored(Anchor::Middle), "0");
    let high = format!("{most}{label}");
    canvas.text(place(1.0), Type::SMALL.anchored(Anchor::End), &high);
    canvas.text(below(0.0), Type::SMALL, "too dark");
    canvas.text(below(1.0), Type::SMALL.anchored(Anchor::End), "too bright");
    below(0.0).1 + 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_hold_the_figures() {
        let plain = |text: String| text.replace(UNIT_SPACE, " ");
        assert_eq!(
            plain(quality_caption(20, 24.31, 0.7062, 0.0789)),
            "rank 20: PSNR 24.3 dB, SSIM 0.71, 7.9 % of the picture's values"
        );
        assert_eq!(
            plain(quality_caption(1, f64::INFINITY, 1.0, 2.0)),
            "rank 1: PSNR ∞ dB, SSIM 1.00, 200.0 % of the picture's values"
        );
        assert!(plain(quality_caption(9, 50.0, 0.9973, 0.5)).contains("SSIM 0.9973"));
        assert!(plain(quality_caption(9, 5.0, -0.02, 0.5)).contains("SSIM −0.02"));
    }

    #[test]
    fn the_bar_ends_at_a_round_number() {
        for (magnitude, expected) in [
            (0.0, 1e-3),
            (0.13, 0.2),
            (0.23, 0.3),
            (0.2, 0.2),
            (f64::from(0.2_f32), 0.2),
            (0.96, 1.0),
            (7.0, 7.0),
            (9.5, 10.0),
        ] {
            let end = bar_end(magnitude);
            assert!((end / expected - 1.0).abs() < 1e-9, "{end} for {magnitude}");
        }
    }
}
