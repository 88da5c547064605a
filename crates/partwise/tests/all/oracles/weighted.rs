//! Fits where entries are missing or weighted, against sums over the entries that count.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use partwise::{
    Dense, Error, Factor, Factorization, Float, Init, Loss, Matrix, Missing, Nmf, Penalty,
    Progress, Solver, Start, Weighting,
};

use super::naive::{self, Rows};
use super::{PENALTIES, compressed, pairs, random, uniform};

/// V, the weight of each row and of each entry, and which entries are missing.
struct Case {
    v: Dense<f64>,
    of_rows: Vec<f64>,
    of_entries: Dense<f64>,
    missing: Vec<bool>,
}

impl Case {
    /// `share` of the entries is missing; row 3 and column 2 are missing whole.
    fn new(rows: usize, cols: usize, share: f64, seed: u64) -> Self {
        let draw = uniform::<f64>(&mut random(seed), 2 * rows, cols, 0.0, 0.0);
        let (weights, chances) = draw.as_slice().split_at(rows * cols);
        let missing = chances.iter().enumerate().map(|(at, &chance)| {
            let (i, j) = (at / cols, at % cols);
            chance < share || i == 3 || j == 2
        });
        Self {
            v: positive(rows, cols, seed + 1),
            of_rows: (0..rows).map(|i| [1.0, 0.5, 2.0][i % 3]).collect(),
            of_entries: Dense::from_rows(weights.to_vec(), rows, cols).unwrap(),
            missing: missing.collect(),
        }
    }

    fn known<T: Float>(&self, values: &[T], absent: T) -> Vec<T> {
        let pairs = values.iter().zip(&self.missing);
        pairs
            .map(|(&v, &missing)| if missing { absent } else { v })
            .collect()
    }

    /// The same where all that is known counts alike.
    fn even(&self) -> Self {
        Self {
            v: self.v.clone(),
            of_rows: vec![1.0; self.v.rows()],
            of_entries: Dense::filled(self.v.rows(), self.v.cols(), 1.0),
            missing: self.missing.clone(),
        }
    }

    /// The weight of each entry, rows and missing ones included.
    fn weights(&self) -> Rows {
        let mut weights = naive::rows_of(&self.of_entries);
        for (i, row) in weights.iter_mut().enumerate() {
            for (j, weight) in row.iter_mut().enumerate() {
                let at = i * self.v.cols() + j;
                *weight *= self.of_rows[i] * f64::from(u8::from(!self.missing[at]));
            }
        }
        weights
    }
}

fn positive(rows: usize, cols: usize, seed: u64) -> Dense<f64> {
    uniform(&mut random(seed), rows, cols, 0.05, 0.0)
}

fn fit<T: Float>(nmf: &Nmf, v: &Matrix<'_, T>, weighting: &Weighting<'_, T>) -> Factorization<T> {
    let mut watch = |_: &Progress| ControlFlow::Continue(());
    nmf.fit_weighted(v, weighting, Start::default(), &mut watch)
        .unwrap()
}

fn objective(case: &Case, model: &Factorization<f64>, loss: Loss, penalty: &Penalty) -> f64 {
    let (w, h) = (naive::rows_of(&model.w), naive::rows_of(&model.h));
    let (v, y) = (naive::rows_of(&case.v), naive::product(&w, &h));
    let weights = case.weights();
    let data: f64 = naive::pairs(&v, &y)
        .zip(weights.iter().flatten())
        .filter(|(_, weight)| **weight > 0.0)
        .map(|((v, y), weight)| weight * naive::divergence(loss.beta(), v, y))
        .sum();
    data + penalties(penalty, &w, &weights)
        + penalties(
            &turned(penalty),
            &naive::transposed(&h),
            &naive::transposed(&weights),
        )
}

/// The penalty of W, each of whose rows takes as many times alpha_w as its entries count.
fn penalties(penalty: &Penalty, w: &Rows, weights: &Rows) -> f64 {
    let rows = w.iter().zip(weights);
    rows.map(|(row, weights)| {
        let strength = penalty.alpha_w * weights.iter().sum::<f64>();
        let (l1, l2) = (penalty.l1_ratio, 1.0 - penalty.l1_ratio);
        naive::penalty_of((strength * l1, strength * l2), &vec![row.clone()])
    })
    .sum()
}

