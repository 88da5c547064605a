//! The start of a fit from the components of one with fewer.
//!
//! A survey walks up the ranks. Each of its fits with something held out begins from what the fit of the same fold or block found at the
//! rank before, and needs no several tries. What was found is shaken: as it stands, it is a local minimum that a component more
//! does not leave. Fits that are compared with each other (`stability.rs`, `consensus.rs`) begin from drawn starts, as the methods ask: from
//! grown ones they end as low or lower in fewer iterations, but disagree more often at the true rank.

use super::stability;
use super::work::Data;
use crate::init::{H_STREAMS, draw, drawn_size};
use crate::matrix::Dense;
use crate::nmf::{Nmf, Start};
use crate::{Error, Float};

/// How much is drawn beside what was found, in shares of it. Of 160 planted ranks (60 × 40, four kinds of noise) `cv` finds 118 with
/// this, 112 with none, and 117 from the best of three drawn starts; `bcv` 116, 111 and 109.
const SHAKEN: f64 = 2.0;

/// H (k × n) to begin a fit with: drawn, its first rows beside these `components` (at most k × n).
fn start<T: Float>(nmf: &Nmf, components: &Dense<f64>, mean: f64) -> Dense<T> {
    let (k, n) = (nmf.rank, components.cols());
    let size = drawn_size(mean, k);
    let mut h = draw::<f64>(n, k, size, nmf.seed, H_STREAMS).transposed();
    let known = stability::rows(components);
    for (to, from) in h.as_mut_slice().chunks_exact_mut(n).zip(known) {
        let (known, drawn) = (from.iter().sum::<f64>(), to.iter().sum::<f64>());
        if known > 0.0 {
            let pairs = to.iter_mut().zip(from);
            pairs.for_each(|(to, from)| *to = SHAKEN * *to + from * (drawn / known));
        }
    }
    let values = h.as_slice().iter().map(|&x| T::from_f64(x)).collect();
    Dense::from_rows(values, k, n).expect("the shape of H")
}

/// What `fit` makes of a start: from the `components` of a smaller rank, or without them the best of several drawn ones.
///
/// # Errors
/// The fit's.
pub(super) fn from<T: Float, A>(
    data: &Data<'_, '_, T>,
    nmf: &Nmf,
    components: Option<&Dense<f64>>,
    fit: impl FnOnce(&Nmf, Start<'_, T>) -> Result<A, Error>,
) -> Result<A, Error> {
    let Some(components) = components else {
        return fit(&nmf.clone().n_init(data.tries), Start::default());
    };
    let h = start(nmf, components, data.mean);
    let start = Start {
        h: Some(&h),
        ..Start::default()
    };
    fit(nmf, start)
}
