//! Counts into weights: tf-idf as scikit-learn's TfidfTransformer computes it.
//!
//! A count c of a term that is in d of n documents becomes tf · idf with tf = c (or 1 + ln c) and
//! idf = 1 + ln((1 + n) / (1 + d)); then every document is divided by its Euclidean norm.

use std::num::NonZeroUsize;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TermRows;
use super::count::pool;
use crate::AppError;

/// A precision of weights.
pub trait Weight: Copy + Into<f64> + Send + Sync + 'static {
    /// The nearest number of this precision.
    fn nearest(value: f64) -> Self;
}

impl Weight for f32 {
    fn nearest(value: f64) -> Self {
        value as Self
    }
}

impl Weight for f64 {
    fn nearest(value: f64) -> Self {
        value
    }
}

/// How counts become weights.
///
/// | name | default | purpose |
/// |---|---|---|
/// | `tfidf` | true | tf-idf; else the counts as they are |
/// | `sublinear` | false | 1 + ln(count) instead of the count, for tf-idf |
/// | `binary` | false | whether a term occurs, not how often |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighting {
    /// Tf-idf, or the counts as they are.
    pub tfidf: bool,
    /// 1 + ln(count) instead of the count.
    pub sublinear: bool,
    /// 1 instead of the count.
    pub binary: bool,
}

impl Default for Weighting {
    fn default() -> Self {
        Self {
            tfidf: true,
            sublinear: false,
            binary: false,
        }
    }
}

impl Weighting {
    /// The matrix of weights, in the memory of the counts where it fits. `frequencies` says how many of the `documents`
    /// of the corpus that is learned from each term is in.
    ///
    /// # Errors
    /// If no threads can be made; [`AppError::PartOfACount`] for `sublinear` weights.
    pub fn apply<V: Copy + Into<f64>, T: Weight>(
        self,
        rows: TermRows<V>,
        frequencies: &[u32],
        documents: usize,
        threads: Option<NonZeroUsize>,
    ) -> Result<TermRows<T>, AppError> {
        let TermRows {
            cols,
            offsets,
            indices,
            values,
        } = rows;
        let count = |value: V| match self.binary {
            true => 1.0,
            false => value.into(),
        };
        // Values of the same size are converted where they lie.
        let values = values
            .into_iter()
            .map(|value| T::nearest(count(value)))
            .collect();
        let mut rows = TermRows {
            cols,
            offsets,
            indices,
            values,
        };
        if self.tfidf && self.sublinear {
            // Its logarithm would make a weight below zero.
            let below = |value: &T| (*value).into() > 0.0 && (*value).into() < 1.0;
            if let Some(at) = rows.values.iter().position(below) {
                let row = rows.offsets.partition_point(|&offset| offset <= at as i64) - 1;
                return Err(AppError::PartOfACount {
                    value: rows.values[at].into(),
                    row,
                    column: rows.indices[at] as usize,
                });
            }
        }
        if self.tfidf {
            let idf = idf(frequencies, documents);
            pool(threads)?.install(|| {
                rows.pieces()
                    .into_par_iter()
                    .for_each(|(offsets, indices, values)| {
                        self.weigh(&idf, offsets, indices, values);
                    });
            });
        }
        Ok(rows)
    }

    fn weigh<T: Weight>(self, idf: &[f64], offsets: &[i64], indices: &[i32], values: &mut [T]) {
        let mut weights: Vec<f64> = Vec::new();
        for bounds in offsets.windows(2) {
            let row = (bounds[0] - offsets[0]) as usize..(bounds[1] - offsets[0]) as usize;
            let values = &mut values[row.clone()];
            weights.clear();
            weights.extend(values.iter().zip(&indices[row]).map(|(value, column)| {
                let count: f64 = (*value).into();
                let frequency = if self.sublinear {
                    count.ln() + 1.0
                } else {
                    count
                };
                frequency * idf[*column as usize]
            }));
            let norm = weights
                .iter()
                .map(|weight| weight * weight)
                .sum::<f64>()
                .sqrt();
            for (value, weight) in values.iter_mut().zip(&weights) {
                *value = T::nearest(if norm > 0.0 { weight / norm } else { *weight });
            }
        }
    }
}

/// 1 + ln((1 + n) / (1 + d)).
fn idf(frequencies: &[u32], documents: usize) -> Vec<f64> {
    let all = documents as f64 + 1.0;
    frequencies
        .iter()
        .map(|frequency| (all / (f64::from(*frequency) + 1.0)).ln() + 1.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_length_one_and_empty_ones_stay_empty() {
        let rows = TermRows {
            cols: 2,
            offsets: vec![0, 2, 2, 3],
            indices: vec![0, 1, 1],
            values: vec![3_u32, 1, 2],
        };
        let weights: TermRows<f64> = Weighting::default().apply(rows, &[1, 2], 3, None).unwrap();
        let rare = 3.0 * (1.0 + (4.0_f64 / 2.0).ln());
        let common = 1.0 + (4.0_f64 / 3.0).ln();
        let norm = rare.hypot(common);
        for (found, wanted) in weights.values.iter().zip([rare / norm, common / norm, 1.0]) {
            assert!(
                (found - wanted).abs() < 1e-15,
                "{found} instead of {wanted}"
            );
        }
    }
}
