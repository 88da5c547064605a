//! Figures of the best fit of all entries: how much it leaves, and what an information criterion makes of that. Both are
//! shown for comparison and named weak: the first falls for every rank, and the second counts parameters as if the noise
//! were of one known kind and W were no parameter that grows with the data.

use super::score::Score;
use crate::Loss;

/// What every fit of a survey is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) loss: Loss,
    /// ½ Σ v².
    pub(super) half_squares: f64,
}

/// Residuals below this share of Σ v² count as this share: an exact fit has no likelihood.
const EXACT: f64 = 1e-14;

/// The relative errors of the starts, and the least of them.
pub(super) fn error(relative_errors: &[f64]) -> Option<Score> {
    let value = relative_errors
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min);
    value.is_finite().then(|| Score {
        value,
        repeats: relative_errors.to_vec(),
    })
}

/// The Bayesian information criterion (Schwarz 1978) over the number of entries N = mn, of the best start: for the squared
/// loss log(‖V − WH‖²/N) + p log(N)/N, Gaussian noise of unknown size; for Kullback–Leibler (2 D + p log N)/N, counts.
/// The factors have p = k (m + n − k) parameters, as scale and rotation move between them.
pub(super) fn information(size: &Size, rank: usize, divergences: &[f64]) -> Option<Score> {
    let least = divergences.iter().copied().fold(f64::INFINITY, f64::min);
    let entries = size.rows as f64 * size.cols as f64;
    let free = (size.rows + size.cols).saturating_sub(rank);
    let parameters = rank as f64 * free as f64;
    let price = parameters * entries.ln() / entries;
    let fit = if size.loss.is_quadratic() {
        let half = least.max(EXACT * size.half_squares);
        (2.0 * half / entries).ln()
    } else {
        2.0 * least / entries
    };
    Some(fit + price)
        .filter(|value| value.is_finite())
        .map(Score::single)
}

/// Whether the criterion has a likelihood for a loss.
pub(super) fn has_likelihood(loss: Loss) -> bool {
    loss.is_quadratic() || loss == Loss::KULLBACK_LEIBLER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_criterion_by_hand() {
        let size = Size {
            rows: 10,
            cols: 5,
            loss: Loss::FROBENIUS,
            half_squares: 100.0,
        };
        // ‖V − WH‖² = 4 over 50 entries; 2 · 13 parameters.
        let found = information(&size, 2, &[3.0, 2.0]).unwrap().value;
        let expected = (4.0f64 / 50.0).ln() + 26.0 * 50f64.ln() / 50.0;
        assert!((found - expected).abs() < 1e-12);
        assert!(information(&size, 2, &[0.0]).unwrap().value.is_finite());
        let size = Size {
            loss: Loss::KULLBACK_LEIBLER,
            ..size
        };
        let found = information(&size, 2, &[3.0, 2.0]).unwrap().value;
        assert!((found - (4.0 + 26.0 * 50f64.ln()) / 50.0).abs() < 1e-12);
    }

    #[test]
    fn the_error_is_that_of_the_best_start() {
        assert_eq!(error(&[0.3, 0.2, 0.4]).unwrap().value, 0.2);
        assert_eq!(error(&[f64::INFINITY]), None);
    }
}
