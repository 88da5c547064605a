//! `partwise fit`: a matrix into factors.

use anyhow::Context;
use partwise::{Factorization, Matrix, StopReason};
use partwise_io::{Precision, Stored};

use super::{distributed, pieces, stream};
use crate::arguments::{FitArguments, Precision as Wanted};
use crate::checkpoint::{Checkpoint, Kept};
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
    if arguments.streaming.stream {
        return stream::run(arguments);
    }
    if arguments.pieces.is_some() {
        return pieces::run(arguments);
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
    let mut kept = kept;
    let fit = job(arguments, name, memory, progress).run(v, kept.as_mut())?;
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
    run.extra
        .extend(processes.map(|processes| ("mpi".to_owned(), processes)));
    let stop = fit.stop;
    let model = record::model(data, &run, fit);
    let mut staged = Staged::begin(&arguments.output)?;
    record::stage(&mut staged, &run, &model)?;
    let written = staged.commit()?;
    drop(progress);
    match checkpoint {
        Some(checkpoint) if stop != StopReason::Stopped => checkpoint.remove(),
        Some(_) if !reporting.quiet => terminal::note("the same command with --resume goes on"),
        _ => {}
    }
    record::finish(
        &run,
        record::table(&run, solving),
        &written,
        (stop, &arguments.output),
        reporting,
    )
}
