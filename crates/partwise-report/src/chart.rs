//! Curves over one shared horizontal axis, in one or more panels.

use crate::{
    canvas::{Anchor, Canvas, Figure, LINE_HEIGHT, MARGIN, Type, ink},
    colour::CURVES,
    ticks::{Span, Ticks},
};

/// How numbers become places along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences, equal lengths.
    Linear,
    /// Equal ratios, equal lengths. Values that are not positive are drawn as hollow marks on the
    /// lower edge of a vertical axis and left out along a horizontal one.
    Log,
    /// Logarithmic where all values are positive and the largest is at least 100 times the
    /// smallest; with zeros among them only along a vertical axis and from 10,000 times; else
    /// linear.
    #[default]
    Auto,
}

/// An axis: what it measures and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What is measured, with its unit in brackets: "time (s)".
    pub label: String,
    /// How numbers become places.
    pub scale: Scale,
}

impl Axis {
    /// An axis whose scale follows the data.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Auto,
        }
    }

    /// The same axis with the given scale.
    pub fn scaled(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points (x, y) in the order they are joined. One that is not finite breaks the curve.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A curve through `points`.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
        }
    }
}

/// One field of curves with its own vertical axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The vertical axis.
    pub y: Axis,
    /// The curves; a legend names them if there is more than one.
    pub series: Vec<Series>,
    /// Height relative to the other panels, above 0.
    pub weight: f64,
}

impl Panel {
    /// A panel of the usual height.
    pub fn new(y: Axis, series: Vec<Series>) -> Self {
        Self {
            y,
            series,
            weight: 1.0,
        }
    }

    /// The same panel with another height relative to the others.
    pub fn weighted(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }
}

/// A whole figure of panels one above the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Heading.
    pub title: String,
    /// A line or two below the heading.
    pub caption: Option<String>,
    /// The horizontal axis that all panels share.
    pub x: Axis,
    /// The panels, from the top.
    pub panels: Vec<Panel>,
}

/// Width of a chart in units.
const WIDTH: f64 = 860.0;
/// Height that the plots of a chart share, for one panel and for each more.
const FIRST_PLOT: f64 = 380.0;
const FURTHER_PLOT: f64 = 120.0;
/// Space between panels.
const PANEL_GAP: f64 = 26.0;
/// Lowest height of a plot.
const LEAST_PLOT: f64 = 90.0;
/// Space between an axis and its tick labels.
const LABEL_GAP: f64 = 8.0;
/// Curves of at most this many points show each.
const MARKED_POINTS: usize = 40;
/// Dash patterns, one for each round through the palette.
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "9 4 2 4"];
/// Length of the stroke in a legend and the gap behind an entry.
const LEGEND_STROKE: f64 = 26.0;
const LEGEND_GAP: f64 = 22.0;
const LEGEND_LINE: f64 = 20.0;

/// Where a panel's plot lies and what it spans.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Span,
    y: Span,
}

/// One point in units, and whether it stands for a value below a logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    x: f64,
    y: f64,
    below: bool,
}

