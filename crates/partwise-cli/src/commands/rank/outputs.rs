//! A survey as data and as pictures.

use std::fmt::Write;

use partwise::{Consensus, Criterion, RankPart, Survey};
use partwise_report::{
    Axis, Chart, HeatMap, Panel, Raster, Scale, Section, Series, Side, SurveyComponent,
    SurveyCurve, SurveyRank, SurveySection, heat_map, line_chart,
};
use serde_json::{Value, json};

use crate::arguments::RankArguments;
use crate::outputs::Staged;
use crate::record::{self, Data};

/// Samples whose names stand beside the consensus at most.
const NAMED: usize = 40;

/// Stages survey.csv and rank.png, and consensus.png where starts were compared.
///
/// # Errors
/// If a picture cannot be drawn or the system refuses a file.
pub(super) fn stage(staged: &mut Staged, survey: &Survey, data: &Data) -> anyhow::Result<()> {
    staged.write("survey.csv", csv(survey).as_bytes())?;
    staged.write("rank.png", &line_chart(&chart(survey, data)).to_png()?)?;
    // Without a choice the largest rank that was looked at is as good as any.
    let shown = survey.choice.as_ref().map(|choice| choice.rank);
    let shown = shown.or_else(|| survey.ranks.last().copied());
    if let Some(rank) = shown
        && let Some(consensus) = survey.consensus(rank)
    {
        staged.write("consensus.png", &picture(&consensus, rank, data)?)?;
    }
    Ok(())
}

/// A row for each rank by each method, and below it one for each repeat.
fn csv(survey: &Survey) -> String {
    let mut text = "method,measure,rank,repeat,value,standard_error,proposed\n".to_owned();
    for criterion in &survey.criteria {
        let method = criterion.method;
        let proposed = criterion.proposal.as_ref().map(|proposal| proposal.rank);
        for point in &criterion.points {
            let begin = format!("{method},{},{}", method.measure(), point.rank);
            let error = point
                .error
                .map_or_else(String::new, |error| error.to_string());
            let mark = if proposed == Some(point.rank) {
                "yes"
            } else {
                "no"
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{begin},all,{},{error},{mark}", point.value);
            for (number, value) in point.repeats.iter().enumerate() {
                let _ = writeln!(text, "{begin},{},{value},,", number + 1);
            }
        }
    }
    text
}

/// What run.json says of the survey: the figures of every rank, and why one was chosen.
pub(super) fn record(arguments: &RankArguments, survey: &Survey) -> Value {
    let criterion = |one: &Criterion| {
        let points = one.points.iter().map(|point| {
            json!({"rank": point.rank, "value": point.value, "standard_error": point.error})
        });
        json!({
            "method": one.method.name(),
            "title": one.method.title(),
            "source": one.method.source(),
            "measure": one.method.measure(),
            "weak": one.method.is_weak(),
            "proposed": one.proposal.as_ref().map(|proposal| proposal.rank),
            "reason": one.proposal.as_ref().map(|proposal| &proposal.reason),
            "points": points.collect::<Vec<_>>(),
        })
    };
    let methods = survey.criteria.iter().map(|one| one.method.name());
    json!({
        "ranks": survey.ranks,
        "complete": survey.complete,
        "methods": methods.collect::<Vec<_>>(),
        "starts": arguments.starts,
        "folds": arguments.folds,
        "seconds": survey.seconds,
        "decided_by": survey.choice.as_ref().map(|choice| choice.method.name()),
        "reason": survey.choice.as_ref().map(|choice| &choice.reason),
        "criteria": survey.criteria.iter().map(criterion).collect::<Vec<_>>(),
    })
}

/// run.json of a survey that has led to no model.
///
/// # Errors
/// If a figure cannot be written.
pub(super) fn without_model(
    arguments: &RankArguments,
    survey: &Survey,
    data: &Data,
) -> anyhow::Result<String> {
    let mut parameters = record::parameters(&arguments.solving);
    parameters.remove("rank");
    let record = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": record::command(),
        "parameters": parameters,
        "input": data.input,
        "shape": [data.shape.0, data.shape.1],
        "nonzeros": data.nonzeros,
        "survey": record(arguments, survey),
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&record)?))
}

