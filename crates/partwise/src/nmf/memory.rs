//! What a fit takes beside V, before it begins.

use super::Nmf;
use crate::init::Init;
use crate::matrix::{Across, Matrix, Tiles};
use crate::{Float, sketch};

impl Nmf {
    /// Bytes that a fit of an m × n matrix with `stored` entries needs beyond V itself: the factors, their statistics,
    /// a bounded work space, for a sparse V the twin that gives its other axis, and the sketch where the solver takes one.
    pub fn memory_needed<T: Float>(&self, matrix: &Matrix<'_, T>) -> u64 {
        /// Blocks in work at once, tiles and small matrices.
        const WORK_SPACE: u64 = 64 << 20;
        /// The same where memory is counted closely, beside the runs of V that are read.
        const STREAM_WORK: u64 = 16 << 20;
        /// Copies of the factors' size at once: the factors, what is gathered for the next ones, the best so far.
        const COPIES: u64 = 4;
        /// Gram matrices at once: of the blocks of a run of lines.
        const GRAMS: u64 = 64;
        let value = size_of::<T>() as u64;
        let (m, n) = (matrix.rows() as u64, matrix.cols() as u64);
        let work = match matrix {
            Matrix::Streamed(streamed) => {
                let twins = !self.loss.is_quadratic();
                STREAM_WORK.saturating_add(streamed.walk_bytes(twins))
            }
            _ => WORK_SPACE,
        };
        let twin = match matrix {
            Matrix::Dense(_) | Matrix::Streamed(_) => 0,
            // The offsets twice, while the entries are sorted.
            Matrix::Csr(sparse) if self.loss.is_quadratic() => Tiles::bytes(sparse) + 8 * n,
            Matrix::Csr(_) => matrix.stored() as u64 * (value + 4) + 16 * n,
            Matrix::Csc(_) => matrix.stored() as u64 * (value + 4) + 16 * m,
        };
        let init = self.chosen_init(self.rank, matrix.rows(), matrix.cols());
        let rank = self.rank as u64;
        let dense = !matrix.is_sparse();
        let sketch = match self.road(dense, matrix.rows(), matrix.cols()) {
            Ok(solver) if solver.sketches() => {
                sketch::width(matrix.rows(), matrix.cols(), self.rank)
            }
            _ => 0,
        };
        let columns = rank.saturating_add(init.map_or(0, Init::extra_columns) as u64);
        let tiled = match matrix {
            Matrix::Streamed(_) => !dense,
            Matrix::Csr(sparse) => self.loss.is_quadratic() && Tiles::of(sparse).is_some(),
            _ => false,
        };
        let across = match tiled {
            false => 0,
            true => {
                let length = if matrix.prefers_columns() { m } else { n };
                Across::<T>::bytes(length, columns.max(sketch as u64))
            }
        };
        // Values and a twin in single precision at first. Twins of tiles are made when those are gone.
        let single = match matrix {
            Matrix::Csr(_) | Matrix::Csc(_) if !tiled && self.rounds(matrix) => {
                (matrix.stored() as u64).saturating_mul(12) + 8 * (m + n)
            }
            _ => 0,
        };
        // Twice, while its columns are made orthogonal.
        let sketch = (m + n).saturating_mul(2 * sketch as u64 * value);
        let factors = (m + n)
            .saturating_mul(columns)
            .saturating_mul(COPIES * value);
        // V Hᵀ, and the rows and right-hand sides of a factor in double precision, with what its half-step makes of them.
        let constrained = match self.constraints.is_empty() {
            true => 0,
            false => (m + n).saturating_mul(rank).saturating_mul(8 * 2 * COPIES),
        };
        // V with another diagonal, and for a sparse one its twin.
        let shifted = match self.is_symmetric() {
            false => 0,
            true if dense => m.saturating_mul(n).saturating_mul(value),
            true => 2 * (matrix.stored() as u64 + m) * (value + 8),
        };
        let grams = rank
            .saturating_mul(rank)
            .saturating_mul(8 * GRAMS.min(1 + (m + n) / 256));
        [
            factors,
            constrained,
            shifted,
            grams,
            twin,
            single,
            across,
            sketch,
            work,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}
