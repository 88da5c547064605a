//! Several shards as one.

use super::{Request, Shard, Stats};
use crate::Float;
use crate::archive::Archive;
use crate::loss::Elementwise;
use crate::matrix::Dense;
use crate::pass::{Fixed, Problem};
use crate::update::LinesMet;

/// Blocks of rows of one V, their statistics added in order.
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
        let mut shards = self.shards.iter_mut();
        let mut total = shards
            .next()
            .map(|shard| shard.pass(request))
            .expect("a matrix has at least one block");
        for shard in shards {
            total.add(&shard.pass(request));
        }
        if request.statistics {
            let columns = total.sums.columns.clone();
            total
                .parts
                .set_common_denominator(request.problem, &columns);
        }
        total
    }

    fn divergence(&self, elementwise: &Elementwise<T>, right: &Fixed<T>) -> f64 {
        let parts = self.shards.iter();
        parts
            .map(|shard| shard.divergence(elementwise, right))
            .sum()
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
        let mut shards = self.shards.iter().map(|shard| shard.squares());
        let mut total = shards.next().expect("a matrix has at least one block");
        for squares in shards {
            for (sum, x) in total.iter_mut().zip(squares) {
                *sum += x;
            }
        }
        total
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
        let (mut values, mut rows, mut cols) = (Vec::new(), 0, 0);
        for shard in self.shards {
            let block = shard.into_rows();
            rows += block.rows();
            cols = block.cols();
            values.extend(block.into_values());
        }
        Dense::from_rows(values, rows, cols).expect("blocks of equal width stack")
    }
}
