//! Whether many fits agree: how alike all of their components are, in order of the components that they agree on, beside how
//! sure each of these is.

use crate::{
    Raster, ReportError,
    canvas::{Anchor, Canvas, Figure, MARGIN, PIXELS_PER_UNIT, Type, ink},
    colour::{self, CURVES},
    decimal,
    raster::Bitmap,
};

/// Things that are alike, which lie together.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Lines of the field that it has.
    pub size: usize,
    /// The last of these that belong to no cluster, and lie with the nearest.
    pub outliers: usize,
    /// Figures from 0 to 1, one for each measure; one below 0 is at 0, with its number where that is the first.
    pub figures: Vec<f64>,
}

/// What a clustergram shows.
#[derive(Debug, Clone)]
pub struct Clustergram<'a> {
    /// Heading.
    pub title: &'a str,
    /// Words below the heading, or "".
    pub note: &'a str,
    /// How alike any two things are, 0 to 1: a square grey picture, in order of the clusters.
    pub alike: &'a Raster,
    /// What that is called.
    pub measure: &'a str,
    /// The clusters, from the top.
    pub clusters: &'a [Cluster],
    /// What the figures of clusters are called: of the first there are bars, of the others marks.
    pub figures: &'a [&'a str],
}

/// Length of a side of the field, in units.
const FIELD: f64 = 560.0;
/// Width of the strip of outliers and of the bars' field.
const STRIP: f64 = 10.0;
const BARS: f64 = 190.0;
const GAP: f64 = 8.0;
const BAR_HEIGHT: f64 = 12.0;
const SCALE: (f64, f64) = (180.0, 12.0);
const OUTLIER: &str = CURVES[1];

