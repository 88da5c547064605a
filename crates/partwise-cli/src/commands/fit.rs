//! `partwise fit`: a matrix into factors.

use anyhow::{Context, bail};
use partwise::{Factorization, Loss, Matrix, StopReason};
use partwise_io::{Precision, Stored};
use partwise_report::{decimal, percent};
use serde_json::{Value, json};

use super::{distributed, pieces, stream};
use crate::arguments::{FitArguments, Precision as Wanted, SolvingArguments};
use crate::checkpoint::{Checkpoint, Kept};
use crate::counting::{self, Counting};
use crate::factor::Job;
use crate::failure::with_advice;
use crate::interrupt::{self, Ending};
use crate::memory::Limit;
use crate::number::{Number, at_precision};
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::table::counted;
use crate::{input, terminal};

/// Fields that --quality adds to run.json: the least relative error and loss of any matrix of the rank, and what the
/// loss of the fit is above that.
const SVD_ERROR: &str = "svd_relative_error";
const BOUND: &str = "loss_bound";
const ABOVE_BOUND: &str = "loss_above_bound";
/// Fields that run.json has of a V that stayed on disk: that it did, and how often it was read.
const ON_DISK: &str = "on_disk";
const READINGS: &str = "readings";

pub(crate) fn run(arguments: &FitArguments) -> anyhow::Result<Ending> {
    let limit = Limit::from(arguments.memory);
    let signed = arguments.solving.loss == Loss::FROBENIUS;
    fit(arguments).map_err(|error| limit.told(with_advice(error, signed), ""))
}

fn fit(arguments: &FitArguments) -> anyhow::Result<Ending> {
    if let Some(ending) = distributed::run(arguments)? {
        return Ok(ending);
    }
    let counting = &arguments.counting;
    if arguments.quality {
        counting.check_even(
            "--quality compares with a truncated SVD, in which every entry counts alike",
        )?;
    }
    if arguments.streaming.stream {
        counting.check_even("--stream takes steps in which every entry counts alike")?;
        return stream::run(arguments);
    }
    if arguments.pieces.is_some() {
        counting.check_even("--pieces adds sums over all entries")?;
        return pieces::run(arguments);
    }
    if arguments.split_w {
        bail!(
            "--split-w writes W in the pieces that V is cut into; give --pieces too, or start it with mpirun"
        );
    }
    if arguments.keeping.checkpoint.is_some() {
        counting.check_even("--checkpoint keeps fits in which every entry counts alike")?;
    }
    let nmf = arguments.solving.nmf()?;
    outputs::check_results(&arguments.output, ["classes.csv"])?;
    let kept = Checkpoint::of(&arguments.keeping, arguments.reporting.quiet)?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.reporting.quiet);
    let limit = Limit::from(arguments.memory);
    let reading = &arguments.reading;
    let (dtype, format) = (reading.dtype.into(), reading.format.as_deref());
    if let Some(stored) = input::left_on_disk(&arguments.input, (dtype, format), &nmf, limit)? {
        return match stored.precision() {
            Precision::F32 => fit_stored::<f32>(arguments, name, &stored, (kept, progress)),
            Precision::F64 => fit_stored::<f64>(arguments, name, &stored, (kept, progress)),
        };
    }
    let (data, matrix) = Data::read(&arguments.input, limit, reading)
        .map_err(|error| limit.told(error, &input::or_a_store(&arguments.input)))?;
    at_precision!(AnyMatrix, matrix, matrix => {
        let view = matrix.view().with_context(|| data.input.clone())?;
        let held = input::bytes_of(&matrix);
        let (solved, figures) =
            solve(arguments, (&view, &data.input), limit.less(held), (kept, &progress))?;
        drop(matrix);
        let staged = Staged::begin(&arguments.output)?;
        finish(arguments, data, solved, (staged, progress), figures)
    })
}

fn fit_stored<T: Number>(
    arguments: &FitArguments,
    name: String,
    stored: &Stored,
    (kept, progress): (Option<Kept>, Progress),
) -> anyhow::Result<Ending> {
    let limit = Limit::from(arguments.memory).less(stored.memory());
    let (solved, mut figures) = solve(
        arguments,
        (&stored.view::<T>(), &name),
        limit,
        (kept, &progress),
    )?;
    let of_disk = [(ON_DISK, json!(true)), (READINGS, json!(stored.readings()))];
    figures.extend(of_disk.map(|(name, value)| (name.to_owned(), value)));
    let data = Data::stored(name, stored, solved.0.nonzeros);
    let staged = Staged::begin(&arguments.output)?;
    finish(arguments, data, solved, (staged, progress), figures)
}

/// A fit, and where its state is kept.
pub(super) type Solved<T> = (Factorization<T>, Option<Checkpoint>);
/// A field of run.json.
type Field = (String, Value);

