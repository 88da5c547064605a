//! Whether every start finds the same components. (Alexandrov et al. 2013, Cell Reports 3:1; Nebgen et al. 2021, NMFk.)
//!
//! The components of all starts, as unit vectors, are put into k clusters that hold one of each start: each start is
//! matched with the clusters' centres so that the sum of cosines is the largest, and the centres are taken anew, until
//! nothing moves. Silhouettes (Rousseeuw 1987) with the distance 1 − cos say how compact and how far apart clusters are.
//! The figure is that of the worst cluster: its mean silhouette, 1 where every start finds the component again.

use super::score::Score;
use crate::many::points::{add, directions, matched, silhouettes};
use crate::matrix::Dense;

/// Rounds of matching at most; two or three are usual.
const ROUNDS: usize = 50;

pub(super) fn rows(start: &Dense<f64>) -> impl Iterator<Item = &[f64]> {
    (0..start.rows()).map(|t| start.row(t))
}

/// The cluster of each component of each start, beginning from those of start `first`.
pub(super) fn clusters(starts: &[&Dense<f64>], first: usize) -> Vec<Vec<usize>> {
    let n = starts[first].cols();
    let mut centres = starts[first].clone();
    let mut found: Vec<Vec<usize>> = Vec::new();
    for _ in 0..ROUNDS {
        let matched = starts.iter().map(|start| matched(start, &centres));
        let matched: Vec<Vec<usize>> = matched.collect();
        if matched == found {
            break;
        }
        found = matched;
        centres = directions(&sums(starts, &found, n));
    }
    found
}

/// The sum of each cluster's members, k × n.
fn sums(starts: &[&Dense<f64>], clusters: &[Vec<usize>], n: usize) -> Dense<f64> {
    let k = clusters.first().map_or(0, Vec::len);
    let mut sums = Dense::zeros(k, n);
    for (start, clusters) in starts.iter().zip(clusters) {
        for (t, &cluster) in clusters.iter().enumerate() {
            add(&mut sums, cluster, start.row(t));
        }
    }
    sums
}

/// The components of all starts in their clusters.
struct Matched {
    /// The cluster of each component of each start.
    clusters: Vec<Vec<usize>>,
    /// The silhouettes of all components, one start after another, and the mean of each cluster.
    silhouettes: Vec<f64>,
    means: Vec<f64>,
}

impl Matched {
    /// `None` at rank 1, which has no other cluster, and with one start.
    fn of(starts: &[&Dense<f64>], best: usize) -> Option<Self> {
        let k = starts.first()?.rows();
        if k < 2 || starts.len() < 2 {
            return None;
        }
        let clusters = clusters(starts, best);
        let points: Vec<&[f64]> = starts.iter().flat_map(|start| rows(start)).collect();
        let all = clusters.concat();
        let silhouettes = silhouettes(&points, &all, k);
        let mut means = vec![0.0; k];
        for (value, &cluster) in silhouettes.iter().zip(&all) {
            means[cluster] += value / starts.len() as f64;
        }
        Some(Self {
            clusters,
            silhouettes,
            means,
        })
    }
}

/// The mean silhouette over starts of what each component of the best one is in every start. `None` as [`score`].
pub(super) fn of_components(starts: &[&Dense<f64>], best: usize) -> Option<Vec<f64>> {
    let matched = Matched::of(starts, best)?;
    let own = matched.clusters[best].iter();
    Some(own.map(|&cluster| matched.means[cluster]).collect())
}

/// The mean silhouette of the worst cluster, and the mean of each start. `None` at rank 1, which has no other cluster, and
/// with one start.
pub(super) fn score(starts: &[&Dense<f64>], best: usize) -> Option<Score> {
    let k = starts.first()?.rows();
    let matched = Matched::of(starts, best)?;
    Some(Score {
        value: matched.means.into_iter().fold(f64::INFINITY, f64::min),
        repeats: matched
            .silhouettes
            .chunks_exact(k)
            .map(|values| values.iter().sum::<f64>() / k as f64)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many::mix;

    fn starts(count: usize, k: usize, n: usize, noise: f64, seed: u64) -> Vec<Dense<f64>> {
        let start = |r: usize| {
            // The same components in another order, each time with other noise.
            let order = mix::shuffled(seed, r, k);
            let rows = order.iter().flat_map(|&t| {
                let entry = move |j| {
                    mix::uniform(seed, t, j).powi(3)
                        + noise * mix::uniform(seed + 1 + r as u64, t, j)
                };
                (0..n).map(entry)
            });
            directions(&Dense::from_rows(rows.collect(), k, n).unwrap())
        };
        (0..count).map(start).collect()
    }

    /// The definition, pair by pair.
    fn naive(starts: &[&Dense<f64>], clusters: &[Vec<usize>]) -> Vec<Vec<f64>> {
        let k = starts[0].rows();
        let all: Vec<(usize, usize, usize)> = (0..starts.len())
            .flat_map(|r| (0..k).map(move |t| (r, t)))
            .map(|(r, t)| (r, t, clusters[r][t]))
            .collect();
        let distance = |a: (usize, usize, usize), b: (usize, usize, usize)| {
            let pairs = starts[a.0].row(a.1).iter().zip(starts[b.0].row(b.1));
            1.0 - pairs.map(|(x, y)| x * y).sum::<f64>()
        };
        let mean = |from: (usize, usize, usize), cluster: usize| {
            let others = all.iter().filter(|to| to.2 == cluster && **to != from);
            let distances: Vec<f64> = others.map(|&to| distance(from, to)).collect();
            distances.iter().sum::<f64>() / distances.len() as f64
        };
        let mut out = vec![vec![0.0; k]; starts.len()];
        for &from in &all {
            let a = mean(from, from.2);
            let others = (0..k).filter(|&c| c != from.2).map(|c| mean(from, c));
            let b = others.fold(f64::INFINITY, f64::min);
            out[from.0][from.1] = (b - a) / a.max(b);
        }
        out
    }

    #[test]
    fn silhouettes_are_those_of_the_definition() {
        for (seed, noise) in [(1, 0.05), (2, 0.5), (3, 3.0)] {
            let starts = starts(5, 4, 12, noise, seed);
            let starts: Vec<&Dense<f64>> = starts.iter().collect();
            let clusters = clusters(&starts, 2);
            let points: Vec<&[f64]> = starts.iter().flat_map(|start| rows(start)).collect();
            let found = silhouettes(&points, &clusters.concat(), 4);
            let expected = naive(&starts, &clusters);
            for (found, expected) in found.iter().zip(expected.iter().flatten()) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_same_components_in_any_order_are_found_again() {
        let same = starts(6, 5, 30, 0.0, 4);
        let same: Vec<&Dense<f64>> = same.iter().collect();
        let score = score(&same, 0).unwrap();
        assert!(score.value > 0.999_999, "{}", score.value);
        let each = of_components(&same, 3).unwrap();
        assert!(each.len() == 5 && each.iter().all(|value| *value > 0.999_999));
        assert_eq!(score.repeats.len(), 6);
    }

    #[test]
    fn components_of_zeros_do_no_harm() {
        let zeros = Dense::zeros(3, 4);
        let score = score(&[&zeros, &zeros, &zeros], 0).unwrap();
        assert_eq!(score.value, 0.0);
    }
}
