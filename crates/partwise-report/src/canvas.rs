//! A sheet of SVG that is drawn on, and its rendering.

use std::fmt::Write as _;

use resvg::{tiny_skia, usvg};

use crate::{
    ReportError,
    raster::Bitmap,
    text::{self, Weight},
};

/// Pixels a unit of a figure: figures are laid out in CSS pixels and rendered at twice that, so
/// that they stay sharp on dense screens and in print.
pub const PIXELS_PER_UNIT: usize = 2;

/// Colours of everything that is not data.
pub(crate) mod ink {
    pub(crate) const PAPER: &str = "#ffffff";
    pub(crate) const TEXT: &str = "#2b2b2b";
    pub(crate) const MUTED: &str = "#5c5c5c";
    pub(crate) const AXIS: &str = "#8c8c8c";
    pub(crate) const GRID: &str = "#e3e3e3";
    pub(crate) const FINE_GRID: &str = "#f1f1f1";
    pub(crate) const FRAME: &str = "#d0d0d0";
}

/// Sizes of text, in units.
pub(crate) mod size {
    pub(crate) const TITLE: f64 = 17.0;
    pub(crate) const HEADING: f64 = 14.0;
    pub(crate) const LABEL: f64 = 13.0;
    pub(crate) const SMALL: f64 = 12.0;
}

/// White space around a figure, in units.
pub(crate) const MARGIN: f64 = 24.0;

/// Height of a line of text over its size.
pub(crate) const LINE_HEIGHT: f64 = 1.4;

/// A finished figure.
#[derive(Debug, Clone)]
pub struct Figure {
    svg: String,
    width: f64,
    height: f64,
}

impl Figure {
    /// The figure as an SVG document that needs nothing beside it but the font.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// Width in units (CSS pixels).
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Height in units (CSS pixels).
    pub fn height(&self) -> f64 {
        self.height
    }

    /// The figure as a PNG file's bytes, [`PIXELS_PER_UNIT`] pixels a unit.
    ///
    /// # Errors
    ///
    /// [`ReportError::Render`] if the renderer refuses it, as it does when memory is short.
    pub fn to_png(&self) -> Result<Vec<u8>, ReportError> {
        let refused = |reason: String| ReportError::Render {
            width: self.width,
            height: self.height,
            reason,
        };
        let options = usvg::Options {
            fontdb: text::fonts(),
            font_family: text::FAMILY.to_owned(),
            ..usvg::Options::default()
        };
        let tree = usvg::Tree::from_str(&self.svg, &options)
            .map_err(|error| refused(error.to_string()))?;
        let scale = PIXELS_PER_UNIT as f32;
        let pixels = |length: f64| (length * PIXELS_PER_UNIT as f64).round() as u32;
        let mut pixmap = tiny_skia::Pixmap::new(pixels(self.width), pixels(self.height))
            .ok_or_else(|| refused("there is no room for its pixels".to_owned()))?;
        resvg::render(
            &tree,
            tiny_skia::Transform::from_scale(scale, scale),
            &mut pixmap.as_mut(),
        );
        pixmap
            .encode_png()
            .map_err(|error| refused(error.to_string()))
    }
}

/// How a text stands to its point.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) colour: &'static str,
    pub(crate) anchor: Anchor,
}

impl Type {
    pub(crate) const TITLE: Self = Self::new(size::TITLE, Weight::Bold, ink::TEXT);
    pub(crate) const HEADING: Self = Self::new(size::HEADING, Weight::Bold, ink::TEXT);
    pub(crate) const LABEL: Self = Self::new(size::LABEL, Weight::Regular, ink::TEXT);
    pub(crate) const NOTE: Self = Self::new(size::LABEL, Weight::Regular, ink::MUTED);
    pub(crate) const SMALL: Self = Self::new(size::SMALL, Weight::Regular, ink::MUTED);

    const fn new(size: f64, weight: Weight, colour: &'static str) -> Self {
        Self {
            size,
            weight,
            colour,
            anchor: Anchor::Start,
        }
    }

