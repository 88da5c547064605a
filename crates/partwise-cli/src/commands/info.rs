//! `partwise info`: what a file holds.

use partwise_io::{AnyDense, Description, Dtype, MatrixDescription, Model};
use partwise_report::{decimal, percent};
use serde_json::{Value, json};

use crate::arguments::InfoArguments;
use crate::failure::{SIGNED, UNKNOWN};
use crate::interrupt::Ending;
use crate::progress::Progress;
use crate::table::Table;
use crate::{input, terminal};

pub(crate) fn run(arguments: &InfoArguments) -> anyhow::Result<Ending> {
    let name = input::name(&arguments.file);
    let progress = Progress::begin(format!("reading {name}"), arguments.json);
    let options = input::options(Dtype::Auto, arguments.format.as_deref());
    let description = partwise_io::describe(&arguments.file, &options)?;
    drop(progress);
    let text = match (&description, arguments.json) {
        (Description::Matrix(matrix), true) => json_text(&matrix_json(&name, matrix))?,
        (Description::Matrix(matrix), false) => matrix_table(&name, matrix).render(),
        (Description::Model(model), true) => json_text(&model_json(&name, model))?,
        (Description::Model(model), false) => model_table(&name, model).render(),
    };
    terminal::print(&text)?;
    Ok(Ending::Done)
}

fn json_text(value: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn matrix_json(name: &str, matrix: &MatrixDescription) -> Value {
    json!({
        "file": name,
        "kind": "matrix",
        "format": matrix.format,
        "shape": [matrix.rows, matrix.cols],
        "stored_as": matrix.stored_as,
        "dtype": matrix.precision.name(),
        "sparse": matrix.sparse,
        "stored": matrix.stored,
        "nonzeros": matrix.nonzeros,
        "zeros_share": matrix.zeros_share,
        "min": matrix.min.filter(|value| value.is_finite()),
        "max": matrix.max.filter(|value| value.is_finite()),
        "mean": matrix.mean.filter(|value| value.is_finite()),
        "negatives": matrix.negatives,
        "nans": matrix.nans,
        "infinities": matrix.infinities,
        "row_names": matrix.row_names,
        "col_names": matrix.col_names,
    })
}

fn matrix_table(name: &str, matrix: &MatrixDescription) -> Table {
    let mut table = Table::default();
    let kind = if matrix.sparse { "sparse" } else { "dense" };
    table.row("file", name);
    table.row("format", format!("{}, {kind}", matrix.format));
    table.row("shape", format!("{} × {}", matrix.rows, matrix.cols));
    table.row(
        "entries",
        format!("{}, read as {}", matrix.stored_as, matrix.precision.name()),
    );
    table.row(
        "nonzeros",
        format!(
            "{} ({} zeros)",
            matrix.nonzeros,
            percent(matrix.zeros_share)
        ),
    );
    for (label, value) in [
        ("least", matrix.min),
        ("largest", matrix.max),
        ("mean", matrix.mean),
    ] {
        if let Some(value) = value {
            table.row(label, decimal(value, 6));
        }
    }
    names(
        &mut table,
        matrix.row_names.as_deref(),
        matrix.col_names.as_deref(),
    );
    let faults = [
        ("negative", matrix.negatives),
        ("NaN", matrix.nans),
        ("infinite", matrix.infinities),
    ];
    let found: Vec<_> = faults
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(fault, count)| format!("{count} {fault}"))
        .collect();
    let found = found.join(", ");
    let fit = match (matrix.negatives, matrix.nans, matrix.infinities) {
        _ if matrix.rows == 0 || matrix.cols == 0 => "no: it is empty".to_owned(),
        (0, 0, 0) => "yes".to_owned(),
        (0, _, 0) => format!("with {UNKNOWN}, if that is what it stands for: {found}"),
        (_, 0, 0) => format!("of any sign with {SIGNED}: {found}"),
        _ => format!("no: {found}"),
    };
    table.row("can be factored", fit);
    table
}

fn model_json(name: &str, model: &Model) -> Value {
    let ((m, k), (_, n)) = (model.w.shape(), model.h.shape());
    json!({
        "file": name,
        "kind": "model",
        "shape": [m, n],
        "rank": k,
        "dtype": model.h.precision().name(),
        "mixtures": model.c.is_some(),
        "classes": model.classes.as_ref().map(|classes| &classes.names),
        "meta": model.meta,
        "row_names": model.row_names,
        "col_names": model.col_names,
    })
}

fn model_table(name: &str, model: &Model) -> Table {
    let ((m, k), (_, n)) = (model.w.shape(), model.h.shape());
    let mut table = Table::default();
    table.row("file", name);
    table.row("format", format!("model, {}", model.h.precision().name()));
    table.row("W", format!("{m} × {k}"));
    table.row("H", format!("{k} × {n}"));
    if let Some((k, m)) = model.c.as_ref().map(AnyDense::shape) {
        table.row("C", format!("{k} × {m}"));
    }
    if let Some(classes) = &model.classes {
        let (k, count) = classes.parts.shape();
        table.row("B", format!("{k} × {count}"));
        table.row("classes", some(&classes.names));
    }
    names(
        &mut table,
        model.row_names.as_deref(),
        model.col_names.as_deref(),
    );
    /// Values of a list, and letters of a table, that are shown.
    const LISTED: usize = 20;
    const SHOWN: usize = 200;
    if let Value::Object(meta) = &model.meta {
        // The shapes are above.
        let shown = meta
            .iter()
            .filter(|(key, _)| !["shape", "rank"].contains(&key.as_str()));
        for (key, value) in shown {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null => continue,
                // Whole lists and tables of a recipe are for programs.
                Value::Array(values) if values.len() > LISTED => {
                    format!("{} values", values.len())
                }
                Value::Object(entries) if value.to_string().len() > SHOWN => {
                    let names: Vec<_> = entries.keys().cloned().collect();
                    format!("{} (--json shows it)", names.join(", "))
                }
                value => value.to_string(),
            };
            table.row(key.replace('_', " "), text);
        }
    }
    table
}

/// How many names there are and the first of them.
fn names(table: &mut Table, rows: Option<&[String]>, cols: Option<&[String]>) {
    for (label, names) in [("row names", rows), ("column names", cols)] {
        if let Some(names) = names {
            table.row(label, some(names));
        }
    }
}

/// The first of some names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let first: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
    format!("{}{more}", first.join(", "))
}
