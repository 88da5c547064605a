//! A consensus as data and as a picture.

use std::fmt::Write;

use partwise::{ConsensusModel, ConsensusPart};
use partwise_report::{Cluster, Clustergram, Raster, clustergram};
use serde_json::{Value, json};

use crate::arguments::ConsensusArguments;
use crate::number::Number;
use crate::outputs::Staged;
use crate::record::Data;
use crate::table::quoted;

/// Components of runs that the picture shows at most; of more, so many evenly spread ones of each component's.
const SHOWN: usize = 1000;

/// A figure of a component.
type Figure = (&'static str, fn(&ConsensusPart) -> f64);

/// The figure that takes no other component.
pub(super) const FOUND: &str = "found in runs";

/// What says how sure a component is, 0 to 1: the first is drawn as a bar, the others as marks.
pub(super) const FIGURES: &[Figure] = &[
    ("silhouette", |part| part.silhouette),
    (FOUND, |part| part.found),
    ("rival", |part| part.rival),
];

/// Stages consensus.csv, runs.csv and consensus.png, and intervals.csv where there are any.
///
/// # Errors
/// If the picture cannot be drawn or the system refuses a file.
pub(super) fn stage<T: Number>(
    staged: &mut Staged,
    found: &ConsensusModel<T>,
    data: &Data,
) -> anyhow::Result<()> {
    staged.write("consensus.csv", parts(found).as_bytes())?;
    staged.write("runs.csv", runs(found).as_bytes())?;
    if let Some(text) = intervals(found, data) {
        staged.write("intervals.csv", text.as_bytes())?;
    }
    staged.write("consensus.png", &picture(found, data)?)
}

/// A row for each component, counted from 1.
fn parts<T>(found: &ConsensusModel<T>) -> String {
    let mut text = "component,share,members,found,silhouette,cosine,rival".to_owned();
    if found.intervals.is_some() {
        text.push_str(",share_low,share_high,bootstrap_cosine");
    }
    text.push('\n');
    for (t, part) in found.parts.iter().enumerate() {
        let ConsensusPart {
            share,
            members,
            found: in_runs,
            silhouette,
            cosine,
            rival,
            ..
        } = part;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "{},{share},{members},{in_runs},{silhouette},{cosine},{rival}",
            t + 1
        );
        if let Some(intervals) = &found.intervals {
            let (low, high) = intervals.share[t];
            let _ = write!(text, ",{low},{high},{}", intervals.cosine[t]);
        }
        text.push('\n');
    }
    text
}

/// A row for each run, counted from 1.
fn runs<T>(found: &ConsensusModel<T>) -> String {
    let mut text =
        "run,seed,objective,relative_error,iterations,kept,within_0.1_percent\n".to_owned();
    for run in &found.runs {
        let good = if run.as_good { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{good}",
            run.number + 1,
            run.seed,
            run.objective,
            run.relative_error,
            run.iterations,
            run.kept
        );
    }
    text
}

/// A row for each entry of H.
fn intervals<T: Number>(found: &ConsensusModel<T>, data: &Data) -> Option<String> {
    let intervals = found.intervals.as_ref()?;
    let h = &found.fit.h;
    let mut text = "component,feature,value,low,high\n".to_owned();
    for t in 0..h.rows() {
        for j in 0..h.cols() {
            let feature = match &data.col_names {
                Some(names) => quoted(&names[j]),
                None => (j + 1).to_string(),
            };
            let value: f64 = h.get(t, j).into();
            let (low, high) = (intervals.lower.get(t, j), intervals.upper.get(t, j));
            let _ = writeln!(text, "{},{feature},{value},{low},{high}", t + 1);
        }
    }
    Some(text)
}

/// What run.json says of the consensus.
pub(super) fn record<T>(arguments: &ConsensusArguments, found: &ConsensusModel<T>) -> Value {
    let part = |part: &ConsensusPart| {
        json!({
            "share": part.share,
            "members": part.members,
            "found": part.found,
            "silhouette": part.silhouette,
            "cosine": part.cosine,
            "rival": part.rival,
        })
    };
    let objectives = found.runs.iter().map(|run| run.objective);
    json!({
        "runs": arguments.runs,
        "runs_done": found.runs.len(),
        "threshold": arguments.threshold,
        "neighbours": arguments.neighbours,
        "bootstrap": found.intervals.as_ref().map_or(0, |intervals| intervals.fits),
        "polish": arguments.polish,
        "outliers": found.members.iter().filter(|member| !member.kept).count(),
        "best_objective": objectives.fold(f64::INFINITY, f64::min),
        "seconds": found.seconds,
        "complete": found.complete,
        "parts": found.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

/// How alike the components of all runs are, in order of the consensus, beside how sure each of its components is.
fn picture<T: Number>(found: &ConsensusModel<T>, data: &Data) -> anyhow::Result<Vec<u8>> {
    let order = found.order();
    let step = order.len().div_ceil(SHOWN);
    let shown: Vec<usize> = (0..found.parts.len())
        .flat_map(|t| {
            let own = order.iter().filter(|&&at| found.members[at].part == t);
            own.copied().step_by(step).collect::<Vec<_>>()
        })
        .collect();
    let count = shown.len();
    let cosines = shown
        .iter()
        .flat_map(|&a| shown.iter().map(move |&b| found.cosine(a, b) as f32));
    let alike = Raster::grey(count, count, cosines.collect())?;
    let cluster = |(t, part): (usize, &ConsensusPart)| {
        let own = || shown.iter().filter(|&&at| found.members[at].part == t);
        Cluster {
            name: format!("{} ({:.1} %)", t + 1, 100.0 * part.share),
            size: own().count(),
            outliers: own().filter(|&&at| !found.members[at].kept).count(),
            figures: FIGURES.iter().map(|(_, figure)| figure(part)).collect(),
        }
    };
    let clusters: Vec<Cluster> = found.parts.iter().enumerate().map(cluster).collect();
    let (m, n) = data.shape;
    let names: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
    let figure = clustergram(&Clustergram {
        title: &format!(
            "Consensus of {} runs with {} components, {m} × {n}",
            found.runs.len(),
            found.parts.len()
        ),
        note: "All components of all runs, in order of the component that they belong to: its number, and its share of the sum of V.",
        alike: &alike,
        measure: "cosine",
        clusters: &clusters,
        figures: &names,
    })?;
    Ok(figure.to_png()?)
}
