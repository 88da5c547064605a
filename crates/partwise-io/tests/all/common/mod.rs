//! What the integration tests share.

use std::path::{Path, PathBuf};

use partwise_io::{AnyMatrix, Matrix};

/// A file made by scripts/make_io_fixtures.py.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// All entries in row-major order, in f64.
pub(crate) fn dense(matrix: &AnyMatrix) -> Vec<f64> {
    match matrix {
        AnyMatrix::F32(matrix) => expand(matrix).into_iter().map(f64::from).collect(),
        AnyMatrix::F64(matrix) => expand(matrix),
    }
}

fn expand<T: Copy + Default>(matrix: &Matrix<T>) -> Vec<T> {
    let (rows, cols) = matrix.shape();
    match matrix {
        Matrix::Dense(dense) => (0..rows)
            .flat_map(|row| (0..cols).map(move |col| (row, col)))
            .map(|(row, col)| dense.get(row, col))
            .collect(),
        Matrix::Sparse(sparse) => {
            let mut all = vec![T::default(); rows * cols];
            for (row, col, value) in sparse.entries() {
                all[row * cols + col] = value;
            }
            all
        }
    }
}

/// Fails unless the sparse matrix is canonical, as its type promises.
pub(crate) fn assert_canonical(matrix: &AnyMatrix) {
    match matrix {
        AnyMatrix::F32(Matrix::Sparse(sparse)) => canonical(sparse),
        AnyMatrix::F64(Matrix::Sparse(sparse)) => canonical(sparse),
        _ => {}
    }
}

fn canonical<T>(sparse: &partwise_io::Sparse<T>) {
    let (outer, inner) = match sparse.layout {
        partwise_io::Layout::Csr => (sparse.rows, sparse.cols),
        partwise_io::Layout::Csc => (sparse.cols, sparse.rows),
    };
    assert_eq!(sparse.offsets.len(), outer + 1);
    assert_eq!(sparse.offsets[0], 0);
    assert_eq!(sparse.offsets[outer] as usize, sparse.values.len());
    assert_eq!(sparse.indices.len(), sparse.values.len());
    for bounds in sparse.offsets.windows(2) {
        let indices: Vec<usize> = (bounds[0]..bounds[1])
            .map(|position| sparse.indices.get(position as usize))
            .collect();
        assert!(
            indices.windows(2).all(|pair| pair[0] < pair[1]),
            "{indices:?}"
        );
        assert!(indices.iter().all(|index| *index < inner), "{indices:?}");
    }
}

/// Whether both are the same number, NaN and the sign of zero included.
pub(crate) fn same(left: f64, right: f64) -> bool {
    left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan())
}