/// Draws `chart`.
///
/// Points that are not finite are left out, a constant gets a sensible range, and a chart without
/// any point is drawn empty.
pub fn line_chart(chart: &Chart) -> Figure {
    let mut canvas = Canvas::default();
    let all_series = chart.panels.iter().flat_map(|panel| &panel.series);
    let abscissas = all_series.flat_map(|series| &series.points).map(|p| p.0);
    let x_scale = match chart.x.scale {
        // No point may be lost to a scale that nobody asked for.
        Scale::Auto if abscissas.clone().any(|x| x <= 0.0) => Scale::Linear,
        scale => scale,
    };
    let x_span = Span::of(abscissas, x_scale);
    let y_spans: Vec<Span> = chart
        .panels
        .iter()
        .map(|panel| {
            let points = panel.series.iter().flat_map(|series| &series.points);
            Span::of(points.map(|point| point.1), panel.y.scale)
        })
        .collect();

    let heights = plot_heights(&chart.panels);
    let y_ticks: Vec<Ticks> = y_spans
        .iter()
        .zip(&heights)
        .map(|(span, height)| span.ticks((height / span.tick_distance()) as usize))
        .collect();
    let label_width = y_ticks
        .iter()
        .flat_map(|ticks| &ticks.labelled)
        .map(|(_, label)| Type::SMALL.width(label))
        .fold(0.0, f64::max);
    let left = (MARGIN + Type::LABEL.line_height() + label_width + 2.0 * LABEL_GAP).round();
    let right = WIDTH - MARGIN - 12.0;
    let x_ticks = x_ticks(&x_span, right - left);

    let mut y = MARGIN + Type::TITLE.size;
    for line in Type::TITLE.wrapped(&chart.title, right - MARGIN) {
        canvas.text((MARGIN, y), Type::TITLE, &line);
        y += Type::TITLE.line_height();
    }
    if let Some(caption) = &chart.caption {
        let lines = Type::NOTE.wrapped(caption, right - MARGIN);
        y = canvas.lines((MARGIN, y), Type::NOTE, &lines);
    }

    let mut any_below = false;
    let last = chart.panels.len().saturating_sub(1);
    for (index, panel) in chart.panels.iter().enumerate() {
        let legend = match index
            .checked_sub(1)
            .map(|above| &chart.panels[above].series)
        {
            Some(above) if same_names(above, &panel.series) => Vec::new(),
            _ => legend_rows(&panel.series, right - left),
        };
        let factor = y_ticks[index].factor.as_deref();
        if !legend.is_empty() || factor.is_some() {
            y += 4.0;
        }
        draw_legend(&mut canvas, (left, y), &panel.series, &legend);
        let header = legend.len().max(usize::from(factor.is_some())) as f64 * LEGEND_LINE;
        let top = (y + header).round();
        if let Some(factor) = factor {
            let place = (left - LABEL_GAP, top - 9.0);
            canvas.text(place, Type::SMALL.anchored(Anchor::End), factor);
        }
        let plot = Plot {
            left,
            right,
            top,
            bottom: top + heights[index],
            x: x_span,
            y: y_spans[index],
        };
        plot.draw_grid(&mut canvas, &x_ticks, &y_ticks[index]);
        let middle = (
            MARGIN + Type::LABEL.size * 0.5,
            (plot.top + plot.bottom) / 2.0,
        );
        let label = Type::LABEL.fitted(&panel.y.label, heights[index] + PANEL_GAP);
        canvas.upright_text(middle, Type::LABEL, &label);
        for (number, series) in panel.series.iter().enumerate() {
            any_below |= plot.draw_curve(&mut canvas, number, &series.points);
        }
        y = plot.bottom + if index == last { 0.0 } else { PANEL_GAP };
    }

    draw_x_labels(&mut canvas, (left, right), y, &x_span, &x_ticks);
    y += 2.0 * LABEL_GAP + Type::SMALL.size + 12.0;
    let label = Type::LABEL.fitted(&chart.x.label, right - left);
    let centre = ((left + right) / 2.0, y);
    canvas.text(centre, Type::LABEL.anchored(Anchor::Middle), &label);
    if any_below {
        y += Type::SMALL.line_height() + 3.0;
        let note = "hollow mark on the lower edge: zero, which a logarithmic axis cannot show";
        canvas.text((right, y), Type::SMALL.anchored(Anchor::End), note);
    }
    canvas.finish(WIDTH, y + MARGIN * 0.75)
}

/// Heights of the panels' plots by their weights.
fn plot_heights(panels: &[Panel]) -> Vec<f64> {
    let weight = |panel: &Panel| {
        if panel.weight.is_finite() && panel.weight > 0.0 {
            panel.weight
        } else {
            1.0
        }
    };
    let total: f64 = panels.iter().map(weight).sum();
    let height = FIRST_PLOT + panels.len().saturating_sub(1) as f64 * FURTHER_PLOT;
    panels
        .iter()
        .map(|panel| (height * weight(panel) / total).round().max(LEAST_PLOT))
        .collect()
}

