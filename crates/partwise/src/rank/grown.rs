//! The start of a fit from the components of one with fewer.
//!
//! A survey walks up the ranks. Each of its fits begins from what the fit of the same number found at the rank before, so
//! that the fits of a rank are as independent of each other as from drawn starts. What was found is shaken: as it stands, it is a
//! local minimum that a component more does not leave, and the starts of a rank then disagree where from drawn ones they agree.

use super::work::Data;
use crate::init::{H_STREAMS, draw};
use crate::matrix::Dense;
use crate::nmf::{Nmf, Start};
use crate::{Error, Float};

/// How much is drawn beside what was found, in shares of it. On planted ranks (60 × 40, four kinds of noise) starts with nothing
/// drawn find the rank by stability in 93 cases of 160, with as much drawn in 109, with twice as much in 116, and drawn ones in 115.
const SHAKEN: f64 = 2.0;
/// H (k × n) to begin a fit with: drawn, its first rows beside these `components` (at most k × n).
fn start<T: Float>(nmf: &Nmf, components: &Dense<f64>, mean: f64) -> Dense<T> {
    let (k, n) = (nmf.rank, components.cols());
    let size = (mean / k as f64).sqrt();
    let mut h = draw::<f64>(n, k, size, nmf.seed, H_STREAMS).transposed();
    for (t, to) in h.as_mut_slice().chunks_exact_mut(n).enumerate() {
        if t == components.rows() {
            break;
        }
        let from = components.row(t);
        let (known, drawn) = (from.iter().sum::<f64>(), to.iter().sum::<f64>());
        if known > 0.0 {
            let pairs = to.iter_mut().zip(from);
            pairs.for_each(|(to, from)| *to = SHAKEN * *to + from * (drawn / known));
        }
    }
    let values = h.as_slice().iter().map(|&x| T::from_f64(x)).collect();
    Dense::from_rows(values, k, n).expect("the shape of H")
}

/// What `fit` makes of a start: from the `components` of a smaller rank, or without them of one that is drawn, the best of
/// several tries where something is held out.
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
        return fit(nmf, Start::default());
    };
    let h = start(nmf, components, data.mean);
    let start = Start {
        h: Some(&h),
        ..Start::default()
    };
    fit(&nmf.clone().n_init(std::num::NonZeroUsize::MIN), start)
}
