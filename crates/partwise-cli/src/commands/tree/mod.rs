//! `partwise tree`: a tree of rank-2 factorisations.

mod outputs;

use anyhow::{Context, bail};
use partwise::{Matrix, NmfTree, StopReason, SurveyProgress, TreeModel};
use partwise_report::{duration, percent};

use crate::arguments::{Precision, TreeArguments};
use crate::factor::Job;
use crate::interrupt::Ending;
use crate::memory::{self, Limit};
use crate::number::{Number, at_precision};
use crate::outputs::Staged;
use crate::progress::{self, Progress};
use crate::record::{self, Data};
use crate::table::{Table, counted};
use crate::{input, terminal};

pub(crate) fn run(arguments: &TreeArguments) -> anyhow::Result<Ending> {
    let asked = arguments.tree()?;
    crate::outputs::check_results(
        &arguments.output,
        ["assignments.csv", "tree.csv", "tree.png"],
    )?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.reporting.quiet);
    let (mut data, matrix) = Data::read(&arguments.input, Limit::default(), &arguments.reading)?;
    if let Some(names) = vocabulary(arguments, data.shape.1)? {
        data.col_names = Some(names);
    }
    at_precision!(AnyMatrix, matrix, matrix => {
        let v = matrix.view().with_context(|| data.input.clone())?;
        grow(arguments, &asked, data, &v, progress)
    })
}

/// The names of the columns that were given, of which there must be as many.
fn vocabulary(arguments: &TreeArguments, columns: usize) -> anyhow::Result<Option<Vec<String>>> {
    let Some(path) = &arguments.vocabulary else {
        return Ok(None);
    };
    let text = input::text(path)?;
    let names: Vec<String> = text
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    if names.len() != columns {
        bail!(
            "{}: {} for a matrix of {}",
            input::name(path),
            counted(names.len() as u64, "line"),
            counted(columns as u64, "column")
        );
    }
    Ok(Some(names))
}

fn grow<T: Number>(
    arguments: &TreeArguments,
    asked: &NmfTree,
    data: Data,
    v: &Matrix<'_, T>,
    progress: Progress,
) -> anyhow::Result<Ending> {
    let leaves = arguments.solving.rank;
    let what = format!("a tree of {} × {} with {leaves} leaves", v.rows(), v.cols());
    memory::require(&what, asked.memory_needed(v))?;
    progress.doing(format!("looking at {}", data.input));
    let job = Job {
        solving: &arguments.solving,
        input: &data.input,
        convert_starts: arguments.reading.dtype != Precision::Auto,
        quiet: arguments.reporting.quiet,
        progress: &progress,
        memory: Limit::default(),
    };
    let found = asked
        .run(v, &mut progress.of_fits(|state| words(state, leaves)))
        .map_err(|error| job.placed(error))?;
    let Some(found) = found else {
        drop(progress);
        if !arguments.reporting.quiet {
            terminal::note("stopped before the first split was done; nothing was written");
        }
        return Ok(Ending::Stopped);
    };
    progress.doing("writing the results");
    let mut staged = Staged::begin(&arguments.output)?;
    let mut run = record::run(&data, &arguments.solving, &found.fit)?;
    // There may be fewer leaves than were asked for.
    run.rank = found.fit.h.rows() as u64;
    let terms = outputs::Terms::of(&found.tree, data.col_names.as_deref(), arguments.top_terms);
    run.extra.insert(
        "tree".to_owned(),
        outputs::record(arguments, &found, &terms),
    );
    outputs::stage(&mut staged, &found, &data, &terms)?;
    let table = table(&found, &run);
    let TreeModel { complete, fit, .. } = found;
    let model = record::model(data, &run, fit);
    record::stage_of_many(&mut staged, &run, &model)?;
    let end = (StopReason::Converged, arguments.output.as_path());
    let (reporting, grown) = (&arguments.reporting, run.rank);
    record::close((staged, progress), &run, table, end, reporting)?;
    let note = match complete {
        false => format!("stopped; the tree has {} so far", leaves_in_words(grown)),
        true if grown < leaves as u64 => format!(
            "the tree has {} of {leaves}: none of them can be split",
            leaves_in_words(grown)
        ),
        true => return Ok(Ending::Done),
    };
    if !reporting.quiet {
        terminal::note(&note);
    }
    Ok(if complete {
        Ending::Done
    } else {
        Ending::Stopped
    })
}

fn leaves_in_words(count: u64) -> String {
    match count {
        1 => "1 leaf".to_owned(),
        count => format!("{count} leaves"),
    }
}

/// How far the tree is, and how long the rest will take if its fits take as long.
fn words(state: &SurveyProgress, leaves: usize) -> String {
    let SurveyProgress {
        rank, done, total, ..
    } = *state;
    let mut words = if done + 1 < total {
        format!("{} of {leaves}", leaves_in_words(rank as u64))
    } else {
        "finding W of all leaves".to_owned()
    };
    if done > 0 && done + 1 < total {
        let left = state.seconds / done as f64 * (total - done) as f64;
        words.push_str(&format!(" · about {} left", progress::duration(left)));
    }
    words
}

fn table<T: Number>(found: &TreeModel<T>, run: &partwise_report::Run) -> Table {
    let mut table = Table::default();
    let [m, n] = run.shape;
    table.row(
        "matrix",
        format!("{m} × {n}, {}", counted(run.nonzeros, "nonzero")),
    );
    table.row("leaves", run.rank.to_string());
    let sizes = || found.tree.nodes.iter().filter(|node| node.leaf.is_some());
    let smallest = sizes().map(|node| node.rows).min().unwrap_or(0);
    let largest = sizes().map(|node| node.rows).max().unwrap_or(0);
    table.row("rows of a leaf", format!("{smallest} to {largest}"));
    let aside = found.labels.iter().filter(|label| label.is_none()).count();
    if aside > 0 {
        table.row("rows set aside", aside.to_string());
    }
    table.row("loss", run.loss.clone());
    if let Some(error) = run.relative_error {
        table.row("relative error", percent(error));
    }
    table.row("time", duration(found.seconds));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_fits_left() {
        let state = |rank, done, seconds| SurveyProgress {
            rank,
            done,
            total: 38,
            seconds,
            kept: 0,
        };
        assert_eq!(words(&state(1, 0, 3.0), 20), "1 leaf of 20");
        assert_eq!(
            words(&state(7, 12, 24.0), 20),
            "7 leaves of 20 · about 52 s left"
        );
        assert_eq!(words(&state(20, 37, 80.0), 20), "finding W of all leaves");
    }
}
