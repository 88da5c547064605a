//! Average linkage: which groups join at which distance (Sokal & Michener 1958), and how well the tree agrees with the
//! distances it was made from: the cophenetic correlation coefficient (Sokal & Rohlf 1962).

/// What average linkage makes of n things.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    /// The things in the order of the tree's leaves.
    pub(super) order: Vec<usize>,
    /// The distance at which each pair comes to be in one group, n × n.
    pub(super) joined_at: Vec<f64>,
}

/// Joins the two nearest groups until one is left; of equally near pairs the first. The distance of two groups is the mean
/// over their pairs. `distances` is n × n and symmetric.
pub(super) fn average_linkage(distances: &[f64], n: usize) -> Tree {
    let mut between = distances.to_vec();
    let mut members: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    let mut joined_at = vec![0.0; n * n];
    // The nearest later group of each group, the first of equals.
    let nearest_after = |between: &[f64], members: &[Vec<usize>], i: usize| {
        let later = (i + 1..n).filter(|&j| !members[j].is_empty());
        later.min_by(|&a, &b| between[i * n + a].total_cmp(&between[i * n + b]))
    };
    let mut nearest: Vec<Option<usize>> = (0..n)
        .map(|i| nearest_after(&between, &members, i))
        .collect();
    for _ in 1..n {
        let pairs = (0..n).filter_map(|i| Some((i, nearest[i]?)));
        let closest =
            pairs.min_by(|&(a, b), &(c, d)| between[a * n + b].total_cmp(&between[c * n + d]));
        let Some((a, b)) = closest else { break };
        let height = between[a * n + b];
        for &i in &members[a] {
            for &j in &members[b] {
                joined_at[i * n + j] = height;
                joined_at[j * n + i] = height;
            }
        }
        let (size_a, size_b) = (members[a].len() as f64, members[b].len() as f64);
        let moved = std::mem::take(&mut members[b]);
        members[a].extend(moved);
        nearest[b] = None;
        for c in (0..n).filter(|&c| c != a && !members[c].is_empty()) {
            let mean =
                (size_a * between[a * n + c] + size_b * between[b * n + c]) / (size_a + size_b);
            between[a * n + c] = mean;
            between[c * n + a] = mean;
        }
        for c in (0..n).filter(|&c| !members[c].is_empty()) {
            // Only distances to the joined group have changed.
            let stale = c == a || (c < b && (nearest[c] == Some(a) || nearest[c] == Some(b)));
            if stale {
                nearest[c] = nearest_after(&between, &members, c);
            } else if c < a
                && let Some(known) = nearest[c]
            {
                let (new, old) = (between[c * n + a], between[c * n + known]);
                if new < old || (new == old && a < known) {
                    nearest[c] = Some(a);
                }
            }
        }
    }
    let order = members.into_iter().find(|members| !members.is_empty());
    Tree {
        order: order.unwrap_or_default(),
        joined_at,
    }
}

/// Pearson's correlation of the distances with those at which the tree joins, over the pairs i < j; `None` where either is
/// the same for all pairs.
pub(super) fn cophenetic_correlation(distances: &[f64], tree: &Tree, n: usize) -> Option<f64> {
    let pairs = || {
        let all = (0..n).flat_map(|i| (i + 1..n).map(move |j| i * n + j));
        all.map(|at| (distances[at], tree.joined_at[at]))
    };
    let count = (n * n.saturating_sub(1) / 2) as f64;
    let mean_x = pairs().map(|pair| pair.0).sum::<f64>() / count;
    let mean_y = pairs().map(|pair| pair.1).sum::<f64>() / count;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs() {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    // What is left of equal numbers less their mean.
    let rounding = 1e-24 * count;
    (xx > rounding && yy > rounding).then(|| (xy / (xx * yy).sqrt()).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::many::mix;

    /// The same by looking at every pair of groups and every pair of things each time.
    fn naive(distances: &[f64], n: usize) -> Vec<f64> {
        let mut groups: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
        let mut joined_at = vec![0.0; n * n];
        while groups.len() > 1 {
            let mut best = (f64::INFINITY, 0, 0);
            for a in 0..groups.len() {
                for b in a + 1..groups.len() {
                    let pairs = groups[a]
                        .iter()
                        .flat_map(|i| groups[b].iter().map(move |j| (i, j)));
                    let sum: f64 = pairs.map(|(i, j)| distances[i * n + j]).sum();
                    let mean = sum / (groups[a].len() * groups[b].len()) as f64;
                    if mean < best.0 - 1e-12 {
                        best = (mean, a, b);
                    }
                }
            }
            let (height, a, b) = best;
            let moved = groups.remove(b);
            for &i in &groups[a] {
                for &j in &moved {
                    joined_at[i * n + j] = height;
                    joined_at[j * n + i] = height;
                }
            }
            groups[a].extend(moved);
        }
        joined_at
    }

    fn distances(n: usize, seed: u64) -> Vec<f64> {
        let entry = |i: usize, j: usize| match i == j {
            true => 0.0,
            false => mix::uniform(seed, i.min(j), i.max(j)),
        };
        (0..n * n).map(|at| entry(at / n, at % n)).collect()
    }

    #[test]
    fn heights_are_those_of_the_naive_tree() {
        for n in [2, 3, 7, 20] {
            for seed in 0..20 {
                let distances = distances(n, seed);
                let tree = average_linkage(&distances, n);
                let expected = naive(&distances, n);
                let apart = tree.joined_at.iter().zip(&expected);
                assert!(
                    apart.into_iter().all(|(a, b)| (a - b).abs() < 1e-9),
                    "n {n}, seed {seed}"
                );
                let mut order = tree.order.clone();
                order.sort_unstable();
                assert!(order.into_iter().eq(0..n));
            }
        }
    }

    #[test]
    fn a_tree_of_groups_agrees_with_itself_and_equal_distances_say_nothing() {
        let two = |i: usize, j: usize| f64::from(u8::from((i < 3) != (j < 3)));
        let distances: Vec<f64> = (0..36).map(|at| two(at / 6, at % 6)).collect();
        let tree = average_linkage(&distances, 6);
        assert_eq!(tree.joined_at, distances);
        assert_eq!(cophenetic_correlation(&distances, &tree, 6), Some(1.0));
        let equal = vec![0.0; 36];
        let tree = average_linkage(&equal, 6);
        assert_eq!(cophenetic_correlation(&equal, &tree, 6), None);
    }

    /// Three points at 0, 1 and 3: joined at 1 and 2.5. The correlation by hand.
    #[test]
    fn the_correlation_of_three_points() {
        let places = [0.0f64, 1.0, 3.0];
        let distances: Vec<f64> = (0..9)
            .map(|at| (places[at / 3] - places[at % 3]).abs())
            .collect();
        let tree = average_linkage(&distances, 3);
        let found = cophenetic_correlation(&distances, &tree, 3).unwrap();
        // x = (1, 3, 2), y = (1, 2.5, 2.5): covariance 1.5, variances 2 and 1.5.
        assert!((found - 1.5 / 3f64.sqrt()).abs() < 1e-12, "{found}");
    }
}
