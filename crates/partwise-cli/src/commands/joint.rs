//! `partwise joint`: several matrices of the same samples, with one W.

use std::path::Path;

use anyhow::{Context, bail};
use partwise::{Error, JointModel, JointPart};
use partwise_io::{AnyMatrix, Matrix, Model};
use partwise_report::{decimal, percent};
use serde_json::{Value, json};

use crate::arguments::JointArguments;
use crate::interrupt::{self, Ending};
use crate::memory::Limit;
use crate::number::{Number, to_file};
use crate::outputs::{self, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::{factor, input};

pub(crate) fn run(arguments: &JointArguments) -> anyhow::Result<Ending> {
    let joint = arguments.joint()?;
    let names = file_names(&arguments.inputs);
    outputs::check_results(&arguments.output, names.iter().map(String::as_str))?;
    let mut progress = None;
    let mut limit = Limit::default();
    let (mut single, mut double) = (Vec::new(), Vec::new());
    for path in &arguments.inputs {
        let name = input::name(path);
        let quiet = arguments.reporting.quiet;
        drop(progress.replace(Progress::begin(format!("reading {name}"), quiet)));
        let (data, matrix) = Data::read(path, limit, &arguments.reading)?;
        match matrix {
            AnyMatrix::F32(matrix) => {
                limit = limit.less(input::bytes_of(&matrix));
                single.push((data, matrix));
            }
            AnyMatrix::F64(matrix) => {
                limit = limit.less(input::bytes_of(&matrix));
                double.push((data, matrix));
            }
        }
    }
    let progress = progress.context("no matrix was given")?;
    match (single.first(), double.first()) {
        (Some((single, _)), Some((double, _))) => bail!(
            "{} holds float32, but {} float64; give --dtype to convert them",
            single.input,
            double.input
        ),
        (Some(_), None) => fit(arguments, &joint, single, (limit, progress)),
        _ => fit(arguments, &joint, double, (limit, progress)),
    }
}

fn fit<T: Number>(
    arguments: &JointArguments,
    joint: &partwise::JointNmf,
    given: Vec<(Data, Matrix<T>)>,
    (limit, progress): (Limit, Progress),
) -> anyhow::Result<Ending> {
    let views = given
        .iter()
        .map(|(data, matrix)| matrix.view().with_context(|| data.input.clone()));
    let views = views.collect::<anyhow::Result<Vec<_>>>()?;
    let rows = given[0].0.shape.0;
    let cols: usize = given.iter().map(|(data, _)| data.shape.1).sum();
    let rank = arguments.solving.rank;
    let what = format!("a joint fit of {rows} × {cols} with {rank} components");
    limit.require(&what, joint.memory_needed(&views))?;
    progress.doing("looking at the matrices and making a start");
    interrupt::keep_results();
    let found = joint.fit_with(&views, &mut factor::watch(&progress));
    let JointModel { parts, fit, .. } = found.map_err(|error| placed(error, &given))?;
    progress.doing("writing the results");
    let names: Vec<String> = given.iter().map(|(data, _)| data.input.clone()).collect();
    let all = Data {
        input: names.join(", "),
        shape: (rows, cols),
        nonzeros: given.iter().map(|(data, _)| data.nonzeros).sum(),
        row_names: None,
        col_names: None,
    };
    let files = file_names(&arguments.inputs);
    let mut run = record::run(&all, &arguments.solving, &fit)?;
    let lines = parts.iter().zip(&given).zip(&files);
    let lines = lines.map(|((part, (data, _)), file)| line(part, data, file));
    run.extra
        .insert("matrices".to_owned(), lines.collect::<Value>());
    let mut table = record::table(&run, &arguments.solving);
    let stop = fit.stop;
    let w = to_file(fit.w);
    let mut staged = Staged::begin(&arguments.output)?;
    for ((part, (data, matrix)), file) in parts.into_iter().zip(given).zip(&files) {
        drop(matrix);
        table.row(
            data.input.clone(),
            format!(
                "{} columns, relative error {}, weight {}{}",
                data.shape.1,
                percent(part.relative_error),
                decimal(part.weight, 3),
                if arguments.unbalanced {
                    ""
                } else {
                    " once balanced"
                }
            ),
        );
        let mut meta = record::meta(&run, &data.input);
        meta["shape"] = json!([data.shape.0, data.shape.1]);
        meta["relative_error"] = json!(part.relative_error);
        let model = Model {
            w: w.clone(),
            h: to_file(part.h),
            c: None,
            classes: None,
            meta,
            row_names: data.row_names,
            col_names: data.col_names,
        };
        staged.write_with(file, |path| partwise_io::write_model(path, &model))?;
    }
    staged.write(record::RUN, run.to_json()?.as_bytes())?;
    let picture = partwise_report::convergence(&run).to_png()?;
    staged.write(record::CONVERGENCE, &picture)?;
    let end = (stop, arguments.output.as_path());
    record::close((staged, progress), &run, table, end, &arguments.reporting)
}

/// What run.json says of a matrix.
fn line<T>(part: &JointPart<T>, data: &Data, file: &str) -> Value {
    json!({
        "input": data.input,
        "shape": [data.shape.0, data.shape.1],
        "nonzeros": data.nonzeros,
        "weight": part.weight,
        "divergence": part.divergence,
        "relative_error": part.relative_error,
        "model": file,
    })
}

/// The file of each model: named as its matrix is, with a number where two would have the same name.
fn file_names(inputs: &[std::path::PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for path in inputs {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = if path == Path::new("-") {
            "stdin".into()
        } else {
            stem
        };
        let numbers =
            std::iter::once(String::new()).chain((2..).map(|number| format!("-{number}")));
        let free = numbers
            .map(|number| format!("{stem}{number}.npz"))
            .find(|name| !names.contains(name));
        names.extend(free);
    }
    names
}

/// An error of the engine with the file that it is about.
fn placed<T>(error: Error, given: &[(Data, Matrix<T>)]) -> anyhow::Error {
    match error {
        Error::OfMatrix { number, error } => {
            let input = given.get(number - 1).map(|(data, _)| data.input.clone());
            anyhow::Error::new(*error).context(input.unwrap_or_default())
        }
        error => error.into(),
    }
}
