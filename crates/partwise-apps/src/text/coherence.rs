//! Whether the terms of a topic belong together, and whether topics differ.
//!
//! Coherence is the mean of the normalised pointwise mutual information over all pairs of a topic's strongest terms,
//! NPMI = ln(p(a, b) / (p(a) p(b))) / −ln p(a, b), where p is the share of documents that hold the terms (A. Bouma,
//! "Normalized (pointwise) mutual information in collocation extraction", 2009; Lau, Newman and Baldwin 2014). It is −1
//! for terms that never meet, 0 for independent ones and 1 for terms that only occur together. Diversity is the share
//! of different terms among the strongest of all topics (Dieng, Ruiz and Blei, 2020).

use std::collections::HashSet;

use super::TermRows;

/// Terms of a topic that coherence looks at.
pub const COHERENCE_TERMS: usize = 10;
/// Terms of a topic that diversity looks at.
pub const DIVERSITY_TERMS: usize = 25;

/// The coherence of each topic: the mean NPMI of all pairs of its terms (columns of `rows`); `None` for a topic of fewer
/// than two terms.
///
/// # Panics
/// If a term is no column of `rows`.
pub fn npmi<V: Copy + Send + Sync>(rows: &TermRows<V>, topics: &[Vec<usize>]) -> Vec<Option<f64>> {
    let mut place_of = vec![None; rows.cols];
    let mut terms = Vec::new();
    for term in topics.iter().flatten() {
        if place_of[*term].is_none() {
            place_of[*term] = Some(terms.len());
            terms.push(*term);
        }
    }
    let count = terms.len();
    // Documents that hold both terms; of a term and itself, those that hold it.
    let mut together = vec![0_u32; count * count];
    let mut held = Vec::new();
    for row in 0..rows.rows() {
        held.clear();
        held.extend(
            rows.row(row)
                .0
                .iter()
                .filter_map(|column| place_of[*column as usize]),
        );
        for (index, first) in held.iter().enumerate() {
            for second in &held[index..] {
                together[first.min(second) * count + first.max(second)] += 1;
            }
        }
    }
    let documents = rows.rows() as f64;
    let share = |a: usize, b: usize| f64::from(together[a.min(b) * count + a.max(b)]) / documents;
    topics
        .iter()
        .map(|topic| {
            let places: Vec<usize> = topic.iter().filter_map(|term| place_of[*term]).collect();
            let pairs = || {
                let places = &places;
                (1..places.len()).flat_map(move |b| (0..b).map(move |a| (places[a], places[b])))
            };
            let sum: f64 = pairs()
                .map(|(a, b)| npmi_of_pair(share(a, a), share(b, b), share(a, b)))
                .sum();
            (places.len() > 1).then(|| sum / pairs().count() as f64)
        })
        .collect()
}

fn npmi_of_pair(first: f64, second: f64, both: f64) -> f64 {
    if both <= 0.0 {
        -1.0
    } else if both >= 1.0 {
        1.0
    } else {
        (both / (first * second)).ln() / -both.ln()
    }
}

/// The share of different terms among all terms of all topics, 1 if there are none.
pub fn diversity(topics: &[Vec<usize>]) -> f64 {
    let all = topics.iter().map(Vec::len).sum::<usize>();
    let different: HashSet<_> = topics.iter().flatten().collect();
    match all {
        0 => 1.0,
        all => different.len() as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_always_or_never_meet_are_at_the_ends() {
        // a and b only together, c never with them, d everywhere.
        let rows = TermRows {
            cols: 4,
            offsets: vec![0, 3, 6, 8, 9],
            indices: vec![0, 1, 3, 0, 1, 3, 2, 3, 3],
            values: vec![1.0_f64; 9],
        };
        let found = npmi(
            &rows,
            &[vec![0, 1], vec![0, 2], vec![0, 3], vec![3], vec![1, 0, 2]],
        );
        let wanted = [Some(1.0), Some(-1.0), Some(0.0), None, Some(-1.0 / 3.0)];
        for (found, wanted) in found.iter().zip(wanted) {
            assert_eq!(found.is_some(), wanted.is_some());
            let (found, wanted) = (found.unwrap_or_default(), wanted.unwrap_or_default());
            assert!(
                (found - wanted).abs() < 1e-12,
                "{found} instead of {wanted}"
            );
        }
    }

    #[test]
    fn diversity_counts_different_terms() {
        assert_eq!(diversity(&[vec![0, 1], vec![1, 2]]), 0.75);
        assert_eq!(diversity(&[]), 1.0);
    }
}