/// The penalty of Hᵀ as one of W.
fn turned(penalty: &Penalty) -> Penalty {
    Penalty {
        alpha_w: penalty.alpha_h,
        alpha_h: penalty.alpha_w,
        l1_ratio: penalty.l1_ratio,
    }
}

#[test]
fn every_solver_lowers_the_weighted_objective_and_reports_it() {
    for share in [0.1, 0.6] {
        let case = Case::new(23, 17, share, 5);
        let holed = case.known(case.v.as_slice(), f64::NAN);
        let v = Matrix::row_major(&holed, 23, 17).unwrap();
        let weighting = Weighting {
            missing: Missing::Nan,
            rows: Some(&case.of_rows),
            entries: Some((&case.of_entries).into()),
        };
        for (solver, loss) in pairs().filter(|(solver, _)| solver.name() != "sketched") {
            for penalty in PENALTIES {
                let name = format!("{solver}, {loss}, {penalty:?}, {share} missing");
                let nmf = Nmf::new(3)
                    .solver(solver)
                    .loss(loss)
                    .penalty(penalty)
                    .tol(0.0)
                    .max_iter(12);
                let model = fit(&nmf, &v, &weighting);
                let expected = objective(&case, &model, loss, &penalty);
                assert!(
                    (model.objective - expected).abs() <= 1e-10 * expected,
                    "{name}: {} against {expected}",
                    model.objective
                );
                let bound = |x: &f64| *x >= 0.0 && x.is_finite();
                assert!(model.w.as_slice().iter().all(bound), "{name}");
                assert!(model.h.as_slice().iter().all(bound), "{name}");
                assert!(model.residual.is_finite(), "{name}");
                assert!(
                    model.w.row(3).iter().all(|x| *x == 0.0),
                    "{name}: a row that is not known"
                );
                assert!(
                    (0..3).all(|t| model.h.row(t)[2] == 0.0),
                    "{name}: such a column"
                );
                if solver.descends() && !solver.leaves_zero() {
                    for pair in model.trace.windows(2) {
                        let (before, after) = (pair[0].objective, pair[1].objective);
                        assert!(
                            after <= before * (1.0 + 1e-12),
                            "{name}: {before} to {after}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_solved_fit_is_stationary_under_the_weights() {
    let case = Case::new(31, 19, 0.25, 11);
    let holed = case.known(case.v.as_slice(), f64::NAN);
    let v = Matrix::row_major(&holed, 31, 19).unwrap();
    let cases = [
        (true, "anls", Loss::FROBENIUS),
        (true, "hals", Loss::FROBENIUS),
        (false, "anls", Loss::FROBENIUS),
        (false, "cd", Loss::FROBENIUS),
        (false, "newton", Loss::KULLBACK_LEIBLER),
    ];
    for ((even, name, loss), penalty) in cases
        .into_iter()
        .flat_map(|case| PENALTIES.map(|penalty| (case, penalty)))
    {
        let entries: Matrix<'_, f64> = (&case.of_entries).into();
        let weighting = Weighting {
            missing: Missing::Nan,
            rows: Some(&case.of_rows[..]).filter(|_| !even),
            entries: Some(entries).filter(|_| !even),
        };
        let solver: Solver = name.parse().unwrap();
        let nmf = Nmf::new(2).solver(solver).loss(loss).penalty(penalty);
        let model = fit(&nmf.tol(0.0).max_iter(3000), &v, &weighting);
        let mut weights = case.weights();
        if even {
            for (weight, missing) in weights.iter_mut().flatten().zip(&case.missing) {
                *weight = f64::from(u8::from(!missing));
            }
        }
        let (w, h) = (naive::rows_of(&model.w), naive::rows_of(&model.h));
        let (y, beta) = (naive::product(&w, &h), loss.beta());
        let ht = naive::transposed(&h);
        let (mut off, mut size) = (0.0, 0.0);
        for i in 0..w.len() {
            let strength = penalty.alpha_w * weights[i].iter().sum::<f64>();
            for t in 0..2 {
                let of_x = penalty.l1_ratio + (1.0 - penalty.l1_ratio) * w[i][t];
                let mut gradient = strength * of_x;
                for j in 0..ht.len() {
                    if weights[i][j] > 0.0 {
                        let (v, y) = (case.v.row(i)[j], y[i][j]);
                        let pull = weights[i][j] * v * y.powf(beta - 2.0) * ht[j][t];
                        gradient += weights[i][j] * y.powf(beta - 1.0) * ht[j][t] - pull;
                        size += pull;
                    }
                }
                off += if w[i][t] > 0.0 {
                    gradient.abs()
                } else {
                    (-gradient).max(0.0)
                };
            }
        }
        assert!(
            off <= 1e-4 * size,
            "{name}, {penalty:?}: {off:e} of {size:e}"
        );
        assert!(model.residual <= 1e-4, "{name}: {:e}", model.residual);
    }
}

/// Factors with even weights of one, and without any.
#[test]
fn weights_of_one_change_nothing() {
    let v = positive(20, 15, 3);
    let ones = Dense::filled(20, 15, 1.0);
    for (solver, loss) in pairs().filter(|(solver, _)| solver.alike_in_storages()) {
        let nmf = Nmf::new(3).solver(solver).loss(loss).seed(4);
        let nmf = nmf.init("random".parse().unwrap()).tol(0.0).max_iter(6);
        let plain = nmf.fit(&(&v).into()).unwrap();
        let weighting = Weighting {
            entries: Some((&ones).into()),
            ..Weighting::default()
        };
        let weighted = fit(&nmf, &(&v).into(), &weighting);
        for (a, b) in [(&plain.w, &weighted.w), (&plain.h, &weighted.h)] {
            for (a, b) in a.as_slice().iter().zip(b.as_slice()) {
                assert!(
                    (a - b).abs() <= 1e-7 * (1.0 + a.abs()),
                    "{solver}, {loss}: {a} {b}"
                );
            }
        }
    }
}

/// Whichever way V is walked, held in part, or asked for W alone.
#[test]
fn penalties_are_those_of_the_lines_in_every_storage() {
    let case = Case::new(31, 19, 0.4, 17);
    let holed = case.known(case.v.as_slice(), f64::NAN);
    let turned = Dense::from_rows(holed.clone(), 31, 19)
        .unwrap()
        .transposed();
    let (offsets, indices, values) = stored(&holed, 31, 19);
    let (t_offsets, t_indices, t_values) = stored(turned.as_slice(), 19, 31);
    let storages = [
        Matrix::row_major(&holed, 31, 19).unwrap(),
        Matrix::column_major(turned.as_slice(), 31, 19).unwrap(),
        Matrix::csr(31, 19, &offsets[..], &indices[..], &values).unwrap(),
        Matrix::csc(31, 19, &t_offsets[..], &t_indices[..], &t_values).unwrap(),
    ];
    let weighting = Weighting {
        missing: Missing::Nan,
        rows: Some(&case.of_rows),
        entries: Some((&case.of_entries).into()),
    };
    let (w, h) = (positive(31, 3, 18), positive(3, 19, 19));
    let asked = [
        (None, &[][..], &[][..]),
        (None, &[1][..], &[0, 2][..]),
        (Some(Factor::H), &[][..], &[][..]),
        (Some(Factor::W), &[][..], &[][..]),
    ];
    for (solver, loss) in [
        ("cd", 2.0),
        ("hals", 2.0),
        ("anls", 2.0),
        ("newton", 1.0),
        ("mu", 1.0),
    ] {
        let loss = Loss::beta_divergence(loss).unwrap();
        for (penalty, (hold, held_w, held_h)) in PENALTIES
            .into_iter()
            .flat_map(|p| asked.map(|asked| (p, asked)))
        {
            let nmf = Nmf::new(3).solver(solver.parse().unwrap()).loss(loss);
            let nmf = nmf.penalty(penalty).tol(0.0).max_iter(200);
            for (place, v) in storages.iter().enumerate() {
                let start = Start {
                    w: Some(&w).filter(|_| hold != Some(Factor::H)),
                    h: Some(&h).filter(|_| hold != Some(Factor::W)),
                    hold,
                    held_w,
                    held_h,
                };
                let mut watch = |_: &Progress| ControlFlow::Continue(());
                let model = nmf.fit_weighted(v, &weighting, start, &mut watch).unwrap();
                let name = format!("{solver}, {penalty:?}, {hold:?}, {held_w:?}, storage {place}");
                let expected = objective(&case, &model, loss, &penalty);
                let off = (model.objective / expected - 1.0).abs();
                assert!(off < 1e-9, "{name}: {} against {expected}", model.objective);
                // Steps by other penalties would not end where nothing pulls.
                if solver != "mu" {
                    assert!(model.residual < 1e-2, "{name}: {:e}", model.residual);
                }
            }
        }
    }
}

/// Rows are improved together up to some rank, and one after another above it.
#[test]
fn ranks_on_both_sides_of_what_is_done_together() {
    let case = Case::new(37, 29, 0.4, 13);
    let holed = case.known(case.v.as_slice(), f64::NAN);
    let v = Matrix::row_major(&holed, 37, 29).unwrap();
    let weighting = Weighting {
        missing: Missing::Nan,
        rows: Some(&case.of_rows),
        ..Weighting::default()
    };
    let even = Case {
        of_rows: case.of_rows.clone(),
        ..case.even()
    };
    for rank in [64, 65] {
        for solver in ["cd", "hals"] {
            let nmf = Nmf::new(rank).solver(solver.parse().unwrap());
            let nmf = nmf.penalty(PENALTIES[2]).tol(0.0).max_iter(40);
            let model = fit(&nmf, &v, &weighting);
            let expected = objective(&even, &model, Loss::FROBENIUS, &PENALTIES[2]);
            let off = (model.objective / expected - 1.0).abs();
            assert!(off < 1e-10, "{rank}, {solver}: {off:e}");
            let first = model.trace[0].objective;
            assert!(
                expected < 0.1 * first,
                "{rank}, {solver}: {first} {expected}"
            );
        }
    }
}

/// What an entry counts for is what the penalties are measured by: a common factor of all weights changes nothing.
#[test]
fn the_unit_of_weights_does_not_matter() {
    let case = Case::new(23, 17, 0.3, 7);
    let known = Dense::from_rows(case.known(case.of_entries.as_slice(), 0.0), 23, 17).unwrap();
    let tripled: Vec<f64> = known.as_slice().iter().map(|weight| 3.0 * weight).collect();
    let tripled = Dense::from_rows(tripled, 23, 17).unwrap();
    for (solver, loss) in pairs().filter(|(solver, _)| solver.name() != "sketched") {
        for penalty in PENALTIES {
            let nmf = Nmf::new(3).solver(solver).loss(loss).penalty(penalty);
            let nmf = nmf.tol(0.0).max_iter(6);
            let [one, three] = [&known, &tripled].map(|weights| {
                let weighting = Weighting {
                    entries: Some(weights.into()),
                    ..Weighting::default()
                };
                fit(&nmf, &(&case.v).into(), &weighting)
            });
            let name = format!("{solver}, {loss}, {penalty:?}");
            assert!(
                (three.objective / one.objective - 3.0).abs() < 1e-6,
                "{name}"
            );
            for (one, three) in [(&one.w, &three.w), (&one.h, &three.h)] {
                for (a, b) in one.as_slice().iter().zip(three.as_slice()) {
                    assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()), "{name}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn a_row_of_weight_two_is_a_row_met_twice() {
    let v = positive(12, 9, 8);
    let of_rows: Vec<f64> = (0..12).map(|i| 1.0 + f64::from(i % 2)).collect();
    let twice: Vec<f64> = (0..12)
        .flat_map(|i| (0..1 + i % 2).flat_map(move |_| (0..9).map(move |j| (i, j))))
        .map(|(i, j)| v.row(i)[j])
        .collect();
    let h = positive(3, 9, 9);
    let solvers = [("anls", 2.0), ("mu", 0.5), ("mu", 1.0), ("newton", 1.0)];
    for ((solver, loss), penalty) in solvers
        .into_iter()
        .flat_map(|case| PENALTIES.map(|penalty| (case, penalty)))
    {
        let solver: Solver = solver.parse().unwrap();
        let nmf = Nmf::new(3)
            .solver(solver)
            .loss(Loss::beta_divergence(loss).unwrap());
        let nmf = nmf.penalty(penalty).tol(0.0).max_iter(7);
        let fitted = |v: &Matrix<'_, f64>, weighting: &Weighting<'_, f64>| {
            let w = Dense::filled(v.rows(), 3, 0.5);
            let start = Start {
                w: Some(&w),
                h: Some(&h),
                hold: None,
                ..Start::default()
            };
            let mut watch = |_: &Progress| ControlFlow::Continue(());
            nmf.fit_weighted(v, weighting, start, &mut watch).unwrap()
        };
        // An extrapolating solver is led by the objective, which is the same in both.
        let weighting = Weighting {
            rows: Some(&of_rows),
            ..Weighting::default()
        };
        let weighted = fitted(&(&v).into(), &weighting);
        let met_twice = Matrix::row_major(&twice, 18, 9).unwrap();
        let one = vec![1.0; 18];
        let even = Weighting {
            rows: Some(&one),
            ..Weighting::default()
        };
        let repeated = fitted(&met_twice, &even);
        assert!(
            (weighted.objective / repeated.objective - 1.0).abs() < 1e-8,
            "{solver}"
        );
        for (a, b) in weighted.h.as_slice().iter().zip(repeated.h.as_slice()) {
            assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()), "{solver}: {a} {b}");
        }
    }
}

#[test]
fn a_missing_entry_has_no_say_and_no_storage_of_its_own() {
    let case = Case::new(26, 14, 0.5, 21);
    let holed = case.known(case.v.as_slice(), f64::NAN);
    let zeroed = case.known(case.v.as_slice(), 0.0);
    let mask = Dense::from_rows(case.known(&[1.0; 26 * 14], 0.0), 26, 14).unwrap();
    let (offsets, indices, values) = compressed(&Dense::from_rows(zeroed, 26, 14).unwrap(), false);
    let sparse = Matrix::csr(26, 14, &offsets[..], &indices[..], &values).unwrap();
    let (m_offsets, m_indices, m_values) = compressed(&mask, false);
    let sparse_mask = Matrix::csr(26, 14, &m_offsets[..], &m_indices[..], &m_values).unwrap();
    let turned = Dense::from_rows(holed.clone(), 26, 14)
        .unwrap()
        .transposed();
    for (solver, loss) in [
        ("cd", 2.0),
        ("mu", 1.0),
        ("newton", 1.0),
        ("mu", 0.0),
        ("hals", 2.0),
    ] {
        let solver: Solver = solver.parse().unwrap();
        let nmf = Nmf::new(2)
            .solver(solver)
            .loss(Loss::beta_divergence(loss).unwrap());
        let nmf = nmf.tol(0.0).max_iter(5);
        let nan = Weighting {
            missing: Missing::Nan,
            ..Weighting::default()
        };
        let unstored = Weighting {
            missing: Missing::Unstored,
            ..Weighting::default()
        };
        let masked = |mask| Weighting {
            entries: Some(mask),
            ..Weighting::default()
        };
        let expected = fit(&nmf, &Matrix::row_major(&holed, 26, 14).unwrap(), &nan);
        let columns = Matrix::column_major(turned.as_slice(), 26, 14).unwrap();
        let found = [
            fit(&nmf, &sparse, &unstored),
            fit(&nmf, &(&case.v).into(), &masked((&mask).into())),
            fit(&nmf, &(&case.v).into(), &masked(sparse_mask)),
            fit(&nmf, &sparse, &masked(sparse_mask)),
        ];
        for found in found {
            assert_eq!(found.h, expected.h, "{solver}");
            assert_eq!(found.objective, expected.objective, "{solver}");
        }
        if solver.alike_in_storages() {
            let found = fit(&nmf, &columns, &nan);
            for (a, b) in found.h.as_slice().iter().zip(expected.h.as_slice()) {
                assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{solver}: {a} {b}");
            }
        }
        let one = fit(
            &nmf.clone().threads(NonZeroUsize::new(1)),
            &sparse,
            &unstored,
        );
        let three = fit(
            &nmf.clone().threads(NonZeroUsize::new(3)),
            &sparse,
            &unstored,
        );
        assert_eq!((one.w, one.h), (three.w, three.h), "{solver}");
    }
}

#[test]
fn what_is_missing_is_filled_in() {
    let (rows, cols, k) = (60, 40, 3);
    let (w, h) = (positive(rows, k, 1), positive(k, cols, 2));
    let full = partwise::reconstruct(&w, &h);
    let mut case = Case::new(rows, cols, 0.4, 3);
    case.v = full.clone();
    let at = |place: usize| (place / cols, place % cols);
    for (place, missing) in case.missing.iter_mut().enumerate() {
        // Of a row without any entry nothing can be said.
        let (i, j) = at(place);
        *missing &= i != 3 && j != 2;
    }
    let holed = case.known(full.as_slice(), f64::NAN);
    let v = Matrix::row_major(&holed, rows, cols).unwrap();
    let weighting = Weighting {
        missing: Missing::Nan,
        ..Weighting::default()
    };
    for loss in [2.0, 1.0] {
        let nmf = Nmf::new(k).loss(Loss::beta_divergence(loss).unwrap());
        let model = fit(&nmf.tol(0.0).max_iter(2000), &v, &weighting);
        let filled = model.reconstruct();
        for (place, (found, expected)) in filled.as_slice().iter().zip(full.as_slice()).enumerate()
        {
            assert!(
                (found - expected).abs() < 0.02 * expected,
                "beta {loss}: {:?} is {found}, was {expected}",
                at(place)
            );
        }
        let mut watch = |_: &Progress| ControlFlow::Continue(());
        let start = Start {
            w: None,
            h: Some(&model.h),
            hold: Some(Factor::H),
            ..Start::default()
        };
        let again = nmf_transform(loss, k)
            .fit_weighted(&v, &weighting, start, &mut watch)
            .unwrap();
        for (a, b) in again.w.as_slice().iter().zip(model.w.as_slice()) {
            assert!(
                (a - b).abs() < 0.05 * (0.1 + b),
                "beta {loss}: {a} against {b}"
            );
        }
    }
}

/// Little is missing here, so the factors fill it on the way.
#[test]
fn what_is_filled_on_the_way_is_no_part_of_the_loss() {
    let (rows, cols) = (41, 29);
    let case = Case::new(rows, cols, 0.15, 31);
    let holed = case.known(case.v.as_slice(), f64::NAN);
    let turned = Dense::from_rows(holed.clone(), rows, cols).unwrap();
    let turned = turned.transposed();
    // Compressed, with one entry in three stored and those that are missing.
    let few = case.v.as_slice().iter().enumerate();
    let few = few.map(|(at, &v)| if at % 3 == 0 { v } else { 0.0 });
    let few = Dense::from_rows(few.collect(), rows, cols).unwrap();
    let marked = case.known(few.as_slice(), -1.0);
    let (offsets, indices, values) = stored(&marked, rows, cols);
    let marked = Dense::from_rows(marked, rows, cols).unwrap().transposed();
    let (t_offsets, t_indices, t_values) = stored(marked.as_slice(), cols, rows);
    let sparse_case = Case {
        v: few,
        of_rows: case.of_rows.clone(),
        of_entries: case.of_entries.clone(),
        missing: case.missing.clone(),
    };
    let weighting = Weighting {
        missing: Missing::Nan,
        ..Weighting::default()
    };
    let storages = [
        (&case, Matrix::row_major(&holed, rows, cols).unwrap()),
        (
            &case,
            Matrix::column_major(turned.as_slice(), rows, cols).unwrap(),
        ),
        (
            &sparse_case,
            Matrix::csr(rows, cols, &offsets[..], &indices[..], &values).unwrap(),
        ),
        (
            &sparse_case,
            Matrix::csc(rows, cols, &t_offsets[..], &t_indices[..], &t_values).unwrap(),
        ),
    ];
    for (place, (case, v)) in storages.iter().enumerate() {
        for penalty in PENALTIES {
            let nmf = Nmf::new(3).penalty(penalty).tol(0.0);
            let name = format!("storage {place}, {penalty:?}");
            let even = case.even();
            // Weights of one each give every line sums of its own.
            let ones = Weighting {
                entries: Some((&even.of_entries).into()),
                ..weighting
            };
            let exact = fit(&nmf.clone().max_iter(500), v, &ones);
            for count in [1, 7, 500] {
                let model = fit(&nmf.clone().max_iter(count), v, &weighting);
                assert_eq!(model.solver.name(), "hals");
                let expected = objective(&even, &model, Loss::FROBENIUS, &penalty);
                let off = (model.objective - expected).abs();
                assert!(
                    off <= 1e-10 * expected,
                    "{name}: {} against {expected}",
                    model.objective
                );
                let unknown = model
                    .w
                    .row(3)
                    .iter()
                    .chain((0..3).map(|t| &model.h.row(t)[2]));
                assert!(
                    unknown.into_iter().all(|x| *x < 1e-12),
                    "{name}: what nothing is known of"
                );
                if count == 500 {
                    let off = model.residual / exact.residual.max(1e-5);
                    let share = model.objective / exact.objective;
                    assert!(
                        off < 10.0,
                        "{name}: a residual {off} times that of exact sums"
                    );
                    assert!(share < 1.02, "{name}: {share} of the loss of exact sums");
                }
                let three = NonZeroUsize::new(3);
                let again = fit(&nmf.clone().max_iter(count).threads(three), v, &weighting);
                assert_eq!((again.w, again.h), (model.w, model.h), "{name}");
            }
        }
    }
}

/// Rows that store what is not zero; below zero stands for a missing entry.
fn stored(values: &[f64], rows: usize, cols: usize) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
    let (mut offsets, mut indices, mut kept) = (vec![0], Vec::new(), Vec::new());
    for line in values.chunks(cols).take(rows) {
        for (j, &value) in line.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(j as u32);
            kept.push(if value < 0.0 { f64::NAN } else { value });
        }
        offsets.push(kept.len());
    }
    (offsets, indices, kept)
}

fn nmf_transform(loss: f64, k: usize) -> Nmf {
    Nmf::new(k)
        .loss(Loss::beta_divergence(loss).unwrap())
        .tol(1e-8)
        .max_iter(2000)
}

#[test]
fn what_cannot_be_weighted_is_refused_with_its_place() {
    let v = positive(4, 3, 1);
    let mut holed = v.clone();
    holed.as_mut_slice()[5] = f64::NAN;
    let mut negative = Dense::filled(4, 3, 1.0);
    negative.as_mut_slice()[7] = -2.0;
    let small = Dense::filled(3, 3, 1.0);
    let none = Dense::filled(4, 3, 0.0);
    let refused = |v: &Dense<f64>, nmf: &Nmf, weighting: Weighting<'_, f64>| {
        let mut watch = |_: &Progress| ControlFlow::Continue(());
        nmf.fit_weighted(&v.into(), &weighting, Start::default(), &mut watch)
            .unwrap_err()
    };
    let nmf = Nmf::new(2);
    let masked = |entries| Weighting {
        entries: Some(entries),
        ..Weighting::default()
    };
    let nan = Weighting {
        missing: Missing::Nan,
        ..Weighting::default()
    };
    assert_eq!(
        refused(&v, &nmf, masked((&negative).into())),
        Error::Negative {
            matrix: "the weights of entries",
            value: -2.0,
            row: 2,
            col: 1
        }
    );
    assert!(matches!(
        refused(&v, &nmf, masked((&small).into())),
        Error::Shape { .. }
    ));
    assert_eq!(
        refused(&v, &nmf, masked((&none).into())),
        Error::NothingCounts
    );
    let rows = [1.0, f64::INFINITY, 1.0, 1.0];
    let weighting = Weighting {
        rows: Some(&rows),
        ..Weighting::default()
    };
    assert!(matches!(
        refused(&v, &nmf, weighting),
        Error::NotFinite {
            matrix: "the weights of rows",
            row: 1,
            ..
        }
    ));
    let rows = Weighting {
        rows: Some(&rows[2..]),
        ..Weighting::default()
    };
    assert!(matches!(refused(&v, &nmf, rows), Error::Shape { .. }));
    // A hole that nobody announced, and a negative value that is no hole.
    let ones = Dense::filled(4, 3, 1.0);
    assert!(matches!(
        refused(&holed, &nmf, masked((&ones).into())),
        Error::NotFinite {
            matrix: "V",
            row: 1,
            col: 2,
            ..
        }
    ));
    holed.as_mut_slice()[8] = -1.0;
    assert_eq!(
        refused(&holed, &nmf, nan),
        Error::Negative {
            matrix: "V",
            value: -1.0,
            row: 2,
            col: 2
        }
    );
    for init in Init::all().filter(|init| !["auto", "random"].contains(&init.name())) {
        let error = refused(&v, &nmf.clone().init(init), nan).to_string();
        assert!(
            error.contains(init.name()) && error.contains("missing or weighted"),
            "{error}"
        );
    }
    let sketched = nmf.clone().solver("sketched".parse().unwrap());
    assert!(refused(&v, &sketched, nan).to_string().contains("sketched"));
}
