//! `anls` with two components: the exact non-negative least-squares solution of every row, without pivoting.
//!
//! For two unknowns there are four sets of passive ones. If the free solution is nowhere below zero it is the answer, else one
//! unknown is zero, and which one is seen by how far each alone comes: ½ b²/g. (Kuang & Park 2013, KDD, doi
//! 10.1145/2487575.2487606.)

use super::Quadratic;
use super::anls::{SLACK, accept};
use crate::Float;

/// Solves every row of a problem with two components, both of which are above zero.
pub(super) fn update<T: Float>(problem: &Quadratic<'_, T>, rhs: &[T], rows: &mut [T]) {
    let gram = |t: usize, s: usize| problem.gram[t * 2 + s].to_f64();
    // Scaled to a unit diagonal, so that neither huge nor tiny data leave the range of numbers.
    let unit = [gram(0, 0).sqrt(), gram(1, 1).sqrt()];
    let cosine = gram(0, 1) / unit[0] / unit[1];
    let least = SLACK * T::EPSILON.to_f64();
    for (row, b) in rhs.chunks_exact(2).enumerate() {
        let target = |t: usize| (b[t].to_f64() - problem.l1.to_f64()) / unit[t];
        let x = solved([target(0), target(1)], cosine, least);
        accept(problem, rhs, rows, row, &[x[0] / unit[0], x[1] / unit[1]]);
    }
}

/// The minimum of ½ (x₀² + 2 c x₀ x₁ + x₁²) − b x over x ≥ 0. A determinant below `least` counts as none.
fn solved(b: [f64; 2], c: f64, least: f64) -> [f64; 2] {
    let determinant = (1.0 - c) * (1.0 + c);
    if determinant > least {
        let free = [
            (b[0] - c * b[1]) / determinant,
            (b[1] - c * b[0]) / determinant,
        ];
        if free[0] >= 0.0 && free[1] >= 0.0 {
            return free;
        }
    }
    if b[0] >= b[1] {
        [b[0].max(0.0), 0.0]
    } else {
        [0.0, b[1].max(0.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best point of a fine grid, refined about itself.
    fn searched(b: [f64; 2], c: f64) -> f64 {
        let value = |x: [f64; 2]| {
            0.5 * (x[0] * x[0] + 2.0 * c * x[0] * x[1] + x[1] * x[1]) - b[0] * x[0] - b[1] * x[1]
        };
        let (mut best, mut step) = ([0.0f64; 2], 8.0);
        while step > 1e-7 {
            let around = best;
            for (i, j) in (-8..=8).flat_map(|i| (-8..=8).map(move |j| (i, j))) {
                let at = [
                    around[0] + f64::from(i) * step,
                    around[1] + f64::from(j) * step,
                ];
                let at = at.map(|x| x.max(0.0));
                if value(at) < value(best) {
                    best = at;
                }
            }
            step *= 0.5;
        }
        value(best)
    }

    #[test]
    fn no_point_of_a_grid_is_better() {
        let numbers = [-3.0, -0.5, 0.0, 0.3, 1.0, 2.5];
        for b in numbers.iter().flat_map(|&x| numbers.map(|y| [x, y])) {
            for c in [0.0, 0.2, 0.7, 0.99, 1.0] {
                let x = solved(b, c, 1e-15);
                assert!(x[0] >= 0.0 && x[1] >= 0.0);
                let value = 0.5 * (x[0] * x[0] + 2.0 * c * x[0] * x[1] + x[1] * x[1])
                    - b[0] * x[0]
                    - b[1] * x[1];
                assert!(value <= searched(b, c) + 1e-9, "{b:?} {c}: {x:?}");
            }
        }
    }
}
