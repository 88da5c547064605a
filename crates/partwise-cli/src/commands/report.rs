//! `partwise report`: the page of a run, from what the run left behind.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use partwise_apps::image::{Channels, DEFAULT_LIMIT_BYTES, load};
use partwise_io::AnyDense;
use partwise_report::{ReportError, Run, Section};
use serde_json::Value;

use super::image;
use crate::arguments::report::ReportArguments;
use crate::interrupt::Ending;
use crate::table::Table;
use crate::{failure, input, memory, number, outputs, record, terminal};

pub(crate) fn run(arguments: &ReportArguments) -> anyhow::Result<Ending> {
    let name = input::name(&arguments.run);
    let folder = outputs::folder_of(&arguments.run);
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => folder.join(record::REPORT),
    };
    let text =
        fs::read_to_string(&arguments.run).with_context(|| format!("{name}: cannot read"))?;
    let run = Run::from_json(&text).map_err(|error| refused(&name, error))?;
    outputs::check_file(&output)?;
    let page = match section(&run, folder) {
        Ok(Some(section)) => partwise_report::page(&run, &section),
        Ok(None) => partwise_report::plain_page(&run),
        Err(reason) => {
            if !arguments.quiet {
                terminal::warning(&format!(
                    "the page has the figures, the convergence and the command, but not what the run's own page plays \
                     with: {}",
                    failure::one_line(&reason)
                ));
            }
            partwise_report::plain_page(&run)
        }
    };
    let page = page.map_err(|error| refused(&name, error))?;
    outputs::write_file(&output, page.as_bytes())?;
    if !arguments.quiet {
        let mut table = Table::default();
        table.row("run", name);
        table.row("written", output.display().to_string());
        terminal::print(&table.render())?;
    }
    Ok(Ending::Done)
}

/// What the run's file is to blame for.
fn refused(name: &str, error: ReportError) -> anyhow::Error {
    anyhow!("{name}: {}", failure::one_line(&error.into()))
}

/// What the run's own page plays with, if its command has a page with more than every run has.
///
/// # Errors
/// Why it cannot be had again.
fn section(run: &Run, folder: &Path) -> anyhow::Result<Option<Section>> {
    match run.command.get(1).map(String::as_str) {
        Some("image") => picture(run, folder).map(Some),
        Some(command @ ("parts" | "topics" | "audio")) => bail!(
            "'partwise {command}' keeps that in report.html alone; for all of it run the command again"
        ),
        _ => Ok(None),
    }
}

/// The picture and its factors.
fn picture(run: &Run, folder: &Path) -> anyhow::Result<Section> {
    let place = run.extra.get("input").and_then(Value::as_str);
    let place = Path::new(place.context("run.json does not say which picture it was")?);
    // As it was named, or moved beside the run since.
    let moved: Option<PathBuf> = place.file_name().map(|name| folder.join(name));
    let path = match moved {
        Some(moved) if !place.is_file() && moved.is_file() => moved,
        _ => place.to_path_buf(),
    };
    let channels = match run.parameters.get("color") {
        Some(Value::Bool(true)) => Channels::Colour,
        _ => Channels::Grey,
    };
    let limit = memory::available().min(DEFAULT_LIMIT_BYTES);
    let original = load(&path, channels, limit)?;
    let (m, n) = original.shape();
    ensure!(
        run.shape == [m as u64, n as u64],
        "{}: is {m} × {n} as a matrix, but the run's was {} × {}",
        input::name(&path),
        run.shape[0],
        run.shape[1]
    );
    let model = folder.join(record::MODEL);
    let factors = partwise_io::read_model(&model)?;
    let (AnyDense::F32(w), AnyDense::F32(h)) = (factors.w, factors.h) else {
        bail!("{}: expected factors of float32", input::name(&model));
    };
    let (w, h) = (number::from_file(w)?, number::from_file(h)?);
    ensure!(
        (w.rows(), w.cols(), h.rows(), h.cols()) == (m, h.rows(), w.cols(), n),
        "{}: its factors are not those of a {m} × {n} matrix",
        input::name(&model)
    );
    let title = place.file_name().unwrap_or_default().to_string_lossy();
    Ok(Section::Image(image::section(
        &title, &original, &w, &h, run,
    )?))
}
