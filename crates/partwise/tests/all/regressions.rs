//! A test for each defect that was found after it was written.

use crate::common::planted::{Noise, planted};
use partwise::{Dense, Float, Loss, Matrix, Nmf, Solver};

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

/// Carried on beyond their steps, the two factors of a component that few counts need moved apart by a power of ten in each
/// iteration: to 1e126 of double precision, and out of single precision.
#[test]
fn factors_of_a_component_do_not_move_apart() {
    fn largest<T: Float>(counts: &Dense<f64>, seed: u64) -> f64 {
        // Rows and columns that are left when a third is held out.
        let left = |i: u64| !(7919 * i + 31 * seed).is_multiple_of(3);
        let rows = (0..60).filter(|&i| left(i as u64));
        let cols: Vec<usize> = (0..40).filter(|&j| left(j as u64 + 5)).collect();
        let entry = |i| cols.iter().map(move |&j| T::from_f64(counts.get(i, j)));
        let values: Vec<T> = rows.flat_map(entry).collect();
        let v = Matrix::row_major(&values, values.len() / cols.len(), cols.len()).unwrap();
        let nmf = Nmf::new(25).loss(Loss::KULLBACK_LEIBLER).seed(seed);
        let nmf = nmf.init("random".parse().unwrap());
        let model = nmf.n_init(3.try_into().unwrap()).fit(&v).unwrap();
        let sizes = model.w.as_slice().iter().chain(model.h.as_slice());
        sizes.map(|x| x.to_f64()).fold(0.0, f64::max)
    }
    let counts = planted(60, 40, 20, Noise::Poisson(2.0), 1);
    for seed in [28, 47, 94, 118, 139, 150, 157, 174, 223, 258] {
        for largest in [largest::<f64>(&counts, seed), largest::<f32>(&counts, seed)] {
            assert!(largest < 1e6, "seed {seed}: {largest:e}");
        }
    }
}
