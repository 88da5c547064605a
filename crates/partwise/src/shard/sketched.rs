//! A sketch of V: V ≈ Q B, with far fewer columns in Q than in V.

use super::{Request, Shard, Stats};
use crate::Float;
use crate::archive::Archive;
use crate::kernel::{self, Packed};
use crate::loss::Elementwise;
use crate::matrix::Dense;
use crate::pass::{Fixed, Problem};
use crate::sketch;
use crate::threads::Threads;
use crate::update::LinesMet;

/// Columns and rows of Bᵀ in a task.
const COLUMNS: usize = 32;
const ROWS: usize = 256;

/// Q (m × l) and Bᵀ (n × l), whose product stands for V, with the rows of the left factor. A walk over Q with B Hᵀ for the
/// other factor says what a walk over Q B with H would say, and Bᵀ (QᵀW) is the statistic of its columns.
pub(crate) struct Sketched<'a, T: Float> {
    basis: Box<dyn Shard<T> + 'a>,
    projected: &'a Dense<T>,
    /// The squared loss below which sums have no digits left.
    floor: f64,
    threads: Threads,
}

impl<'a, T: Float> Sketched<'a, T> {
    /// `basis` holds the lines of Q, `projected` is Bᵀ; `squares` is ‖V‖².
    pub(crate) fn new(
        basis: Box<dyn Shard<T> + 'a>,
        projected: &'a Dense<T>,
        squares: f64,
        threads: &Threads,
    ) -> Self {
        Self {
            basis,
            projected,
            floor: 0.5 * sketch::CANCELLATION * squares,
            threads: threads.clone(),
        }
    }

    /// B Hᵀ (l × k).
    fn seen_through(&self, right: &Fixed<T>) -> Fixed<T> {
        let (k, view) = (right.rows.cols(), self.projected.view());
        let mut rows = Dense::zeros(view.ncols(), k);
        let values = rows.as_mut_slice();
        self.threads.map_chunks(values, COLUMNS * k, |index, out| {
            let tile = view.subcols(index * COLUMNS, out.len() / k);
            kernel::add_transposed_times(out, tile, right.rows.as_slice());
        });
        Fixed {
            rows,
            sums: right.sums.clone(),
        }
    }
}

impl<T: Float> Shard<T> for Sketched<'_, T> {
    fn pass(&mut self, request: &Request<'_, T>) -> Stats<T> {
        let seen = self.seen_through(request.right);
        let mut stats = self.basis.pass(&Request {
            right: &seen,
            // What is gathered there is not yet of the columns of V.
            step: false,
            ..*request
        });
        if request.statistics {
            let (k, view) = (seen.rows.cols(), self.projected.view());
            let through = Packed::new(&stats.parts.numerator, k, &self.threads);
            let mut numerator = vec![T::ZERO; view.nrows() * k];
            self.threads
                .map_chunks(&mut numerator, ROWS * k, |index, out| {
                    let block = view.subrows(index * ROWS, out.len() / k);
                    kernel::times_packed(out, block, &through);
                });
            stats.parts.numerator = numerator;
        }
        stats
    }

    fn divergence(&self, _: &Elementwise<T>, _: &Fixed<T>) -> f64 {
        self.floor
    }

    fn holds_columns(&self) -> bool {
        false
    }

    fn meet_columns(&mut self, _: &Problem<T>, _: usize, _: &mut [T], _: bool) -> LinesMet {
        unreachable!("a sketch holds no columns")
    }

    fn restore(&mut self) {
        self.basis.restore();
    }

    fn squares(&self) -> Vec<f64> {
        self.basis.squares()
    }

    fn scale(&mut self, factors: &[T]) {
        self.basis.scale(factors);
    }

    fn archive(&mut self, archive: &mut Archive<'_>) {
        self.basis.archive(archive);
    }

    fn into_rows(self: Box<Self>) -> Dense<T> {
        self.basis.into_rows()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Weights;
    use crate::matrix::Source;
    use crate::pass::Terms;
    use crate::shard::Local;
    use crate::{Loss, Solver};

    /// Values between 0 and 1 that never repeat.
    fn values(rows: usize, cols: usize, seed: f64) -> Dense<f64> {
        let value = |i: usize| (seed + i as f64 * 0.618_033_988_75).fract();
        Dense::from_rows((0..rows * cols).map(value).collect(), rows, cols).unwrap()
    }

    #[test]
    fn a_pass_says_what_a_pass_over_the_product_says() {
        let (m, n, width, k) = (300, 70, 35, 4);
        let (basis, projected) = (values(m, width, 0.1), values(n, width, 0.2));
        let product = crate::reconstruct(&basis, &projected.transposed());
        let threads = Threads::new(None);
        let none = Weights { l1: 0.0, l2: 0.0 };
        let terms = || Terms::new(none, width as f64, k);
        let hals: Solver = "hals".parse().unwrap();
        let problem = Problem::new(hals, Loss::FROBENIUS, 0.0, (terms(), terms()));
        let left = values(m, k, 0.3);
        let right = Fixed::new(values(n, k, 0.4), &threads);
        let request = Request {
            problem: &problem,
            right: &right,
            update: true,
            statistics: true,
            right_unchanged: false,
            keep: false,
            lead: None,
            sweeps: usize::MAX,
            step: false,
        };
        let (of_basis, of_product) = (Source::Dense(basis.view()), Source::Dense(product.view()));
        let lines = Local::new(&of_basis, left.clone(), threads.clone());
        let mut sketched = Sketched::new(Box::new(lines), &projected, 1.0, &threads);
        let mut whole = Local::new(&of_product, left, threads.clone());
        let (found, expected) = (sketched.pass(&request), whole.pass(&request));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1.0);
        let numerators = found.parts.numerator.iter().zip(&expected.parts.numerator);
        assert_eq!(found.parts.numerator.len(), n * k);
        assert!(numerators.into_iter().all(|(&a, &b)| near(a, b)));
        assert!(near(found.inner, expected.inner));
        assert!(near(found.violation, expected.violation));
        let (a, b) = (Box::new(sketched).into_rows(), Box::new(whole).into_rows());
        let rows = a.as_slice().iter().zip(b.as_slice());
        assert!(rows.into_iter().all(|(&a, &b)| near(a, b)));
    }
}