/// Draws the field, a strip that marks outliers, and the figures of each cluster level with it.
///
/// # Errors
///
/// [`ReportError::Samples`] if the field is no square grey picture, or the sizes of the clusters do not add up to its side.
pub fn clustergram(gram: &Clustergram<'_>) -> Result<Figure, ReportError> {
    let (columns, rows, channels) = gram.alike.shape();
    let lines: usize = gram.clusters.iter().map(|cluster| cluster.size).sum();
    if channels != 1 || columns != rows || lines != rows {
        return Err(ReportError::Samples {
            found: columns * rows * channels,
            width: lines,
            height: lines,
            channels: 1,
        });
    }
    let mut canvas = Canvas::default();
    let names = gram.clusters.iter().map(|one| Type::SMALL.width(&one.name));
    let names = names.fold(0.0, f64::max).min(140.0).ceil();
    let left = MARGIN;
    let strip = left + FIELD + GAP;
    let bars = strip + STRIP + GAP + names + GAP;
    let width = bars + BARS + MARGIN + 8.0;
    let room = width - 2.0 * MARGIN;
    let mut y = MARGIN + Type::TITLE.size;
    let title = Type::TITLE.wrapped(gram.title, room);
    y = canvas.lines((MARGIN, y), Type::TITLE, &title);
    y = canvas.lines(
        (MARGIN, y),
        Type::NOTE,
        &Type::NOTE.wrapped(gram.note, room),
    );
    y = legend(&mut canvas, gram, (bars, y - Type::NOTE.size + 8.0));
    let top = y.round();
    let bottom = top + FIELD;

    let pixels = |units: f64| units as usize * PIXELS_PER_UNIT;
    let shown = gram.alike.resized(pixels(FIELD), pixels(FIELD));
    canvas.bitmap((left, top), &shown.bitmap(1.0, colour::viridis));
    let corner = (left - 0.5, top - 0.5);
    canvas.rectangle(corner, (FIELD + 1.0, FIELD + 1.0), "none", Some(ink::AXIS));
    let place = |line: usize| top + line as f64 / lines as f64 * FIELD;
    for tenth in [0.0, 0.5, 1.0] {
        let x = bars + tenth * BARS;
        canvas.line((x, top), (x, bottom + 4.0), ink::GRID, 1.0);
        let style = Type::SMALL.anchored(Anchor::Middle);
        canvas.text(
            (x, bottom + 8.0 + Type::SMALL.size),
            style,
            &format!("{tenth}"),
        );
    }
    let mut line = 0;
    let mut named = f64::NEG_INFINITY;
    for cluster in gram.clusters {
        let (from, to) = (place(line), place(line + cluster.size));
        let outliers = place(line + cluster.size - cluster.outliers.min(cluster.size));
        canvas.rectangle((strip, from), (STRIP, outliers - from), ink::FRAME, None);
        canvas.rectangle((strip, outliers), (STRIP, to - outliers), OUTLIER, None);
        if line > 0 {
            canvas.line((strip, from), (strip + STRIP, from), ink::PAPER, 1.0);
            canvas.line((left, from), (left + FIELD, from), ink::PAPER, 0.5);
            let x = left + (from - top);
            canvas.line((x, top), (x, bottom), ink::PAPER, 0.5);
        }
        let middle = (from + to) / 2.0;
        // A name that would lie on the one above is left out.
        if middle - named >= Type::SMALL.size + 1.0 {
            named = middle;
            let name = Type::SMALL.fitted(&cluster.name, names + 1.0);
            let at = (bars - GAP, middle + Type::SMALL.size * 0.36);
            canvas.text(at, Type::SMALL.anchored(Anchor::End), &name);
        }
        let length = |value: f64| BARS * value.clamp(0.0, 1.0);
        let height = BAR_HEIGHT.min(0.8 * (to - from));
        for (number, &value) in cluster.figures.iter().enumerate() {
            if number == 0 {
                let corner = (bars, middle - height / 2.0);
                canvas.rectangle(corner, (length(value), height), CURVES[5], None);
                // What no bar shows, where there is room for a line of text.
                if value < 0.0 && to - from >= Type::SMALL.size {
                    let at = (bars + GAP / 2.0, middle + Type::SMALL.size * 0.36);
                    canvas.text(at, Type::SMALL, &decimal(value, 2));
                }
            } else {
                // Marks of equal figures do not hide each other.
                let side = if number == 1 { -0.5 } else { 0.5 };
                let at = (bars + length(value), middle + side * height);
                canvas.marker(at, CURVES[mark(number)], number == 1);
            }
        }
        line += cluster.size;
    }
    canvas.line((bars, top), (bars, bottom), ink::AXIS, 1.0);

    // What the colours of the field are.
    let scale = (left, bottom + 14.0);
    let strip = Bitmap::strip(pixels(SCALE.0), pixels(SCALE.1), colour::viridis);
    canvas.bitmap((scale.0, scale.1.round()), &strip);
    let after = (
        left + SCALE.0 + GAP,
        scale.1.round() + Type::SMALL.size * 0.9,
    );
    let words = format!("{} from 0 to 1", gram.measure);
    canvas.text(after, Type::SMALL, &words);
    Ok(canvas.finish(width, bottom + 26.0 + MARGIN))
}

/// The colour of a mark.
const fn mark(number: usize) -> usize {
    // Apart from that of the bars and the outliers.
    [5, 0, 6, 2][if number < 4 { number } else { 3 }]
}

/// Names the figures below y, the left of them at x; returns where the field may begin.
fn legend(canvas: &mut Canvas, gram: &Clustergram<'_>, (x, mut y): (f64, f64)) -> f64 {
    for (number, name) in gram.figures.iter().enumerate() {
        y += Type::SMALL.line_height();
        let middle = y - Type::SMALL.size * 0.36;
        if number == 0 {
            canvas.rectangle((x, middle - 5.0), (14.0, 10.0), CURVES[5], None);
        } else {
            canvas.marker((x + 7.0, middle), CURVES[mark(number)], number == 1);
        }
        canvas.text((x + 20.0, y), Type::SMALL, &Type::SMALL.fitted(name, BARS));
    }
    if gram.clusters.iter().any(|cluster| cluster.outliers > 0) {
        let words = "outliers";
        let place = MARGIN + FIELD + GAP + STRIP;
        canvas.text((place, y), Type::SMALL.anchored(Anchor::End), words);
        let from = place - Type::SMALL.width(words) - 16.0;
        canvas.rectangle((from, y - 9.0), (10.0, 10.0), OUTLIER, None);
    }
    y + 10.0
}
