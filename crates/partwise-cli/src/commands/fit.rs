//! `partwise fit`: a matrix into factors.

use anyhow::Context;
use partwise::{Factorization, Matrix, StopReason};
use partwise_io::{Precision, Stored};

use super::{distributed, pieces, stream};
use crate::arguments::{FitArguments, Precision as Wanted};
use crate::checkpoint::{Checkpoint, Kept};
use crate::counting::{self, Counting};
use crate::factor::Job;
use crate::interrupt::Ending;
use crate::memory::Limit;
use crate::number::{Number, at_precision};
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::{input, terminal};

pub(crate) fn run(arguments: &FitArguments) -> anyhow::Result<Ending> {
    if let Some(ending) = distributed::run(arguments)? {
        return Ok(ending);
    }
    let counting = &arguments.counting;
    if arguments.streaming.stream {
        counting.check_even("--stream takes steps in which every entry counts alike")?;
        return stream::run(arguments);
    }
    if arguments.pieces.is_some() {
        counting.check_even("--pieces adds sums over all entries")?;
        return pieces::run(arguments);
    }
    if arguments.keeping.checkpoint.is_some() {
        counting.check_even("--checkpoint keeps fits in which every entry counts alike")?;
    }
    let nmf = arguments.solving.nmf()?;
    outputs::check_folder(&arguments.output)?;
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
    let (data, matrix) = Data::read(&arguments.input, limit, reading)?;
    at_precision!(AnyMatrix, matrix, matrix => {
        let view = matrix.view().with_context(|| data.input.clone())?;
        let held = input::bytes_of(&matrix);
        let solved = solve(arguments, (&view, &data.input), limit.less(held), (kept, &progress))?;
        drop(matrix);
        finish(arguments, data, solved, progress, None)
    })
}

fn fit_stored<T: Number>(
    arguments: &FitArguments,
    name: String,
    stored: &Stored,
    (kept, progress): (Option<Kept>, Progress),
) -> anyhow::Result<Ending> {
    let limit = Limit::from(arguments.memory).less(stored.memory());
    let solved = solve(
        arguments,
        (&stored.view::<T>(), &name),
        limit,
        (kept, &progress),
    )?;
    let data = Data::stored(name, stored, solved.0.positive);
    finish(arguments, data, solved, progress, None)
}

/// A fit, and where its state is kept.
pub(super) type Solved<T> = (Factorization<T>, Option<Checkpoint>);

fn solve<T: Number>(
    arguments: &FitArguments,
    (v, name): (&Matrix<'_, T>, &str),
    memory: Limit,
    (kept, progress): (Option<Kept>, &Progress),
) -> anyhow::Result<Solved<T>> {
    let job = |memory| job(arguments, name, memory, progress);
    if !arguments.counting.is_even() {
        let counting = Counting::read(&arguments.counting, v, name)?;
        let fit = job(memory.less(counting.bytes())).run_weighted(v, &counting.weighting()?);
        return Ok((fit.map_err(|error| counting.placed(error))?, None));
    }
    let mut kept = kept;
    let fit = job(memory).run(v, kept.as_mut())?;
    Ok((fit, kept.map(|kept| kept.0)))
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

/// Writes the results, with what is to be said of several processes in run.json.
pub(super) fn finish<T: Number>(
    arguments: &FitArguments,
    data: Data,
    (fit, checkpoint): Solved<T>,
    progress: Progress,
    processes: Option<serde_json::Value>,
) -> anyhow::Result<Ending> {
    let FitArguments {
        solving, reporting, ..
    } = arguments;
    progress.doing("writing the results");
    let mut run = record::run(&data, solving, &fit)?;
    run.parameters
        .extend(counting::parameters(&arguments.counting));
    run.extra
        .extend(processes.map(|processes| ("mpi".to_owned(), processes)));
    let stop = fit.stop;
    let mut model = record::model(data, &run, fit);
    if let Some(meta) = model.meta.as_object_mut() {
        meta.extend(counting::remembered(arguments.counting.missing));
    }
    let mut staged = Staged::begin(&arguments.output)?;
    record::stage(&mut staged, &run, &model)?;
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
    record::finish(&run, table, &written, (stop, &arguments.output), reporting)
}
