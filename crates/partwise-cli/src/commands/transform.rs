//! `partwise transform`: new samples in the components of a model.

use std::path::Path;

use anyhow::{Context, bail};
use partwise::Factorization;
use partwise_io::{AnyDense, AnyMatrix, Classes, Dense, Matrix, MatrixToWrite, Model};
use partwise_report::{duration, percent};

use crate::arguments::{MissingArguments, TransformArguments};
use crate::failure::with_advice;
use crate::interrupt::Ending;
use crate::memory::Limit;
use crate::number::{self, Number, at_precision};
use crate::progress::Progress;
use crate::table::Table;
use crate::{classes, counting, factor, input, outputs, record, terminal};

pub(crate) fn run(arguments: &TransformArguments) -> anyhow::Result<Ending> {
    find(arguments).map_err(|error| with_advice(error, false))
}

fn find(arguments: &TransformArguments) -> anyhow::Result<Ending> {
    outputs::check_matrix_file(&arguments.output)?;
    let model = partwise_io::read_model(&arguments.model)?;
    if let Some(path) = &arguments.classes {
        outputs::check_named(path, "csv")?;
        let place = |path: &Path| {
            let folder = outputs::folder_of(path);
            let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
            (folder, path.file_name().map(ToOwned::to_owned))
        };
        if place(path) == place(&arguments.output) {
            bail!(
                "{}: is where W is to be written; expected another file for the classes",
                path.display()
            );
        }
        if model.classes.is_none() {
            bail!(
                "{}: tells no classes; expected a model of fit --constraint labels --labels FILE",
                input::name(&arguments.model)
            );
        }
    }
    let Model {
        h, meta, classes, ..
    } = model;
    let nmf = record::transforming(&meta, h.shape().0)
        .with_context(|| input::name(&arguments.model))?
        .threads(arguments.threads);
    let missing = counting::recalled(arguments.missing, &meta)
        .with_context(|| input::name(&arguments.model))?;
    at_precision!(AnyDense, h, h => transform(arguments, &nmf, (h, classes), missing))
}

fn transform<T: Number>(
    arguments: &TransformArguments,
    nmf: &partwise::Nmf,
    (h, classes): (Dense<T>, Option<Classes>),
    missing: MissingArguments,
) -> anyhow::Result<Ending> {
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.quiet);
    let limit = Limit::from(arguments.memory);
    let reading = (T::DTYPE, arguments.format.as_deref());
    let stored = input::left_on_disk(&arguments.input, reading, nmf, limit)?;
    let new;
    let (v, row_names, held) = match &stored {
        Some(stored) => (stored.view::<T>(), stored.names().0, stored.memory()),
        None => {
            new = input::read_within::<T>(limit, &arguments.input, reading.1)
                .map_err(|error| limit.told(error, &input::or_a_store(&arguments.input)))?;
            let view = new.matrix.view().with_context(|| name.clone())?;
            (view, new.row_names.as_deref(), input::bytes_of(&new.matrix))
        }
    };
    if v.cols() != h.cols {
        bail!(
            "{name}: has {} columns; the model {} was fitted on {}",
            v.cols(),
            input::name(&arguments.model),
            h.cols
        );
    }
    let h = number::from_file(h)?;
    let within = (limit.less(held), counting::missing(missing, &v, &name)?);
    let fit = factor::transform_within(within, nmf, (&v, &name), (&h, "components"), &progress)?;
    progress.doing("writing the results");
    // Beside names of rows a table has names of columns: the components, from 1 on.
    let names: Option<Vec<_>> =
        row_names.map(|_| (1..=fit.w.cols()).map(|i| i.to_string()).collect());
    let w = MatrixToWrite {
        rows: fit.w.rows(),
        cols: fit.w.cols(),
        values: T::values(fit.w.as_slice()),
        row_names,
        col_names: names.as_deref(),
    };
    let told = match (&arguments.classes, classes) {
        (Some(path), Some(Classes { parts, names })) => {
            let parts = match parts {
                AnyDense::F32(parts) => AnyMatrix::F32(Matrix::Dense(parts)),
                AnyDense::F64(parts) => AnyMatrix::F64(Matrix::Dense(parts)),
            };
            let parts = T::from_any(parts).with_context(|| {
                let model = input::name(&arguments.model);
                format!("{model}: b and h; expected one precision")
            })?;
            let parts = number::dense_from_file(parts)?;
            Some((path, classes::told_csv((&fit.w, &parts), &names, row_names)))
        }
        _ => None,
    };
    outputs::write_by(&arguments.output, |path| partwise_io::write(path, &w))?;
    if let Some((path, told)) = told {
        outputs::write_file(path, told.as_bytes())?;
    }
    drop(progress);
    if !arguments.quiet {
        terminal::print(&table(&name, &v, &fit, arguments).render())?;
    }
    let iterations = fit.iterations as u64;
    Ok(factor::ending(
        fit.stop,
        iterations,
        &arguments.output,
        arguments.quiet,
    ))
}

fn table<T: Number>(
    name: &str,
    v: &partwise::Matrix<'_, T>,
    fit: &Factorization<T>,
    arguments: &TransformArguments,
) -> Table {
    let mut table = Table::default();
    table.row("input", name);
    table.row(
        "matrix",
        format!("{} × {}, {}", v.rows(), v.cols(), T::NAME),
    );
    table.row("components", fit.h.rows().to_string());
    table.row("solver", fit.solver.name());
    table.row("relative error", percent(fit.relative_error));
    table.row(
        "iterations",
        record::iterations(fit.iterations as u64, &fit.stop.to_string()),
    );
    table.row("time", duration(fit.seconds));
    table.row("written", arguments.output.display().to_string());
    if let Some(told) = &arguments.classes {
        table.row("", told.display().to_string());
    }
    table
}
