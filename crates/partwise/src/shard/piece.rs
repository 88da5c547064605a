//! The rows of one block on their way through a pass.

use std::ops::Range;
use std::slice::ChunksMut;

use super::Request;
use crate::Float;
use crate::kernel;
use crate::matrix::Dense;
use crate::pass::{self, Sums};
use crate::update::LinesMet;

/// Values of a factor in pieces of a length; none if there is no such factor.
pub(super) fn chunks<T: Float>(
    rows: Option<&mut Dense<T>>,
    span: Range<usize>,
    length: usize,
) -> ChunksMut<'_, T> {
    let values = rows.map_or(&mut [][..], |rows| &mut rows.as_mut_slice()[span]);
    values.chunks_mut(length)
}

/// The rows of a block, with what is remembered of them.
pub(super) struct Piece<'a, T> {
    pub(super) rows: &'a mut [T],
    pub(super) kept: Option<&'a mut [T]>,
    pub(super) previous: Option<&'a mut [T]>,
}

impl<T: Float> Piece<'_, T> {
    /// Remembers the rows as they are, if that is asked for.
    pub(super) fn keep(&mut self, request: &Request<'_, T>) {
        if let (true, Some(kept)) = (request.keep, &mut self.kept) {
            kept.copy_from_slice(self.rows);
        }
    }

    /// Carries the improved rows on, if that is asked for, and sums them.
    pub(super) fn finish(
        self,
        request: &Request<'_, T>,
        numerator: &[T],
        met: LinesMet,
        k: usize,
    ) -> BlockStats {
        if let (Some(share), Some(previous)) = (request.lead, self.previous) {
            pass::extrapolate(request.problem, self.rows, previous, share);
        }
        BlockStats {
            sums: Sums::of(self.rows, k),
            violation: met.violation,
            magnitude: met.magnitude,
            inner: kernel::inner(numerator, self.rows),
        }
    }
}

/// What a block of lines adds to the statistics.
pub(super) struct BlockStats {
    pub(super) sums: Sums,
    pub(super) violation: f64,
    pub(super) magnitude: f64,
    pub(super) inner: f64,
}
