//! Which components of different runs are the same, and what they agree on.
//!
//! Spherical k-means (Dhillon & Modha 2001) over the components that are no outliers, as unit vectors: each goes to the centre with
//! the largest cosine, and centres are the directions of the means of theirs, until nothing moves. A run that found one component
//! twice and missed another is not made to name one of the two after what it missed. Of several beginnings the one with the
//! largest sum of cosines counts: the centres to which the runs were matched one to one (the Hungarian method) from the components
//! of the best run on, and draws that keep apart (k-means++, Arthur & Vassilvitskii 2007). The component of a cluster is the
//! median of its members, entry by entry (Kotliar et al. 2019), which a few odd members do not move.
//!
//! On the mutations of 2780 tumours (24 runs, k = 25) k-means from draws came to a larger sum and a mean silhouette of 0.865, from
//! the matched centres to 0.846, and matching alone to 0.814.

use crate::kernel::dot;
use crate::many::mix;
use crate::many::points::{self, matched};
use crate::matrix::Dense;
use crate::threads::Threads;

/// Rounds of matching, and of k-means from each beginning, at most.
const ROUNDS: usize = 100;
/// Beginnings that are drawn.
const DRAWS: usize = 10;

/// The components of all runs in k clusters.
#[derive(Debug)]
pub(super) struct Clusters {
    /// The cluster of each component, one run after another: of an outlier that of the nearest centre.
    pub(super) of: Vec<usize>,
    /// The directions of their means, k × n.
    means: Dense<f64>,
}

/// Clusters of the components; outliers move no centre. `first` is the best run.
pub(super) fn clusters(
    starts: &[&Dense<f64>],
    kept: &[bool],
    (first, seed): (usize, u64),
    threads: &Threads,
) -> Clusters {
    let points = points(starts);
    let found = threads.map(1 + DRAWS, |draw| {
        let begin = match draw {
            0 => Some(matched_means(starts, (&points, kept), first)),
            _ => drawn((&points, kept), starts[first].rows(), (seed, draw)),
        };
        let clusters = k_means(&points, kept, begin?);
        let total: f64 = (0..points.len())
            .filter(|&at| kept[at])
            .map(|at| dot(points[at], clusters.means.row(clusters.of[at])))
            .sum();
        Some((total, clusters))
    });
    let found = found.into_iter().flatten();
    let best = found.reduce(|best, one| if one.0 > best.0 { one } else { best });
    best.expect("there is always a best run").1
}

/// The means of what is matched one to one, beginning from the components of a run.
fn matched_means(
    starts: &[&Dense<f64>],
    (points, kept): (&[&[f64]], &[bool]),
    first: usize,
) -> Dense<f64> {
    let mut means = starts[first].clone();
    let mut of: Vec<usize> = Vec::new();
    for _ in 0..ROUNDS {
        let matched = starts.iter().flat_map(|start| matched(start, &means));
        let found: Vec<usize> = matched.collect();
        if found == of {
            break;
        }
        of = found;
        means = new_means(points, kept, &of, &means);
    }
    means
}

/// Centres drawn from what is kept, each with a chance in proportion to its squared distance to the nearest before it; `None` if
/// there are fewer than k that differ.
fn drawn(
    (points, kept): (&[&[f64]], &[bool]),
    k: usize,
    (seed, draw): (u64, usize),
) -> Option<Dense<f64>> {
    let kept: Vec<&[f64]> = (0..points.len())
        .filter(|&at| kept[at])
        .map(|at| points[at])
        .collect();
    let mut distances = vec![1.0; kept.len()];
    let mut centres = Vec::new();
    for t in 0..k {
        let centre = kept[mix::place(&distances, mix::uniform(seed, draw, t))?];
        centres.extend_from_slice(centre);
        for (distance, x) in distances.iter_mut().zip(&kept) {
            let apart = (1.0 - dot(x, centre)).max(0.0);
            *distance = if t == 0 { apart } else { distance.min(apart) };
        }
    }
    Dense::from_rows(centres, k, points[0].len()).ok()
}

