//! `partwise rank`: what several methods say of each rank, and the model of the one that is chosen.

mod outputs;

use anyhow::Context;
use partwise::{Matrix, RankSurvey, Survey, SurveyProgress};
use partwise_report::{duration, percent};

use crate::arguments::{Precision, RankArguments, SolvingArguments};
use crate::factor::Job;
use crate::interrupt::Ending;
use crate::kept::KeptFits;
use crate::memory::{self, Limit};
use crate::number::{Number, at_precision};
use crate::outputs::{Committed, Staged};
use crate::progress::Progress;
use crate::record::{self, Data};
use crate::table::{Table, counted};
use crate::{input, page, terminal};

/// What is done of a survey, in the folder of its results until these are there.
const KEPT: &str = "survey.part";

pub(crate) fn run(arguments: &RankArguments) -> anyhow::Result<Ending> {
    let survey = arguments.survey()?;
    crate::outputs::check_results(&arguments.output, ["rank.png", "survey.csv"])?;
    let name = input::name(&arguments.input);
    let progress = Progress::begin(format!("reading {name}"), arguments.reporting.quiet);
    let (data, matrix) = Data::read(&arguments.input, Limit::default(), &arguments.reading)?;
    at_precision!(AnyMatrix, matrix, matrix => {
        let v = matrix.view().with_context(|| data.input.clone())?;
        look(arguments, &survey, data, &v, progress)
    })
}

fn look<T: Number>(
    arguments: &RankArguments,
    asked: &RankSurvey,
    data: Data,
    v: &Matrix<'_, T>,
    progress: Progress,
) -> anyhow::Result<Ending> {
    let what = format!("a survey of {} × {}", v.rows(), v.cols());
    memory::require(&what, asked.memory_needed(v))?;
    progress.doing(format!("looking at {}", data.input));
    let job = |solving| Job {
        solving,
        input: &data.input,
        convert_starts: arguments.reading.dtype != Precision::Auto,
        quiet: arguments.reporting.quiet,
        progress: &progress,
        memory: Limit::default(),
    };
    let mut kept = KeptFits::of(&arguments.output, KEPT, arguments.reporting.quiet)?;
    let survey = kept.watching(progress.of_fits(words), |records, observer| {
        asked.resume(v, records, observer)
    });
    let survey = survey.map_err(|error| kept.placed(job(&arguments.solving).placed(error)))?;
    progress.doing("writing what the survey found");
    let mut staged = Staged::begin(&arguments.output)?;
    if !survey.ranks.is_empty() {
        outputs::stage(&mut staged, &survey, &data)?;
    }
    let choice = match &survey.choice {
        Some(choice) if survey.complete => choice,
        _ => {
            let json = outputs::without_model(arguments, &survey, &data)?;
            let written = match survey.ranks.is_empty() {
                true => None,
                false => {
                    // That of a model that is there goes with the model.
                    if !arguments.output.join(record::MODEL).exists() {
                        staged.write(record::RUN, json.as_bytes())?;
                    }
                    Some(staged.commit()?)
                }
            };
            if survey.complete {
                kept.remove();
            }
            drop(progress);
            return without_model(arguments, &survey, (&json, written));
        }
    };
    let solving = SolvingArguments {
        rank: choice.rank,
        ..arguments.solving.clone()
    };
    progress.doing(format!("fitting rank {}", choice.rank));
    let fit = job(&solving).run(v, None)?;
    progress.doing("writing the results");
    let mut run = record::run(&data, &solving, &fit)?;
    run.extra
        .insert("survey".to_owned(), outputs::record(arguments, &survey));
    let table = table(&survey, &run, &solving);
    let stop = fit.stop;
    let section = outputs::section(&survey, &data);
    let model = record::model(data, &run, fit);
    record::stage(&mut staged, &run, &model)?;
    page::stage(&mut staged, &run, &arguments.page, &section)?;
    let end = (stop, arguments.output.as_path());
    let ending = record::close((staged, progress), &run, table, end, &arguments.reporting)?;
    kept.remove();
    Ok(ending)
}

/// Ends a survey that was stopped, or of which the first method chooses no rank.
fn without_model(
    arguments: &RankArguments,
    survey: &Survey,
    (json, written): (&str, Option<Committed>),
) -> anyhow::Result<Ending> {
    let reporting = &arguments.reporting;
    let stopped = !survey.complete;
    if reporting.json {
        terminal::print(json)?;
    }
    if !reporting.quiet {
        if let Some(written) = written.filter(|_| !reporting.json) {
            let mut table = Table::default();
            proposals(&mut table, survey);
            table.row("written", written.to_string());
            terminal::print(&table.render())?;
        }
        let done = counted(survey.ranks.len() as u64, "rank");
        terminal::note(&if stopped {
            format!(
                "stopped after {done}; no model is made of a part of a survey. The same command goes on from here"
            )
        } else {
            let method = survey.criteria.first().map_or("", |one| one.method.name());
            format!(
                "no model: the method '{method}' proposes no rank of these; another of --methods may, put first"
            )
        });
    }
    Ok(if stopped {
        Ending::Stopped
    } else {
        Ending::Done
    })
}

/// How far a survey is. Larger ranks take longer: no time is promised.
fn words(state: &SurveyProgress) -> String {
    let share = state.done as f64 / state.total.max(1) as f64;
    format!(
        "rank {} · fit {} of {} ({:.0} %)",
        state.rank,
        (state.done + 1).min(state.total),
        state.total,
        100.0 * share
    )
}

/// What each method proposes, and why.
fn proposals(table: &mut Table, survey: &Survey) {
    for criterion in &survey.criteria {
        let weak = if criterion.method.is_weak() {
            "; a weak guide"
        } else {
            ""
        };
        let words = match &criterion.proposal {
            Some(proposal) => format!("{}: {}{weak}", proposal.rank, proposal.reason),
            None => "none".to_owned(),
        };
        table.row(format!("rank by {}", criterion.method), words);
    }
}

fn table(survey: &Survey, run: &partwise_report::Run, solving: &SolvingArguments) -> Table {
    let mut table = Table::default();
    let [m, n] = run.shape;
    table.row(
        "matrix",
        format!("{m} × {n}, {}", counted(run.nonzeros, "nonzero")),
    );
    table.row("loss", solving.loss.to_string());
    proposals(&mut table, survey);
    table.row("survey", duration(survey.seconds));
    table.row("components", run.rank.to_string());
    if let Some(choice) = &survey.choice {
        table.row("why", choice.reason.clone());
    }
    if let Some(error) = run.relative_error {
        table.row("relative error", percent(error));
    }
    table.row(
        "iterations",
        record::iterations(run.iterations, &run.stop_reason),
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fit_is_not_passed() {
        let state = |done| SurveyProgress {
            rank: 4,
            done,
            total: 48,
            seconds: 1.0,
            kept: 0,
        };
        assert_eq!(words(&state(12)), "rank 4 · fit 13 of 48 (25 %)");
        assert_eq!(words(&state(48)), "rank 4 · fit 48 of 48 (100 %)");
    }
}
