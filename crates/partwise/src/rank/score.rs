//! The figure of a rank by a method.

/// A figure, and the figures of the repeats that it sums up; none where it is of all repeats together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    pub(super) value: f64,
    pub(super) repeats: Vec<f64>,
}

impl Score {
    /// A figure of all repeats together.
    pub(super) fn single(value: f64) -> Self {
        Self {
            value,
            repeats: Vec::new(),
        }
    }

    /// The mean of repeats; `None` without any.
    pub(super) fn mean(repeats: &[f64]) -> Option<Self> {
        let value = repeats.iter().sum::<f64>() / repeats.len() as f64;
        (!repeats.is_empty()).then(|| Self {
            value,
            repeats: repeats.to_vec(),
        })
    }
}
