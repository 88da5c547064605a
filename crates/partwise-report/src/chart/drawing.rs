//! The whole chart: titles, panels and the axis they share.

use super::{
    Chart, Panel, Scale,
    legend::{LEGEND_LINE, draw_legend, legend_rows, same_names},
    plot::{LABEL_GAP, Plot},
};
use crate::{
    canvas::{Anchor, Canvas, Figure, LINE_HEIGHT, MARGIN, Type, ink},
    ticks::{Span, Ticks},
};

/// Width of a chart in units.
const WIDTH: f64 = 860.0;
/// Height that the plots of a chart share, for one panel and for each more.
const FIRST_PLOT: f64 = 380.0;
const FURTHER_PLOT: f64 = 120.0;
/// Space between panels.
const PANEL_GAP: f64 = 26.0;
/// Lowest height of a plot.
const LEAST_PLOT: f64 = 90.0;

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
            let place = (left - LABEL_GAP, top - 13.0);
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
        if let Some(value) = chart.x.mark {
            plot.draw_mark(&mut canvas, value);
        }
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