/// What the page shows.
pub(super) fn section(survey: &Survey, data: &Data) -> Section {
    let curve = |criterion: &Criterion| SurveyCurve {
        method: criterion.method.name().to_owned(),
        title: criterion.method.title().to_owned(),
        source: criterion.method.source().to_owned(),
        measure: criterion.method.measure().to_owned(),
        weak: criterion.method.is_weak(),
        points: criterion
            .points
            .iter()
            .map(|point| (point.rank, point.value))
            .collect(),
        proposed: criterion.proposal.as_ref().map(|proposal| proposal.rank),
        reason: criterion
            .proposal
            .as_ref()
            .map(|proposal| proposal.reason.clone()),
    };
    let name = |names: &Option<Vec<String>>, at: usize| match names {
        Some(names) => names[at].clone(),
        None => (at + 1).to_string(),
    };
    let component = |part: &RankPart| SurveyComponent {
        features: part
            .strongest
            .iter()
            .map(|&(at, share)| (name(&data.col_names, at), share))
            .collect(),
        stability: part.stability,
    };
    let rank = |&rank: &usize| SurveyRank {
        rank,
        components: survey
            .parts(rank)
            .unwrap_or_default()
            .iter()
            .map(component)
            .collect(),
        groups: survey.best_groups(rank).unwrap_or_default().to_vec(),
    };
    let samples = survey.samples().iter();
    let choice = survey.choice.as_ref();
    Section::Survey(SurveySection {
        curves: survey.criteria.iter().map(curve).collect(),
        ranks: survey.ranks.iter().map(rank).collect(),
        samples: samples.map(|&at| name(&data.row_names, at)).collect(),
        total: data.shape.0,
        chosen: choice.map_or(0, |choice| choice.rank),
        why: choice.map_or_else(String::new, |choice| choice.reason.clone()),
    })
}

/// The curves of all methods one above the other, the chosen rank marked.
fn chart(survey: &Survey, data: &Data) -> Chart {
    let panel = |criterion: &Criterion| {
        let method = criterion.method;
        let points = criterion.points.iter();
        let points: Vec<(f64, f64)> = points
            .map(|point| (point.rank as f64, point.value))
            .collect();
        let weak = if method.is_weak() { ", weak" } else { "" };
        let name = format!("{method} ({}){weak}", method.source());
        let mut series = vec![Series::new(name, points)];
        if let Some(proposal) = &criterion.proposal {
            let at = criterion
                .points
                .iter()
                .find(|point| point.rank == proposal.rank);
            let place = at.map(|point| (point.rank as f64, point.value));
            let name = format!("proposes {}", proposal.rank);
            series.push(Series::new(name, place.into_iter().collect()));
        }
        Panel::new(Axis::new(method.measure()), series)
    };
    let (m, n) = data.shape;
    let (title, mark, why) = match &survey.choice {
        Some(choice) => (
            format!("Rank {} of {m} × {n}", choice.rank),
            Some(choice.rank as f64),
            choice.reason.as_str(),
        ),
        None => (format!("Ranks of {m} × {n}"), None, "No rank is chosen."),
    };
    let x = Axis::new("rank").scaled(Scale::Linear);
    Chart {
        title,
        caption: Some(why.to_owned()),
        x: mark.map_or(x.clone(), |mark| x.marked(mark)),
        panels: survey.criteria.iter().map(panel).collect(),
    }
}

/// The consensus as a picture, the samples in the order of the tree.
fn picture(consensus: &Consensus, rank: usize, data: &Data) -> anyhow::Result<Vec<u8>> {
    let count = consensus.samples.len();
    let names = data.row_names.as_ref().filter(|_| count <= NAMED);
    let label = "samples, in the order of their tree";
    let numbered = || Side::Range(Axis::new(label).scaled(Scale::Linear), 0.0, count as f64);
    // Names begin at the top, numbers at the bottom.
    let mut lines: Vec<&[f64]> = consensus.shares.as_slice().chunks_exact(count).collect();
    let y = if let Some(names) = names {
        let names = consensus
            .samples
            .iter()
            .map(|&sample| names[sample].clone());
        Side::Names(label.to_owned(), names.collect())
    } else {
        lines.reverse();
        numbered()
    };
    let shares = lines.concat().into_iter().map(|share| share as f32);
    let values = Raster::grey(count, count, shares.collect())?;
    let drawn = match data.shape.0 {
        all if all > count => format!(" {count} of {all} samples, drawn."),
        _ => String::new(),
    };
    let figure = heat_map(&HeatMap {
        title: &format!("Consensus at rank {rank}"),
        note: &format!(
            "How often two samples have the same strongest component, over starts.{drawn}"
        ),
        values: &values,
        x: numbered(),
        y,
        measure: "share of starts",
        ends: (0.0, 1.0),
    })?;
    Ok(figure.to_png()?)
}
