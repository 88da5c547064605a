//! Which row goes with which column, so that the sum of their values is the largest: the Hungarian method with potentials,
//! one row joined at a time by a shortest augmenting path, O(k³). (Kuhn 1955; Jonker & Volgenant 1987.)

/// The column of each row; `values` is k × k, all finite.
pub(super) fn best(values: &[f64], k: usize) -> Vec<usize> {
    const FREE: usize = usize::MAX;
    // Costs −value; `column_of` and `row_of` are the matching of the rows so far.
    let mut row_price = vec![0.0; k];
    let mut column_price = vec![0.0; k];
    let mut row_of = vec![FREE; k];
    for new in 0..k {
        // Shortest paths from the new row to every column, in reduced costs; `from` is the column before on the path.
        let mut distance = vec![f64::INFINITY; k];
        let mut from = vec![FREE; k];
        let mut settled = vec![false; k];
        let (mut row, mut reached, mut last) = (new, 0.0, FREE);
        let end = loop {
            for column in (0..k).filter(|&column| !settled[column]) {
                let reduced = -values[row * k + column] - row_price[row] - column_price[column];
                if reached + reduced < distance[column] {
                    distance[column] = reached + reduced;
                    from[column] = last;
                }
            }
            let open = (0..k).filter(|&column| !settled[column]);
            let nearest = open.min_by(|&a, &b| distance[a].total_cmp(&distance[b]));
            let Some(column) = nearest else {
                unreachable!("a column is free for each new row");
            };
            settled[column] = true;
            reached = distance[column];
            last = column;
            if row_of[column] == FREE {
                break column;
            }
            row = row_of[column];
        };
        // Prices that keep reduced costs at zero or more, and zero along the matching.
        row_price[new] += reached;
        for column in (0..k).filter(|&column| settled[column] && column != end) {
            let gain = reached - distance[column];
            column_price[column] -= gain;
            row_price[row_of[column]] += gain;
        }
        let mut column = end;
        while from[column] != FREE {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
        row_of[column] = new;
    }
    let mut column_of = vec![0; k];
    for (column, &row) in row_of.iter().enumerate() {
        column_of[row] = column;
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::super::mix;
    use super::*;

    /// The largest sum over all permutations.
    fn by_trying(values: &[f64], k: usize, row: usize, used: &mut Vec<bool>) -> f64 {
        if row == k {
            return 0.0;
        }
        let mut most = f64::NEG_INFINITY;
        for column in 0..k {
            if !used[column] {
                used[column] = true;
                let rest = by_trying(values, k, row + 1, used);
                most = most.max(values[row * k + column] + rest);
                used[column] = false;
            }
        }
        most
    }

    #[test]
    fn no_permutation_is_better() {
        for k in 1..=7 {
            for seed in 0..60 {
                // Many ties in every third case, negative values in some.
                let draw = |i: usize| {
                    let x = mix::uniform(seed, i / k, i % k) - 0.3;
                    if seed % 3 == 0 { (4.0 * x).round() } else { x }
                };
                let values: Vec<f64> = (0..k * k).map(draw).collect();
                let found = best(&values, k);
                let mut seen = found.clone();
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..k), "{found:?}");
                let sum: f64 = found
                    .iter()
                    .enumerate()
                    .map(|(i, &j)| values[i * k + j])
                    .sum();
                let most = by_trying(&values, k, 0, &mut vec![false; k]);
                assert!(
                    (sum - most).abs() < 1e-9,
                    "k {k}, seed {seed}: {sum} < {most}"
                );
            }
        }
    }
}
