//! How good a split is: whether the features that stand for a node stand for one of its children each.
//!
//! The features of a node in order of their weight are f₁, …, f_L, and i₁, i₂ are the places of f_i in the orders of the two
//! children. Its gain is g(f_i) = log(L − i + 1) / log(L − max(i₁, i₂) + 1): large for what leads in the node and trails in one
//! child. An order is as good as the gains that come first in it, Σ g / log₂ of the place (from the second on), as a share of
//! what the best order has; and a split as good as the product of both its orders. (mNDCG: Kuang & Park 2013.) It tells topics among many
//! words; with few features children that are alike score high, too.

/// The score of a split, 0 to 1. Features that have no part in the node count nothing.
pub(super) fn score(node: &[f64], children: [&[f64]; 2]) -> f64 {
    let features: Vec<usize> = (0..node.len()).filter(|&j| node[j] > 0.0).collect();
    let order = ordered(&features, node);
    let orders = children.map(|child| ordered(&features, child));
    let count = order.len();
    let mut latest = vec![0; node.len()];
    for order in &orders {
        for (place, &j) in order.iter().enumerate() {
            latest[j] = latest[j].max(place);
        }
    }
    let mut gains = vec![0.0; node.len()];
    for (place, &j) in order.iter().enumerate() {
        // The last of all would have the logarithm zero.
        let discount = ((count - latest[j]) as f64).max(2.0).ln();
        gains[j] = ((count - place) as f64).ln() / discount;
    }
    let mut best: Vec<f64> = order.iter().map(|&j| gains[j]).collect();
    best.sort_by(|a, b| b.total_cmp(a));
    let best = summed(best.into_iter());
    if best > 0.0 {
        let share = |order: &Vec<usize>| summed(order.iter().map(|&j| gains[j])) / best;
        orders.iter().map(share).product()
    } else {
        0.0
    }
}

/// Features by their weight, the largest first; of equals the first.
fn ordered(features: &[usize], weights: &[f64]) -> Vec<usize> {
    let mut order = features.to_vec();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    order
}

/// Gains in an order, those that come later divided by the logarithm of their place.
fn summed(gains: impl Iterator<Item = f64>) -> f64 {
    let discounted = gains.enumerate().map(|(place, gain)| match place {
        0 => gain,
        place => gain / ((place + 1) as f64).log2(),
    });
    discounted.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition word by word, with places from 1.
    fn by_definition(node: &[f64], children: [&[f64]; 2]) -> f64 {
        let m = node.len();
        let order = |weights: &[f64]| {
            let mut order: Vec<usize> = (0..m).collect();
            order.sort_by(|a, b| weights[*b].partial_cmp(&weights[*a]).unwrap());
            order
        };
        let (f, left, right) = (order(node), order(children[0]), order(children[1]));
        let place = |order: &[usize], j: usize| order.iter().position(|&x| x == j).unwrap() + 1;
        let gain = |j: usize| {
            let last = place(&left, j).max(place(&right, j));
            let discount = ((m - last + 1) as f64).ln();
            let discount = if discount == 0.0 { 2f64.ln() } else { discount };
            ((m - place(&f, j) + 1) as f64).ln() / discount
        };
        let cumulated = |gains: &[f64]| {
            let mut sum = gains[0];
            for i in 2..=m {
                sum += gains[i - 1] / (i as f64).log2();
            }
            sum
        };
        let mut ideal: Vec<f64> = (0..m).map(gain).collect();
        ideal.sort_by(|a, b| b.partial_cmp(a).unwrap());
        let share = |order: &[usize]| {
            let gains: Vec<f64> = order.iter().map(|&j| gain(j)).collect();
            cumulated(&gains) / cumulated(&ideal)
        };
        share(&left) * share(&right)
    }

    #[test]
    fn scores_are_those_of_the_definition() {
        let draw = |i: usize, seed: usize| ((i * 7919 + seed * 104_729 + 13) % 1009) as f64 + 1.0;
        for seed in 0..20 {
            let vector = |which: usize| (0..30).map(|i: usize| draw(i * 3 + which, seed)).collect();
            let [node, left, right]: [Vec<f64>; 3] = [0, 1, 2].map(vector);
            let found = score(&node, [&left, &right]);
            let expected = by_definition(&node, [&left, &right]);
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            assert!(found > 0.0 && found <= 1.0);
        }
    }

    #[test]
    fn children_in_the_order_of_the_node_cannot_be_told_from_a_good_split() {
        let node: Vec<f64> = (0..50).map(|j| 100.0 - f64::from(j)).collect();
        let found = score(&node, [&node, &node]);
        // All gains are one, but those of the last two features.
        assert!(found > 0.99, "{found}");
    }

    #[test]
    fn nothing_to_order_scores_nothing() {
        assert_eq!(score(&[0.0; 5], [&[1.0; 5], &[2.0; 5]]), 0.0);
        assert_eq!(score(&[0.0, 3.0], [&[1.0, 1.0], &[0.0, 0.0]]), 0.0);
        assert_eq!(score(&[], [&[], &[]]), 0.0);
    }
}
