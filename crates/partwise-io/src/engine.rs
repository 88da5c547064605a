//! Matrices from files as the engine takes them: views, nothing copied.

use partwise::{Float, IndexSlice};

use crate::matrix::{Indices, Layout, Matrix, Order};

impl<T: Float> Matrix<T> {
    /// The matrix as the engine sees it.
    ///
    /// # Errors
    ///
    /// [`partwise::Error::Malformed`] if the public fields were set to what does not fit together; never for a matrix
    /// that was read.
    pub fn view(&self) -> Result<partwise::Matrix<'_, T>, partwise::Error> {
        match self {
            Self::Dense(dense) => {
                let (values, rows, cols) = (&dense.data, dense.rows, dense.cols);
                match dense.order {
                    Order::RowMajor => partwise::Matrix::row_major(values, rows, cols),
                    Order::ColumnMajor => partwise::Matrix::column_major(values, rows, cols),
                }
            }
            Self::Sparse(sparse) => {
                let (rows, cols) = (sparse.rows, sparse.cols);
                let (offsets, values) = (&sparse.offsets, &sparse.values);
                let indices: IndexSlice<'_> = match &sparse.indices {
                    Indices::I32(indices) => indices.into(),
                    Indices::I64(indices) => indices.into(),
                };
                match sparse.layout {
                    Layout::Csr => partwise::Matrix::csr(rows, cols, offsets, indices, values),
                    Layout::Csc => partwise::Matrix::csc(rows, cols, offsets, indices, values),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Dense, Sparse};

    /// [[1, 0, 2], [0, 3, 0]], held in four ways.
    fn held() -> [Matrix<f64>; 4] {
        let dense = |order, data: [f64; 6]| {
            Matrix::Dense(Dense {
                rows: 2,
                cols: 3,
                order,
                data: data.to_vec(),
            })
        };
        let sparse = |layout, offsets: &[i64], indices, values: [f64; 3]| {
            Matrix::Sparse(Sparse {
                layout,
                rows: 2,
                cols: 3,
                offsets: offsets.to_vec(),
                indices,
                values: values.to_vec(),
            })
        };
        [
            dense(Order::RowMajor, [1.0, 0.0, 2.0, 0.0, 3.0, 0.0]),
            dense(Order::ColumnMajor, [1.0, 0.0, 0.0, 3.0, 2.0, 0.0]),
            sparse(
                Layout::Csr,
                &[0, 2, 3],
                Indices::I32(vec![0, 2, 1]),
                [1.0, 2.0, 3.0],
            ),
            sparse(
                Layout::Csc,
                &[0, 1, 2, 3],
                Indices::I64(vec![0, 1, 0]),
                [1.0, 3.0, 2.0],
            ),
        ]
    }

    #[test]
    fn the_engine_sees_the_same_matrix_however_it_is_held() {
        let fits = held().map(|matrix| {
            let view = matrix.view().unwrap();
            assert_eq!((view.rows(), view.cols()), (2, 3));
            let model = partwise::Nmf::new(2).tol(1e-12).fit(&view).unwrap();
            model.reconstruct()
        });
        for fit in &fits {
            let found: Vec<f64> = fit.as_slice().to_vec();
            for (found, wanted) in found.iter().zip([1.0, 0.0, 2.0, 0.0, 3.0, 0.0]) {
                assert!((found - wanted).abs() < 1e-6, "{found} instead of {wanted}");
            }
        }
    }

    #[test]
    fn fields_that_do_not_fit_are_refused() {
        let [mut dense, ..] = held();
        if let Matrix::Dense(dense) = &mut dense {
            dense.rows = 5;
        }
        assert!(matches!(
            dense.view(),
            Err(partwise::Error::Malformed { .. })
        ));
    }
}
