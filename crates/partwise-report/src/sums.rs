//! Pictures beside the parts that they are sums of.

use crate::{
    Raster, ReportError,
    canvas::{Anchor, Canvas, Figure, MARGIN, PIXELS_PER_UNIT, Type, ink},
    colour,
    raster::{Bitmap, shown_pixels},
};

/// One part of a picture, times its weight there.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The part times its weight.
    pub picture: Raster,
    /// A few words below it: "12.3 %".
    pub caption: String,
}

/// A picture as a sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// What the picture is called.
    pub name: String,
    /// The picture.
    pub original: Raster,
    /// The sum of all its parts.
    pub total: Raster,
    /// The strongest of them, the strongest first.
    pub terms: Vec<Term>,
    /// A few words about those that are not shown, or "".
    pub rest: String,
}

/// Longest side of a picture, in units.
const SIDE: f64 = 84.0;
/// Room for a sign between two pictures.
const SIGN: f64 = 26.0;
/// Height of a caption with the space around it.
const CAPTION: f64 = 22.0;
const GAP: f64 = 10.0;
/// Room for the words at the end of a row.
const REST: f64 = 96.0;
/// No side of a picture is thinner, in pixels.
const THINNEST: usize = 8;

/// Draws one row for each picture: it, the sum of all its parts, and the strongest of them. All pictures of a row share
/// one scale, so that what is seen adds up.
///
/// # Errors
///
/// [`ReportError::NoPictures`] if there is no row.
pub fn sums(title: &str, note: &str, rows: &[Sum]) -> Result<Figure, ReportError> {
    if rows.is_empty() {
        return Err(ReportError::NoPictures);
    }
    let columns = 2 + rows.iter().map(|row| row.terms.len()).max().unwrap_or(0);
    let pitch = SIDE + SIGN;
    let width = 2.0 * MARGIN + columns as f64 * pitch - SIGN + REST;

    let mut canvas = Canvas::default();
    let mut y = MARGIN + Type::TITLE.size;
    let lines = Type::TITLE.wrapped(title, width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::TITLE, &lines);
    let lines = Type::NOTE.wrapped(note, width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::NOTE, &lines).round();

    for row in rows {
        let scale = row.original.maximum();
        let scale = if scale > 0.0 { scale.recip() } else { 1.0 };
        let mut pictures = vec![
            (bitmap(&row.original, scale), row.name.as_str(), ""),
            (bitmap(&row.total, scale), "sum of all", "≈"),
        ];
        for (place, term) in row.terms.iter().enumerate() {
            let sign = if place == 0 { "=" } else { "+" };
            pictures.push((bitmap(&term.picture, scale), term.caption.as_str(), sign));
        }
        let height = pictures.iter().map(|(bitmap, ..)| bitmap.units().1);
        let height = height.fold(0.0, f64::max).ceil();
        let middle = y + height / 2.0 + 6.0;
        for (place, (bitmap, caption, sign)) in pictures.iter().enumerate() {
            let left = MARGIN + place as f64 * pitch;
            let (bitmap_width, bitmap_height) = bitmap.units();
            let x = (left + (SIDE - bitmap_width) / 2.0).floor();
            let top = (y + (height - bitmap_height) / 2.0).floor();
            canvas.bitmap((x, top), bitmap);
            canvas.rectangle(
                (x - 0.5, top - 0.5),
                (bitmap_width + 1.0, bitmap_height + 1.0),
                "none",
                Some(ink::FRAME),
            );
            let centred = Type::SMALL.anchored(Anchor::Middle);
            let words = Type::SMALL.fitted(caption, pitch - 4.0);
            let below = y + height + 5.0 + Type::SMALL.size;
            canvas.text((left + SIDE / 2.0, below), centred, &words);
            let heading = Type::HEADING.anchored(Anchor::Middle);
            canvas.text((left - SIGN / 2.0, middle), heading, sign);
        }
        let end = MARGIN + pictures.len() as f64 * pitch - SIGN + 8.0;
        canvas.text((end, middle), Type::SMALL, &row.rest);
        y += height + CAPTION + GAP;
    }
    Ok(canvas.finish(width, y + MARGIN * 0.5))
}

fn bitmap(picture: &Raster, scale: f64) -> Bitmap {
    let side = SIDE as usize * PIXELS_PER_UNIT;
    let size = (picture.width(), picture.height());
    let (width, height) = shown_pixels(size, (side, side), side, THINNEST);
    picture.resized(width, height).bitmap(scale, colour::grey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_below_each_other_and_hold_their_terms() {
        let picture = || Raster::grey(4, 3, vec![0.5; 12]).unwrap();
        let term = |caption: &str| Term {
            picture: picture(),
            caption: caption.to_owned(),
        };
        let row = |terms: Vec<Term>| Sum {
            name: "face".to_owned(),
            original: picture(),
            total: picture(),
            terms,
            rest: "and 3 more".to_owned(),
        };
        let one = sums("Sums", "", &[row(vec![term("7 %")])]).unwrap();
        let two = sums("Sums", "", &[row(vec![term("7 %")]), row(vec![])]).unwrap();
        assert!(two.height() > one.height() + SIDE / 2.0);
        assert_eq!(two.width(), one.width());
        assert_eq!(one.svg().matches("<image").count(), 3);
        assert!(one.svg().contains("7 %") && one.svg().contains("and 3 more"));
        assert!(matches!(sums("", "", &[]), Err(ReportError::NoPictures)));
    }
}
