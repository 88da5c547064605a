//! A V with more places than 32 bits can count, of which nearly all are zero: the answer is that of the places that are not.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use partwise::{
    Dense, Factorization, Float, Loss, Matrix, Progress, RowBlocks, RunSize, SparseRows, SparseRun,
    Start,
};

use crate::common::{mapped, random, short};

/// A small matrix with its rows and columns spread over a vast one, the last of each in the last place.
struct Spread<T> {
    small: Dense<T>,
    rows: usize,
    cols: usize,
}

impl<T: Float> Spread<T> {
    fn new(rows: usize, cols: usize) -> Self {
        assert!(
            rows * cols > 1 << 31,
            "no more places than 31 bits can count"
        );
        let small = random(9, 7, 1.0, 1);
        Self { small, rows, cols }
    }

    /// Where line `index` of `count` is among `all`.
    fn place(index: usize, count: usize, all: usize) -> usize {
        (index + 1) * (all / count) + all % count - 1
    }

    fn row(&self, i: usize) -> usize {
        Self::place(i, self.small.rows(), self.rows)
    }

    fn col(&self, j: usize) -> usize {
        Self::place(j, self.small.cols(), self.cols)
    }

    /// Rows of a factor spread in the same way, zeros between them.
    fn spread(factor: &Dense<T>, all: usize) -> Dense<T> {
        let (count, k) = (factor.rows(), factor.cols());
        let mut values = vec![T::ZERO; all * k];
        for i in 0..count {
            let at = Self::place(i, count, all) * k;
            values[at..at + k].copy_from_slice(factor.row(i));
        }
        Dense::from_rows(values, all, k).unwrap()
    }

    /// Holds the fit of the vast matrix against that of the small one.
    fn check(&self, vast: &Matrix<'_, T>, solver: &str, loss: Loss, iterations: usize) {
        const RANK: usize = 2;
        let (m, n) = (self.small.rows(), self.small.cols());
        let (w, h) = (random::<T>(m, RANK, 1.0, 2), random::<T>(RANK, n, 1.0, 3));
        let nmf =
            short(RANK, solver.parse().unwrap(), loss, iterations).threads(Some(NonZeroUsize::MIN));
        let fit = |v: &Matrix<'_, T>, w: &Dense<T>, h: &Dense<T>| -> Factorization<T> {
            let start = Start {
                w: Some(w),
                h: Some(h),
                ..Start::default()
            };
            let mut go_on = |_: &Progress| ControlFlow::Continue(());
            nmf.fit_with(&[*v], start, &mut go_on).unwrap()
        };
        let expected = fit(&Matrix::from(&self.small), &w, &h);
        let vast_w = Self::spread(&w, self.rows);
        let vast_h = Self::spread(&h.transposed(), self.cols).transposed();
        let found = fit(vast, &vast_w, &vast_h);
        let slack = 1e4 * T::EPSILON.to_f64();
        let near = |what: &str, found: f64, expected: f64| {
            assert!(
                (found - expected).abs() <= slack * expected.abs(),
                "{solver} {loss}: {what} is {found:e}, expected {expected:e}"
            );
        };
        near("the objective", found.objective, expected.objective);
        near("the error", found.relative_error, expected.relative_error);
        assert_eq!(found.nonzeros, expected.nonzeros);
        for t in 0..RANK {
            (0..m).for_each(|i| {
                near(
                    "W",
                    found.w.get(self.row(i), t).to_f64(),
                    expected.w.get(i, t).to_f64(),
                )
            });
            (0..n).for_each(|j| {
                near(
                    "H",
                    found.h.get(t, self.col(j)).to_f64(),
                    expected.h.get(t, j).to_f64(),
                )
            });
        }
    }
}

/// Runs of sparse rows.
const RUN: usize = 128 * RunSize::UNIT;

impl<T: Float> SparseRows<T> for Spread<T> {
    fn cols(&self) -> usize {
        self.cols
    }

    fn runs(&self) -> usize {
        self.rows.div_ceil(RUN)
    }

    fn size(&self, index: usize) -> RunSize {
        let rows = RUN.min(self.rows - index * RUN);
        let inside = (0..self.small.rows()).filter(|&i| self.row(i) / RUN == index);
        RunSize {
            rows,
            stored: inside.count() * self.small.cols(),
        }
    }

    fn read(
        &self,
        index: usize,
        out: &mut SparseRun<T>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        *out = SparseRun::default();
        out.offsets.push(0);
        for row in index * RUN..(index * RUN + RUN).min(self.rows) {
            if let Some(i) = (0..self.small.rows()).find(|&i| self.row(i) == row) {
                out.indices
                    .extend((0..self.small.cols()).map(|j| self.col(j) as u32));
                out.values.extend(self.small.row(i));
            }
            out.offsets.push(out.indices.len());
        }
        Ok(())
    }
}

impl<T: Float> RowBlocks<T> for Spread<T> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn read(
        &self,
        first: usize,
        out: &mut [T],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        out.fill(T::ZERO);
        let rows = first..first + out.len() / self.cols;
        for i in (0..self.small.rows()).filter(|&i| rows.contains(&self.row(i))) {
            let from = (self.row(i) - first) * self.cols;
            (0..self.small.cols()).for_each(|j| out[from + self.col(j)] = self.small.get(i, j));
        }
        Ok(())
    }
}

#[test]
fn a_sparse_matrix_may_have_more_places_than_32_bits_count() {
    let spread = Spread::<f64>::new(70_001, 65_003);
    let v = Matrix::streamed_sparse(&spread).unwrap();
    spread.check(&v, "cd", Loss::FROBENIUS, 2);
    spread.check(&v, "mu", Loss::KULLBACK_LEIBLER, 2);
    // The same in memory, by rows and by columns.
    let mut entries = SparseRun::default();
    let mut offsets = vec![0i64];
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    for index in 0..spread.runs() {
        SparseRows::read(&spread, index, &mut entries).unwrap();
        let before = indices.len();
        offsets.extend(
            entries.offsets[1..]
                .iter()
                .map(|&end| (before + end) as i64),
        );
        indices.append(&mut entries.indices);
        values.append(&mut entries.values);
    }
    let v = Matrix::csr(
        spread.rows,
        spread.cols,
        &offsets[..],
        &indices[..],
        &values,
    )
    .unwrap();
    spread.check(&v, "cd", Loss::FROBENIUS, 2);
    spread.check(&v, "newton", Loss::KULLBACK_LEIBLER, 2);
    let turned = Spread {
        small: mapped(&spread.small.transposed(), |x| x),
        rows: spread.cols,
        cols: spread.rows,
    };
    turned.check(&v.transpose(), "mu", Loss::KULLBACK_LEIBLER, 2);
}

/// It reads eight gigabytes of zeros a few times.
#[test]
fn a_dense_matrix_may_have_more_places_than_31_bits_count() {
    let spread = Spread::<f32>::new(65_537, 32_771);
    spread.check(&Matrix::streamed(&spread), "cd", Loss::FROBENIUS, 1);
}