fn k_means(points: &[&[f64]], kept: &[bool], mut means: Dense<f64>) -> Clusters {
    let mut of: Vec<usize> = Vec::new();
    for _ in 0..ROUNDS {
        let found: Vec<usize> = points.iter().map(|x| nearest(x, &means)).collect();
        if found == of {
            break;
        }
        of = found;
        means = new_means(points, kept, &of, &means);
    }
    Clusters { of, means }
}

/// The centre with the largest cosine, the first of equals.
fn nearest(x: &[f64], centres: &Dense<f64>) -> usize {
    let cosines = (0..centres.rows()).map(|t| dot(x, centres.row(t)));
    let best = cosines
        .enumerate()
        .reduce(|best, one| if one.1 > best.1 { one } else { best });
    best.map_or(0, |best| best.0)
}

impl Clusters {
    /// The components that the runs agree on, k × n, each with the sum 1: medians of what was kept, entry by entry. The mean
    /// stands for a median of zeros and for a cluster of which nothing was kept.
    pub(super) fn medians(&self, starts: &[&Dense<f64>], kept: &[bool]) -> Dense<f64> {
        let points = points(starts);
        let (k, n) = (self.means.rows(), self.means.cols());
        let mut medians = self.means.clone();
        let mut column = Vec::new();
        for t in 0..k {
            let members: Vec<&[f64]> = (0..points.len())
                .filter(|&at| kept[at] && self.of[at] == t)
                .map(|at| points[at])
                .collect();
            let entry = |j: usize| {
                column.clear();
                column.extend(members.iter().map(|member| member[j]));
                median(&mut column)
            };
            let found: Vec<f64> = if members.is_empty() {
                Vec::new()
            } else {
                (0..n).map(entry).collect()
            };
            let row = &mut medians.as_mut_slice()[t * n..(t + 1) * n];
            if found.iter().any(|x| *x > 0.0) {
                row.copy_from_slice(&found);
            }
            to_sum_one(row);
        }
        medians
    }

    /// Gives cluster `order[i]` the number i.
    pub(super) fn renumber(&mut self, order: &[usize]) {
        let mut new = vec![0; order.len()];
        for (number, &old) in order.iter().enumerate() {
            new[old] = number;
        }
        self.of
            .iter_mut()
            .for_each(|cluster| *cluster = new[*cluster]);
    }
}

/// Divides by the sum, where there is one.
pub(super) fn to_sum_one(row: &mut [f64]) {
    let sum: f64 = row.iter().sum();
    if sum > 0.0 {
        row.iter_mut().for_each(|x| *x /= sum);
    }
}

/// The middle value, or the mean of the two middle ones.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        0.5 * (values[middle - 1] + values[middle])
    } else {
        values[middle]
    }
}

/// The components of all runs, one run after another.
pub(super) fn points<'a>(starts: &[&'a Dense<f64>]) -> Vec<&'a [f64]> {
    let rows = |start: &&'a Dense<f64>| {
        let start: &'a Dense<f64> = start;
        (0..start.rows()).map(move |t| start.row(t))
    };
    starts.iter().flat_map(rows).collect()
}

