//! The spectrogram, the templates and the activations as pictures.

use partwise_apps::audio::Spectrogram;
use partwise_report::{Axis, HeatMap, Raster, Scale, Side, heat_map};

use super::Analysis;
use super::factors::Factors;

/// Rows and columns of a picture's field at most.
const ROWS: usize = 600;
const COLUMNS: usize = 1400;
/// Lowest frequency shown, in hertz.
const LOWEST: f64 = 50.0;
/// Decibels shown below the loudest point.
const RANGE: f64 = 80.0;

/// Magnitudes on the logarithmic axis of the pictures: rows from the highest frequency down × columns.
#[derive(Debug)]
pub(super) struct Overview {
    columns: usize,
    values: Vec<f32>,
}

/// Rows of a picture from the top: the bins that each shows.
fn rows(analysis: &Analysis) -> Vec<(usize, usize)> {
    let bins = analysis.transform.bins();
    let highest = f64::from(analysis.rate) / 2.0;
    let edge = |row: usize| {
        let share = 1.0 - row as f64 / ROWS as f64;
        LOWEST * (highest / LOWEST).powf(share) / analysis.bin_hertz()
    };
    (0..ROWS)
        .map(|row| {
            let from = (edge(row + 1).round() as usize).min(bins - 1);
            let to = (edge(row).round() as usize).clamp(from + 1, bins);
            (from, to)
        })
        .collect()
}

/// The strongest of the bins that each row shows.
fn column(bins: &[f32], rows: &[(usize, usize)]) -> Vec<f32> {
    let strongest =
        |&(from, to): &(usize, usize)| bins[from..to].iter().fold(0.0_f32, |a, b| a.max(*b));
    rows.iter().map(strongest).collect()
}

fn turned(columns: &[Vec<f32>]) -> Vec<f32> {
    let count = columns.first().map_or(0, Vec::len);
    (0..count)
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect()
}

/// A spectrogram at the size of a picture: the strongest of the frames that each column shows.
pub(super) fn overview(v: &Spectrogram, analysis: &Analysis) -> Overview {
    let count = v.frames.min(COLUMNS);
    let rows = rows(analysis);
    let columns: Vec<Vec<f32>> = (0..count)
        .map(|index| {
            let (from, to) = (index * v.frames / count, (index + 1) * v.frames / count);
            let mut strongest = vec![0.0_f32; v.bins];
            for row in v.values[from * v.bins..to * v.bins].chunks_exact(v.bins) {
                for (most, value) in strongest.iter_mut().zip(row) {
                    *most = most.max(*value);
                }
            }
            column(&strongest, &rows)
        })
        .collect();
    Overview {
        columns: count,
        values: turned(&columns),
    }
}

/// What is drawn.
#[derive(Debug)]
pub(super) struct Pictures<'a> {
    pub(super) title: &'a str,
    pub(super) analysis: &'a Analysis,
    pub(super) factors: &'a Factors,
    /// A name for each component.
    pub(super) labels: Vec<String>,
}

impl Pictures<'_> {
    fn seconds(&self) -> f64 {
        self.factors.fit.w.rows() as f64 * self.analysis.frame_seconds()
    }

    fn frequencies(&self) -> Side {
        let axis = Axis::new("frequency (Hz)").scaled(Scale::Log);
        Side::Range(axis, LOWEST, f64::from(self.analysis.rate) / 2.0)
    }

    fn time(&self) -> Side {
        Side::Range(
            Axis::new("time (s)").scaled(Scale::Linear),
            0.0,
            self.seconds(),
        )
    }

    /// Decibels below `largest`, whatever the exponent.
    fn decibels(&self, values: &[f32], largest: f32) -> Vec<f32> {
        let factor = 20.0 / self.analysis.exponent;
        let least = -RANGE as f32;
        let level = |value: &f32| (factor * (value / largest).log10()).max(least);
        values.iter().map(level).collect()
    }

    pub(super) fn spectrogram(&self, overview: &Overview) -> anyhow::Result<Vec<u8>> {
        let largest = overview
            .values
            .iter()
            .fold(f32::MIN_POSITIVE, |a, b| a.max(*b));
        let values = self.decibels(&overview.values, largest);
        let figure = heat_map(&HeatMap {
            title: &format!("{}: spectrogram", self.title),
            note: "The sound in its frames and bins, in decibels below its loudest point.",
            values: &Raster::grey(overview.columns, ROWS, values)?,
            x: self.time(),
            y: self.frequencies(),
            measure: "level (dB)",
            ends: (-RANGE, 0.0),
        })?;
        Ok(figure.to_png()?)
    }

    pub(super) fn templates(&self) -> anyhow::Result<Vec<u8>> {
        let rows = rows(self.analysis);
        let mut columns = Vec::with_capacity(self.factors.rank * self.factors.taps);
        for component in 0..self.factors.rank {
            let taps = 0..self.factors.taps;
            let taps: Vec<Vec<f32>> = taps
                .map(|tap| column(self.factors.tap(component, tap), &rows))
                .collect();
            let largest = taps
                .iter()
                .flatten()
                .fold(f32::MIN_POSITIVE, |a, b| a.max(*b));
            columns.extend(taps.iter().map(|column| self.decibels(column, largest)));
        }
        let figure = heat_map(&HeatMap {
            title: &format!("{}: templates", self.title),
            note: "What each component sounds like, in decibels below its own loudest frequency.",
            values: &Raster::grey(columns.len(), ROWS, turned(&columns))?,
            x: Side::Names("component".to_owned(), self.labels.clone()),
            y: self.frequencies(),
            measure: "level (dB)",
            ends: (-RANGE, 0.0),
        })?;
        Ok(figure.to_png()?)
    }

    pub(super) fn activations(&self) -> anyhow::Result<Vec<u8>> {
        let frames = self.factors.fit.w.rows();
        let count = frames.min(COLUMNS);
        let mut values = Vec::with_capacity(count * self.factors.rank);
        for component in 0..self.factors.rank {
            let row = self.factors.activation(component);
            let largest = row.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(*b));
            values.extend((0..count).map(|index| {
                let stretch = &row[index * frames / count..(index + 1) * frames / count];
                stretch.iter().fold(0.0_f32, |a, b| a.max(*b)) / largest
            }));
        }
        let figure = heat_map(&HeatMap {
            title: &format!("{}: activations", self.title),
            note: "When each component sounds, in terms of its own strongest moment.",
            values: &Raster::grey(count, self.factors.rank, values)?,
            x: self.time(),
            y: Side::Names("component".to_owned(), self.labels.clone()),
            measure: "activation",
            ends: (0.0, 1.0),
        })?;
        Ok(figure.to_png()?)
    }
}
