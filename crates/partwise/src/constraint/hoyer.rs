//! `hoyer`: each column x of the factor, of n entries, has a given sparseness (√n − ‖x‖₁ / ‖x‖₂) / (√n − 1).
//! (Hoyer 2004, Journal of Machine Learning Research 5.)
//!
//! While everything else stands still a column has the objective ½ G_tt ‖x − r / G_tt‖², with r what the other columns
//! leave for it: its best value in the set is the projection of r / G_tt, so one sweep over the columns is exact
//! block coordinate descent. The set is a cone, and the nearest point of it to x is u ⟨x, u⟩ with the unit vector u of the
//! sparseness that has the largest ⟨x, u⟩: u is proportional to max(0, x − θ), and the ratio of its norms falls as θ grows,
//! so θ solves a quadratic equation between two of the sorted entries (Thom & Palm 2013, Journal of Machine Learning Research
//! 14). A column to which nothing of the set comes nearer than zero becomes zero.

use super::{Rule, Step, over_columns};

/// Rounding of entries of which the largest is one.
const CLOSE: f64 = 1e-12;
/// Sweeps of a half-step.
const SWEEPS: usize = 2;

pub(super) fn project(rule: &Rule, rows: &mut [f64], k: usize) {
    over_columns(rows, k, |_, column| onto_sparseness(column, rule.value));
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let (k, quadratic) = (step.quadratic.k, &step.quadratic);
    let mut column = vec![0.0; rows.len() / k];
    for t in (0..SWEEPS).flat_map(|_| 0..k) {
        let curvature = quadratic.gram[t * k + t];
        // What has no say on the objective stays where it is.
        if curvature <= 0.0 {
            continue;
        }
        let lines = rows.chunks_exact(k).zip(step.rhs.chunks_exact(k));
        for (x, (row, b)) in column.iter_mut().zip(lines) {
            *x = row[t] - quadratic.gradient(row, b, t) / curvature;
        }
        onto_sparseness(&mut column, step.rule.value);
        for (row, &x) in rows.chunks_exact_mut(k).zip(&column) {
            row[t] = x;
        }
    }
}

/// The nearest vector of this sparseness, or zero.
fn onto_sparseness(x: &mut [f64], sparseness: f64) {
    let n = x.len() as f64;
    let size = x.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    if size == 0.0 {
        return;
    }
    // ‖u‖₁ of the unit vectors of the set.
    let ratio = n.sqrt() - sparseness * (n.sqrt() - 1.0);
    let scaled: Vec<f64> = x.iter().map(|x| x / size).collect();
    let unit = direction(&scaled, ratio.clamp(1.0, n.sqrt()));
    let length: f64 = unit.iter().zip(&scaled).map(|(u, x)| u * x).sum();
    let length = length.max(0.0) * size;
    for (x, u) in x.iter_mut().zip(unit) {
        *x = u * length;
    }
}

/// The unit vector u ≥ 0 with ‖u‖₁ = `ratio` that has the largest product with x.
fn direction(x: &[f64], ratio: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[b].total_cmp(&x[a]));
    // Sums of the `count` largest, less the largest: none of them cancel.
    let top = x[order[0]];
    let below = |rank: usize| x[order[rank]] - top;
    let (mut sum, mut squares) = (0.0, 0.0);
    for count in 1..=x.len() {
        sum += below(count - 1);
        squares += below(count - 1).powi(2);
        let c = count as f64;
        // Σ(x − θ) = ratio · √Σ(x − θ)² says of mean and variance: (mean − θ)² c = ratio² (variance + (mean − θ)²).
        let mean = sum / c;
        let variance = (squares / c - mean * mean).max(0.0);
        let spread = c / (ratio * ratio) - 1.0;
        // Entries that are alike have no such θ.
        if variance <= 1e-30 || spread <= 1e-12 {
            continue;
        }
        let theta = mean - (variance / spread).sqrt();
        let next_is_left_out = count == x.len() || below(count) <= theta + CLOSE;
        if theta <= below(count - 1) + CLOSE && next_is_left_out {
            let values = x.iter().map(|x| (x - top - theta).max(0.0));
            return normal(values.collect());
        }
    }
    if ratio * ratio >= x.len() as f64 * (1.0 - 1e-9) {
        return normal(vec![1.0; x.len()]);
    }
    // The largest entries are alike: any such vector on them alone has the largest product; one with few entries.
    let count = (ratio * ratio - 1e-9).ceil().max(1.0).min(x.len() as f64);
    let large = (ratio + ((count - 1.0) * (count - ratio * ratio).max(0.0)).sqrt()) / count;
    let mut unit = vec![0.0; x.len()];
    for &i in order.iter().take(count as usize) {
        unit[i] = ((ratio - large) / (count - 1.0).max(1.0)).max(0.0);
    }
    unit[order[0]] = large;
    normal(unit)
}

