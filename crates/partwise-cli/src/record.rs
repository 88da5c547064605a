//! What a run leaves behind: run.json, the model, and the table for people.

use std::collections::BTreeMap;
use std::path::Path;

use partwise::{Duplicate, Factorization, Flaws, Penalty, Spread, StopReason};
use partwise_io::{AnyMatrix, Classes, Model, Stored};
use partwise_report::{Run, TracePoint, decimal, duration, percent, stop_in_words};
use serde_json::{Value, json};

use crate::arguments::{ReadingArguments, ReportingArguments, SolvingArguments};
use crate::factor;
use crate::input;
use crate::interrupt::Ending;
use crate::memory::Limit;
use crate::number::{Number, to_file};
use crate::outputs::{Committed, Staged};
use crate::progress::Progress;
use crate::table::{Table, counted};
use crate::terminal;

/// Names of the files that runs write.
pub(crate) const MODEL: &str = "model.npz";
pub(crate) const RUN: &str = "run.json";
pub(crate) const CONVERGENCE: &str = "convergence.png";

/// What was factored.
#[derive(Debug)]
pub(crate) struct Data {
    /// The file's name.
    pub(crate) input: String,
    pub(crate) shape: (usize, usize),
    pub(crate) nonzeros: usize,
    pub(crate) row_names: Option<Vec<String>>,
    pub(crate) col_names: Option<Vec<String>>,
}

impl Data {
    /// What a file holds that was left on disk, or read in pieces, once its nonzeros are counted.
    pub(crate) fn stored(input: String, stored: &Stored, nonzeros: usize) -> Self {
        let (row_names, col_names) = stored.names();
        Self {
            input,
            shape: stored.shape(),
            nonzeros,
            row_names: row_names.map(<[String]>::to_vec),
            col_names: col_names.map(<[String]>::to_vec),
        }
    }

    /// Reads a matrix as the flags say, and what else its file holds.
    ///
    /// # Errors
    /// What reading meets.
    pub(crate) fn read(
        path: &Path,
        limit: Limit,
        reading: &ReadingArguments,
    ) -> anyhow::Result<(Self, AnyMatrix)> {
        let format = reading.format.as_deref();
        let options = input::options_within(limit, reading.dtype.into(), format);
        let table = partwise_io::read(path, &options)?;
        Ok(Self::of(input::name(path), table))
    }

    /// What a file held, and its matrix.
    pub(crate) fn of(input: String, table: partwise_io::Table) -> (Self, AnyMatrix) {
        let data = Self {
            input,
            shape: table.matrix.shape(),
            nonzeros: table.matrix.nonzeros(),
            row_names: table.row_names,
            col_names: table.col_names,
        };
        (data, table.matrix)
    }
}

