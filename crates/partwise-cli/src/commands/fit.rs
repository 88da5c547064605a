//! `partwise fit`: a matrix into factors.

use anyhow::Context;
use partwise_io::Matrix;

use crate::arguments::{FitArguments, Precision};
use crate::factor::Job;
use crate::input;
use crate::interrupt::Ending;
use crate::number::{Number, at_precision};
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};

pub(crate) fn run(arguments: &FitArguments) -> anyhow::Result<Ending> {
    arguments.solving.nmf()?;
    outputs::check_folder(&arguments.output)?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.reporting.quiet);
    let options = input::options(
        arguments.reading.dtype.into(),
        arguments.reading.format.as_deref(),
    );
    let table = partwise_io::read(&arguments.input, &options)?;
    let data = Data {
        input: name,
        shape: table.matrix.shape(),
        nonzeros: table.matrix.nonzeros(),
        row_names: table.row_names,
        col_names: table.col_names,
    };
    at_precision!(AnyMatrix, table.matrix, matrix => fit(arguments, data, matrix, progress))
}

fn fit<T: Number>(
    arguments: &FitArguments,
    data: Data,
    matrix: Matrix<T>,
    progress: Progress,
) -> anyhow::Result<Ending> {
    let FitArguments {
        solving, reporting, ..
    } = arguments;
    let job = Job {
        solving,
        input: &data.input,
        convert_starts: arguments.reading.dtype != Precision::Auto,
        quiet: reporting.quiet,
        progress: &progress,
    };
    let fit = job.run(&matrix.view().with_context(|| data.input.clone())?)?;
    drop(matrix);
    progress.doing("writing the results");
    let run = record::run(&data, solving, &fit)?;
    let stop = fit.stop;
    let model = record::model(data, &run, fit);
    let mut staged = Staged::begin(&arguments.output)?;
    record::stage(&mut staged, &run, &model)?;
    let written = staged.commit()?;
    drop(progress);
    record::finish(
        &run,
        record::table(&run, solving),
        &written,
        (stop, &arguments.output),
        reporting,
    )
}
