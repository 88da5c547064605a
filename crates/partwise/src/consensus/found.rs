//! What a consensus gives back, and its figures.

use super::{Run, best, clusters, seed, settle};
use crate::Float;
use crate::kernel::dot;
use crate::many::{Course, points};
use crate::matrix::Dense;
use crate::nmf::{Factorization, Nmf};

/// A run counts as good as the best if its objective is at most this share above.
const AS_GOOD: f64 = 1e-3;

/// What many fits agree on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsensusModel<T> {
    /// The model: H has a row with the sum 1 for each component, the one that stands for most of V first; W was found with H
    /// held, or with H where it was polished.
    pub fit: Factorization<T>,
    /// The components, in the order of the rows of H.
    pub parts: Vec<ConsensusPart>,
    /// The runs that were done, in order.
    pub runs: Vec<ConsensusRun>,
    /// The components of all runs, one run after another.
    pub members: Vec<ConsensusMember>,
    /// Intervals, where a bootstrap was asked for and not ended before two of its fits.
    pub intervals: Option<Intervals>,
    /// Whether all fits were made: not if the observer ended the work.
    pub complete: bool,
    /// Seconds of it all.
    pub seconds: f64,
    /// The members as unit vectors.
    directions: Dense<f64>,
}

/// How sure one can be of a component.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsensusPart {
    /// Share of the sum of V that it stands for.
    pub share: f64,
    /// Components of runs that it is the median of.
    pub members: usize,
    /// Share of the runs that found it: with a member among them that is no outlier.
    pub found: f64,
    /// Mean silhouette of its members, −1 to 1: 1 if they are all the same and far from those of other components. (Distance
    /// 1 − cosine.) 0 without two members, or another component.
    pub silhouette: f64,
    /// Mean cosine of its members and the component; 0 without members.
    pub cosine: f64,
    /// Of the runs that are as good as the best, within 0.1 % of its objective, the one that disagrees most: the cosine of the
    /// component and what this run has in its place. Near 1, all solutions that are as good have it.
    pub rival: f64,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsensusRun {
    /// Its number, from 0.
    pub number: usize,
    /// The seed of its start. A fit of that seed alone passes through the run's factors, and ends later.
    pub seed: u64,
    /// What was minimised.
    pub objective: f64,
    /// As in [`Factorization`].
    pub relative_error: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Its components that are no outliers.
    pub kept: usize,
    /// Whether its objective is within 0.1 % of the best.
    pub as_good: bool,
}

/// A component of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsensusMember {
    /// The place of its run in [`ConsensusModel::runs`].
    pub run: usize,
    /// Its number in its run.
    pub component: usize,
    /// The component of the consensus that it belongs to, or, as an outlier, is nearest to.
    pub part: usize,
    /// Mean distance to its nearest neighbours, all of length 1.
    pub distance: f64,
    /// Whether it is no outlier.
    pub kept: bool,
    /// Cosine with the component of the consensus.
    pub cosine: f64,
}

/// Intervals of 95 %, of a bootstrap of rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Intervals {
    /// Fits of drawn rows that were made.
    pub fits: usize,
    /// The lower ends of the entries of H, whose rows have the sum 1; k × n.
    pub lower: Dense<f64>,
    /// Their upper ends.
    pub upper: Dense<f64>,
    /// For each component the cosine with what the fits of drawn rows have in its place, that 97.5 % of them reach.
    pub cosine: Vec<f64>,
    /// For each component the interval of its share of what all components stand for.
    pub share: Vec<(f64, f64)>,
}

impl<T> ConsensusModel<T> {
    /// The cosine of two members, by their places.
    ///
    /// # Panics
    /// If there are not as many members.
    pub fn cosine(&self, one: usize, other: usize) -> f64 {
        dot(self.directions.row(one), self.directions.row(other)).clamp(0.0, 1.0)
    }

    /// The places of the members in order: by component, those that are no outliers first, the nearest to the component first.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (&self.members[a], &self.members[b]);
            let by_kept = (a.part, !a.kept).cmp(&(b.part, !b.kept));
            by_kept.then(b.cosine.total_cmp(&a.cosine))
        });
        order
    }
}