fn normal(mut x: Vec<f64>) -> Vec<f64> {
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= length);
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparseness(x: &[f64]) -> f64 {
        let n = x.len() as f64;
        let sum: f64 = x.iter().sum();
        let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
        (n.sqrt() - sum / length) / (n.sqrt() - 1.0)
    }

    /// Hoyer's own projection: onto the plane of the sum and the sphere, dropping what falls below zero, until nothing does.
    fn naive(x: &[f64], wanted: f64) -> Vec<f64> {
        let n = x.len() as f64;
        let sum = n.sqrt() - wanted * (n.sqrt() - 1.0);
        let mut kept = vec![true; x.len()];
        let total: f64 = x.iter().sum();
        let mut s: Vec<f64> = x.iter().map(|x| x + (sum - total) / n).collect();
        for _ in 0..x.len() {
            let count = kept.iter().filter(|kept| **kept).count() as f64;
            let middle = |i: usize| if kept[i] { sum / count } else { 0.0 };
            let away: Vec<f64> = (0..x.len())
                .map(|i| if kept[i] { s[i] - middle(i) } else { 0.0 })
                .collect();
            let far: f64 = away.iter().map(|a| a * a).sum();
            let near: f64 = (0..x.len()).map(|i| middle(i).powi(2)).sum();
            let alpha = ((1.0 - near) / far).sqrt();
            s = (0..x.len()).map(|i| middle(i) + alpha * away[i]).collect();
            if s.iter().all(|s| *s >= 0.0) {
                break;
            }
            for (s, kept) in s.iter_mut().zip(&mut kept) {
                *kept &= *s >= 0.0;
                *s = s.max(0.0);
            }
            let count = kept.iter().filter(|kept| **kept).count() as f64;
            let excess = (s.iter().sum::<f64>() - sum) / count;
            for (s, _) in s.iter_mut().zip(&kept).filter(|(_, kept)| **kept) {
                *s -= excess;
            }
        }
        let length = s.iter().zip(x).map(|(s, x)| s * x).sum::<f64>().max(0.0);
        s.iter().map(|s| s * length).collect()
    }

    #[test]
    fn it_is_the_projection_of_the_paper() {
        let mut state = 1u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        for n in [2, 3, 10, 57] {
            for wanted in [0.05, 0.3, 0.6, 0.9] {
                let x: Vec<f64> = (0..n).map(|_| draw() - 0.2).collect();
                let mut found = x.clone();
                onto_sparseness(&mut found, wanted);
                if found.iter().all(|x| *x == 0.0) {
                    continue;
                }
                assert!((sparseness(&found) - wanted).abs() < 1e-9, "{n} {wanted}");
                let distance =
                    |y: &[f64]| x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                let (ours, theirs) = (distance(&found), distance(&naive(&x, wanted)));
                assert!(ours <= theirs + 1e-9, "{n} {wanted}: {ours} {theirs}");
                assert!(
                    (ours - theirs).abs() < 1e-6 * theirs,
                    "{n} {wanted}: {ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn edges_have_their_answers() {
        for (x, wanted) in [
            (vec![1.0; 9], 0.5),
            (vec![1.0; 9], 0.0),
            (vec![3.0, 1.0, 2.0], 0.0),
            (vec![3.0, 1.0, 2.0], 1.0),
            (vec![2.0, 2.0, 1.0, 0.0], 0.95),
            (vec![1e-200, 1e200, 3e200], 0.4),
            (vec![0.0, 0.0, 0.0, 1.0], 0.1),
            (vec![5.0, 5.0], 1.0),
        ] {
            let mut found = x.clone();
            onto_sparseness(&mut found, wanted);
            assert!(
                found.iter().all(|x| x.is_finite() && *x >= 0.0),
                "{x:?} {found:?}"
            );
            let size = x.iter().fold(0.0, |max: f64, x| max.max(*x));
            let scaled: Vec<f64> = found.iter().map(|x| x / size).collect();
            assert!(
                (sparseness(&scaled) - wanted).abs() < 1e-7,
                "{x:?} {wanted} {found:?}"
            );
        }
        let mut nothing = vec![-1.0, -2.0];
        onto_sparseness(&mut nothing, 0.5);
        assert_eq!(nothing, [0.0, 0.0]);
    }
}
