//! `simplex`: the entries of each row of the factor sum to one, as shares of a whole do. On W: how much of each component a
//! sample holds; on H: the shares of the components in each feature, for a V with its samples in columns.
//!
//! "Fully constrained least squares" (Heinz & Chang 2001, IEEE Trans. Geoscience and Remote Sensing 39:3,
//! doi 10.1109/36.911111), by accelerated projected gradient. The projection onto the simplex sorts the entries:
//! P(x) = max(0, x − θ) with θ such that the sum is one (Held, Wolfe & Crowder 1974).

use super::{Rule, Step, descend};

/// Steps of a half-step.
const STEPS: usize = 30;

pub(super) fn project(_: &Rule, rows: &mut [f64], k: usize) {
    rows.chunks_exact_mut(k)
        .for_each(|row| onto_simplex(row, false));
}

pub(super) fn begin(_: &Rule, rows: &mut [f64], k: usize) {
    rows.chunks_exact_mut(k).for_each(divide_by_sum);
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let k = step.quadratic.k;
    descend(&step.quadratic, step.rhs, rows, STEPS, |rows| {
        project(step.rule, rows, k);
    });
}

/// The nearest values above zero that sum to one, or to at most one.
pub(crate) fn onto_simplex(x: &mut [f64], at_most: bool) {
    if at_most && x.iter().map(|x| x.max(0.0)).sum::<f64>() <= 1.0 {
        x.iter_mut().for_each(|x| *x = x.max(0.0));
        return;
    }
    // The answer is the same for entries that are all less by one number, and those near the largest count most.
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    x.iter_mut().for_each(|x| *x -= largest);
    let mut sorted = x.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut level) = (0.0, 0.0);
    for (i, &value) in sorted.iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (i + 1) as f64;
        if value <= candidate {
            break;
        }
        level = candidate;
    }
    x.iter_mut().for_each(|x| *x = (*x - level).max(0.0));
    // What rounding leaves.
    divide_by_sum(x);
}

/// Values that sum to one; alike, if they were all zero.
pub(super) fn divide_by_sum(x: &mut [f64]) {
    let sum: f64 = x.iter().sum();
    if sum.is_normal() {
        x.iter_mut().for_each(|x| *x /= sum);
    } else {
        x.fill(1.0 / x.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_however_far() {
        for (x, expected) in [
            ([0.3, 0.9], [0.2, 0.8]),
            ([3.0, 1.0], [1.0, 0.0]),
            ([1e17, 5e16], [1.0, 0.0]),
            ([-1e17, -1e17 + 64.0], [0.0, 1.0]),
            ([1e300, 1e300], [0.5, 0.5]),
        ] {
            let mut found = x;
            onto_simplex(&mut found, false);
            let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-12;
            assert!(
                found.into_iter().zip(expected).all(near),
                "{x:?}: {found:?}"
            );
        }
        for (x, expected) in [
            ([0.2, -0.1], [0.2, 0.0]),
            ([3.0, 1.0], [1.0, 0.0]),
            ([0.6, 0.6], [0.5, 0.5]),
        ] {
            let mut found = x;
            onto_simplex(&mut found, true);
            assert_eq!(found, expected);
        }
    }
}