/// Every flag of the solving with its value.
pub(crate) fn parameters(solving: &SolvingArguments) -> BTreeMap<String, Value> {
    let penalty = solving.penalty();
    let hold = solving.hold.map(|hold| format!("{hold:?}").to_lowercase());
    let constraints = solving.constraint.iter();
    let constraints: Vec<_> = constraints.map(ToString::to_string).collect();
    let threads = solving.threads.map(std::num::NonZeroUsize::get);
    BTreeMap::from(
        [
            ("rank", json!(solving.rank)),
            ("solver", json!(solving.solver.name())),
            ("loss", json!(solving.loss.to_string())),
            ("init", json!(solving.init.name())),
            ("n_init", json!(solving.n_init.get())),
            ("seed", json!(solving.seed)),
            ("tol", json!(solving.tol)),
            ("max_iter", json!(solving.max_iter)),
            ("alpha_w", json!(penalty.alpha_w)),
            ("alpha_h", json!(penalty.alpha_h)),
            ("l1_ratio", json!(penalty.l1_ratio)),
            ("constraint", json!(constraints)),
            ("graph", json!(solving.graph)),
            (
                "labels",
                json!(solving.labels.as_ref().map(|classes| &classes.path)),
            ),
            ("start_w", json!(solving.start_w)),
            ("start_h", json!(solving.start_h)),
            ("hold", json!(hold)),
            ("threads", json!(threads)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// The command line.
pub(crate) fn command() -> Vec<String> {
    std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// The record of a fit.
///
/// # Errors
/// If a figure is no finite number.
pub(crate) fn run<T: Number>(
    data: &Data,
    solving: &SolvingArguments,
    fit: &Factorization<T>,
) -> anyhow::Result<Run> {
    let mut run = Run {
        batches: false,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command(),
        parameters: parameters(solving),
        shape: [data.shape.0 as u64, data.shape.1 as u64],
        nonzeros: data.nonzeros as u64,
        rank: solving.rank as u64,
        loss: solving.loss.to_string(),
        solver: fit.solver.name().to_owned(),
        objective: fit.objective,
        relative_error: Some(fit.relative_error).filter(|error| error.is_finite()),
        iterations: fit.iterations as u64,
        converged: fit.stop == StopReason::Converged,
        stop_reason: fit.stop.to_string(),
        seconds: fit.seconds,
        trace: trace(&fit.trace),
        extra: serde_json::Map::new(),
    };
    run.extra.insert("input".to_owned(), json!(data.input));
    run.extra
        .insert("init".to_owned(), json!(fit.init.map(partwise::Init::name)));
    run.extra.insert("seed".to_owned(), json!(solving.seed));
    run.extra.insert("dtype".to_owned(), json!(T::NAME));
    if fit.single_iterations > 0 {
        let single = json!(fit.single_iterations);
        run.extra.insert("single_iterations".to_owned(), single);
    }
    if fit.approach_iterations > 0 {
        let approach = json!(fit.approach_iterations);
        run.extra.insert("approach_iterations".to_owned(), approach);
    }
    if !fit.picked.is_empty() {
        run.extra.insert("picked".to_owned(), json!(fit.picked));
    }
    if let Some(mixture) = &fit.mixture {
        let rows = (0..mixture.rows()).map(|t| rows_in(mixture.row(t)));
        run.extra.insert(
            "rows_in_a_mixture".to_owned(),
            json!(rows.collect::<Vec<_>>()),
        );
    }
    if let Some(classes) = &solving.labels {
        let (known, right) = (classes.labels.known(), classes.right(fit));
        let classes = json!({"names": *classes.names, "known": known, "told_right": right});
        run.extra.insert("classes".to_owned(), classes);
    }
    run.set_figure("divergence", fit.divergence)?;
    run.set_figure("residual", fit.residual)?;
    run.extra
        .insert("flaws".to_owned(), flaws(fit, &solving.penalty()));
    if let Some(Spread {
        least,
        median,
        most,
        ..
    }) = fit.spread()
    {
        let starts =
            json!({"objectives": fit.starts, "least": least, "median": median, "most": most});
        run.extra.insert("starts".to_owned(), starts);
    }
    Ok(run)
}

/// What is wrong with the components, counted from 0, and what of it speaks against the rank or the start; in words they count from 1.
fn flaws<T: Number>(fit: &Factorization<T>, penalty: &Penalty) -> Value {
    let found = fit.flaws();
    let pair = |pair: &Duplicate| {
        json!({
            "first": pair.first,
            "second": pair.second,
            "cosine": pair.cosine,
            "cost": pair.cost,
        })
    };
    let words = |mut flaws: Flaws| {
        flaws.dead.iter_mut().for_each(|component| *component += 1);
        for pair in &mut flaws.duplicates {
            pair.first += 1;
            pair.second += 1;
        }
        flaws.to_string()
    };
    json!({
        "dead": found.dead,
        "duplicates": found.duplicates.iter().map(pair).collect::<Vec<_>>(),
        "telling": words(fit.telling(&found, penalty)),
        "in_words": words(found),
    })
}

/// As many rows of equal shares as a mixture with these shares counts for: 1 / Σ c², or 0 of none.
fn rows_in<T: Number>(shares: &[T]) -> f64 {
    let squares: f64 = shares.iter().map(|share| share.to_f64().powi(2)).sum();
    if squares > 0.0 { squares.recip() } else { 0.0 }
}

/// The trace of a run.
pub(crate) fn trace(points: &[partwise::TracePoint]) -> Vec<TracePoint> {
    let point = |point: &partwise::TracePoint| TracePoint {
        iteration: point.iteration as u64,
        seconds: point.seconds,
        objective: point.objective,
        residual: point.residual,
        sketched: point.sketched,
    };
    points.iter().map(point).collect()
}

/// The factors with what a transform must know, taken from the fit.
pub(crate) fn model<T: Number>(data: Data, run: &Run, fit: Factorization<T>) -> Model {
    let names = run
        .extra
        .get("classes")
        .and_then(|classes| classes["names"].as_array());
    let names = names.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned));
    let classes = fit.class_parts.zip(names.map(Iterator::collect));
    Model {
        w: to_file(fit.w),
        h: to_file(fit.h),
        c: fit.mixture.map(to_file),
        classes: classes.map(|(parts, names)| Classes {
            parts: to_file(parts),
            names,
        }),
        meta: meta(run, &data.input),
        row_names: data.row_names,
        col_names: data.col_names,
    }
}

/// What a model remembers of its run.
pub(crate) fn meta(run: &Run, input: &str) -> Value {
    let mut meta = json!({
        "version": run.version,
        "input": input,
        "shape": run.shape,
        "rank": run.rank,
        "loss": run.loss,
        "solver": run.solver,
        "init": run.extra["init"],
        "objective": run.objective,
        "relative_error": run.relative_error,
        "iterations": run.iterations,
        "stop_reason": run.stop_reason,
    });
    if !fit_is_free(run) {
        meta["constraint"] = run.parameters["constraint"].clone();
    }
    for name in ["seed", "tol", "max_iter", "alpha_w", "alpha_h", "l1_ratio"] {
        meta[name] = run.parameters[name].clone();
    }
    meta
}

/// Whether no factor was constrained.
fn fit_is_free(run: &Run) -> bool {
    let constraints = run.parameters.get("constraint").and_then(Value::as_array);
    constraints.is_none_or(Vec::is_empty)
}

/// Stages the files that every run has, and the course of its fit.
///
/// # Errors
/// If a picture cannot be drawn or the system refuses a file.
pub(crate) fn stage(staged: &mut Staged, run: &Run, model: &Model) -> anyhow::Result<()> {
    let picture = partwise_report::convergence(run).to_png()?;
    stage_of_many(staged, run, model)?;
    staged.write(CONVERGENCE, &picture)
}

/// Stages the files that every run has, where many fits have led to the model.
///
/// # Errors
/// If the system refuses a file.
pub(crate) fn stage_of_many(staged: &mut Staged, run: &Run, model: &Model) -> anyhow::Result<()> {
    let json = run.to_json()?;
    staged.write_with(MODEL, |path| partwise_io::write_model(path, model))?;
    staged.write(RUN, json.as_bytes())
}

/// Writes what is staged, and ends as [`finish`] does.
///
/// # Errors
/// If the system refuses a file, or stdout takes nothing.
pub(crate) fn close(
    (staged, progress): (Staged, Progress),
    run: &Run,
    table: Table,
    end: (StopReason, &Path),
    reporting: &ReportingArguments,
) -> anyhow::Result<Ending> {
    let written = staged.commit()?;
    drop(progress);
    finish(run, table, &written, end, reporting)
}

/// The lines that every run's table has.
pub(crate) fn table(run: &Run, asked: &SolvingArguments) -> Table {
    let mut table = Table::default();
    let [m, n] = run.shape;
    let text = |name: &str| {
        run.extra
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    table.row("input", text("input"));
    table.row(
        "matrix",
        format!(
            "{m} × {n}, {}, {}",
            text("dtype"),
            counted(run.nonzeros, "nonzero")
        ),
    );
    table.row("components", run.rank.to_string());
    table.row("loss", run.loss.clone());
    table.row("solver", chosen(&run.solver, asked.solver.name()));
    let mut start = match run.extra.get("init").and_then(Value::as_str) {
        Some(init) => format!("{}, seed {}", chosen(init, asked.init.name()), asked.seed),
        None => "as given".to_owned(),
    };
    for (factor, given) in [("W", &asked.start_w), ("H", &asked.start_h)] {
        if given.is_some() && run.extra["init"].is_string() {
            start.push_str(&format!(", {factor} as given"));
        }
    }
    if asked.n_init.get() > 1 {
        start.push_str(&format!(", the best of {}", asked.n_init));
    }
    if let Some(steps) = run.extra.get("approach_iterations") {
        start.push_str(&format!(
            ", taken near the data by {} for the squared loss",
            counted(steps.as_u64().unwrap_or_default(), "iteration")
        ));
    }
    table.row("start", start);
    if !fit_is_free(run) {
        let texts: Vec<_> = asked.constraint.iter().map(ToString::to_string).collect();
        table.row("constraints", texts.join(", "));
    }
    let mixtures = run.extra.get("rows_in_a_mixture").and_then(Value::as_array);
    if let Some(mixtures) = mixtures {
        let counts: Vec<f64> = mixtures.iter().filter_map(Value::as_f64).collect();
        let least = counts.iter().copied().fold(f64::INFINITY, f64::min);
        let most = counts.iter().copied().fold(0.0, f64::max);
        table.row(
            "rows in a mixture",
            format!(
                "{} to {} of equal shares",
                decimal(least, 1),
                decimal(most, 1)
            ),
        );
    }
    if let Some(picked) = run.extra.get("picked") {
        table.row("rows of V taken", picked.to_string());
    }
    if let Some(classes) = run.extra.get("classes") {
        let count = |name: &str| classes[name].as_u64();
        if let (Some(known), Some(right)) = (count("known"), count("told_right")) {
            let share = percent(right as f64 / known as f64);
            table.row(
                "classes told right",
                format!("{share} of {known} that are known"),
            );
        }
    }
    table.row("objective", decimal(run.objective, 6));
    if let Some(error) = run.relative_error {
        table.row("relative error", percent(error));
    }
    if let Some(residual) = run.figure("residual") {
        table.row("KKT residual", decimal(residual, 3));
    }
    if let Some([least, median, most]) = run.starts() {
        let [least, median, most] = [least, median, most].map(|value| decimal(value, 5));
        table.row(
            "starts as tried",
            format!("objectives {least} to {most}, median {median}"),
        );
    }
    if let Some(flaws) = run.flaws() {
        table.row("flaws", format!("{flaws} (of the model, counted from 1)"));
    }
    let mut count = iterations(run.iterations, &run.stop_reason);
    if let Some(last) = run.trace.iter().rfind(|point| point.sketched) {
        count.push_str(&format!(", the first {} on a sketch", last.iteration));
    }
    if let Some(single) = run.extra.get("single_iterations") {
        count.push_str(&format!(", the first {single} in single precision"));
    }
    table.row("iterations", count);
    table.row("time", duration(run.seconds));
    table
}

/// Prints what was asked for, run.json, the table or nothing, and ends as the fit did; its results are in `folder`.
///
/// # Errors
/// If stdout takes nothing.
pub(crate) fn finish(
    run: &Run,
    mut table: Table,
    written: &Committed,
    (stop, folder): (StopReason, &Path),
    reporting: &ReportingArguments,
) -> anyhow::Result<Ending> {
    if let (false, Some(telling)) = (reporting.quiet, telling(run)) {
        terminal::warning(&format!(
            "{telling} (of the model, counted from 1); fewer components may do, or another start"
        ));
    }
    if reporting.json {
        terminal::print(&run.to_json()?)?;
    } else if !reporting.quiet {
        table.row("written", written.to_string());
        terminal::print(&table.render())?;
    }
    Ok(factor::ending(
        stop,
        run.iterations,
        folder,
        reporting.quiet,
    ))
}

/// What of the components speaks against the rank or the start, if anything does.
fn telling(run: &Run) -> Option<&str> {
    let words = run.extra.get("flaws")?.get("telling")?.as_str()?;
    (!words.is_empty()).then_some(words)
}

/// How many iterations there were, and why not more.
pub(crate) fn iterations(count: u64, stop_reason: &str) -> String {
    format!("{count} ({})", stop_in_words(stop_reason))
}

fn chosen(name: &str, asked: &str) -> String {
    if name == asked {
        name.to_owned()
    } else {
        format!("{name} ({asked})")
    }
}

/// The parameters that a transform needs, out of a model's meta.
///
/// # Errors
/// If one is missing or out of its range.
pub(crate) fn transforming(meta: &Value, rank: usize) -> anyhow::Result<partwise::Nmf> {
    let text = |name: &str| {
        meta[name]
            .as_str()
            .ok_or_else(|| anyhow::anyhow!("meta has no text '{name}'"))
    };
    let number = |name: &str| {
        meta[name]
            .as_f64()
            .ok_or_else(|| anyhow::anyhow!("meta has no number '{name}'"))
    };
    let whole = |name: &str| {
        meta[name]
            .as_u64()
            .ok_or_else(|| anyhow::anyhow!("meta has no whole number '{name}'"))
    };
    let nmf = partwise::Nmf::new(rank)
        .loss(text("loss")?.parse()?)
        .solver(text("solver")?.parse()?)
        .seed(whole("seed")?)
        .tol(number("tol")?)
        .max_iter(usize::try_from(whole("max_iter")?)?)
        .penalty(partwise::Penalty {
            alpha_w: number("alpha_w")?,
            alpha_h: number("alpha_h")?,
            l1_ratio: number("l1_ratio")?,
        });
    let constraints = meta["constraint"].as_array();
    let mut texts = constraints.into_iter().flatten().filter_map(Value::as_str);
    let nmf = texts.try_fold(nmf, |nmf, text| text.parse().map(|x| nmf.constraint(x)))?;
    nmf.check()?;
    Ok(nmf.for_new_samples())
}
