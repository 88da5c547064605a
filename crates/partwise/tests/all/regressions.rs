//! A test for each defect that was found after it was written.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::planted::{Noise, planted};
use partwise::{Dense, Error, Float, Loss, Matrix, Nmf, NmfTree, Penalty, Progress, Solver, Start};

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

/// Beside components of any sign a Gram matrix has entries below zero, and rows that sum to nothing: `pg` and `apg` took its largest
/// eigenvalue for zero, and left W as it was.
#[test]
fn components_of_opposite_sign_let_the_other_factor_move() {
    let v = [1.0, 2.0, -1.0, -2.0, 2.0, 4.0, -2.0, -4.0];
    let v = Matrix::row_major(&v, 4, 2).unwrap();
    let w = Dense::from_rows(vec![1.0, 0.1, 0.1, 1.0, 1.0, 0.1, 0.1, 1.0], 4, 2).unwrap();
    let h = Dense::from_rows(vec![1.0, 2.0, -1.0, -2.0], 2, 2).unwrap();
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    for solver in ["cd", "hals", "anls", "pg", "apg"] {
        let nmf = Nmf::new(2).constraint("semi".parse().unwrap());
        let nmf = nmf.solver(solver.parse().unwrap()).tol(0.0);
        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
        let model = nmf.fit_with(&[v], start, go_on).unwrap();
        assert!(
            model.relative_error < 1e-3,
            "{solver}: {}",
            model.relative_error
        );
    }
}

/// Weights of a component whose other half is zero were left as they were, and paid for.
#[test]
fn what_is_of_no_use_and_has_a_price_goes() {
    let v = [1.0; 4];
    let v = Matrix::row_major(&v, 2, 2).unwrap();
    let w = Dense::from_rows(vec![1.0, 0.1, 1.0, 0.1], 2, 2).unwrap();
    let h = Dense::from_rows(vec![1.0, 1.0, 0.0, 0.0], 2, 2).unwrap();
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    let penalty = Penalty {
        alpha_w: 0.1,
        alpha_h: 0.1,
        l1_ratio: 1.0,
    };
    for solver in ["auto", "hals", "anls"] {
        let nmf = Nmf::new(2).penalty(penalty).solver(solver.parse().unwrap());
        let go_on = &mut |_: &Progress| ControlFlow::Continue(());
        let model = nmf.fit_with(&[v], start, go_on).unwrap();
        let unused = (0..2).filter(|&t| model.h.row(t).iter().all(|&x| x == 0.0));
        let unused: Vec<_> = unused.collect();
        assert!(unused.contains(&1), "{solver}: {:?}", model.h);
        for t in unused {
            assert!(
                (0..2).all(|i| model.w.get(i, t) == 0.0),
                "{solver}: {:?}",
                model.w
            );
        }
    }
}

/// Fits of several starts held the components of a node, where none is drawn, and failed in the middle of the work.
#[test]
fn a_tree_takes_several_starts() {
    let v = planted(24, 12, 3, Noise::Poisson(2.0), 1);
    let nmf = Nmf::new(2).n_init(NonZeroUsize::new(3).unwrap());
    let asked = NmfTree::new(3).nmf(nmf);
    let go_on = &mut |_: &partwise::SurveyProgress| ControlFlow::Continue(());
    let model = asked.run(&Matrix::from(&v), go_on).unwrap().unwrap();
    assert_eq!(model.tree.leaf_components().rows(), 3);
    let labels = asked.predict(&Matrix::from(&v), &model.tree).unwrap();
    assert_eq!(labels.len(), 24);
}

/// Numbers whose products with the factors left the range of single precision gave zeros, or nonsense, as if all were well.
#[test]
fn products_out_of_range_are_refused() {
    let v =
        |scale: f32| -> Vec<f32> { (0..200).map(|i| scale * (1 + i * 7 % 13) as f32).collect() };
    for (scale, solves) in [(1e-32, false), (1e-20, true), (1e18, true), (1e30, false)] {
        let values = v(scale);
        let found = Nmf::new(2).fit(&Matrix::row_major(&values, 20, 10).unwrap());
        match found {
            Ok(model) => assert!(solves && model.relative_error < 0.6, "{scale:e}"),
            Err(error) => {
                assert!(
                    !solves && matches!(error, Error::Scale { .. }),
                    "{scale:e}: {error}"
                );
            }
        }
        // This loss is walked in units of the mean, and needs no such products.
        let nmf = Nmf::new(2).loss(Loss::KULLBACK_LEIBLER);
        let model = nmf
            .fit(&Matrix::row_major(&values, 20, 10).unwrap())
            .unwrap();
        assert!(
            model.relative_error < 0.6,
            "{scale:e}: {}",
            model.relative_error
        );
    }
    // Beside components of any size, products are of the size of the samples.
    let h = Dense::from_rows(vec![1.0_f32, 0.0, 1.0, 0.0, 1.0, 1.0], 2, 3).unwrap();
    for scale in [1e-27_f32, 1e15, 1e27] {
        let samples = [2.0, 1.0, 3.0, 0.0, 4.0, 4.0].map(|x| scale * x);
        let samples = Matrix::row_major(&samples, 2, 3).unwrap();
        let found = match Nmf::new(2).transform(&samples, &h) {
            Err(error) => {
                assert!(
                    scale > 1e20 && matches!(error, Error::Scale { .. }),
                    "{error}"
                );
                continue;
            }
            Ok(found) => found,
        };
        for (x, expected) in found.w.as_slice().iter().zip([2.0, 1.0, 0.0, 4.0]) {
            assert!(
                (x / scale - expected).abs() < 1e-3,
                "{scale:e}: {:?}",
                found.w
            );
        }
    }
    let mut values = vec![1.0_f32; 200 * 200];
    values[777] = 1e6;
    let tenth = Nmf::new(2).loss(Loss::beta_divergence(10.0).unwrap());
    let error = tenth
        .fit(&Matrix::row_major(&values, 200, 200).unwrap())
        .unwrap_err();
    assert!(matches!(error, Error::Scale { .. }), "{error}");
}
