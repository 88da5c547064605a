//! Fits in which some components of a factor are known.

use std::ops::ControlFlow;

use partwise::{
    Dense, Error, Factor, Factorization, Loss, Matrix, Missing, Nmf, Progress, Start, Weighting,
};

use super::naive;
use super::{PENALTIES, compressed, pairs, random, uniform};

fn run(
    nmf: &Nmf,
    v: &Matrix<'_, f64>,
    weighting: &Weighting<'_, f64>,
    (w, h): (&Dense<f64>, &Dense<f64>),
    (held_w, held_h): (&[usize], &[usize]),
) -> Result<Factorization<f64>, Error> {
    let start = Start {
        w: Some(w),
        h: Some(h),
        hold: None,
        held_w,
        held_h,
    };
    let mut watch = |_: &Progress| ControlFlow::Continue(());
    nmf.fit_weighted(v, weighting, start, &mut watch)
}

#[test]
fn what_is_held_stays_and_the_rest_goes_down() {
    let v = uniform::<f64>(&mut random(1), 21, 13, 0.05, 0.0);
    let (offsets, indices, values) = compressed(&v, false);
    let sparse = Matrix::csr(21, 13, &offsets[..], &indices[..], &values).unwrap();
    let turned = v.transposed();
    let columns = Matrix::column_major(turned.as_slice(), 21, 13).unwrap();
    let start = (
        uniform::<f64>(&mut random(2), 21, 4, 0.05, 0.0),
        uniform::<f64>(&mut random(3), 4, 13, 0.05, 0.0),
    );
    let everything = Weighting::default();
    let known = Weighting {
        missing: Missing::Unstored,
        ..Weighting::default()
    };
    for (solver, loss) in pairs() {
        for penalty in PENALTIES {
            let nmf = Nmf::new(4).solver(solver).loss(loss).penalty(penalty);
            let nmf = nmf.tol(0.0).max_iter(9);
            let mut cases = vec![
                ((&v).into(), everything),
                (columns, everything),
                (sparse, everything),
            ];
            if solver.name() != "sketched" {
                cases.push((sparse, known));
            }
            for (matrix, weighting) in cases {
                let model = run(
                    &nmf,
                    &matrix,
                    &weighting,
                    (&start.0, &start.1),
                    (&[1], &[0, 3]),
                )
                .unwrap();
                let name = format!("{solver}, {loss}, {penalty:?}, {:?}", weighting.missing);
                for i in 0..21 {
                    assert_eq!(model.w.row(i)[1], start.0.row(i)[1], "{name}");
                }
                for t in [0, 3] {
                    assert_eq!(model.h.row(t), start.1.row(t), "{name}");
                }
                for t in [1, 2] {
                    assert_ne!(model.h.row(t), start.1.row(t), "{name}");
                }
                let (w, h) = (naive::rows_of(&model.w), naive::rows_of(&model.h));
                let rows = naive::rows_of(&v);
                let [of_w, of_h] = naive::weights(&penalty, 21, 13);
                let divergence =
                    naive::total_divergence(loss.beta(), &rows, &naive::product(&w, &h));
                let expected =
                    divergence + naive::penalty_of(of_w, &w) + naive::penalty_of(of_h, &h);
                assert!(
                    (model.objective / expected - 1.0).abs() < 1e-9,
                    "{name}: {} {expected}",
                    model.objective
                );
                if solver.descends() {
                    for pair in model
                        .trace
                        .windows(2)
                        .filter(|pair| !pair[0].sketched && !pair[1].sketched)
                    {
                        let (before, after) = (pair[0].objective, pair[1].objective);
                        assert!(
                            after <= before * (1.0 + 1e-11),
                            "{name}: {before} to {after}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_unknown_source_is_found_among_known_ones() {
    // Each source rests somewhere, which makes the unknown one unique.
    let truth = uniform::<f64>(&mut random(4), 3, 30, 0.05, 0.4);
    let mix = uniform::<f64>(&mut random(5), 80, 3, 0.05, 0.4);
    let v = partwise::reconstruct(&mix, &truth);
    let mut h = truth.clone();
    h.as_mut_slice()[60..].fill(0.5);
    let w = Dense::filled(80, 3, 0.5);
    for (solver, loss) in [("anls", 2.0), ("hals", 2.0), ("newton", 1.0), ("mu", 1.0)] {
        let nmf = Nmf::new(3)
            .solver(solver.parse().unwrap())
            .loss(Loss::beta_divergence(loss).unwrap());
        let nmf = nmf.tol(0.0).max_iter(3000);
        let model = run(
            &nmf,
            &(&v).into(),
            &Weighting::default(),
            (&w, &h),
            (&[], &[0, 1]),
        )
        .unwrap();
        let (found, expected) = (model.h.row(2), truth.row(2));
        let (mut cross, mut sizes) = (0.0, [0.0, 0.0]);
        for (a, b) in found.iter().zip(expected) {
            cross += a * b;
            sizes[0] += a * a;
            sizes[1] += b * b;
        }
        let cosine = cross / f64::sqrt(sizes[0] * sizes[1]);
        assert!(cosine > 0.999, "{solver}: {cosine}");
        assert_eq!(model.h.row(0), truth.row(0), "{solver}");
    }
}

#[test]
fn holding_all_of_a_factor_component_by_component_is_holding_it() {
    let v = uniform::<f64>(&mut random(6), 15, 9, 0.05, 0.0);
    let w = uniform::<f64>(&mut random(7), 15, 2, 0.05, 0.0);
    let h = uniform::<f64>(&mut random(8), 2, 9, 0.05, 0.0);
    let nmf = Nmf::new(2);
    for (factor, parts) in [
        (Factor::W, (&[0, 1][..], &[][..])),
        (Factor::H, (&[][..], &[1, 0][..])),
    ] {
        let held = run(&nmf, &(&v).into(), &Weighting::default(), (&w, &h), parts).unwrap();
        let start = Start {
            w: Some(&w),
            h: Some(&h),
            hold: Some(factor),
            ..Start::default()
        };
        let mut watch = |_: &Progress| ControlFlow::Continue(());
        let whole = nmf.fit_with(&[(&v).into()], start, &mut watch).unwrap();
        assert_eq!((held.w, held.h), (whole.w, whole.h), "{factor:?}");
    }
    let refused = run(
        &nmf,
        &(&v).into(),
        &Weighting::default(),
        (&w, &h),
        (&[0, 1], &[0, 1]),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("at least one component")
    );
    let refused = run(
        &nmf,
        &(&v).into(),
        &Weighting::default(),
        (&w, &h),
        (&[], &[2]),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("held component = 2: expected a component of H from 0 to 1")
    );
}

/// To go through the components in another order is to number them in that order, and back.
#[test]
fn an_order_of_components_is_another_numbering() {
    const K: usize = 4;
    let v = uniform::<f64>(&mut random(4), 21, 13, 0.05, 0.3);
    let w = uniform::<f64>(&mut random(5), 21, K, 0.05, 0.0);
    let h = uniform::<f64>(&mut random(6), K, 13, 0.05, 0.0);
    let (offsets, indices, values) = compressed(&v, false);
    let turned = v.transposed();
    let order = [2, 0, 3, 1];
    let numbered = |w: &Dense<f64>, h: &Dense<f64>| {
        let (rows, cols) = (w.rows(), h.cols());
        let w = (0..rows * K).map(|at| w.get(at / K, order[at % K]));
        let h = (0..K * cols).map(|at| h.get(order[at / cols], at % cols));
        let w = Dense::from_rows(w.collect(), rows, K).unwrap();
        (w, Dense::from_rows(h.collect(), K, cols).unwrap())
    };
    for matrix in [
        Matrix::from(&v),
        Matrix::csr(21, 13, &offsets[..], &indices[..], &values).unwrap(),
        Matrix::column_major(turned.as_slice(), 21, 13).unwrap(),
    ] {
        for held in [&[][..], &[1]] {
            let nmf = Nmf::new(K)
                .solver("cd".parse().unwrap())
                .max_iter(5)
                .tol(0.0);
            let none = Weighting::default();
            let ordered = nmf.clone().orders(vec![order.to_vec(); 10]);
            let found = run(&ordered, &matrix, &none, (&w, &h), (held, held)).unwrap();
            let (other_w, other_h) = numbered(&w, &h);
            // Component 1 has the number 3 there.
            let held: Vec<usize> = held.iter().map(|_| 3).collect();
            let other = (&other_w, &other_h);
            let expected = run(&nmf, &matrix, &none, other, (&held, &held)).unwrap();
            let (w, h) = numbered(&found.w, &found.h);
            for (found, expected) in [(w, &expected.w), (h, &expected.h)] {
                let pairs = found.as_slice().iter().zip(expected.as_slice());
                let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(apart < 1e-12, "{apart:e}");
            }
        }
    }
}
