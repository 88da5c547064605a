//! Several shards as one.

use super::tree::{add_sums, sum};
use super::{Request, Shard, Stats};
use crate::Float;
use crate::archive::Archive;
use crate::loss::Elementwise;
use crate::matrix::Dense;
use crate::pass::{Fixed, Problem};
use crate::update::LinesMet;

/// Blocks of rows of one V, their statistics added in the order of a [`Tree`](super::tree::Tree).
pub(crate) struct Many<'a, T: Float> {
    shards: Vec<Box<dyn Shard<T> + 'a>>,
}

impl<'a, T: Float> Many<'a, T> {
    pub(crate) fn new(shards: Vec<Box<dyn Shard<T> + 'a>>) -> Self {
        Self { shards }
    }
}

impl<T: Float> Shard<T> for Many<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let stats = self.shards.iter_mut().map(|shard| shard.pass(request));
        let mut total = sum(stats, |total, stats| total.add(&stats));
        total.finish(request);
        total
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let shards = self.shards.iter();
        let parts = shards.map(|shard| shard.divergence(elementwise, right));
        sum(parts, |total, part| *total += part)
    }

    fn holds_columns(&self) -> bool {
        false
    }

    fn meet_columns(&mut self, _: &Problem<T>, _: usize, _: &mut [T], _: bool) -> LinesMet {
        unreachable!("blocks of rows hold no whole columns")
    }

    fn restore(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.restore());
    }

    fn squares(&self) -> Vec<f64> {
        let squares = self.shards.iter().map(|shard| shard.squares());
        sum(squares, |total, squares| add_sums(total, &squares))
    }

    fn scale(&mut self, factors: &[T]) {
        self.shards
            .iter_mut()
            .for_each(|shard| shard.scale(factors));
    }

    fn archive(&mut self, archive: &mut Archive<'_>) {
        let shards = self.shards.iter_mut();
        shards.for_each(|shard| shard.archive(archive));
    }

    fn into_rows(self: Box<Self>) -> Dense<T> {
        let blocks = self.shards.into_iter().map(|shard| shard.into_rows());
        Dense::stacked(blocks.collect())
    }
}