/// As many ticks as have room for their labels side by side.
fn x_ticks(span: &Span, width: f64) -> Ticks {
    let mut wanted = (width / 80.0) as usize;
    loop {
        let ticks = span.ticks(wanted);
        let widest = ticks
            .labelled
            .iter()
            .map(|(_, label)| Type::SMALL.width(label) + 14.0)
            .fold(0.0, f64::max);
        let mut places: Vec<f64> = ticks
            .labelled
            .iter()
            .filter_map(|(tick, _)| span.place(*tick))
            .collect();
        places.sort_by(f64::total_cmp);
        let closest = places
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) * width)
            .fold(f64::INFINITY, f64::min);
        if closest >= widest || wanted <= 2 {
            return ticks;
        }
        wanted -= 1;
    }
}

impl Plot {
    fn x_at(&self, place: f64) -> f64 {
        self.left + place.clamp(0.0, 1.0) * (self.right - self.left)
    }

    fn y_at(&self, place: f64) -> f64 {
        self.bottom - place.clamp(0.0, 1.0) * (self.bottom - self.top)
    }

    fn draw_grid(&self, canvas: &mut Canvas, x_ticks: &Ticks, y_ticks: &Ticks) {
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

    /// Draws one curve; returns whether a value lay below a logarithmic axis.
    fn draw_curve(&self, canvas: &mut Canvas, number: usize, points: &[(f64, f64)]) -> bool {
        let colour = CURVES[number % CURVES.len()];
        let dashes = DASHES[number / CURVES.len() % DASHES.len()];
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

fn draw_x_labels(
    canvas: &mut Canvas,
    (left, right): (f64, f64),
    bottom: f64,
    span: &Span,
    ticks: &Ticks,
) {
    let baseline = bottom + LABEL_GAP + Type::SMALL.size;
    for (tick, label) in &ticks.labelled {
        if let Some(place) = span.place(*tick) {
            let x = left + place * (right - left);
            canvas.line((x, bottom), (x, bottom + 4.0), ink::AXIS, 1.0);
            let style = Type::SMALL.anchored(Anchor::Middle);
            canvas.text((x, baseline), style, label);
        }
    }
    if let Some(factor) = &ticks.factor {
        let below = baseline + Type::SMALL.size * LINE_HEIGHT;
        canvas.text((right, below), Type::SMALL.anchored(Anchor::End), factor);
    }
}

/// Whether the legend of the panel above serves this one, too.
fn same_names(above: &[Series], series: &[Series]) -> bool {
    let names = |series: &[Series]| {
        series
            .iter()
            .map(|one| one.name.clone())
            .collect::<Vec<_>>()
    };
    names(above) == names(series)
}

/// Names of the legend with their x from the left, row by row; no rows if it is not needed.
fn legend_rows(series: &[Series], width: f64) -> Vec<Vec<(f64, usize, String)>> {
    if series.len() < 2 {
        return Vec::new();
    }
    let mut rows: Vec<Vec<(f64, usize, String)>> = vec![Vec::new()];
    let mut x = 0.0;
    for (index, one) in series.iter().enumerate() {
        let name = Type::SMALL.fitted(&one.name, width / 2.0 - LEGEND_STROKE - LEGEND_GAP);
        let entry = LEGEND_STROKE + 6.0 + Type::SMALL.width(&name);
        if x > 0.0 && x + entry > width {
            rows.push(Vec::new());
            x = 0.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, index, name));
        }
        x += entry + LEGEND_GAP;
    }
    rows
}

fn draw_legend(
    canvas: &mut Canvas,
    (left, top): (f64, f64),
    series: &[Series],
    rows: &[Vec<(f64, usize, String)>],
) {
    for (row, entries) in rows.iter().enumerate() {
        let y = top + row as f64 * LEGEND_LINE + 6.0;
        for (x, index, name) in entries {
            let colour = CURVES[index % CURVES.len()];
            let dashes = DASHES[index / CURVES.len() % DASHES.len()];
            let x = left + x;
            canvas.curve(&[(x, y), (x + LEGEND_STROKE, y)], colour, dashes);
            if series[*index].points.len() <= MARKED_POINTS {
                canvas.marker((x + LEGEND_STROKE / 2.0, y), colour, true);
            }
            let place = (x + LEGEND_STROKE + 6.0, y + Type::SMALL.size * 0.36);
            canvas.text(place, Type::SMALL, name);
        }
    }
}
