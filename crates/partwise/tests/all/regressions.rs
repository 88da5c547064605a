//! A test for each defect that was found after it was written.

use partwise::{Dense, Loss, Matrix, Nmf, Solver};

/// With H held, V Hᵀ of a sparse V was left at zero, and so was W.
#[test]
fn a_sparse_transform_equals_the_dense_one() {
    let dense: [f64; 9] = [1.0, 0.0, 2.0, 0.0, 3.0, 0.5, 4.0, 1.0, 0.0];
    let (offsets, indices) = ([0usize, 2, 4, 6], [0usize, 2, 1, 2, 0, 1]);
    let values = [1.0, 2.0, 3.0, 0.5, 4.0, 1.0];
    let dense = Matrix::row_major(&dense, 3, 3).unwrap();
    let sparse = Matrix::csr(3, 3, &offsets[..], &indices[..], &values).unwrap();
    let h = Dense::from_rows(vec![1.0, 0.0, 0.5, 0.25, 1.0, 0.0], 2, 3).unwrap();
    for solver in Solver::all().filter(|solver| solver.handles(Loss::FROBENIUS)) {
        let nmf = Nmf::new(2).solver(solver);
        let (dense, sparse) = (
            nmf.transform(&dense, &h).unwrap(),
            nmf.transform(&sparse, &h).unwrap(),
        );
        assert!(
            sparse.relative_error < 0.9,
            "{solver}: {}",
            sparse.relative_error
        );
        for (dense, sparse) in dense.w.as_slice().iter().zip(sparse.w.as_slice()) {
            assert!(
                (dense - sparse).abs() < 1e-12,
                "{solver}: {sparse} against {dense}"
            );
        }
    }
}
