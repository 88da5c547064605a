//! The factors of documents × terms as topics.
//!
//! A row of H is a topic. V ≈ W H leaves open which of the two holds the size of a component, so topics are compared
//! like this: the terms' weights of a topic are its row of H divided by its sum, and a document holds W times that sum
//! of the topic. The share of a topic is what all documents hold of it, over all topics: its part of the sum of W H.

use super::{Texts, Weight};

/// Least part of a topic's sum that counts: less would be written as 0.
pub const LEAST_WEIGHT: f64 = 5e-7;

/// W (documents × topics) and H (topics × terms), each row after row.
#[derive(Debug, Clone, Copy)]
pub struct Topics<'a, T> {
    w: &'a [T],
    h: &'a [T],
    rank: usize,
}

/// Topics one by one: what they hold, in the order of [`Topics::new`]'s rows of H.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Sum of each topic's row of H.
    pub of_terms: Vec<f64>,
    /// Share of each topic in the sum of W H; all zero if that is.
    pub shares: Vec<f64>,
}

impl<'a, T: Weight> Topics<'a, T> {
    /// The factors, whose lengths must be those of `rank` topics.
    ///
    /// # Panics
    /// If they are not.
    pub fn new(w: &'a [T], h: &'a [T], rank: usize) -> Self {
        assert!(rank > 0 && w.len().is_multiple_of(rank) && h.len().is_multiple_of(rank));
        Self { w, h, rank }
    }

    /// Number of topics.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of documents.
    pub fn documents(&self) -> usize {
        self.w.len() / self.rank
    }

    fn topic(&self, topic: usize) -> &'a [T] {
        let terms = self.h.len() / self.rank;
        &self.h[topic * terms..(topic + 1) * terms]
    }

    /// How large the topics are.
    pub fn sizes(&self) -> Sizes {
        let of_terms: Vec<f64> = (0..self.rank)
            .map(|topic| self.topic(topic).iter().map(|value| (*value).into()).sum())
            .collect();
        let mut shares = vec![0.0; self.rank];
        for row in self.w.chunks_exact(self.rank) {
            for (share, value) in shares.iter_mut().zip(row) {
                *share += (*value).into();
            }
        }
        for (share, size) in shares.iter_mut().zip(&of_terms) {
            *share *= size;
        }
        normalise(&mut shares);
        Sizes { of_terms, shares }
    }

    /// The strongest terms of a topic, strongest first (of equal ones the first column), with their weights: parts of the
    /// topic's sum. Terms of less than
    /// [`LEAST_WEIGHT`] are left out.
    pub fn terms(&self, topic: usize, most: usize) -> Vec<(usize, f64)> {
        let weights = self.all_terms(topic).map(|(_, weight)| weight);
        // What a solver has not quite brought to zero is no part of a topic.
        strongest(
            weights.map(|weight| if weight < LEAST_WEIGHT { 0.0 } else { weight }),
            most,
        )
    }

    /// Every term of a topic with its weight, in the order of the columns; all 0 for a topic without terms.
    pub(super) fn all_terms(
        &self,
        topic: usize,
    ) -> impl Iterator<Item = (usize, f64)> + use<'a, T> {
        let row = self.topic(topic);
        let sum: f64 = row.iter().map(|value| (*value).into()).sum();
        let sum = if sum > 0.0 { sum } else { 1.0 };
        let weights = row.iter().map(move |value| (*value).into() / sum);
        weights.enumerate()
    }

    /// A topic's strongest documents, strongest first: those that hold most of it.
    pub fn typical(&self, topic: usize, most: usize) -> Vec<usize> {
        let held = self.w.chunks_exact(self.rank).map(|row| row[topic].into());
        strongest(held, most)
            .into_iter()
            .map(|(document, _)| document)
            .collect()
    }

    /// How much of a topic a document holds: the sum of what it makes of the topic's terms in V.
    pub fn amount(&self, document: usize, topic: usize, sizes: &Sizes) -> f64 {
        let held: f64 = self.w[document * self.rank + topic].into();
        held * sizes.of_terms[topic]
    }

    /// The topics' shares of a document, which sum to 1; all zero if it holds nothing.
    pub fn of_document(&self, document: usize, sizes: &Sizes, shares: &mut Vec<f64>) {
        let row = &self.w[document * self.rank..(document + 1) * self.rank];
        shares.clear();
        shares.extend(row.iter().zip(&sizes.of_terms).map(|(value, size)| {
            let value: f64 = (*value).into();
            value * size
        }));
        normalise(shares);
    }
}

