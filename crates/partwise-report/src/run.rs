//! `run.json`: what a run did and found, as data, and the picture of its convergence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Axis, Chart, Figure, Panel, ReportError, Scale, Series, line_chart,
    number::{decimal, duration, whole},
};

/// Everything that a run leaves behind beside its factors. Tables, pages and pictures are drawn
/// from this alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of the program, as in "0.1.0".
    pub version: String,
    /// The command line, one entry an argument.
    pub command: Vec<String>,
    /// Every parameter with the value it had, defaults included.
    pub parameters: BTreeMap<String, Value>,
    /// Rows and columns (m, n) of the data.
    pub shape: [u64; 2],
    /// Entries of the data that are not zero.
    pub nonzeros: u64,
    /// Number of components, k.
    pub rank: u64,
    /// Name of the loss.
    pub loss: String,
    /// Name of the solver.
    pub solver: String,
    /// The objective at the end, penalties included.
    pub objective: f64,
    /// ‖V − WH‖ / ‖V‖ at the end (Frobenius), or `null` where it was not worked out.
    pub relative_error: Option<f64>,
    /// Iterations done.
    pub iterations: u64,
    /// Whether the stopping rule was met.
    pub converged: bool,
    /// Why the run stopped: `converged`, `max_iter` or `stopped`; see [`stop_in_words`].
    pub stop_reason: String,
    /// Wall-clock seconds of the fit.
    pub seconds: f64,
    /// Whether an iteration saw a batch of rows alone: its objective is then the cost of one of these rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batches: bool,
    /// The course of the run, in order.
    pub trace: Vec<TracePoint>,
    /// What one kind of run adds, side by side with the fields above, such as `psnr_db`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One line of a run's course.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TracePoint {
    /// Number of the iteration, 0 for the start.
    pub iteration: u64,
    /// Wall-clock seconds since the fit began.
    pub seconds: f64,
    /// The objective, penalties included.
    pub objective: f64,
    /// The KKT residual, or `null` where the solver has none.
    pub residual: Option<f64>,
    /// Whether a sketch of the data stood for the data: the objective is then an estimate.
    #[serde(default)]
    pub sketched: bool,
}

/// Fall of the objective, first over last, from which its axis is logarithmic.
const LOG_FALL: f64 = 8.0;

/// How JSON, which has no infinity, holds one.
const INFINITY: &str = "Infinity";

impl Run {
    /// The run as the text of a `run.json`, indented, with a line break at the end.
    ///
    /// # Errors
    ///
    /// [`ReportError::NotFinite`] if a number is infinite or not a number, and
    /// [`ReportError::ReservedName`] if an extra field has the name of a fixed one.
    pub fn to_json(&self) -> Result<String, ReportError> {
        self.check()?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads the text of a `run.json`. Fields that are not known are kept in
    /// [`extra`](Self::extra).
    ///
    /// # Errors
    ///
    /// [`ReportError::Parse`], which names the field or the line, if it is not one.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(text)?)
    }

    /// Adds the figure `name` to the extra fields. +∞, as the PSNR of equal pictures, becomes the
    /// string "Infinity", which [`figure`](Self::figure) reads back.
    ///
    /// # Errors
    ///
    /// [`ReportError::NotFinite`] if `value` is −∞ or not a number.
    pub fn set_figure(&mut self, name: &str, value: f64) -> Result<(), ReportError> {
        let value = if value == f64::INFINITY {
            Value::from(INFINITY)
        } else {
            finite(name, value)?;
            Value::from(value)
        };
        self.extra.insert(name.to_owned(), value);
        Ok(())
    }

    /// The extra field `name`, if it is there and a number or "Infinity".
    pub fn figure(&self, name: &str) -> Option<f64> {
        match self.extra.get(name)? {
            Value::String(word) if word == INFINITY => Some(f64::INFINITY),
            value => value.as_f64(),
        }
    }

    /// The least, the median and the largest objective of several starts as they were tried, out of the extra field
    /// `starts`.
    pub fn starts(&self) -> Option<[f64; 3]> {
        let starts = self.extra.get("starts")?;
        let figure = |name: &str| starts.get(name)?.as_f64();
        Some([figure("least")?, figure("median")?, figure("most")?])
    }

