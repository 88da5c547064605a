//! `partwise consensus`: what many fits agree on, and how sure each component is.

mod outputs;

use anyhow::Context;
use partwise::{ConsensusModel, ConsensusNmf, Matrix, SurveyProgress};
use partwise_report::{duration, percent};

use crate::arguments::{ConsensusArguments, Precision};
use crate::factor::Job;
use crate::interrupt::Ending;
use crate::kept::KeptFits;
use crate::memory::{self, Limit};
use crate::number::{Number, at_precision};
use crate::outputs::Staged;
use crate::progress::{self, Progress};
use crate::record::{self, Data};
use crate::table::{Table, counted};
use crate::{input, terminal};

/// What is done of a consensus, in the folder of its results until these are there.
const KEPT: &str = "consensus.part";

pub(crate) fn run(arguments: &ConsensusArguments) -> anyhow::Result<Ending> {
    let asked = arguments.consensus()?;
    crate::outputs::check_results(
        &arguments.output,
        [
            "consensus.csv",
            "consensus.png",
            "intervals.csv",
            "runs.csv",
        ],
    )?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.reporting.quiet);
    let (data, matrix) = Data::read(&arguments.input, Limit::default(), &arguments.reading)?;
    at_precision!(AnyMatrix, matrix, matrix => {
        let v = matrix.view().with_context(|| data.input.clone())?;
        agree(arguments, &asked, data, &v, progress)
    })
}

fn agree<T: Number>(
    arguments: &ConsensusArguments,
    asked: &ConsensusNmf,
    data: Data,
    v: &Matrix<'_, T>,
    progress: Progress,
) -> anyhow::Result<Ending> {
    let what = format!(
        "a consensus of {} of {} × {}",
        counted(arguments.runs as u64, "fit"),
        v.rows(),
        v.cols()
    );
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
    let mut kept = KeptFits::of(&arguments.output, KEPT, arguments.reporting.quiet)?;
    let shown = progress.of_fits(|state| words(state, arguments.runs));
    let found = kept.watching(shown, |records, observer| {
        asked.resume(v, records, observer)
    });
    let found = found.map_err(|error| kept.placed(job.placed(error)))?;
    let Some(found) = found else {
        drop(progress);
        if !arguments.reporting.quiet {
            terminal::note("stopped before two runs were done; no results were written");
        }
        return Ok(Ending::Stopped);
    };
    progress.doing("writing the results");
    let mut staged = Staged::begin(&arguments.output)?;
    let mut run = record::run(&data, &arguments.solving, &found.fit)?;
    run.extra
        .insert("consensus".to_owned(), outputs::record(arguments, &found));
    outputs::stage(&mut staged, &found, &data)?;
    let table = table(arguments, &found, &run);
    let (complete, runs) = (found.complete, found.runs.len());
    let model = record::model(data, &run, found.fit);
    record::stage_of_many(&mut staged, &run, &model)?;
    let end = (partwise::StopReason::Converged, arguments.output.as_path());
    record::close((staged, progress), &run, table, end, &arguments.reporting)?;
    if complete {
        kept.remove();
        return Ok(Ending::Done);
    }
    if !arguments.reporting.quiet {
        let done = counted(runs as u64, "run");
        terminal::note(&format!(
            "stopped; the consensus is that of the {done} done. The same command goes on from here"
        ));
    }
    Ok(Ending::Stopped)
}

/// How far the fits are, and how long the others will take if they take as long.
fn words(state: &SurveyProgress, runs: usize) -> String {
    let SurveyProgress {
        done, total, kept, ..
    } = *state;
    let mut words = if done < runs {
        format!("run {} of {runs}", done + 1)
    } else {
        format!("fit {} of {total}", (done + 1).min(total))
    };
    if done > kept {
        let left = state.seconds / (done - kept) as f64 * (total - done) as f64;
        words.push_str(&format!(" · about {} left", progress::duration(left)));
    }
    words
}

fn table<T>(
    arguments: &ConsensusArguments,
    found: &ConsensusModel<T>,
    run: &partwise_report::Run,
) -> Table {
    let mut table = Table::default();
    let [m, n] = run.shape;
    table.row(
        "matrix",
        format!("{m} × {n}, {}", counted(run.nonzeros, "nonzero")),
    );
    table.row("components", run.rank.to_string());
    table.row("loss", run.loss.clone());
    let good = found.runs.iter().filter(|run| run.as_good).count();
    table.row(
        "runs",
        format!("{}, {good} within 0.1 % of the best", found.runs.len()),
    );
    let outliers = found.members.iter().filter(|member| !member.kept).count();
    table.row(
        "outliers",
        format!(
            "{outliers} of {} components of runs, above a distance of {}",
            found.members.len(),
            arguments.threshold
        ),
    );
    for (name, figure) in outputs::FIGURES {
        let figures: Vec<f64> = found.parts.iter().map(figure).collect();
        // One component has no other to be told from.
        let is_alone = figures.len() == 1 && *name != outputs::FOUND;
        let (least, middle) = least_and_middle(figures);
        table.row(
            *name,
            match is_alone {
                true => "none of one component".to_owned(),
                false => format!("worst {least:.3}, median {middle:.3}"),
            },
        );
    }
    if let Some(intervals) = &found.intervals {
        table.row(
            "bootstrap",
            format!(
                "{} of rows drawn anew",
                counted(intervals.fits as u64, "fit")
            ),
        );
    }
    if let Some(error) = run.relative_error {
        table.row("relative error", percent(error));
    }
    table.row("time", duration(found.seconds));
    table
}

fn least_and_middle(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let middle = [values[(values.len() - 1) / 2], values[values.len() / 2]];
    (values[0], 0.5 * middle.iter().sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_fits_left() {
        let state = |done, seconds| SurveyProgress {
            rank: 4,
            done,
            total: 121,
            seconds,
            kept: 0,
        };
        assert_eq!(words(&state(0, 3.0), 100), "run 1 of 100");
        assert_eq!(
            words(&state(21, 42.0), 100),
            "run 22 of 100 · about 3 min left"
        );
        assert_eq!(
            words(&state(111, 222.0), 100),
            "fit 112 of 121 · about 20 s left"
        );
        assert_eq!(
            words(&state(121, 242.0), 100),
            "fit 121 of 121 · about 0 s left"
        );
    }
}
