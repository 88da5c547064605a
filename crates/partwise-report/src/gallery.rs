//! Many small pictures with captions.

use std::cmp::Reverse;

use crate::{
    Raster, ReportError,
    canvas::{Anchor, Canvas, Figure, MARGIN, PIXELS_PER_UNIT, Type, ink},
    colour,
    raster::{Bitmap, shown_pixels},
};

/// Most pictures that a gallery shows; of more the first are shown, and a line says so.
pub const GALLERY_CELLS: usize = 100;

/// One picture of a gallery.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The picture.
    pub picture: Raster,
    /// A few words below it: "1: 34.2 %".
    pub caption: String,
}

/// How grey pictures are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shading {
    /// Black to white, for what is a picture.
    #[default]
    Grey,
    /// The map of [`colour::viridis`], for numbers that are no picture.
    Viridis,
}

/// What a gallery shows.
#[derive(Debug, Clone, Copy)]
pub struct Gallery<'a> {
    /// Heading.
    pub title: &'a str,
    /// Words below the heading, or "".
    pub note: &'a str,
    /// The pictures, in order; those after the first [`GALLERY_CELLS`] are not shown.
    pub cells: &'a [Cell],
    /// How many there are in all, if only the first were handed over.
    pub total: usize,
    /// How grey pictures are coloured.
    pub shading: Shading,
}

/// Width and height that the pictures of a gallery share, in units: the columns are chosen so that
/// they fill a shape like this.
const SHEET: (f64, f64) = (1000.0, 680.0);
/// Longest side of a picture in units when few share the sheet.
const LARGEST: f64 = 220.0;
/// Narrowest cell, so that a caption has room; also the longest side of a picture when so many
/// share the sheet that it grows taller.
const NARROWEST: f64 = 76.0;
const GAP: f64 = 14.0;
/// Height of a caption with the space around it.
const CAPTION: f64 = 22.0;
/// No side of a picture is thinner, in pixels.
const THINNEST: usize = 8;

/// Draws the pictures in rows. Each is brightened to its own maximum, which the figure says; a
/// picture without a sample above zero stays black.
///
/// # Errors
///
/// [`ReportError::NoPictures`] if there is none.
pub fn gallery(gallery: &Gallery<'_>) -> Result<Figure, ReportError> {
    let cells = &gallery.cells[..gallery.cells.len().min(GALLERY_CELLS)];
    if cells.is_empty() {
        return Err(ReportError::NoPictures);
    }
    let total = gallery.total.max(gallery.cells.len());
    // The cells are as large as the largest picture needs.
    let widest = cells.iter().map(|cell| cell.picture.width()).max();
    let tallest = cells.iter().map(|cell| cell.picture.height()).max();
    let proportions = (widest.unwrap_or(1) as f64, tallest.unwrap_or(1) as f64);
    let (columns, frame) = layout(cells.len(), proportions);

    let pixels = |units: f64| (units as usize).max(1) * PIXELS_PER_UNIT;
    let frame_pixels = (pixels(frame.0), pixels(frame.1));
    let map = match gallery.shading {
        Shading::Grey => colour::grey,
        Shading::Viridis => colour::viridis,
    };
    let bitmap = |cell: &Cell| -> Bitmap {
        let size = (cell.picture.width(), cell.picture.height());
        let enlarged = frame_pixels.0.max(frame_pixels.1);
        let (width, height) = shown_pixels(size, frame_pixels, enlarged, THINNEST);
        let small = cell.picture.resized(width, height);
        let maximum = small.maximum();
        small.bitmap(if maximum > 0.0 { maximum.recip() } else { 1.0 }, map)
    };
    let bitmaps: Vec<Bitmap> = cells.iter().map(bitmap).collect();
    let units = || bitmaps.iter().map(Bitmap::units);
    let picture_height = units().map(|size| size.1).fold(0.0, f64::max);
    let cell_width = units().map(|size| size.0).fold(NARROWEST, f64::max).ceil();
    let cell_height = picture_height.ceil() + CAPTION;

    let grid_width = columns as f64 * (cell_width + GAP) - GAP;
    let width = grid_width.max(460.0) + 2.0 * MARGIN;
    let mut note = String::from("Each picture is brightened to its own maximum.");
    if !gallery.note.is_empty() {
        note = format!("{} {note}", gallery.note);
    }
    if total > cells.len() {
        note = format!("First {} of {total}. {note}", cells.len());
    }

    let mut canvas = Canvas::default();
    let mut y = MARGIN + Type::TITLE.size;
    let title = Type::TITLE.wrapped(gallery.title, width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::TITLE, &title);
    let note = Type::NOTE.wrapped(&note, width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::NOTE, &note);
    let top = y.round();

    for (index, (cell, bitmap)) in cells.iter().zip(&bitmaps).enumerate() {
        let (row, column) = (index / columns, index % columns);
        let left = MARGIN + column as f64 * (cell_width + GAP);
        let upper = top + row as f64 * (cell_height + GAP);
        let (picture_width, height) = bitmap.units();
        let x = (left + (cell_width - picture_width) / 2.0).floor();
        let picture_top = (upper + picture_height - height).floor();
        canvas.bitmap((x, picture_top), bitmap);
        canvas.rectangle(
            (x - 0.5, picture_top - 0.5),
            (picture_width + 1.0, height + 1.0),
            "none",
            Some(ink::FRAME),
        );
        let caption = Type::SMALL.fitted(&cell.caption, cell_width + GAP - 4.0);
        let baseline = upper + picture_height + 5.0 + Type::SMALL.size;
        let centre = (left + cell_width / 2.0, baseline);
        canvas.text(centre, Type::SMALL.anchored(Anchor::Middle), &caption);
    }
    let rows = cells.len().div_ceil(columns);
    let bottom = top + rows as f64 * (cell_height + GAP) - GAP;
    Ok(canvas.finish(width, bottom + MARGIN * 0.75))
}

