//! From a curve over the ranks to one rank: the rules.

use super::{Proposal, RankPoint};

/// A rule; the points are those with a figure, by rising rank.
pub(super) type Rule = fn(&[RankPoint]) -> Option<Proposal>;

fn proposal(rank: usize, reason: String) -> Option<Proposal> {
    Some(Proposal { rank, reason })
}

fn least(points: &[RankPoint]) -> Option<&RankPoint> {
    points.iter().min_by(|a, b| a.value.total_cmp(&b.value))
}

/// A figure in words.
fn figure(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e4).contains(&value.abs()) {
        format!("{value:.2e}")
    } else {
        format!("{value:.4}")
    }
}

/// The least.
pub(super) fn lowest(points: &[RankPoint]) -> Option<Proposal> {
    let best = least(points)?;
    proposal(
        best.rank,
        format!("its value is the least, {}", figure(best.value)),
    )
}

/// The smallest rank whose mean is within one standard error of the least (Breiman et al. 1984). The error is that of the
/// differences between the two ranks, fold by fold: that some folds are harder for every rank is no uncertainty.
pub(super) fn within_one_error(points: &[RankPoint]) -> Option<Proposal> {
    let best = least(points)?;
    let within = |point: &&RankPoint| {
        point.rank == best.rank || excess(point, best).is_some_and(|(mean, error)| mean <= error)
    };
    let chosen = points.iter().find(within)?;
    let reason = if chosen.rank == best.rank {
        format!("its error is the least, {}", figure(best.value))
    } else {
        format!(
            "it is the smallest within one standard error of the least error, {} at rank {}",
            figure(best.value),
            best.rank
        )
    };
    proposal(chosen.rank, reason)
}

/// The mean of what a point has above another, repeat by repeat, and its standard error.
fn excess(point: &RankPoint, least: &RankPoint) -> Option<(f64, f64)> {
    let count = point.repeats.len();
    if count < 2 || count != least.repeats.len() {
        return None;
    }
    let pairs = point.repeats.iter().zip(&least.repeats);
    let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
    Some((mean(&differences), standard_error(&differences)?))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard error of a mean; `None` of less than two values.
pub(super) fn standard_error(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = mean(values);
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (values.len() >= 2).then(|| (squares / (count - 1.0) / count).sqrt())
}

/// The largest, of equals at the largest rank: the last rank before the figure begins to fall.
pub(super) fn highest(points: &[RankPoint]) -> Option<Proposal> {
    let best = points.iter().max_by(|a, b| a.value.total_cmp(&b.value))?;
    proposal(
        best.rank,
        format!("its value is the largest, {}", figure(best.value)),
    )
}

/// A component is stable from this mean silhouette on.
pub(super) const STABLE: f64 = 0.75;

/// The largest rank at which every component is stable.
pub(super) fn last_stable(points: &[RankPoint]) -> Option<Proposal> {
    let stable = points.iter().rev().find(|point| point.value >= STABLE)?;
    proposal(
        stable.rank,
        format!(
            "it is the largest whose components all have a silhouette of at least {STABLE}; its worst has {}",
            figure(stable.value)
        ),
    )
}

/// What is left of the components of the largest rank, when one fit prunes them.
pub(super) fn left(points: &[RankPoint]) -> Option<Proposal> {
    let most = points.last()?;
    let left = most.value as usize;
    let reason = if left < most.rank {
        format!("of {} components a fit prunes all others", most.rank)
    } else {
        "a fit prunes none of its components".to_owned()
    };
    (left > 0).then_some(Proposal { rank: left, reason })
}

/// The point farthest below the line from the first to the last, both axes from 0 to 1. (Satopää et al. 2011, "Kneedle".)
pub(super) fn elbow(points: &[RankPoint]) -> Option<Proposal> {
    let (first, last) = (points.first()?, points.last()?);
    let fall = first.value - last.value;
    if points.len() < 3 || fall <= 0.0 {
        return None;
    }
    let span = (last.rank - first.rank) as f64;
    let below = |point: &RankPoint| {
        let along = (point.rank - first.rank) as f64 / span;
        1.0 - along - (point.value - last.value) / fall
    };
    let bend = points
        .iter()
        .rev()
        .max_by(|a, b| below(a).total_cmp(&below(b)))?;
    proposal(bend.rank, "there the curve bends most".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[&[f64]]) -> Vec<RankPoint> {
        let point = |(i, repeats): (usize, &&[f64])| RankPoint {
            rank: i + 1,
            value: mean(repeats),
            error: standard_error(repeats),
            repeats: repeats.to_vec(),
        };
        values.iter().enumerate().map(point).collect()
    }

    #[test]
    fn one_standard_error_is_that_of_differences() {
        // Folds differ widely, ranks 2 and 3 hardly: but rank 3 is better in every fold.
        let better: [&[f64]; 3] = [&[2.0, 6.0], &[1.01, 5.01], &[1.0, 5.0]];
        assert_eq!(within_one_error(&points(&better)).unwrap().rank, 3);
        let no_better: [&[f64]; 3] = [&[2.0, 6.0], &[1.05, 4.98], &[1.0, 5.0]];
        assert_eq!(within_one_error(&points(&no_better)).unwrap().rank, 2);
        assert_eq!(lowest(&points(&no_better)).unwrap().rank, 3);
    }

    #[test]
    fn a_standard_error_by_hand() {
        assert!((standard_error(&[1.0, 2.0, 3.0]).unwrap() - 1.0 / 3f64.sqrt()).abs() < 1e-12);
        assert_eq!(standard_error(&[1.0]), None);
    }

    #[test]
    fn rules_on_curves_with_one_answer() {
        let curve: [&[f64]; 5] = [&[0.9], &[0.95], &[0.93], &[0.5], &[0.52]];
        let curve = points(&curve);
        assert_eq!(highest(&curve).unwrap().rank, 2);
        let left_of = |value: f64| left(&points(&[&[1.0], &[2.0], &[value]]));
        assert_eq!(left_of(2.0).unwrap().rank, 2);
        assert!(left_of(3.0).unwrap().reason.contains("none"));
        assert_eq!(left_of(0.0), None);
        let level: [&[f64]; 3] = [&[1.0], &[1.0], &[0.9]];
        assert_eq!(highest(&points(&level)).unwrap().rank, 2);
        assert_eq!(last_stable(&curve).unwrap().rank, 3);
        let falling: [&[f64]; 5] = [&[1.0], &[0.4], &[0.1], &[0.08], &[0.06]];
        assert_eq!(elbow(&points(&falling)).unwrap().rank, 3);
        for rule in [lowest, within_one_error, highest, last_stable, left, elbow] {
            assert_eq!(rule(&[]), None);
            let _ = rule(&points(&[&[0.5]]));
        }
    }
}
