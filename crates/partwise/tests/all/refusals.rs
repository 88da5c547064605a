//! Bad input is refused before any work, with the value, the place and what would be right, on one line.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{Storage, Stored, random};
use faer::MatRef;
use partwise::{
    ConsensusNmf, ConvolutiveNmf, Dense, Error, Factor, Factorization, Init, Loss, Matrix, Nmf,
    NmfTree, Penalty, Progress, RankSurvey, Solver, Start, truncated_svd,
};
use proptest::prelude::*;

/// Checks that a request is refused before any work with a message of one line that holds all `parts`.
fn check_refused<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) -> Error {
    let error = result.expect_err("must be refused");
    let message = error.to_string();
    assert!(
        !message.contains('\n') && !message.trim().is_empty(),
        "{message:?}"
    );
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
    error
}

/// A fit in which no iteration may happen.
fn fit_none(
    nmf: &Nmf,
    blocks: &[Matrix<'_, f64>],
    start: Start<'_, f64>,
) -> Result<Factorization<f64>, Error> {
    nmf.fit_with(blocks, start, &mut |_: &Progress| -> ControlFlow<()> {
        panic!("work was done before the request was checked")
    })
}

fn plain() -> Dense<f64> {
    random(6, 5, 1.0, 1)
}

fn with(row: usize, col: usize, value: f64) -> Dense<f64> {
    let mut dense = plain();
    dense.as_mut_slice()[row * 5 + col] = value;
    dense
}

#[test]
fn illegal_entries_are_named_with_their_place_in_every_storage() {
    let illegal = [
        (f64::NAN, "NaN", "finite"),
        (f64::INFINITY, "inf", "finite"),
        (f64::NEG_INFINITY, "-inf", "finite"),
        (-2.5, "-2.5", "zero or more"),
        (-5e-324, "-0.000", "zero or more"),
    ];
    for storage in Storage::ALL {
        for (value, shown, legal) in illegal {
            let stored = Stored::of(&with(4, 2, value), storage);
            let found = fit_none(&Nmf::new(2), &[stored.matrix()], Start::default());
            let error = check_refused(found, &["V", shown, "row 4, column 2", legal]);
            let place = match error {
                Error::Negative { row, col, .. } | Error::NotFinite { row, col, .. } => (row, col),
                other => panic!("{other:?}"),
            };
            assert_eq!(place, (4, 2), "{storage:?}");
        }
    }
}

#[test]
fn the_first_illegal_entry_in_memory_is_named() {
    let mut dense = with(1, 3, -1.0);
    dense.as_mut_slice()[4 * 5] = -2.0;
    for (storage, place) in Storage::ALL
        .into_iter()
        .zip([(1, 3), (4, 0), (1, 3), (4, 0)])
    {
        let stored = Stored::of(&dense, storage);
        match Nmf::new(2).fit(&stored.matrix()) {
            Err(Error::Negative { row, col, .. }) => assert_eq!((row, col), place, "{storage:?}"),
            other => panic!("{storage:?}: {other:?}"),
        }
    }
    // Far into a matrix that is looked at by many tasks.
    for (rows, cols, at) in [(1000, 3, (777, 1)), (3, 1000, (1, 777))] {
        let mut dense = random::<f64>(rows, cols, 1.0, 2);
        dense.as_mut_slice()[at.0 * cols + at.1] = f64::NAN;
        dense.as_mut_slice()[rows * cols - 1] = -1.0;
        for storage in Storage::ALL {
            match Nmf::new(2).fit(&Stored::of(&dense, storage).matrix()) {
                Err(Error::NotFinite { row, col, .. }) => assert_eq!((row, col), at),
                other => panic!("{storage:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn rows_are_counted_over_all_blocks() {
    let (good, bad) = (plain(), with(3, 1, f64::NAN));
    for storage in Storage::ALL {
        let (good, bad) = (Stored::of(&good, storage), Stored::of(&bad, storage));
        let blocks = [good.matrix(), good.matrix(), bad.matrix()];
        let found = fit_none(&Nmf::new(2), &blocks, Start::default());
        check_refused(found, &["V", "NaN", "row 15, column 1"]);
        let zero = Stored::of(&with(2, 4, 0.0), storage);
        let nmf = Nmf::new(2).loss(Loss::ITAKURA_SAITO);
        let found = fit_none(&nmf, &[good.matrix(), zero.matrix()], Start::default());
        check_refused(found, &["itakura-saito", "row 8, column 4", "beta > 0"]);
    }
    let narrow = random::<f64>(2, 4, 1.0, 3);
    let blocks = [(&good).into(), (&narrow).into()];
    let found = fit_none(&Nmf::new(2), &blocks, Start::default());
    let error = check_refused(found, &["block", "2 × 4", "2 × 5"]);
    assert!(matches!(error, Error::Shape { .. }));
}

#[test]
fn empty_matrices_are_refused() {
    for (rows, cols) in [(0, 0), (0, 3), (3, 0)] {
        let dense = Dense::<f64>::zeros(rows, cols);
        for storage in Storage::ALL {
            for init in Init::all() {
                let stored = Stored::of(&dense, storage);
                let found = fit_none(
                    &Nmf::new(2).init(init),
                    &[stored.matrix()],
                    Start::default(),
                );
                let error = check_refused(found, &[&format!("{rows} × {cols}"), "at least one"]);
                assert_eq!(error, Error::Empty { rows, cols });
            }
        }
    }
    let error = check_refused(fit_none(&Nmf::new(2), &[], Start::default()), &["0 × 0"]);
    assert_eq!(error, Error::Empty { rows: 0, cols: 0 });
}

#[test]
fn parameters_out_of_range_are_refused() {
    let v = plain();
    let refused = |nmf: Nmf, parts: &[&str]| {
        check_refused(nmf.check(), parts);
        let error = check_refused(fit_none(&nmf, &[(&v).into()], Start::default()), parts);
        assert!(matches!(error, Error::Parameter { .. }), "{error:?}");
    };
    refused(Nmf::new(0), &["rank = 0", "at least 1"]);
    refused(Nmf::new(2).max_iter(0), &["max_iter = 0", "at least 1"]);
    for (tolerance, shown) in [(f64::NAN, "NaN"), (-1e-3, "-0.001"), (f64::INFINITY, "inf")] {
        refused(Nmf::new(2).tol(tolerance), &["tol = ", shown, "at least 0"]);
    }
    for (alpha, shown) in [(f64::NAN, "NaN"), (-0.5, "-0.5"), (f64::INFINITY, "inf")] {
        let penalty = |alpha_w, alpha_h| Penalty {
            alpha_w,
            alpha_h,
            l1_ratio: 0.5,
        };
        let w = Nmf::new(2).penalty(penalty(alpha, 0.0));
        refused(w, &["alpha_w = ", shown, "at least 0"]);
        let h = Nmf::new(2).penalty(penalty(0.0, alpha));
        refused(h, &["alpha_h = ", shown, "at least 0"]);
    }
    for (l1_ratio, shown) in [(f64::NAN, "NaN"), (-0.1, "-0.1"), (1.5, "1.5")] {
        let penalty = Penalty {
            l1_ratio,
            ..Penalty::default()
        };
        refused(
            Nmf::new(2).penalty(penalty),
            &["l1_ratio = ", shown, "0 to 1"],
        );
    }
    for beta in [f64::NAN, f64::INFINITY, 10.5, -11.0] {
        let error = check_refused(Loss::beta_divergence(beta), &["beta = ", "-10 to 10"]);
        assert!(matches!(error, Error::Parameter { .. }));
    }
    check_refused("l2".parse::<Loss>(), &["loss = l2", "frobenius", "kl"]);
    check_refused("beta=99".parse::<Loss>(), &["beta = 99", "-10 to 10"]);
    check_refused(
        "sgd".parse::<Solver>(),
        &["solver = sgd", "cd", "mu", "apg"],
    );
    check_refused(
        "svd".parse::<Init>(),
        &["init = svd", "random", "nndsvda", "spa"],
    );
}

#[test]
fn a_rank_above_the_matrix_is_refused_by_the_starts_that_cannot_have_it() {
    let v = plain();
    for init in Init::all() {
        let fitted = Nmf::new(6).init(init).max_iter(2).fit(&(&v).into());
        if !init.is_limited() {
            assert!(fitted.is_ok(), "{init}");
            continue;
        }
        let error = check_refused(
            fitted,
            &["rank = 6", init.name(), "at most min(m, n) = 5", "random"],
        );
        assert!(matches!(error, Error::Parameter { .. }));
        // A start that is not made cannot be refused.
        let (w, h) = (random(6, 6, 1.0, 4), random(6, 5, 1.0, 5));
        let start = Start {
            w: Some(&w),
            h: Some(&h),
            hold: None,
            ..Start::default()
        };
        let mut go_on = |_: &Progress| ControlFlow::Continue(());
        let fitted = Nmf::new(6)
            .init(init)
            .max_iter(2)
            .fit_with(&[(&v).into()], start, &mut go_on);
        assert!(fitted.is_ok(), "{init}");
    }
    for rank in [0, 6, usize::MAX] {
        let error = check_refused(
            truncated_svd(&(&v).into(), rank, 0, None),
            &["rank", "1 to 5"],
        );
        assert!(matches!(error, Error::Parameter { .. }));
    }
}

#[test]
fn several_starts_are_refused_where_none_is_drawn() {
    let v = plain();
    let several = Nmf::new(2).n_init(NonZeroUsize::new(3).unwrap());
    for init in Init::all() {
        let nmf = several.clone().init(init);
        if init.is_drawn() {
            nmf.fit(&(&v).into()).unwrap();
            continue;
        }
        let found = fit_none(&nmf, &[(&v).into()], Start::default());
        check_refused(found, &["n_init = 3", "expected 1", init.name(), "random"]);
    }
    let h = Dense::filled(2, v.cols(), 1.0);
    let found = several.transform(&(&v).into(), &h).map(|_| ());
    check_refused(found, &["n_init = 3", "no start is drawn"]);
}

#[test]
fn a_rank_that_no_memory_holds_is_refused() {
    let v = plain();
    for rank in [usize::MAX, 1 << 62, 1 << 40] {
        for init in Init::all() {
            let nmf = Nmf::new(rank).init(init);
            let found = fit_none(&nmf, &[(&v).into()], Start::default());
            check_refused(found, &[&format!("rank = {rank}"), "fit in memory"]);
            assert_eq!(nmf.memory_needed::<f64>(&(&v).into()), u64::MAX);
        }
    }
    // Could be addressed, and is more than any machine has.
    let nmf = Nmf::new(1 << 26);
    let found = fit_none(&nmf, &[(&v).into()], Start::default());
    check_refused(found, &["rank = 67108864", "fit in memory"]);
    let long = ConvolutiveNmf::new(nmf.loss(Loss::KULLBACK_LEIBLER), 2);
    let found = long.fit::<f64>(&(&v).into(), &mut |_: &Progress| ControlFlow::Break(()));
    check_refused(found, &["rank = 134217728", "fit in memory"]);
}

#[test]
fn what_absurd_requests_need_is_a_number() {
    let v = plain();
    let v: Matrix<'_, f64> = (&v).into();
    let nmf = Nmf::new(usize::MAX);
    let needs = [
        ConvolutiveNmf::new(nmf.clone(), usize::MAX).memory_needed(&v),
        ConsensusNmf::new(nmf.clone())
            .runs(usize::MAX)
            .bootstrap(usize::MAX)
            .memory_needed(&v),
        RankSurvey::new([usize::MAX])
            .nmf(nmf)
            .starts(usize::MAX)
            .memory_needed(&v),
    ];
    assert_eq!(needs, [u64::MAX; 3]);
    // One number that is seen again and again.
    let one = 1.0;
    let vast = Matrix::Dense(MatRef::from_repeated_ref(&one, usize::MAX / 2, 4));
    assert_eq!(vast.stored(), usize::MAX);
    let needs = [
        Nmf::new(2).memory_needed(&vast),
        ConsensusNmf::new(Nmf::new(2))
            .bootstrap(2)
            .memory_needed(&vast),
        RankSurvey::new([2]).memory_needed(&vast),
        NmfTree::new(2).memory_needed(&vast),
    ];
    assert!(needs.iter().all(|&bytes| bytes > u64::MAX / 4), "{needs:?}");
}

#[test]
fn more_fits_than_can_be_listed_are_refused() {
    let most = 1_000_000;
    let survey = || RankSurvey::new([2]);
    let consensus = || ConsensusNmf::new(Nmf::new(2));
    assert_eq!(survey().starts(most).check(), Ok(()));
    assert_eq!(consensus().runs(most).bootstrap(most).check(), Ok(()));
    for (found, what) in [
        (survey().starts(most + 1).check(), "starts"),
        (survey().folds(most + 1).check(), "folds"),
        (consensus().runs(most + 1).check(), "runs"),
        (consensus().bootstrap(usize::MAX).check(), "bootstrap"),
    ] {
        let error = found.unwrap_err().to_string();
        assert!(
            error.contains(what) && error.contains("at most 1000000"),
            "{error}"
        );
    }
}

#[test]
fn a_solver_that_cannot_minimise_the_loss_is_refused() {
    let v = plain();
    for solver in Solver::all() {
        for loss in crate::common::losses() {
            let nmf = Nmf::new(2).solver(solver).loss(loss);
            if solver.handles(loss) {
                assert_eq!(nmf.check(), Ok(()));
                continue;
            }
            let parts = [solver.name(), &loss.to_string(), "auto", "mu"];
            let error = check_refused(fit_none(&nmf, &[(&v).into()], Start::default()), &parts);
            assert!(matches!(error, Error::SolverLoss { .. }));
        }
    }
}

#[test]
fn a_zero_is_refused_where_the_loss_has_none() {
    // Implicit zeros in the sparse storages, and explicit ones in all.
    for loss in crate::common::losses() {
        for storage in Storage::ALL {
            let implicit = Stored::of(&with(4, 2, 0.0), storage);
            let mut explicit = Stored::of(&with(4, 2, 7e77), storage);
            let marked = explicit.values.iter().position(|&x| x == 7e77).unwrap();
            explicit.values[marked] = 0.0;
            for stored in [implicit, explicit] {
                let nmf = Nmf::new(2).loss(loss).max_iter(2);
                if !loss.needs_positive() {
                    assert!(nmf.fit(&stored.matrix()).is_ok(), "{loss} {storage:?}");
                    continue;
                }
                let found = fit_none(&nmf, &[stored.matrix()], Start::default());
                let parts = [&loss.to_string(), "row 4, column 2", "beta > 0"];
                let error = check_refused(found, &parts);
                let place = (4, 2);
                assert!(
                    matches!(error, Error::ZeroEntry { row, col, .. } if (row, col) == place),
                    "{storage:?}: {error:?}"
                );
            }
        }
    }
}

#[test]
fn the_first_gap_of_an_unsorted_sparse_line_is_found() {
    // Line 0 is full, line 1 lacks index 2 and lists the others out of order.
    let (offsets, indices) = ([0i64, 5, 9], [0u32, 1, 2, 3, 4, 4, 0, 3, 1]);
    let values = [1.0; 9];
    let v = Matrix::csr(2, 5, &offsets[..], &indices[..], &values).unwrap();
    let nmf = Nmf::new(1).loss(Loss::ITAKURA_SAITO);
    check_refused(fit_none(&nmf, &[v], Start::default()), &["row 1, column 2"]);
}

#[test]
fn starts_are_checked_like_v() {
    let v = plain();
    let (w, h) = (random::<f64>(6, 2, 1.0, 6), random::<f64>(2, 5, 1.0, 7));
    let refused = |w: Option<&Dense<f64>>, h: Option<&Dense<f64>>, hold, parts: &[&str]| {
        check_refused(
            fit_none(
                &Nmf::new(2),
                &[(&v).into()],
                Start {
                    w,
                    h,
                    hold,
                    ..Start::default()
                },
            ),
            parts,
        )
    };
    for (value, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-1.5, "-1.5")] {
        let (mut bad_w, mut bad_h) = (w.clone(), h.clone());
        bad_w.as_mut_slice()[3 * 2 + 1] = value;
        bad_h.as_mut_slice()[5 + 4] = value;
        refused(
            Some(&bad_w),
            Some(&h),
            None,
            &["W has", shown, "row 3, column 1"],
        );
        refused(
            Some(&w),
            Some(&bad_h),
            None,
            &["H has", shown, "row 1, column 4"],
        );
        refused(
            None,
            Some(&bad_h),
            Some(Factor::H),
            &["H has", shown, "row 1, column 4"],
        );
    }
    let error = refused(
        Some(&h),
        None,
        None,
        &["W has the shape 2 × 5; expected 6 × 2"],
    );
    assert!(matches!(error, Error::Shape { .. }));
    refused(
        None,
        Some(&w),
        None,
        &["H has the shape 6 × 2; expected 2 × 5"],
    );
    check_refused(
        Nmf::new(3).transform(&(&v).into(), &h),
        &["H has the shape 2 × 5; expected 3 × 5"],
    );
    for (factor, name) in [(Factor::W, "W is held"), (Factor::H, "H is held")] {
        let error = refused(None, None, Some(factor), &[name, "start"]);
        assert!(matches!(error, Error::HeldWithoutStart { .. }));
        let missing = "is held, or some of its components are, but no start was given for it";
        assert!(error.to_string().ends_with(missing), "{error}");
    }
}

#[test]
fn values_that_leave_the_range_of_numbers_are_refused() {
    let v = with(2, 2, 1e200);
    for storage in Storage::ALL {
        for (solver, loss) in crate::common::pairs() {
            let stored = Stored::of(&v, storage);
            let nmf = Nmf::new(2).solver(solver).loss(loss);
            let found = fit_none(&nmf, &[stored.matrix()], Start::default());
            let error = check_refused(found, &["V", "1e200", "divide V by a constant"]);
            assert!(matches!(error, Error::Scale { .. }));
        }
    }
    // Powers of the data leave the range long before their squares do.
    let large = crate::common::mapped::<f64, f64>(&plain(), |v| v * 1e120);
    let small = crate::common::mapped::<f64, f64>(&plain(), |v| v * 1e-120);
    for (v, beta) in [(&large, 3.0), (&large, -3.0), (&small, -3.0), (&small, 5.0)] {
        let nmf = Nmf::new(2).loss(Loss::beta_divergence(beta).unwrap());
        let found = fit_none(&nmf, &[v.into()], Start::default());
        let error = check_refused(found, &["V", "power", "divide V by a constant"]);
        assert!(matches!(error, Error::Scale { .. }));
    }
    let v = plain();
    let huge = Dense::filled(6, 2, 1e200);
    let start = Start {
        w: Some(&huge),
        ..Start::default()
    };
    let found = fit_none(&Nmf::new(2), &[(&v).into()], start);
    check_refused(found, &["W", "1e200", "divide W by a constant"]);
}

#[test]
fn dense_slices_of_the_wrong_length_are_refused() {
    let values = [1.0; 12];
    for (rows, cols) in [(3, 5), (0, 1), (usize::MAX, 2), (usize::MAX, usize::MAX)] {
        let shape = format!("{rows} × {cols}");
        check_refused(
            Matrix::row_major(&values, rows, cols),
            &["12 values", &shape],
        );
        check_refused(
            Matrix::column_major(&values, rows, cols),
            &["12 values", &shape],
        );
        let error = check_refused(
            Dense::from_rows(values.to_vec(), rows, cols),
            &["12", &shape],
        );
        assert!(matches!(error, Error::Malformed { .. }));
    }
}

#[test]
fn malformed_sparse_arrays_are_refused_with_the_place() {
    type Case<'a> = (&'a [i64], &'a [i64], usize, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[0, 1], &[0], 1, &["2 offsets", "expected 3"]),
        (&[], &[], 0, &["0 offsets", "expected 3"]),
        (&[0, 1, 2], &[0], 2, &["1 indices", "2 values"]),
        (&[0, 2, 1], &[0, 1], 2, &["offset 2 is 1", "at least 2"]),
        (&[1, 1, 2], &[0, 1], 2, &["offset 0 is 1"]),
        (&[-1, 1, 2], &[0, 1], 2, &["offset 0 is -1"]),
        (&[0, 1, 3], &[0, 1], 2, &["last offset is 3", "2 values"]),
        (&[0, 1, 1], &[0, 1], 2, &["last offset is 1", "2 values"]),
        (
            &[0, i64::MAX, i64::MAX],
            &[0, 1],
            2,
            &["last offset is 9223372036854775807"],
        ),
        (&[0, 1, 2], &[0, 3], 2, &["index 3", "line 1", "0 to 2"]),
        (&[0, 1, 2], &[-1, 0], 2, &["index -1", "line 0", "0 to 2"]),
        (
            &[0, 2, 2],
            &[1, 1],
            2,
            &["index 1", "twice", "line 0", "sum duplicates"],
        ),
        (&[0, 0, 3], &[2, 0, 2], 3, &["index 2", "twice", "line 1"]),
    ];
    for (offsets, indices, stored, parts) in cases {
        let values = vec![1.0; *stored];
        for (name, result) in [
            ("CSR matrix", Matrix::csr(2, 3, *offsets, *indices, &values)),
            ("CSC matrix", Matrix::csc(3, 2, *offsets, *indices, &values)),
        ] {
            let error = check_refused(result, parts);
            assert!(
                matches!(&error, Error::Malformed { what, .. } if *what == name),
                "{error:?}"
            );
        }
    }
    // Unsigned and wide indices that a signed reading would let through.
    let values = [1.0];
    let wide = Matrix::csr(1, 3, &[0u32, 1][..], &[u32::MAX][..], &values);
    check_refused(wide, &["index 4294967295", "0 to 2"]);
    let wide = Matrix::csr(1, 3, &[0usize, 1][..], &[usize::MAX][..], &values);
    check_refused(wide, &["index 18446744073709551615"]);
    let long = Matrix::csr(1, usize::MAX, &[0usize, 1][..], &[0usize][..], &values);
    check_refused(long, &["axis above 4294967295"]);
    let long = Matrix::csr(usize::MAX, 1, &[0usize, 1][..], &[0usize][..], &values);
    check_refused(long, &["offsets"]);
}

proptest! {
    #![proptest_config(crate::common::cases(2000))]

    #[test]
    fn no_sparse_arrays_make_anything_panic(
        rows in 0usize..5,
        cols in 0usize..5,
        offsets in proptest::collection::vec(prop_oneof![8 => 0i32..6, 1 => any::<i32>()], 0..6),
        indices in proptest::collection::vec(prop_oneof![8 => 0i32..5, 1 => any::<i32>()], 0..6),
        values in proptest::collection::vec(
            prop_oneof![8 => 0.0..3.0, 1 => any::<f64>(), 1 => Just(0.0)], 0..6),
        sort in any::<bool>(),
        rank in 0usize..4,
        solver in 0..Solver::all().count(),
        init in 0..Init::all().count(),
        beta in prop_oneof![2 => Just(2.0), 1 => Just(1.0), 1 => Just(0.0), 1 => -2.0..4.0],
    ) {
        let mut offsets = offsets;
        if sort {
            // Most arrays are then nearly right, and reach the deeper checks and the fit.
            offsets.resize(rows + 1, 0);
            offsets.sort_unstable();
            offsets[0] = 0;
            offsets[rows] = values.len() as i32;
        }
        let nmf = Nmf::new(rank)
            .solver(Solver::all().nth(solver).unwrap())
            .init(Init::all().nth(init).unwrap())
            .loss(Loss::beta_divergence(beta).unwrap())
            .max_iter(3);
        for matrix in [
            Matrix::csr(rows, cols, &offsets, &indices, &values),
            Matrix::csc(cols, rows, &offsets, &indices, &values),
        ] {
            let fitted = matrix.and_then(|matrix| {
                let _ = nmf.memory_needed(&matrix);
                nmf.fit(&matrix)
            });
            match fitted {
                Ok(model) => {
                    let mut findings = crate::common::Findings::default();
                    findings.sound(&model, "a sparse matrix");
                    findings.finish();
                }
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }
}

#[test]
fn orders_are_permutations_for_the_solver_that_has_them() {
    let v = plain();
    let fit = |nmf: Nmf| fit_none(&nmf, &[Matrix::from(&v)], Start::default());
    let cd = || Nmf::new(2).solver("cd".parse().unwrap());
    check_refused(
        fit(Nmf::new(2).orders(vec![vec![1, 0]])),
        &["orders", "solver cd"],
    );
    for order in [vec![0], vec![0, 0], vec![1, 2], vec![0, 1, 2]] {
        let shown = format!("{order:?}");
        check_refused(
            fit(cd().orders(vec![vec![1, 0], order])),
            &["orders", &shown, "each number below 2 once"],
        );
    }
}
