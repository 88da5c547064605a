//! How often two samples share their strongest component, over starts. (Brunet, Tamayo, Golub & Mesirov 2004, PNAS 101:12.)
//!
//! Each start puts sample i into the group argmax_t W_it ‖H_t‖. The consensus C_ij is the share of starts that put i and j
//! into one group. Where the rank fits the data C is near 0 and 1: the tree of 1 − C then has a cophenetic correlation
//! near 1, and the dispersion Σ 4 (C_ij − ½)² / m² (Kim & Park 2007, Bioinformatics 23:12) is near 1.

use super::linkage::{Tree, average_linkage, cophenetic_correlation};
use super::score::Score;
use crate::Float;
use crate::many::mix;
use crate::matrix::Dense;

/// Samples that are compared pair by pair at most: of more, so many are drawn.
pub(super) const SAMPLES: usize = 1000;

/// The samples that are compared, in rising order.
pub(super) fn samples(rows: usize, seed: u64) -> Vec<usize> {
    let mut drawn = mix::shuffled(seed, 2, rows);
    drawn.truncate(SAMPLES);
    drawn.sort_unstable();
    drawn
}

/// The strongest component of some samples; the first of equals.
pub(super) fn groups<T: Float>(w: &Dense<T>, h: &Dense<T>, samples: &[usize]) -> Vec<u32> {
    let square = |x: &T| x.to_f64() * x.to_f64();
    let norm = |t: usize| h.row(t).iter().map(square).sum::<f64>().sqrt();
    let norms: Vec<f64> = (0..h.rows()).map(norm).collect();
    let group = |&i: &usize| {
        let (mut best, mut most) = (0, 0.0);
        for (t, (x, norm)) in w.row(i).iter().zip(&norms).enumerate() {
            if x.to_f64() * norm > most {
                (best, most) = (t as u32, x.to_f64() * norm);
            }
        }
        best
    };
    samples.iter().map(group).collect()
}

/// The consensus of several groupings of the same samples, n × n.
pub(super) fn matrix(groupings: &[&[u32]]) -> Vec<f64> {
    let n = groupings.first().map_or(0, |groups| groups.len());
    let mut shares = vec![0.0; n * n];
    for groups in groupings {
        for (i, row) in shares.chunks_exact_mut(n).enumerate() {
            for (share, &group) in row.iter_mut().zip(*groups) {
                *share += f64::from(u8::from(group == groups[i]));
            }
        }
    }
    for share in &mut shares {
        *share /= groupings.len() as f64;
    }
    shares
}

/// The distances 1 − C, and their tree.
pub(super) fn tree(consensus: &[f64], n: usize) -> (Vec<f64>, Tree) {
    let distances: Vec<f64> = consensus.iter().map(|share| 1.0 - share).collect();
    let tree = average_linkage(&distances, n);
    (distances, tree)
}

/// The cophenetic correlation of the consensus; `None` where all samples agree, as at rank 1.
pub(super) fn cophenetic(groupings: &[&[u32]]) -> Option<Score> {
    let consensus = matrix(groupings);
    let n = groupings.first()?.len();
    let (distances, tree) = tree(&consensus, n);
    cophenetic_correlation(&distances, &tree, n).map(Score::single)
}

/// The dispersion of the consensus; `None` where no start parts the samples, as at rank 1.
pub(super) fn dispersion(groupings: &[&[u32]]) -> Option<Score> {
    let parts = |groups: &&[u32]| groups.iter().any(|group| *group != groups[0]);
    if !groupings.iter().any(parts) {
        return None;
    }
    let consensus = matrix(groupings);
    let sum: f64 = consensus.iter().map(|c| 4.0 * (c - 0.5).powi(2)).sum();
    Some(Score::single(sum / consensus.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_starts_that_agree() {
        let (a, b) = ([0, 0, 1], [1, 0, 0]);
        let found = matrix(&[&a, &b]);
        assert_eq!(found, [1.0, 0.5, 0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0]);
        // 4 · ½² is 1 for the five sure pairs and 0 for the four others.
        let dispersion = dispersion(&[&a, &b]).unwrap().value;
        assert!((dispersion - 5.0 / 9.0).abs() < 1e-12);
        assert_eq!(super::dispersion(&[&[0, 0], &[0, 0]]), None);
    }

    #[test]
    fn a_group_is_that_of_the_largest_share_whatever_the_scale_of_the_factors() {
        let w = Dense::from_rows(vec![1.0, 3.0, 0.0, 0.0, 5.0, 4.0], 3, 2).unwrap();
        let h = Dense::from_rows(vec![6.0, 8.0, 1.0, 0.0], 2, 2).unwrap();
        assert_eq!(groups(&w, &h, &[0, 1, 2]), [0, 0, 0]);
        let h = Dense::from_rows(vec![0.6, 0.8, 10.0, 0.0], 2, 2).unwrap();
        assert_eq!(groups(&w, &h, &[0, 2]), [1, 1]);
    }

    #[test]
    fn of_many_samples_some_are_drawn() {
        assert_eq!(samples(5, 1), [0, 1, 2, 3, 4]);
        let drawn = samples(5000, 1);
        assert_eq!(drawn.len(), SAMPLES);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(drawn, samples(5000, 2));
    }
}
