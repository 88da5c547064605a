//! The engine as the factoriser that compression asks for.

use std::num::NonZeroUsize;

use partwise::{Matrix, Nmf};
use partwise_apps::compress::{FactorError, Factoriser, Factors};

/// Iterations at most: components go on improving with the codes that the file holds.
const ITERATIONS: usize = 100;

/// Factors with the engine's defaults, from the same seed always.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) threads: Option<NonZeroUsize>,
}

impl Factoriser for Engine {
    fn non_negative(
        &self,
        v: &[f32],
        (rows, cols): (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let v = Matrix::row_major(v, rows, cols)?;
        let nmf = Nmf::new(rank).max_iter(ITERATIONS).threads(self.threads);
        let fit = nmf.fit(&v)?;
        Ok(Factors {
            w: fit.w.into_values(),
            h: fit.h.into_values(),
        })
    }

    fn singular(
        &self,
        v: &[f32],
        (rows, cols): (usize, usize),
        rank: usize,
    ) -> Result<Factors, FactorError> {
        let v = Matrix::row_major(v, rows, cols)?;
        let svd = partwise::truncated_svd(&v, rank, 0, self.threads)?;
        let mut w = svd.left.into_values();
        for row in w.chunks_exact_mut(rank) {
            for (entry, &value) in row.iter_mut().zip(&svd.values) {
                *entry *= value as f32;
            }
        }
        Ok(Factors {
            w,
            h: svd.right.transposed().into_values(),
        })
    }
}