/// Columns, and the largest width and height of a picture in units, such that `count` pictures of
/// these proportions fill the sheet best.
fn layout(count: usize, (width, height): (f64, f64)) -> (usize, (f64, f64)) {
    let longest = width.max(height);
    let shape = (width / longest, height / longest);
    let side = |columns: usize| {
        let rows = count.div_ceil(columns);
        let room_across = SHEET.0 / columns as f64 - GAP;
        let room_down = SHEET.1 / rows as f64 - GAP - CAPTION;
        // A picture narrower than its caption still takes the caption's width.
        let across = if room_across < NARROWEST {
            0.0
        } else {
            room_across / shape.0
        };
        across.min(room_down / shape.1).min(LARGEST)
    };
    let most = ((SHEET.0 / (NARROWEST + GAP)) as usize).min(count).max(1);
    // The largest pictures win, then the fewest rows, then the fullest ones.
    let merit = |columns: usize| {
        let rows = count.div_ceil(columns);
        (
            side(columns).max(NARROWEST) as usize,
            Reverse(rows),
            Reverse(columns),
        )
    };
    let columns = (1..=most)
        .max_by_key(|&columns| merit(columns))
        .unwrap_or(1);
    let side = side(columns).max(NARROWEST).floor();
    (columns, ((side * shape.0).ceil(), (side * shape.1).ceil()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_pictures_fits_the_sheet() {
        for proportions in [(3.0, 2.0), (1.0, 1.0), (2.0, 3.0), (40.0, 1.0), (1.0, 40.0)] {
            for count in 1..=GALLERY_CELLS {
                let (columns, frame) = layout(count, proportions);
                assert!(columns >= 1 && columns <= count);
                assert!(frame.0 >= 1.0 && frame.1 >= 1.0);
                let width = columns as f64 * (frame.0.max(NARROWEST) + GAP);
                assert!(
                    width <= SHEET.0 + 1.0,
                    "{count} of {proportions:?}: {width}"
                );
            }
        }
    }

    #[test]
    fn few_pictures_stand_in_one_row_and_many_in_a_block() {
        assert_eq!(layout(3, (3.0, 2.0)).0, 3);
        assert_eq!(layout(1, (1.0, 1.0)).0, 1);
        let (columns, frame) = layout(100, (1.0, 1.0));
        assert_eq!((columns, frame.0), (10, NARROWEST));
    }
}