/// The topics by their shares, largest first; of equal ones the first.
pub fn by_share(sizes: &Sizes) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.shares.len()).collect();
    order.sort_by(|a, b| sizes.shares[*b].total_cmp(&sizes.shares[*a]));
    order
}

/// Brings W and H into another order of topics, in place.
pub fn reorder<T: Copy>(w: &mut [T], h: &mut [T], order: &[usize]) {
    let rank = order.len();
    let mut before = Vec::with_capacity(rank);
    for row in w.chunks_exact_mut(rank) {
        before.clear();
        before.extend_from_slice(row);
        for (value, topic) in row.iter_mut().zip(order) {
            *value = before[*topic];
        }
    }
    let terms = h.len() / rank;
    let before = h.to_vec();
    for (row, topic) in h.chunks_exact_mut(terms.max(1)).zip(order) {
        row.copy_from_slice(&before[topic * terms..(topic + 1) * terms]);
    }
}

/// A topic's name: its first terms.
pub fn name(terms: &[(usize, f64)], vocabulary: &Texts, most: usize) -> String {
    let words: Vec<_> = terms
        .iter()
        .take(most)
        .map(|(term, _)| vocabulary.get(*term))
        .collect();
    match words.is_empty() {
        true => "(no terms)".to_owned(),
        false => words.join(", "),
    }
}

fn normalise(shares: &mut [f64]) {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        for share in shares {
            *share /= sum;
        }
    }
}

/// The largest values above zero with their places, largest first; of equal ones the first.
fn strongest(values: impl Iterator<Item = f64>, most: usize) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> = Vec::with_capacity(most + 1);
    for (place, value) in values.enumerate() {
        let enters = found.len() < most || found.last().is_some_and(|last| value > last.1);
        if value > 0.0 && enters && most > 0 {
            let at = found.partition_point(|entry| entry.1 >= value);
            found.insert(at, (place, value));
            found.truncate(most);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_compared_by_what_documents_hold_of_them() {
        // Topic 1 has small terms and large documents: the scale must not matter.
        let mut w = [1.0, 10.0, 2.0, 0.0, 0.0, 0.0];
        let mut h = [2.0, 0.0, 2.0, 0.1, 0.3, 0.0];
        let topics = Topics::new(&w, &h, 2);
        let sizes = topics.sizes();
        assert_eq!(sizes.of_terms, [4.0, 0.4]);
        assert!((sizes.shares[0] - 0.75).abs() < 1e-12);
        assert_eq!(by_share(&sizes), [0, 1]);
        let mut shares = Vec::new();
        topics.of_document(0, &sizes, &mut shares);
        assert!((shares[0] - 0.5).abs() < 1e-12);
        topics.of_document(2, &sizes, &mut shares);
        assert_eq!(shares, [0.0, 0.0]);
        assert_eq!(
            [0, 1].map(|topic| topics.amount(0, topic, &sizes)),
            [4.0; 2]
        );
        assert_eq!(topics.terms(0, 5), [(0, 0.5), (2, 0.5)]);
        assert_eq!(topics.terms(1, 1)[0].0, 1);
        assert_eq!(topics.typical(0, 5), [1, 0]);
        reorder(&mut w, &mut h, &[1, 0]);
        assert_eq!(w, [10.0, 1.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(h, [0.1, 0.3, 0.0, 2.0, 0.0, 2.0]);
    }

    #[test]
    fn the_strongest_come_first_and_equal_ones_in_order() {
        let values = [1.0, 3.0, 0.0, 3.0, 2.0];
        assert_eq!(
            strongest(values.into_iter(), 3),
            [(1, 3.0), (3, 3.0), (4, 2.0)]
        );
        assert!(strongest(values.into_iter(), 0).is_empty());
    }
}
