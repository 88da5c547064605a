//! One panel's field: its grid, its tick labels and its curves.

use crate::{
    canvas::{Anchor, Canvas, Type, ink},
    colour::CURVES,
    ticks::{Span, Ticks},
};

/// Space between an axis and its tick labels.
pub(super) const LABEL_GAP: f64 = 8.0;
/// Curves of at most this many points show each.
pub(super) const MARKED_POINTS: usize = 40;
/// Dash patterns, one for each round through the palette.
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "9 4 2 4"];

/// Where a panel's plot lies and what it spans.
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Span,
    pub(super) y: Span,
}

/// One point in units, and whether it stands for a value below a logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    x: f64,
    y: f64,
    below: bool,
}

/// Colour and dash pattern of the curve with this number.
pub(super) fn stroke(number: usize) -> (&'static str, &'static str) {
    (
        CURVES[number % CURVES.len()],
        DASHES[number / CURVES.len() % DASHES.len()],
    )
}

impl Plot {
    fn x_at(&self, place: f64) -> f64 {
        self.left + place.clamp(0.0, 1.0) * (self.right - self.left)
    }

    fn y_at(&self, place: f64) -> f64 {
        self.bottom - place.clamp(0.0, 1.0) * (self.bottom - self.top)
    }

    pub(super) fn draw_grid(&self, canvas: &mut Canvas, x_ticks: &Ticks, y_ticks: &Ticks) {
        let across = |canvas: &mut Canvas, y: f64, colour| {
            canvas.line((self.left, y), (self.right, y), colour, 1.0);
        };
        let upright = |canvas: &mut Canvas, x: f64, colour| {
            canvas.line((x, self.top), (x, self.bottom), colour, 1.0);
        };
        for place in y_ticks.fine.iter().filter_map(|&tick| self.y.place(tick)) {
            across(canvas, self.y_at(place), ink::FINE_GRID);
        }
        for place in x_ticks.fine.iter().filter_map(|&tick| self.x.place(tick)) {
            upright(canvas, self.x_at(place), ink::FINE_GRID);
        }
        for (tick, _) in &x_ticks.labelled {
            if let Some(place) = self.x.place(*tick) {
                upright(canvas, self.x_at(place), ink::GRID);
            }
        }
        for (tick, label) in &y_ticks.labelled {
            if let Some(place) = self.y.place(*tick) {
                let y = self.y_at(place);
                across(canvas, y, ink::GRID);
                let middle = y + Type::SMALL.size * 0.36;
                let style = Type::SMALL.anchored(Anchor::End);
                canvas.text((self.left - LABEL_GAP, middle), style, label);
            }
        }
        canvas.line(
            (self.left, self.top),
            (self.left, self.bottom),
            ink::AXIS,
            1.0,
        );
        canvas.line(
            (self.left, self.bottom),
            (self.right, self.bottom),
            ink::AXIS,
            1.0,
        );
    }

    /// A dashed line upright through the panel, if the value lies on the axis.
    pub(super) fn draw_mark(&self, canvas: &mut Canvas, value: f64) {
        if let Some(place) = self
            .x
            .place(value)
            .filter(|place| (0.0..=1.0).contains(place))
        {
            let x = self.x_at(place);
            canvas.curve(&[(x, self.top), (x, self.bottom)], ink::AXIS, DASHES[1]);
        }
    }

    /// Draws one curve; returns whether a value lay below a logarithmic axis.
    pub(super) fn draw_curve(
        &self,
        canvas: &mut Canvas,
        number: usize,
        points: &[(f64, f64)],
    ) -> bool {
        let (colour, dashes) = stroke(number);
        let mut any_below = false;
        for piece in self.pieces(points) {
            let shown = thinned(&piece);
            if shown.len() > 1 {
                let line: Vec<(f64, f64)> = shown.iter().map(|mark| (mark.x, mark.y)).collect();
                canvas.curve(&line, colour, dashes);
            }
            let mut below_before = false;
            for mark in &shown {
                let first_below = mark.below && !below_before;
                below_before = mark.below;
                any_below |= mark.below;
                let marked = points.len() <= MARKED_POINTS || shown.len() == 1;
                if first_below || (marked && !mark.below) {
                    canvas.marker((mark.x, mark.y), colour, !mark.below);
                }
            }
        }
        any_below
    }

    /// The curve's unbroken pieces, in units.
    fn pieces(&self, points: &[(f64, f64)]) -> Vec<Vec<Mark>> {
        let mark = |&(x, y): &(f64, f64)| {
            let below = self.y.logarithmic && y <= 0.0;
            let place = if below && y.is_finite() {
                Some(0.0)
            } else {
                self.y.place(y)
            };
            Some(Mark {
                x: self.x_at(self.x.place(x)?),
                y: self.y_at(place?),
                below,
            })
        };
        let marks: Vec<Option<Mark>> = points.iter().map(mark).collect();
        marks
            .split(Option::is_none)
            .map(|piece| piece.iter().copied().flatten().collect::<Vec<_>>())
            .filter(|piece| !piece.is_empty())
            .collect()
    }
}

/// The piece with at most the first, lowest, highest and last of the points that share a unit of
/// width: looks the same, and a million points stay a small file.
fn thinned(piece: &[Mark]) -> Vec<Mark> {
    let mut shown: Vec<Mark> = Vec::new();
    for column in piece.chunk_by(|a, b| a.x.round() == b.x.round()) {
        if column.len() <= 4 {
            shown.extend(column);
            continue;
        }
        let by_height = |a: &(usize, &Mark), b: &(usize, &Mark)| a.1.y.total_cmp(&b.1.y);
        let places = || column.iter().enumerate();
        let highest = places().min_by(by_height).map_or(0, |(index, _)| index);
        let lowest = places().max_by(by_height).map_or(0, |(index, _)| index);
        let mut kept = [0, highest, lowest, column.len() - 1];
        kept.sort_unstable();
        let mut before = None;
        for index in kept {
            if before != Some(index) {
                shown.push(column[index]);
            }
            before = Some(index);
        }
    }
    shown
}
