//! The names of a panel's curves, in rows above it.

use super::{
    Series,
    plot::{MARKED_POINTS, stroke},
};
use crate::canvas::{Canvas, Type};

/// Length of the stroke in a legend and the gap behind an entry.
const LEGEND_STROKE: f64 = 26.0;
const LEGEND_GAP: f64 = 22.0;
pub(super) const LEGEND_LINE: f64 = 20.0;

/// Whether the legend of the panel above serves this one, too.
pub(super) fn same_names(above: &[Series], series: &[Series]) -> bool {
    let names = |series: &[Series]| {
        series
            .iter()
            .map(|one| one.name.clone())
            .collect::<Vec<_>>()
    };
    names(above) == names(series)
}

/// Names of the legend with their x from the left, row by row; no rows if it is not needed.
pub(super) fn legend_rows(series: &[Series], width: f64) -> Vec<Vec<(f64, usize, String)>> {
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

pub(super) fn draw_legend(
    canvas: &mut Canvas,
    (left, top): (f64, f64),
    series: &[Series],
    rows: &[Vec<(f64, usize, String)>],
) {
    for (row, entries) in rows.iter().enumerate() {
        let y = top + row as f64 * LEGEND_LINE + 6.0;
        for (x, index, name) in entries {
            let (colour, dashes) = stroke(*index);
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
