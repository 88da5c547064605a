//! Starts, and the singular value decomposition behind some of them.

use partwise::{Dense, Init, Loss, Matrix, Nmf, Solver, truncated_svd};

use super::naive::{self, Rows};
use super::{compressed, distance, losses, random, uniform};

/// Singular values of a small matrix, the largest first.
fn singular_values(v: &Dense<f64>) -> Vec<f64> {
    let svd = v.view().thin_svd().unwrap();
    (0..v.rows().min(v.cols())).map(|i| svd.S()[i]).collect()
}

#[test]
fn singular_triplets_are_those_of_the_full_decomposition() {
    for (seed, (m, n)) in [(9, 7), (12, 30), (60, 40), (40, 90), (1, 5), (5, 1)]
        .into_iter()
        .enumerate()
    {
        let v: Dense<f64> = uniform(&mut random(seed as u64), m, n, 0.0, 0.5);
        let (offsets, indices, values) = compressed(&v, false);
        let sparse = Matrix::csr(m, n, &offsets, &indices, &values).unwrap();
        let exact = singular_values(&v);
        let total: f64 = exact.iter().map(|x| x * x).sum();
        for k in [1, 3, 5].into_iter().filter(|&k| k <= m.min(n)) {
            for matrix in [Matrix::from(&v), sparse] {
                let svd = truncated_svd(&matrix, k, 3, None).unwrap();
                for (found, exact) in svd.values.iter().zip(&exact) {
                    assert!(
                        (found / exact - 1.0).abs() < 1e-7,
                        "{m}x{n} rank {k}: {found} {exact}"
                    );
                }
                let rest: f64 = exact[k..].iter().map(|x| x * x).sum();
                let error = (rest / total).sqrt();
                assert!(
                    (svd.relative_error - error).abs() < 1e-7,
                    "{m}x{n}: {} {error}",
                    svd.relative_error
                );
                let (left, right) = (naive::rows_of(&svd.left), naive::rows_of(&svd.right));
                let identity: Rows = (0..k)
                    .map(|i| (0..k).map(|j| f64::from(u8::from(i == j))).collect())
                    .collect();
                for vectors in [&left, &right] {
                    let gram = naive::product(&naive::transposed(vectors), vectors);
                    assert!(distance(&gram, &identity) < 1e-10, "{m}x{n} rank {k}");
                }
                // U Σ = V Q, as far as the subspace has settled.
                let scaled: Rows = left
                    .iter()
                    .map(|row| row.iter().zip(&svd.values).map(|(u, s)| u * s).collect())
                    .collect();
                let product = naive::product(&naive::rows_of(&v), &right);
                assert!(distance(&scaled, &product) < 1e-4, "{m}x{n} rank {k}");
            }
        }
    }
}

#[test]
fn a_matrix_of_low_rank_leaves_no_error() {
    let mut rng = random(5);
    let w: Dense<f64> = uniform(&mut rng, 50, 3, 0.0, 0.0);
    let v = partwise::reconstruct(&w, &uniform(&mut rng, 3, 40, 0.0, 0.0));
    for k in [3, 6] {
        let svd = truncated_svd(&Matrix::from(&v), k, 0, None).unwrap();
        assert!(svd.relative_error < 1e-13, "{}", svd.relative_error);
        assert!(
            svd.values[3..].iter().all(|x| *x < 1e-12 * svd.values[0]),
            "{:?}",
            svd.values
        );
    }
}

/// Every component occurs pure in some row: the start finds these rows, and the fit is exact at once.
#[test]
fn spa_finds_pure_rows() {
    let init: Init = "spa".parse().unwrap();
    for seed in 0..20 {
        let mut rng = random(seed);
        let (m, n, k) = (30, 18, 4);
        let h: Dense<f64> = uniform(&mut rng, k, n, 0.0, 0.3);
        let mut w: Dense<f64> = uniform(&mut rng, m, k, 0.05, 0.0);
        let pure = [3, 8, 17, 29];
        for (t, i) in pure.into_iter().enumerate() {
            let size = 0.1 + t as f64;
            for s in 0..k {
                w.as_mut_slice()[i * k + s] = if s == t { size } else { 0.0 };
            }
        }
        let v = partwise::reconstruct(&w, &h);
        let (offsets, indices, values) = compressed(&v, false);
        let sparse = Matrix::csr(m, n, &offsets, &indices, &values).unwrap();
        for matrix in [Matrix::from(&v), sparse] {
            let nmf = Nmf::new(k)
                .init(init)
                .solver("anls".parse().unwrap())
                .max_iter(1);
            let model = nmf.fit(&matrix).unwrap();
            assert!(
                model.relative_error < 1e-10,
                "seed {seed}: {}",
                model.relative_error
            );
            for &i in &pure {
                // A component may be any multiple of the row.
                let unit = |row: &[f64]| {
                    let sum: f64 = row.iter().sum();
                    vec![row.iter().map(|x| x / sum).collect()]
                };
                let row = unit(v.row(i));
                let found = (0..k).any(|t| distance(&unit(model.h.row(t)), &row) < 1e-8);
                assert!(found, "seed {seed}: row {i} of V is not a component");
            }
        }
    }
}

/// Every start with every solver and loss: factors that are legal, the same twice, and no worse after more work.
#[test]
fn every_start_leads_somewhere() {
    let v: Dense<f64> = uniform(&mut random(9), 16, 12, 0.05, 0.0);
    let matrix = Matrix::from(&v);
    for init in Init::all() {
        for loss in losses() {
            for solver in Solver::all().filter(|solver| solver.handles(loss)) {
                let nmf = Nmf::new(3)
                    .init(init)
                    .loss(loss)
                    .solver(solver)
                    .seed(4)
                    .tol(0.0);
                let few = nmf.clone().max_iter(2).fit(&matrix).unwrap();
                let more = nmf.clone().max_iter(40).fit(&matrix).unwrap();
                let again = nmf.max_iter(40).fit(&matrix).unwrap();
                assert_eq!(
                    (&more.w, &more.h),
                    (&again.w, &again.h),
                    "{init} {solver} {loss}"
                );
                for x in more.w.as_slice().iter().chain(more.h.as_slice()) {
                    assert!(*x >= 0.0 && x.is_finite(), "{init} {solver} {loss}: {x}");
                }
                let slack = 1.0 + 1e-10;
                assert!(
                    more.objective <= few.objective * slack,
                    "{init} {solver} {loss}"
                );
            }
        }
    }
    assert!(
        Nmf::new(3)
            .loss(Loss::FROBENIUS)
            .fit(&matrix)
            .unwrap()
            .relative_error
            < 0.6
    );
}
