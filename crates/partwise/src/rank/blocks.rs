//! Bi-cross-validation: a block of rows and columns is held out, and predicted from its rows and its columns elsewhere.
//! (Owen & Perry 2009, Annals of Applied Statistics 3:2, section 5.)
//!
//! V = [A B; C D] with A held out. D ≈ W H is fitted; then B ≈ W_B H with H held and C ≈ W H_C with W held, both convex; A is
//! predicted by W_B H_C. No entry of A is seen. Rows and columns are each put into so many groups by a draw, and every pair
//! of groups is a block once. The figure is as for single entries.

use std::ops::Range;

use super::grown;
use super::work::{Data, HeldOut};
use crate::many::part::{Misses, Part, product};
use crate::many::{Job, mix};
use crate::matrix::Dense;
use crate::nmf::{Factor, Start};
use crate::{Error, Float};

/// Groups of rows, and of columns.
pub(super) const GROUPS: usize = 3;

/// The lines of a group, and all others, each in rising order.
fn parted(seed: u64, stream: usize, count: usize, group: usize) -> (Vec<usize>, Vec<usize>) {
    let order = mix::shuffled(seed, stream, count);
    let span = span(count, group);
    let mut inside = order[span.clone()].to_vec();
    let mut outside = [&order[..span.start], &order[span.end..]].concat();
    inside.sort_unstable();
    outside.sort_unstable();
    (inside, outside)
}

/// Columns outside of a block of a V with `cols` columns.
pub(super) fn other_columns(cols: usize, block: usize) -> usize {
    cols - span(cols, block % GROUPS).len()
}

/// Where the lines of a group are in their order.
fn span(count: usize, group: usize) -> Range<usize> {
    group * count / GROUPS..(group + 1) * count / GROUPS
}

/// The figure of one block, from 0 to GROUPS² − 1, from the `components` that its fit found at a smaller rank; `None` if it was
/// stopped.
///
/// # Errors
/// The engine's.
pub(super) fn held_out<T: Float>(
    data: &Data<'_, '_, T>,
    job: &mut Job<'_, '_>,
    block: usize,
    components: Option<&Dense<f64>>,
) -> Result<Option<HeldOut>, Error> {
    let v = data.v;
    let (rows, other_rows) = parted(data.nmf.seed, 0, v.rows(), block / GROUPS);
    let (cols, other_cols) = parted(data.nmf.seed, 1, v.cols(), block % GROUPS);
    let rest = Part::of(v, &other_rows, &other_cols);
    let nmf = data.drawn(job.rank);
    let fit = grown::from(data, &nmf, components, |nmf, start| {
        nmf.fit_with(&[rest.matrix()], start, job)
    })?;
    let beside = Part::of(v, &rows, &other_cols);
    let held_h = Start {
        h: Some(&fit.h),
        hold: Some(Factor::H),
        ..Start::default()
    };
    let w = nmf.fit_with(&[beside.matrix()], held_h, job)?.w;
    let above = Part::of(v, &other_rows, &cols);
    let held_w = Start {
        w: Some(&fit.w),
        hold: Some(Factor::W),
        ..Start::default()
    };
    let ht = nmf.fit_with(&[above.matrix()], held_w, job)?.h.transposed();
    if job.stopped() {
        return Ok(None);
    }
    let mut misses = Misses::new(data.nmf.loss, data.mean, data.largest);
    Part::of(v, &rows, &cols).for_each(|row, col, value| {
        misses.add(value, product(&w, &ht, row, col));
    });
    Ok(HeldOut::of(&misses, &fit.h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_one_group() {
        for count in [3, 4, 10, 11] {
            let mut seen = Vec::new();
            for group in 0..GROUPS {
                let (inside, outside) = parted(7, 0, count, group);
                assert!(!inside.is_empty() && inside.len() + outside.len() == count);
                assert!(inside.iter().all(|line| !outside.contains(line)));
                seen.extend(inside);
            }
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count));
        }
    }
}