    /// What is wrong with the components, in words, out of the extra field `flaws`; `None` if nothing is.
    pub fn flaws(&self) -> Option<&str> {
        let words = self.extra.get("flaws")?.get("in_words")?.as_str()?;
        (!words.is_empty()).then_some(words)
    }

    fn check(&self) -> Result<(), ReportError> {
        finite("objective", self.objective)?;
        finite("relative_error", self.relative_error.unwrap_or_default())?;
        finite("seconds", self.seconds)?;
        for (index, point) in self.trace.iter().enumerate() {
            let field = |name: &str| format!("trace[{index}].{name}");
            finite(&field("seconds"), point.seconds)?;
            finite(&field("objective"), point.objective)?;
            finite(&field("residual"), point.residual.unwrap_or_default())?;
        }
        let fixed = Self {
            extra: Map::new(),
            trace: Vec::new(),
            ..self.clone()
        };
        if let Value::Object(fields) = serde_json::to_value(fixed)?
            && let Some(name) = self.extra.keys().find(|name| fields.contains_key(*name))
        {
            return Err(ReportError::ReservedName { name: name.clone() });
        }
        Ok(())
    }
}

fn finite(field: &str, value: f64) -> Result<(), ReportError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(ReportError::NotFinite {
        field: field.to_owned(),
        value,
    })
}

/// Draws the objective, and the KKT residual where there is one, over a run's iterations.
pub fn convergence(run: &Run) -> Figure {
    let course = |value: fn(&TracePoint) -> Option<f64>| -> Vec<(f64, f64)> {
        let point = |point: &TracePoint| Some((point.iteration as f64, value(point)?));
        run.trace.iter().filter_map(point).collect()
    };
    let objective = course(|point| Some(point.objective));
    let extent = |pick: fn(f64, f64) -> f64| objective.iter().map(|point| point.1).reduce(pick);
    let scale = match (extent(f64::min), extent(f64::max)) {
        // The start is often far off: on a linear axis the rest would be one flat line.
        (Some(least), Some(most)) if least > 0.0 && most / least >= LOG_FALL => Scale::Log,
        _ => Scale::Auto,
    };
    let stretch = |sketched: bool| -> Vec<(f64, f64)> {
        let points = run.trace.iter().filter(|point| point.sketched == sketched);
        points
            .map(|point| (point.iteration as f64, point.objective))
            .collect()
    };
    let (iteration, measure) = match run.batches {
        true => ("batch", "cost of a row"),
        false => ("iteration", "objective"),
    };
    let mut series = vec![Series::new(measure, stretch(false))];
    let estimates = stretch(true);
    if !estimates.is_empty() {
        series.push(Series::new("estimate on a sketch of the data", estimates));
    }
    let mut panels = vec![Panel::new(Axis::new(measure).scaled(scale), series).weighted(2.4)];
    let residual = course(|point| point.residual);
    if !residual.is_empty() {
        panels.push(Panel::new(
            Axis::new("KKT residual").scaled(Scale::Log),
            vec![Series::new("residual", residual)],
        ));
    }
    line_chart(&Chart {
        title: format!("Convergence at rank {}", run.rank),
        caption: Some(caption(run)),
        x: Axis::new(iteration).scaled(Scale::Linear),
        panels,
    })
}

/// Why a run stopped, for people: a [`Run::stop_reason`] of the engine is spelled out, any other stays as it is.
pub fn stop_in_words(stop_reason: &str) -> &str {
    match stop_reason {
        "max_iter" => "not converged: the limit on iterations",
        "stopped" => "not converged: stopped on request",
        other => other,
    }
}

/// How the run went, in one line.
pub(crate) fn caption(run: &Run) -> String {
    let [m, n] = run.shape;
    let steps = match (run.batches, run.iterations) {
        (true, 1) => "batch",
        (true, _) => "batches",
        (false, 1) => "iteration",
        (false, _) => "iterations",
    };
    let error = run.relative_error.map_or_else(String::new, |error| {
        format!(", relative error {}", decimal(error, 3))
    });
    format!(
        "{} × {} matrix, {} loss, solver {}: {} {steps} in {}{error}; {}",
        whole(m),
        whole(n),
        run.loss,
        run.solver,
        run.iterations,
        duration(run.seconds),
        stop_in_words(&run.stop_reason),
    )
}