/// The fit that was asked for, and with --quality how good it is.
fn solve<T: Number>(
    arguments: &FitArguments,
    (v, name): (&Matrix<'_, T>, &str),
    memory: Limit,
    (kept, progress): (Option<Kept>, &Progress),
) -> anyhow::Result<(Solved<T>, Vec<Field>)> {
    let job = |memory| job(arguments, name, memory, progress);
    if !arguments.counting.is_even() {
        let counting = Counting::read(&arguments.counting, v, name)?;
        let fit = job(memory.less(counting.bytes())).run_weighted(v, &counting.weighting()?);
        let fit = fit.map_err(|error| counting.placed(error))?;
        return Ok(((fit, None), Vec::new()));
    }
    let compared = match arguments.quality {
        true => Some(for_svd(arguments, v, memory)?),
        false => None,
    };
    let mut kept = kept;
    let fit = job(memory).run(v, kept.as_mut())?;
    let figures = match compared {
        Some(v) => quality(arguments, (&v, name), &fit, progress)?,
        None => Vec::new(),
    };
    Ok(((fit, kept.map(|kept| kept.0)), figures))
}

/// V as a truncated SVD of the rank reads it: without its other axis where that takes too much memory.
///
/// # Errors
/// If even that is too much.
fn for_svd<'v, T: Number>(
    arguments: &FitArguments,
    v: &Matrix<'v, T>,
    memory: Limit,
) -> anyhow::Result<Matrix<'v, T>> {
    // Its factors have the columns of that start.
    let nmf = arguments.solving.nmf()?.init("nndsvd".parse()?);
    let v = match nmf.memory_needed(v) > memory.bytes() {
        true => v.lean(),
        false => *v,
    };
    let (rows, cols, rank) = (v.rows(), v.cols(), arguments.solving.rank);
    let what = format!("a truncated SVD of {rows} × {cols} of rank {rank}");
    memory.require(&what, nmf.memory_needed(&v))?;
    Ok(v)
}

/// How close a fit came to the least loss of its rank, unless the user has asked to end.
fn quality<T: Number>(
    arguments: &FitArguments,
    (v, name): (&Matrix<'_, T>, &str),
    fit: &Factorization<T>,
    progress: &Progress,
) -> anyhow::Result<Vec<Field>> {
    if interrupt::requested() {
        return Ok(Vec::new());
    }
    let SolvingArguments { rank, threads, .. } = arguments.solving;
    progress.doing(format!("looking for the least loss of rank {rank}"));
    let found = match fit.quality(v, threads, Some(interrupt::flag())) {
        Err(partwise::Error::Interrupted) => return Ok(Vec::new()),
        found => found.with_context(|| name.to_owned())?,
    };
    let figures = [
        (SVD_ERROR, found.least_relative_error),
        (BOUND, found.bound),
        (ABOVE_BOUND, found.gap()),
    ];
    let field = |(name, figure): (&str, f64)| (name.to_owned(), json!(figure));
    Ok(figures.map(field).to_vec())
}

/// The fit that was asked for. `name` is what V is called in messages.
pub(super) fn job<'a>(
    arguments: &'a FitArguments,
    name: &'a str,
    memory: Limit,
    progress: &'a Progress,
) -> Job<'a> {
    Job {
        solving: &arguments.solving,
        input: name,
        convert_starts: arguments.reading.dtype != Wanted::Auto,
        quiet: arguments.reporting.quiet,
        memory,
        progress,
    }
}

/// Writes the results beside those that are staged, with more fields of run.json.
pub(super) fn finish<T: Number>(
    arguments: &FitArguments,
    data: Data,
    (fit, checkpoint): Solved<T>,
    (mut staged, progress): (Staged, Progress),
    more: impl IntoIterator<Item = Field>,
) -> anyhow::Result<Ending> {
    let FitArguments {
        solving, reporting, ..
    } = arguments;
    progress.doing("writing the results");
    let mut run = record::run(&data, solving, &fit)?;
    run.parameters
        .extend(counting::parameters(&arguments.counting));
    run.extra.extend(more);
    let stop = fit.stop;
    let classes = solving.labels.as_ref();
    let told = classes.and_then(|classes| classes.csv(&fit, data.row_names.as_deref()));
    let mut model = record::model(data, &run, fit);
    if let Some(meta) = model.meta.as_object_mut() {
        meta.extend(counting::remembered(arguments.counting.missing));
    }
    record::stage(&mut staged, &run, &model)?;
    if let Some(told) = told {
        staged.write("classes.csv", told.as_bytes())?;
    }
    let written = staged.commit()?;
    drop(progress);
    match checkpoint {
        Some(checkpoint) if stop != StopReason::Stopped => checkpoint.remove(),
        Some(_) if !reporting.quiet => terminal::note("the same command with --resume goes on"),
        _ => {}
    }
    let mut table = record::table(&run, solving);
    if !arguments.counting.is_even() {
        table.row("what counts", counting::in_words(&arguments.counting));
    }
    if let Some(readings) = run.extra.get(READINGS).and_then(Value::as_u64) {
        table.row("V on disk", format!("read {}", counted(readings, "time")));
    }
    if let (Some(error), Some(above)) = (run.figure(SVD_ERROR), run.figure(ABOVE_BOUND)) {
        let error = format!("{} (truncated SVD)", percent(error));
        table.row("best possible error", error);
        table.row("squared error above it", decimal(above, 5));
    }
    let end = (stop, arguments.output.as_path());
    let ending = record::finish(&run, table, &written, end, reporting)?;
    // The fit may have been done by then.
    let cut_short = arguments.quality && interrupt::requested();
    Ok(if cut_short { Ending::Stopped } else { ending })
}
