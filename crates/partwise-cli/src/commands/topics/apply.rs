//! `partwise topics --apply`: what new documents hold of the topics of a model.

use std::path::Path;

use anyhow::Context;
use partwise_apps::text::{Texts, Topics, Weight, sizes_over};
use partwise_io::{Dense, MatrixToWrite, Model};
use partwise_report::{duration, percent};
use serde_json::json;

use super::data::{self, Recipe};
use super::outputs::Written;
use crate::arguments::TopicsArguments;
use crate::interrupt::Ending;
use crate::number::{self, Number, at_precision};
use crate::outputs::Staged;
use crate::progress::Progress;
use crate::table::{Table, counted};
use crate::{factor, input, record, terminal};

pub(super) fn run(arguments: &TopicsArguments, path: &Path) -> anyhow::Result<Ending> {
    let model = input::name(path);
    let Model {
        h,
        mut meta,
        col_names,
        ..
    } = partwise_io::read_model(path)?;
    let nmf = record::transforming(&meta, h.shape().0)
        .with_context(|| model.clone())?
        .threads(arguments.solving.threads);
    let recipe = meta["topics"].take();
    if recipe.is_null() {
        anyhow::bail!("{model}: is no model of topics; expected one that 'partwise topics' wrote");
    }
    let recipe: Recipe = serde_json::from_value(recipe).with_context(|| model.clone())?;
    let terms: Texts = col_names.unwrap_or_default().iter().collect();
    if terms.len() != h.shape().1 || recipe.frequencies.len() != terms.len() {
        anyhow::bail!(
            "{model}: has {} terms, {} frequencies and {} columns; expected as many",
            terms.len(),
            recipe.frequencies.len(),
            h.shape().1
        );
    }
    at_precision!(AnyDense, h, h => apply(arguments, &nmf, h, recipe, terms))
}

fn apply<T: Number + Weight>(
    arguments: &TopicsArguments,
    nmf: &partwise::Nmf,
    h: Dense<T>,
    recipe: Recipe,
    terms: Texts,
) -> anyhow::Result<Ending> {
    let reporting = &arguments.reporting;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading and counting {name}"), reporting.quiet);
    let prepared = data::to_apply::<T>(arguments, recipe, terms)?;
    let v = super::view(&prepared)?;
    let (documents, columns) = (v.rows(), v.cols());
    let h = number::from_file(h)?;
    let fit = factor::transform(nmf, (&v, &name), (&h, "topics"), &progress)?;

    progress.doing("writing the results");
    let topics = Topics::new(fit.w.as_slice(), h.as_slice(), h.rows());
    let sizes = topics.sizes();
    let labels = prepared.labels.as_ref();
    let over = labels.map(|labels| sizes_over(&topics, &sizes, labels));
    let run = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "input": name,
        "model": arguments.apply,
        "documents": documents,
        "vocabulary": columns,
        "words_counted": prepared.words,
        "unknown_terms": prepared.unknown,
        "shares": sizes.shares,
        "relative_error": fit.relative_error.is_finite().then_some(fit.relative_error),
        "iterations": fit.iterations,
        "stop_reason": fit.stop.to_string(),
        "seconds_counting": prepared.seconds.0 + prepared.seconds.1,
        "seconds": fit.seconds,
    });
    let json = format!("{run:#}\n");
    let mut staged = Staged::begin(&arguments.output)?;
    let written = Written {
        prepared: &prepared,
        topics,
        sizes: &sizes,
        over: over.as_ref(),
        field: arguments.documents.label_field.as_deref(),
    };
    written.documents(&mut staged)?;
    written.sizes_over(&mut staged)?;
    let w = MatrixToWrite {
        rows: fit.w.rows(),
        cols: fit.w.cols(),
        values: T::values(fit.w.as_slice()),
        row_names: None,
        col_names: None,
    };
    staged.write_with("w.npy", |path| partwise_io::write(path, &w))?;
    staged.write(record::RUN, json.as_bytes())?;
    let files = staged.commit()?;
    drop(progress);

    if reporting.json {
        terminal::print(&json)?;
    } else if !reporting.quiet {
        let mut table = Table::default();
        table.row("input", name);
        table.row("documents", documents.to_string());
        table.row(
            "terms",
            format!(
                "{columns} of the model; {} of other terms left out",
                counted(prepared.unknown, "occurrence")
            ),
        );
        table.row("topics", h.rows().to_string());
        table.row("relative error", percent(fit.relative_error));
        let iterations = fit.iterations as u64;
        let stop = fit.stop.to_string();
        table.row("iterations", record::iterations(iterations, &stop));
        table.row("time", duration(fit.seconds));
        table.row("written", files.to_string());
        terminal::print(&table.render())?;
    }
    Ok(factor::ending(
        fit.stop,
        fit.iterations as u64,
        &arguments.output,
        reporting.quiet,
    ))
}