/// What was seen of the components of all runs.
pub(super) struct Seen<'a> {
    pub(super) nmf: &'a Nmf,
    /// The sum of V.
    pub(super) sum: f64,
    pub(super) densities: Vec<f64>,
    pub(super) kept: Vec<bool>,
    pub(super) clusters: Vec<usize>,
}

/// Puts all of it together.
pub(super) fn model<T: Float>(
    seen: Seen<'_>,
    runs: Vec<Run>,
    fit: Factorization<T>,
    intervals: Option<Intervals>,
    course: &Course<'_>,
) -> ConsensusModel<T> {
    let k = fit.h.rows();
    let consensus = points::directions(&fit.h);
    let starts: Vec<&Dense<f64>> = runs.iter().map(|run| &run.directions).collect();
    let points = clusters::points(&starts);
    let member = |at: usize| ConsensusMember {
        run: at / k,
        component: at % k,
        part: seen.clusters[at],
        distance: seen.densities[at],
        kept: seen.kept[at],
        cosine: dot(points[at], consensus.row(seen.clusters[at])).min(1.0),
    };
    let members: Vec<ConsensusMember> = (0..points.len()).map(member).collect();
    let least = runs[best(&runs)].objective;
    let as_good = |run: &Run| run.objective <= least + AS_GOOD * least.abs();
    let rivals = rivals(runs.iter().filter(|run| as_good(run)), &consensus);
    let silhouettes = silhouettes(&points, &members, k);
    let weights = settle::weights(&fit.w, &fit.h);
    let part = |t: usize| {
        let own: Vec<&ConsensusMember> = members
            .iter()
            .filter(|member| member.kept && member.part == t)
            .collect();
        let mut finders: Vec<usize> = own.iter().map(|member| member.run).collect();
        finders.dedup();
        let cosines: f64 = own.iter().map(|member| member.cosine).sum();
        ConsensusPart {
            share: if seen.sum > 0.0 {
                weights[t] / seen.sum
            } else {
                0.0
            },
            members: own.len(),
            found: finders.len() as f64 / runs.len() as f64,
            silhouette: silhouettes[t],
            cosine: cosines / own.len().max(1) as f64,
            rival: rivals[t],
        }
    };
    let run = |(place, run): (usize, &Run)| ConsensusRun {
        number: run.number,
        seed: seed(seen.nmf, run.number),
        objective: run.objective,
        relative_error: run.relative_error,
        iterations: run.iterations,
        kept: (0..k).filter(|t| seen.kept[place * k + t]).count(),
        as_good: as_good(run),
    };
    let directions = points.concat();
    ConsensusModel {
        parts: (0..k).map(part).collect(),
        runs: runs.iter().enumerate().map(run).collect(),
        directions: Dense::from_rows(directions, members.len(), consensus.cols())
            .expect("a row for each member"),
        members,
        intervals,
        complete: !course.stopped(),
        seconds: course.seconds(),
        fit,
    }
}

/// For each component the least cosine with what one of some runs has in its place.
fn rivals<'a>(runs: impl Iterator<Item = &'a Run>, consensus: &Dense<f64>) -> Vec<f64> {
    let mut least = vec![1.0f64; consensus.rows()];
    for run in runs {
        let matched = points::matched(&run.directions, consensus);
        for (own, t) in matched.into_iter().enumerate() {
            let cosine = dot(run.directions.row(own), consensus.row(t));
            least[t] = least[t].min(cosine);
        }
    }
    least
}

/// The mean silhouette of each component's members.
fn silhouettes(points: &[&[f64]], members: &[ConsensusMember], k: usize) -> Vec<f64> {
    let kept: Vec<usize> = (0..members.len()).filter(|&at| members[at].kept).collect();
    let points: Vec<&[f64]> = kept.iter().map(|&at| points[at]).collect();
    let parts: Vec<usize> = kept.iter().map(|&at| members[at].part).collect();
    let (mut sums, mut counts) = (vec![0.0; k], vec![0usize; k]);
    for (value, &part) in points::silhouettes(&points, &parts, k).iter().zip(&parts) {
        sums[part] += value;
        counts[part] += 1;
    }
    let pairs = sums.iter().zip(&counts);
    pairs
        .map(|(sum, &count)| sum / count.max(1) as f64)
        .collect()
}
