//! The rows of a shard with what is remembered of them, and those of one block on their way through a pass.

use std::ops::Range;
use std::slice::ChunksMut;

use super::Request;
use crate::Float;
use crate::archive::Archive;
use crate::kernel;
use crate::matrix::Dense;
use crate::pass::{self, Fixed, Sums};
use crate::threads::Threads;
use crate::update::LinesMet;

/// The rows of a shard.
#[derive(Clone)]
pub(super) struct Rows<T> {
    pub(super) now: Dense<T>,
    /// As they were before they changed for the last time that this was asked for.
    pub(super) kept: Option<Dense<T>>,
    /// As they were after their last step, before they were carried on.
    pub(super) previous: Option<Dense<T>>,
}

impl<T: Float> Rows<T> {
    pub(super) fn new(now: Dense<T>) -> Self {
        Self {
            now,
            kept: None,
            previous: None,
        }
    }

    /// Makes room for what a pass is to remember.
    pub(super) fn begin(&mut self, request: &Request<'_, T>) {
        if request.keep && self.kept.is_none() {
            self.kept = Some(Dense::zeros(self.now.rows(), self.now.cols()));
        }
    }

    /// The rows from `first` to `last`, `block` of them a piece.
    pub(super) fn pieces(&mut self, first: usize, last: usize, block: usize) -> Vec<Piece<'_, T>> {
        let k = self.now.cols();
        let (span, length) = (first * k..last * k, block * k);
        let mut kept = chunks(self.kept.as_mut(), span.clone(), length);
        let mut previous = chunks(self.previous.as_mut(), span.clone(), length);
        let pieces = chunks(Some(&mut self.now), span, length).map(|rows| Piece {
            rows,
            kept: kept.next(),
            previous: previous.next(),
        });
        pieces.collect()
    }

    /// Remembers, from the first pass on that carries rows on, where they are: the first step leaves a start that may be
    /// anywhere.
    pub(super) fn end(&mut self, request: &Request<'_, T>) {
        if request.lead.is_some() && self.previous.is_none() {
            self.previous = Some(self.now.clone());
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive<'_>) {
        let (rows, k) = (self.now.rows(), self.now.cols());
        let empty = || Dense::zeros(rows, k);
        archive.dense(&mut self.now);
        archive.option(&mut self.kept, empty, Archive::dense);
        archive.option(&mut self.previous, empty, Archive::dense);
    }

    /// Lends the rows with their sums and takes them back: they are not copied.
    pub(super) fn lent<R>(&mut self, threads: &Threads, work: impl FnOnce(&Fixed<T>) -> R) -> R {
        let fixed = Fixed::new(self.take(), threads);
        let result = work(&fixed);
        self.now = fixed.rows;
        result
    }

    /// Takes the rows, which must be put back.
    pub(super) fn take(&mut self) -> Dense<T> {
        let none = Dense::zeros(0, self.now.cols());
        std::mem::replace(&mut self.now, none)
    }

    /// Goes back to the rows that were kept, if any were; nothing carries them on from where they came.
    pub(super) fn restore(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.now = kept;
            self.previous = None;
        }
    }

    /// Multiplies each column, and what is remembered of it.
    pub(super) fn scale(&mut self, factors: &[T]) {
        let remembered = [&mut self.kept, &mut self.previous];
        let all = remembered.into_iter().flatten().chain([&mut self.now]);
        all.for_each(|rows| pass::scale(rows, factors));
    }

    /// Σ x² of each column.
    pub(super) fn squares(&self, threads: &Threads) -> Vec<f64> {
        Sums::over(&self.now, threads).squares().collect()
    }
}

/// Values of a factor in pieces of a length; none if there is no such factor.
fn chunks<T: Float>(
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
    kept: Option<&'a mut [T]>,
    previous: Option<&'a mut [T]>,
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