    pub(crate) const fn anchored(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    pub(crate) fn width(&self, text: &str) -> f64 {
        text::width(text, self.size, self.weight)
    }

    pub(crate) fn fitted(&self, text: &str, limit: f64) -> String {
        text::fitted(text, self.size, self.weight, limit)
    }

    pub(crate) fn wrapped(&self, text: &str, limit: f64) -> Vec<String> {
        text::wrapped(text, self.size, self.weight, limit)
    }

    pub(crate) fn line_height(&self) -> f64 {
        (self.size * LINE_HEIGHT).round()
    }
}

/// An SVG document in the making. Lengths are in units, y grows downwards.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    /// Adds a piece of SVG.
    fn add(&mut self, piece: std::fmt::Arguments<'_>) {
        self.body
            .write_fmt(piece)
            .expect("writing to a string does not fail");
        self.body.push('\n');
    }

    /// A filled rectangle with an optional outline.
    pub(crate) fn rectangle(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        fill: &str,
        outline: Option<&str>,
    ) {
        let stroke = outline.unwrap_or("none");
        self.add(format_args!(
            r#"<rect x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}" fill="{fill}" stroke="{stroke}"/>"#
        ));
    }

    /// A straight line of `width` units.
    pub(crate) fn line(
        &mut self,
        (x1, y1): (f64, f64),
        (x2, y2): (f64, f64),
        colour: &str,
        width: f64,
    ) {
        self.add(format_args!(
            r#"<line x1="{x1:.2}" y1="{y1:.2}" x2="{x2:.2}" y2="{y2:.2}" stroke="{colour}" stroke-width="{width}"/>"#
        ));
    }

    /// A curve through `points`, with the SVG dash pattern `dashes` ("none" for a full line).
    pub(crate) fn curve(&mut self, points: &[(f64, f64)], colour: &str, dashes: &str) {
        let mut list = String::with_capacity(points.len() * 16);
        for (x, y) in points {
            write!(list, "{x:.2},{y:.2} ").expect("writing to a string does not fail");
        }
        self.add(format_args!(
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dashes}" stroke-linejoin="round" stroke-linecap="round"/>"#,
            list.trim_end()
        ));
    }

    /// A round marker, filled or hollow.
    pub(crate) fn marker(&mut self, (x, y): (f64, f64), colour: &str, filled: bool) {
        let fill = if filled { colour } else { ink::PAPER };
        self.add(format_args!(
            r#"<circle cx="{x:.2}" cy="{y:.2}" r="2.8" fill="{fill}" stroke="{colour}" stroke-width="1.4"/>"#
        ));
    }

    /// One line of text with its baseline at y.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), style: Type, content: &str) {
        self.placed_text(&format!(r#"x="{x:.2}" y="{y:.2}""#), style, content);
    }

    /// One line of text, centred on the point and reading upwards.
    pub(crate) fn upright_text(&mut self, (x, y): (f64, f64), style: Type, content: &str) {
        self.placed_text(
            &format!(r#"transform="translate({x:.2} {y:.2}) rotate(-90)""#),
            style.anchored(Anchor::Middle),
            content,
        );
    }

    fn placed_text(&mut self, place: &str, style: Type, content: &str) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = match style.weight {
            Weight::Regular => "normal",
            Weight::Bold => "bold",
        };
        let content = escaped(content);
        self.add(format_args!(
            r#"<text {place} font-size="{}" font-weight="{weight}" fill="{}" text-anchor="{anchor}">{content}</text>"#,
            style.size, style.colour
        ));
    }

    /// Several lines of text, the first baseline at y; returns the baseline after the last.
    pub(crate) fn lines(&mut self, (x, y): (f64, f64), style: Type, lines: &[String]) -> f64 {
        let mut baseline = y;
        for line in lines {
            self.text((x, baseline), style, line);
            baseline += style.line_height();
        }
        baseline
    }

    /// A picture whose pixels are those of the rendering, its corner at whole units.
    pub(crate) fn bitmap(&mut self, (x, y): (f64, f64), bitmap: &Bitmap) {
        let (width, height) = bitmap.units();
        self.add(format_args!(
            r#"<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" image-rendering="pixelated" href="{}"/>"#,
            bitmap.data_uri()
        ));
    }

    /// The document on white paper of the given size, in whole units.
    pub(crate) fn finish(self, width: f64, height: f64) -> Figure {
        let (width, height) = (width.ceil(), height.ceil());
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="{}, sans-serif">
<rect width="100%" height="100%" fill="{}"/>
{}</svg>
"#,
            text::FAMILY,
            ink::PAPER,
            self.body
        );
        Figure { svg, width, height }
    }
}

/// `text` as XML: signs that mean something there are written out, control characters that may not
/// stand there are replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            letter if letter.is_control() => safe.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}
