//! Cross-validation with entries held out here and there: the fit never sees them, and predicts them.
//! (Wold 1978, Technometrics 20:4; Owen & Perry 2009, Annals of Applied Statistics 3:2.)
//!
//! Each entry belongs to one fold by a draw of its own, whether it is stored or not. A fold's entries are missing for the
//! fit of the others. The figure is Σ D(v, y) over the fold's entries over the same with the mean of V for y.

use super::grown;
use super::work::{Data, HeldOut};
use crate::many::part::{Misses, Part, product};
use crate::many::{Job, mix};
use crate::matrix::{Dense, Missing, Weighting};
use crate::{Error, Float};

/// Entries of a sparse V that a fold holds out at most, as a multiple of those that are stored: the copy of V without them
/// has to note each.
pub(super) const HELD_PER_STORED: f64 = 2.0;

/// The share of all entries that one fold of so many holds out.
pub(super) fn share<T: Float>(data: &Data<'_, '_, T>, folds: usize) -> f64 {
    let all = 1.0 / folds as f64;
    if !data.v.is_sparse() {
        return all;
    }
    let entries = data.v.rows() as f64 * data.v.cols() as f64;
    all.min(HELD_PER_STORED * data.v.stored() as f64 / entries)
}

/// The figure of one fold, from the `components` that its fit found at a smaller rank; `None` if it was stopped or holds nothing.
///
/// # Errors
/// The engine's.
pub(super) fn held_out<T: Float>(
    data: &Data<'_, '_, T>,
    job: &mut Job<'_, '_>,
    (fold, folds): (usize, usize),
    components: Option<&Dense<f64>>,
) -> Result<Option<HeldOut>, Error> {
    let (seed, share) = (data.nmf.seed, share(data, folds));
    let (from, to) = (fold as f64 * share, (fold + 1) as f64 * share);
    let out = move |row, col| (from..to).contains(&mix::uniform(seed, row, col));
    let (part, held) = Part::without_entries(data.v, &out);
    let weighting = Weighting {
        missing: Missing::Nan,
        ..Weighting::default()
    };
    let nmf = data.drawn(job.rank);
    let fit = grown::from(data, &nmf, components, |nmf, start| {
        nmf.fit_weighted(&part.matrix(), &weighting, start, job)
    });
    let fit = match fit {
        // Of a small or sparse V a fold may be all that there is.
        Err(Error::NothingCounts) => return Ok(None),
        fit => fit?,
    };
    if job.stopped() {
        return Ok(None);
    }
    let ht = fit.h.transposed();
    let mut misses = Misses::new(data.nmf.loss, data.mean, data.largest);
    for one in held {
        misses.add(one.value, product(&fit.w, &ht, one.row, one.col));
    }
    Ok(HeldOut::of(&misses, &fit.h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::nmf::{Nmf, Start};

    #[test]
    fn a_fit_does_not_see_what_is_held_out() {
        let values: Vec<f64> = (0..12 * 9).map(|i| mix::uniform(1, i, 0)).collect();
        let out = |row, col| mix::uniform(5, row, col) < 0.2;
        let other = values.iter().enumerate().map(|(i, &value)| {
            if out(i / 9, i % 9) {
                100.0 + value
            } else {
                value
            }
        });
        let other: Vec<f64> = other.collect();
        assert_ne!(values, other);
        let fit = |values: &[f64]| -> (Dense<f64>, Dense<f64>) {
            let v = Matrix::row_major(values, 12, 9).unwrap();
            let (part, held) = Part::without_entries(&v, &out);
            assert!(
                held.iter()
                    .all(|one| one.value == values[one.row * 9 + one.col])
            );
            let weighting = Weighting {
                missing: Missing::Nan,
                ..Weighting::default()
            };
            let nmf = Nmf::new(3);
            let fit = nmf.fit_weighted(&part.matrix(), &weighting, Start::default(), &mut ());
            let fit = fit.unwrap();
            (fit.w, fit.h)
        };
        assert_eq!(fit(&values), fit(&other));
    }
}