/// The directions of the means of what was kept; a cluster without any keeps its own.
fn new_means(points: &[&[f64]], kept: &[bool], of: &[usize], before: &Dense<f64>) -> Dense<f64> {
    let (k, n) = (before.rows(), before.cols());
    let mut sums = Dense::zeros(k, n);
    let mut empty = vec![true; k];
    for at in (0..points.len()).filter(|&at| kept[at]) {
        points::add(&mut sums, of[at], points[at]);
        empty[of[at]] = false;
    }
    for t in (0..k).filter(|&t| empty[t]) {
        points::add(&mut sums, t, before.row(t));
    }
    points::directions(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many::mix;

    /// k directions, and runs that find them in any order with some noise; the last component of some runs is odd.
    fn runs(count: usize, k: usize, n: usize, odd: usize) -> (Dense<f64>, Vec<Dense<f64>>) {
        let entry = |t: usize, j: usize| mix::uniform(9, t, j).powi(4);
        let truth = (0..k * n).map(|at| entry(at / n, at % n)).collect();
        let run = |r: usize| {
            let order = mix::shuffled(5, r, k);
            let rows = order.iter().enumerate().flat_map(|(place, &t)| {
                let strange = r < odd && place + 1 == k;
                (0..n).map(move |j| {
                    let noise = mix::uniform(20 + r as u64, t, j);
                    if strange {
                        noise.powi(9)
                    } else {
                        entry(t, j) + 0.02 * noise
                    }
                })
            });
            points::directions(&Dense::from_rows(rows.collect(), k, n).unwrap())
        };
        let truth = points::directions(&Dense::from_rows(truth, k, n).unwrap());
        (truth, (0..count).map(run).collect())
    }

    #[test]
    fn planted_directions_are_found_though_some_runs_are_odd() {
        let (k, n) = (6, 40);
        let (truth, starts) = runs(15, k, n, 5);
        let starts: Vec<&Dense<f64>> = starts.iter().collect();
        let kept: Vec<bool> = (0..15 * k)
            .map(|at| !(at < 5 * k && at % k == k - 1))
            .collect();
        for first in [0, 7] {
            let clusters = clusters(&starts, &kept, (first, 1), &Threads::one());
            let medians = points::directions(&clusters.medians(&starts, &kept));
            for t in matched(&truth, &medians).into_iter().enumerate() {
                let cosine = dot(truth.row(t.0), medians.row(t.1));
                assert!(cosine > 0.999, "{cosine}");
            }
            // Every component that is not odd is in the cluster of its direction.
            let of = matched(&truth, &medians);
            for r in 0..15 {
                for (place, &t) in mix::shuffled(5, r, k).iter().enumerate() {
                    if kept[r * k + place] {
                        assert_eq!(clusters.of[r * k + place], of[t]);
                    }
                }
            }
        }
    }

    #[test]
    fn medians_are_those_of_the_definition_and_have_the_sum_one() {
        let (_, starts) = runs(4, 3, 10, 1);
        let starts: Vec<&Dense<f64>> = starts.iter().collect();
        let kept: Vec<bool> = (0..12).map(|at| at != 2).collect();
        let clusters = clusters(&starts, &kept, (3, 1), &Threads::one());
        let medians = clusters.medians(&starts, &kept);
        let points = points(&starts);
        for t in 0..3 {
            let mut row: Vec<f64> = (0..10)
                .map(|j| {
                    let members = (0..12).filter(|&at| kept[at] && clusters.of[at] == t);
                    let mut values: Vec<f64> = members.map(|at| points[at][j]).collect();
                    values.sort_by(f64::total_cmp);
                    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
                    (values[low] + values[high]) / 2.0
                })
                .collect();
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
            for (a, b) in row.iter().zip(medians.row(t)) {
                assert!((a - b).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn clusters_of_outliers_and_of_zeros_have_centres() {
        let zeros = Dense::zeros(2, 4);
        let starts = [&zeros, &zeros];
        let found = clusters(&starts, &[true; 4], (0, 1), &Threads::one());
        assert!(
            found
                .medians(&starts, &[true; 4])
                .as_slice()
                .iter()
                .all(|x| *x == 0.0)
        );
        let (_, starts) = runs(3, 2, 5, 0);
        let starts: Vec<&Dense<f64>> = starts.iter().collect();
        let kept = [true, false, false, false, false, false];
        let found = clusters(&starts, &kept, (1, 1), &Threads::one());
        let medians = found.medians(&starts, &kept);
        for t in 0..2 {
            let sum: f64 = medians.row(t).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
    }
}
