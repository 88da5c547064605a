//! How near a component's nearest neighbours are, among those of all runs. (Kotliar et al. 2019.)
//!
//! The figure is the mean Euclidean distance √(2 − 2 x·y) to the L nearest others, all of length 1, with L a share of the number
//! of runs: a component that other runs find again has that many neighbours near it, and one that a bad start left has not.

use crate::kernel;
use crate::matrix::Dense;
use crate::threads::Threads;

/// Components whose products with all others are held at once.
const BLOCK: usize = 64;

/// The mean distance of each component of each run to its nearest neighbours; a component of zeros is √2 from every other.
pub(super) fn densities(starts: &[&Dense<f64>], share: f64, threads: &Threads) -> Vec<f64> {
    let (k, n) = (starts[0].rows(), starts[0].cols());
    let all: Vec<f64> = starts
        .iter()
        .flat_map(|start| start.as_slice())
        .copied()
        .collect();
    let all = Dense::from_rows(all, starts.len() * k, n).expect("the components of all runs");
    let count = all.rows();
    let neighbours = ((share * starts.len() as f64).round() as usize).clamp(1, count - 1);
    let blocks = threads.map(count.div_ceil(BLOCK), |block| {
        let first = block * BLOCK;
        let last = (first + BLOCK).min(count);
        let mut products = vec![0.0; (last - first) * count];
        let some = faer::MatRef::from_row_major_slice(all.row_range(first, last), last - first, n);
        kernel::outer(&mut products, some, all.view());
        let lines = products.chunks_exact_mut(count).enumerate();
        let near = lines.map(|(i, line)| {
            line[first + i] = f64::NEG_INFINITY;
            mean_distance(line, neighbours)
        });
        near.collect::<Vec<_>>()
    });
    blocks.concat()
}

/// The mean distance to those with the largest cosines.
fn mean_distance(cosines: &mut [f64], neighbours: usize) -> f64 {
    let (largest, last, _) = cosines.select_nth_unstable_by(neighbours - 1, |a, b| b.total_cmp(a));
    largest.sort_unstable_by(f64::total_cmp);
    let distance = |cosine: &f64| (2.0 - 2.0 * cosine).max(0.0).sqrt();
    let sum: f64 = largest.iter().map(distance).sum();
    (sum + distance(last)) / neighbours as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many::{mix, points};

    /// By sorting all distances of a component.
    fn naive(starts: &[&Dense<f64>], neighbours: usize) -> Vec<f64> {
        let all: Vec<&[f64]> = starts
            .iter()
            .flat_map(|start| (0..start.rows()).map(|t| start.row(t)))
            .collect();
        let figure = |i: usize| {
            let distance = |j: usize| {
                let pairs = all[i].iter().zip(all[j]);
                pairs.map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
            };
            let mut distances: Vec<f64> =
                (0..all.len()).filter(|j| *j != i).map(distance).collect();
            distances.sort_by(f64::total_cmp);
            distances[..neighbours].iter().sum::<f64>() / neighbours as f64
        };
        (0..all.len()).map(figure).collect()
    }

    #[test]
    fn densities_are_those_of_the_definition() {
        for (runs, k, n, share) in [(2, 1, 3, 0.3), (10, 4, 7, 0.3), (30, 5, 20, 1.0)] {
            let drawn = |r: usize| {
                let entry = |at: usize| mix::uniform(r as u64, at / n, at % n).powi(4);
                let values = (0..k * n).map(entry).collect();
                points::directions(&Dense::from_rows(values, k, n).unwrap())
            };
            let starts: Vec<Dense<f64>> = (0..runs).map(drawn).collect();
            let starts: Vec<&Dense<f64>> = starts.iter().collect();
            let neighbours = ((share * runs as f64).round() as usize).max(1);
            let found = densities(&starts, share, &Threads::one());
            for (a, b) in found.iter().zip(naive(&starts, neighbours)) {
                assert!((a - b).abs() < 1e-7, "{a} {b}");
            }
        }
    }

    #[test]
    fn what_one_run_alone_found_is_far_and_what_all_found_is_near() {
        let unit = |j: usize| {
            (0..4)
                .map(|i| f64::from(u8::from(i == j)))
                .collect::<Vec<_>>()
        };
        let same = Dense::from_rows([unit(0), unit(1)].concat(), 2, 4).unwrap();
        let odd = Dense::from_rows([unit(0), unit(3)].concat(), 2, 4).unwrap();
        let zero = Dense::from_rows([unit(1), vec![0.0; 4]].concat(), 2, 4).unwrap();
        let starts = [&same, &same, &odd, &same, &zero, &same];
        let found = densities(&starts, 0.5, &Threads::one());
        for (at, figure) in found.iter().enumerate() {
            let far = at == 5 || at == 9;
            let expected = if far { 2f64.sqrt() } else { 0.0 };
            assert!((figure - expected).abs() < 1e-7, "{at}: {figure}");
        }
    }
}
