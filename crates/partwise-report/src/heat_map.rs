//! Numbers over two axes as colours, with a bar that says which is which.

use crate::{
    Axis, Raster, ReportError, Scale,
    canvas::{Anchor, Canvas, Figure, MARGIN, PIXELS_PER_UNIT, Type, ink},
    colour,
    raster::Bitmap,
    ticks::Span,
};

/// What the places along one side of a heat map stand for.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// Numbers from the first to the second, as the axis says evenly in the number or in its logarithm.
    Range(Axis, f64, f64),
    /// Names for equally many places each, with a label for all; left out where there is no room.
    Names(String, Vec<String>),
}

impl Side {
    fn label(&self) -> &str {
        match self {
            Self::Range(axis, ..) => &axis.label,
            Self::Names(label, _) => label,
        }
    }

    /// Places from 0 to 1 with their labels, about `wanted` of them, at most `room` units wide or high in all.
    fn ticks(&self, wanted: usize, room: f64, size: impl Fn(&str) -> f64) -> Vec<(f64, String)> {
        match self {
            Self::Range(axis, low, high) => {
                let span = Span::exact(*low, *high, axis.scale == Scale::Log);
                let ticks = span.ticks(wanted).labelled.into_iter();
                ticks
                    .filter_map(|(value, label)| Some((span.place(value)?, label)))
                    .filter(|(place, _)| (-1e-9..=1.0 + 1e-9).contains(place))
                    .collect()
            }
            Self::Names(_, names) => {
                let place = |index: usize| (index as f64 + 0.5) / names.len() as f64;
                let largest = names.iter().map(|name| size(name)).fold(1.0, f64::max);
                let step = (largest * names.len() as f64 / room).ceil().max(1.0) as usize;
                let shown = names.iter().enumerate().step_by(step);
                shown
                    .map(|(index, name)| (place(index), name.clone()))
                    .collect()
            }
        }
    }
}

/// What a heat map shows.
#[derive(Debug, Clone)]
pub struct HeatMap<'a> {
    /// Heading.
    pub title: &'a str,
    /// Words below the heading, or "".
    pub note: &'a str,
    /// The numbers, a grey picture of any range: the first row at the top, as pictures have it.
    pub values: &'a Raster,
    /// What lies along the bottom, from the left.
    pub x: Side,
    /// What lies along the left, from the bottom; of names the first stands at the top.
    pub y: Side,
    /// What the colours measure, with its unit in brackets.
    pub measure: &'a str,
    /// The numbers at the two ends of the colours; those beyond are drawn as the ends.
    pub ends: (f64, f64),
}

/// Width of a figure, and height of its field, in units.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 340.0;
/// Either side of a field with the same things along both.
const SQUARE: f64 = 520.0;
/// Width of the bar of colours and its distance from the field.
const BAR: f64 = 14.0;
const BAR_GAP: f64 = 18.0;
/// Space between a side and its labels.
const GAP: f64 = 7.0;
/// Length of a tick.
const TICK: f64 = 4.0;

