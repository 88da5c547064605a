//! The half-step of the factor that stands still in a pass, from what the pass gathered of it.

use super::sums::GRAM_ROWS;
use super::{Problem, Sums, half_step, magnitude};
use crate::Float;
use crate::kernel;
use crate::threads::Threads;

/// Rows in a task.
const TASK_ROWS: usize = 128;

/// Rows of a [`Block`].
pub(crate) const BLOCK_ROWS: usize = GRAM_ROWS;

/// A step of the factor that stood still, taken where its statistics were.
#[derive(Clone, Debug)]
pub(crate) struct Step<T> {
    /// The rows as they are now, one after another.
    pub(crate) rows: Vec<T>,
    /// What was met, a block of rows after another.
    pub(crate) blocks: Vec<Block>,
}

impl<T> Step<T> {
    /// Takes the step of the rows that follow.
    pub(crate) fn join(&mut self, mut following: Self) {
        self.rows.append(&mut following.rows);
        self.blocks.append(&mut following.blocks);
    }
}

/// What a step met in [`BLOCK_ROWS`] rows, or the last of them. Blocks are added from the first to the last, so that it does not matter
/// where each is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// Σ |projected gradient|, and Σ of the data's part of the gradient.
    pub(crate) violation: f64,
    pub(crate) magnitude: f64,
    /// ⟨numerator, rows⟩, which for the squared loss is ⟨V Hᵀ, W⟩, with the rows as they are now.
    pub(crate) inner: f64,
    /// Sums of the rows as they are now.
    pub(crate) sums: Sums,
}

impl Block {
    /// What was met in all rows.
    pub(crate) fn total(blocks: &[Self]) -> Self {
        let mut total = Self::default();
        for block in blocks {
            total.violation += block.violation;
            total.magnitude += block.magnitude;
            total.inner += block.inner;
            total.sums.add(&block.sums);
        }
        total
    }
}

/// ⟨numerator, rows⟩ as [`Block::total`] adds it.
pub(crate) fn inner<T: Float>(numerator: &[T], rows: &[T], k: usize) -> f64 {
    let length = BLOCK_ROWS * k;
    let blocks = numerator.chunks(length).zip(rows.chunks(length));
    blocks
        .map(|(numerator, rows)| kernel::inner(numerator, rows))
        .sum()
}

/// Improves the right factor's `rows`, or only looks when `update` is false, from their parts and the Gram matrix of the left one,
/// with at most so many sweeps over a row. The rows may be some of all, from the first of a block on.
pub(crate) fn step<T: Float>(
    problem: &Problem<T>,
    (sweeps, update): (usize, bool),
    gram: &[f64],
    (numerator, denominator): (&[T], &[T]),
    (rows, k): (&mut [T], usize),
    threads: &Threads,
) -> Vec<Block> {
    let terms = problem.right.at_most(sweeps);
    let shared = denominator.len() != numerator.len();
    let violations = threads.map_chunks(rows, TASK_ROWS * k, |index, rows| {
        let from = index * TASK_ROWS * k;
        let span = from..from + rows.len();
        let denominator = match shared {
            true => denominator,
            false => &denominator[span.clone()],
        };
        let parts = (&numerator[span], denominator);
        half_step(problem, &terms, gram, parts, rows, k, update)
    });
    let rows = &*rows;
    threads.map(rows.len().div_ceil(BLOCK_ROWS * k), |index| {
        let from = index * BLOCK_ROWS * k;
        let span = from..(from + BLOCK_ROWS * k).min(rows.len());
        let (numerator, rows) = (&numerator[span.clone()], &rows[span]);
        let tasks = violations.chunks(BLOCK_ROWS / TASK_ROWS).nth(index);
        Block {
            violation: tasks.unwrap_or_default().iter().sum(),
            magnitude: magnitude(problem, numerator),
            inner: kernel::inner(numerator, rows),
            sums: Sums::of(rows, k),
        }
    })
}
