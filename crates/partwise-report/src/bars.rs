//! Many small bar charts side by side, such as the strongest terms of each topic.

use crate::{
    ReportError,
    canvas::{Anchor, Canvas, Figure, MARGIN, Type, ink},
    colour::CURVES,
};

/// Most panels that a figure of bars shows; of more the first are shown, and a line says so.
pub const BAR_PANELS: usize = 60;

/// One field of bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPanel {
    /// Its heading.
    pub title: String,
    /// A few words below the heading, or "".
    pub note: String,
    /// Names and lengths, from the top; a length that is not above zero has no bar.
    pub bars: Vec<(String, f64)>,
}

/// What a figure of bars shows.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Heading.
    pub title: &'a str,
    /// Words below the heading, or "".
    pub note: &'a str,
    /// The panels, in order; those after the first [`BAR_PANELS`] are not shown.
    pub panels: &'a [BarPanel],
}

/// Panels beside each other, at most.
const COLUMNS: usize = 5;
/// Size of a panel's parts in units.
const PANEL: f64 = 224.0;
const GAP: (f64, f64) = (26.0, 22.0);
const BAR: f64 = 13.0;
const STEP: f64 = 19.0;
/// Most room of a panel that names take.
const NAMES: f64 = 128.0;
/// Space between a name and its bar.
const NAME_GAP: f64 = 7.0;

/// Draws the panels in rows, every one in its own scale: its longest bar is as long as there is room.
///
/// # Errors
///
/// [`ReportError::NoPictures`] if there is no panel.
pub fn bars(bars: &Bars<'_>) -> Result<Figure, ReportError> {
    let panels = &bars.panels[..bars.panels.len().min(BAR_PANELS)];
    if panels.is_empty() {
        return Err(ReportError::NoPictures);
    }
    let columns = panels.len().min(COLUMNS);
    let width = columns as f64 * (PANEL + GAP.0) - GAP.0 + 2.0 * MARGIN;
    // A single column leaves too little room for a heading.
    let width = width.max(2.0 * PANEL + 2.0 * MARGIN);
    let mut canvas = Canvas::default();
    let mut y = MARGIN + Type::TITLE.size;
    let title = Type::TITLE.wrapped(bars.title, width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::TITLE, &title);
    let mut note = bars.note.to_owned();
    if bars.panels.len() > panels.len() {
        note = format!("First {} of {}. {note}", panels.len(), bars.panels.len());
    }
    let note = Type::NOTE.wrapped(note.trim_end(), width - 2.0 * MARGIN);
    y = canvas.lines((MARGIN, y), Type::NOTE, &note);
    for row in panels.chunks(columns) {
        let mut lowest = y;
        for (column, panel) in row.iter().enumerate() {
            let left = MARGIN + column as f64 * (PANEL + GAP.0);
            lowest = lowest.max(draw(&mut canvas, (left, y), panel));
        }
        y = lowest + GAP.1;
    }
    Ok(canvas.finish(width, y - GAP.1 + MARGIN))
}

/// Draws a panel below y; returns where it ends.
fn draw(canvas: &mut Canvas, (left, mut y): (f64, f64), panel: &BarPanel) -> f64 {
    y += Type::HEADING.size;
    let title = Type::HEADING.fitted(&panel.title, PANEL);
    canvas.text((left, y), Type::HEADING, &title);
    if !panel.note.is_empty() {
        y += Type::SMALL.line_height();
        let note = Type::SMALL.fitted(&panel.note, PANEL);
        canvas.text((left, y), Type::SMALL, &note);
    }
    y += 8.0;
    let label = Type::SMALL.anchored(Anchor::End);
    let names: Vec<String> = panel
        .bars
        .iter()
        .map(|(name, _)| label.fitted(name, NAMES))
        .collect();
    let widest = names
        .iter()
        .map(|name| label.width(name))
        .fold(0.0, f64::max);
    let axis = (left + widest + NAME_GAP).round();
    let length = |value: f64| {
        if value.is_finite() && value > 0.0 {
            value
        } else {
            0.0
        }
    };
    let longest = panel
        .bars
        .iter()
        .map(|bar| length(bar.1))
        .fold(0.0, f64::max);
    let top = y;
    for ((_, value), name) in panel.bars.iter().zip(&names) {
        let middle = y + STEP / 2.0;
        canvas.text((axis - NAME_GAP, middle + label.size * 0.36), label, name);
        if length(*value) > 0.0 {
            let size = (length(*value) / longest * (left + PANEL - axis), BAR);
            canvas.rectangle((axis, middle - BAR / 2.0), size, CURVES[0], None);
        }
        y += STEP;
    }
    canvas.line((axis, top), (axis, y), ink::AXIS, 1.0);
    y
}