/// Draws the numbers with the map of [`colour::viridis`]; on a square if both sides have the same label.
///
/// # Errors
///
/// [`ReportError::Samples`] if the values are no grey picture, or names do not go with its size.
pub fn heat_map(map: &HeatMap<'_>) -> Result<Figure, ReportError> {
    let (columns, rows, channels) = map.values.shape();
    let fits = |side: &Side, count: usize| match side {
        Side::Range(..) => true,
        Side::Names(_, names) => !names.is_empty() && count.is_multiple_of(names.len()),
    };
    if channels != 1 || !fits(&map.x, columns) || !fits(&map.y, rows) {
        return Err(ReportError::Samples {
            found: columns * rows * channels,
            width: columns,
            height: rows,
            channels: 1,
        });
    }
    let text_height = |_: &str| Type::SMALL.line_height();
    let same = map.x.label() == map.y.label();
    let height = if same { SQUARE } else { HEIGHT };
    let y_ticks = map.y.ticks((height / 45.0) as usize, height, text_height);
    let measure = Side::Range(Axis::new(map.measure), map.ends.0, map.ends.1);
    let bar_ticks = measure.ticks(6, height, text_height);
    let widest = |ticks: &[(f64, String)]| {
        let widths = ticks.iter().map(|(_, label)| Type::SMALL.width(label));
        widths.fold(0.0, f64::max)
    };
    let label_room = Type::LABEL.line_height() + 4.0;
    let left = (MARGIN + label_room + widest(&y_ticks) + GAP + TICK).round();
    let beside = BAR_GAP + BAR + GAP + widest(&bar_ticks) + label_room + MARGIN;
    let right = match same {
        true => left + SQUARE,
        false => (WIDTH - beside).floor(),
    };
    let width = (right + beside).ceil();
    let x_ticks = spaced(&map.x, right - left);

    let mut canvas = Canvas::default();
    let room = width - 2.0 * MARGIN;
    let mut y = MARGIN + Type::TITLE.size;
    y = canvas.lines(
        (MARGIN, y),
        Type::TITLE,
        &Type::TITLE.wrapped(map.title, room),
    );
    y = canvas.lines((MARGIN, y), Type::NOTE, &Type::NOTE.wrapped(map.note, room));
    let top = (y - Type::NOTE.size + 8.0).round();
    let bottom = top + height;

    let pixels = |units: f64| units as usize * PIXELS_PER_UNIT;
    let (low, high) = map.ends;
    let share = move |value: f64| (value - low) / (high - low);
    let shown = map.values.resized(pixels(right - left), pixels(height));
    canvas.bitmap(
        (left, top),
        &shown.bitmap(1.0, |value| colour::viridis(share(value))),
    );
    frame(&mut canvas, (left, top), (right - left, height));
    for (place, label) in &y_ticks {
        let from_top = match map.y {
            Side::Range(..) => 1.0 - place,
            Side::Names(..) => *place,
        };
        let at = top + from_top * height;
        canvas.line((left - TICK, at), (left, at), ink::AXIS, 1.0);
        let baseline = at + Type::SMALL.size * 0.36;
        let style = Type::SMALL.anchored(Anchor::End);
        canvas.text((left - TICK - GAP, baseline), style, label);
    }
    let baseline = bottom + TICK + GAP + Type::SMALL.size;
    for (place, label) in &x_ticks {
        let at = left + place * (right - left);
        canvas.line((at, bottom), (at, bottom + TICK), ink::AXIS, 1.0);
        canvas.text((at, baseline), Type::SMALL.anchored(Anchor::Middle), label);
    }
    let middle = (top + bottom) / 2.0;
    let label = Type::LABEL.fitted(map.y.label(), height);
    canvas.upright_text(
        (MARGIN + Type::LABEL.size * 0.5, middle),
        Type::LABEL,
        &label,
    );
    let below = baseline + Type::LABEL.line_height() + 4.0;
    let label = Type::LABEL.fitted(map.x.label(), right - left);
    let centre = Type::LABEL.anchored(Anchor::Middle);
    canvas.text(((left + right) / 2.0, below), centre, &label);

    let bar = right + BAR_GAP;
    let strip = Bitmap::upright_strip(pixels(BAR), pixels(height), colour::viridis);
    canvas.bitmap((bar, top), &strip);
    frame(&mut canvas, (bar, top), (BAR, height));
    for (place, label) in &bar_ticks {
        let at = bottom - place * height;
        canvas.line((bar + BAR, at), (bar + BAR + TICK, at), ink::AXIS, 1.0);
        let start = (bar + BAR + TICK + GAP, at + Type::SMALL.size * 0.36);
        canvas.text(start, Type::SMALL, label);
    }
    let label = Type::LABEL.fitted(map.measure, height);
    let place = (width - MARGIN, middle);
    canvas.upright_text(place, Type::LABEL, &label);
    Ok(canvas.finish(width, below + MARGIN * 0.75))
}

fn frame(canvas: &mut Canvas, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let corner = (x - 0.5, y - 0.5);
    let size = (width + 1.0, height + 1.0);
    canvas.rectangle(corner, size, "none", Some(ink::AXIS));
}

/// As many ticks along the bottom as have room for their labels side by side.
fn spaced(side: &Side, width: f64) -> Vec<(f64, String)> {
    let room = |label: &str| Type::SMALL.width(label) + 14.0;
    let mut wanted = (width / 70.0) as usize;
    loop {
        let ticks = side.ticks(wanted, width, room);
        let crowded = ticks.windows(2).any(|pair| {
            (pair[1].0 - pair[0].0) * width < 0.5 * (room(&pair[0].1) + room(&pair[1].1))
        });
        if !crowded || wanted <= 2 {
            return ticks;
        }
        wanted -= 1;
    }
}
