//! The two solvers that scikit-learn has are held against it: from the same start they must go the same way.
//!
//! The traces in `tests/data/sklearn` were written by `scripts/make_sklearn_traces.py`, which names the versions. Its
//! data keep away from the two places where the programs differ by design: scikit-learn raises every y = (WH)ᵢⱼ to
//! 1.19e-7 and sets factors below 2.2e-16 to zero, partwise has far smaller floors.
//!
//! The second half holds the defects of scikit-learn that are not copied.

use partwise::{
    Dense, Error, Factor, Factorization, Float, Init, Loss, Matrix, Nmf, Penalty, Solver, Start,
    StopReason,
};
use serde_json::Value;

/// Iterations of the traces.
const ITERATIONS: usize = 50;
/// The limit and the tolerance of the runs to convergence.
const MAX_ITER: usize = 1000;
const TOLERANCE: f64 = 1e-4;

fn read(name: &str) -> Value {
    let path = format!("{}/tests/data/sklearn/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn count(value: &Value) -> usize {
    value
        .as_u64()
        .and_then(|x| x.try_into().ok())
        .expect("a count")
}

fn counts(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(count)
        .collect()
}

fn numbers<T: Float>(value: &Value) -> Vec<T> {
    let list = value.as_array().expect("a list");
    list.iter().map(|x| T::from_f64(number(x))).collect()
}

/// V as it is stored, and the start.
struct Data<T> {
    rows: usize,
    cols: usize,
    rank: usize,
    sparse: Option<(Vec<usize>, Vec<usize>)>,
    values: Vec<T>,
    w0: Dense<T>,
    h0: Dense<T>,
}

impl<T: Float> Data<T> {
    fn read(all: &Value, name: &Value) -> Self {
        let set = &all[name.as_str().expect("a name")];
        let (rows, cols) = (count(&set["rows"]), count(&set["cols"]));
        let rank = count(&set["rank"]);
        let sparse = set
            .get("offsets")
            .map(|x| (counts(x), counts(&set["indices"])));
        Self {
            rows,
            cols,
            rank,
            sparse,
            values: numbers(&set["values"]),
            w0: Dense::from_rows(numbers(&set["w0"]), rows, rank).unwrap(),
            h0: Dense::from_rows(numbers(&set["h0"]), rank, cols).unwrap(),
        }
    }

    fn matrix(&self) -> Matrix<'_, T> {
        match &self.sparse {
            Some((offsets, indices)) => {
                Matrix::csr(self.rows, self.cols, offsets, indices, &self.values).unwrap()
            }
            None => Matrix::row_major(&self.values, self.rows, self.cols).unwrap(),
        }
    }

    fn start(&self) -> Start<'_, T> {
        Start {
            w: Some(&self.w0),
            h: Some(&self.h0),
            hold: None,
            ..Start::default()
        }
    }
}

fn go_on(_: &partwise::Progress) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

fn fit<T: Float>(data: &Data<T>, nmf: &Nmf, transform: bool) -> Factorization<T> {
    if transform {
        return nmf.transform(&data.matrix(), &data.h0).unwrap();
    }
    nmf.fit_with(&[data.matrix()], data.start(), &mut go_on)
        .unwrap()
}

/// How far `found` is from `expected`: ‖found − expected‖ / ‖expected‖, and the largest |difference| over
/// |expected| + 1e-3 · max |expected|.
fn distances<T: Float>(found: &Dense<T>, expected: &[f64]) -> (f64, f64) {
    assert_eq!(found.as_slice().len(), expected.len());
    let largest = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let (mut squares, mut total, mut worst) = (0.0, 0.0, 0.0f64);
    for (found, expected) in found.as_slice().iter().zip(expected) {
        let difference = found.to_f64() - expected;
        squares += difference * difference;
        total += expected * expected;
        worst = worst.max(difference.abs() / (expected.abs() + 1e-3 * largest));
    }
    ((squares / total).sqrt(), worst)
}

/// One case; what is wrong with it goes to `wrong`.
fn follow<T: Float>(case: &Value, matrices: &Value, tolerance: f64, wrong: &mut Vec<String>) {
    let data = Data::<T>::read(matrices, &case["data"]);
    let transform = case["transform"].as_bool().expect("a truth value");
    let solver: Solver = case["solver"].as_str().expect("a name").parse().unwrap();
    let loss = Loss::beta_divergence(number(&case["beta"])).unwrap();
    let nmf = Nmf::new(data.rank)
        .solver(solver)
        .loss(loss)
        .penalty(Penalty {
            alpha_w: number(&case["alpha_w"]),
            alpha_h: number(&case["alpha_h"]),
            l1_ratio: number(&case["l1_ratio"]),
        });
    let name = format!(
        "{} {} {solver} beta {} penalty {}/{}/{}{}",
        case["data"],
        T::NAME,
        case["beta"],
        case["alpha_w"],
        case["alpha_h"],
        case["l1_ratio"],
        if transform { ", H held" } else { "" }
    );
    let mut expect = |what: &str, distance: f64, limit: f64| {
        if distance.is_nan() || distance > limit {
            wrong.push(format!(
                "{name}: {what} is off by {distance:.1e}, allowed {limit:.0e}"
            ));
        }
    };

    let traced = fit(&data, &nmf.clone().tol(0.0).max_iter(ITERATIONS), transform);
    // A row that stands still to the last bit has converged at any tolerance.
    let all_done = traced.iterations == ITERATIONS || traced.stop == StopReason::Converged;
    expect(
        "the number of iterations",
        f64::from(u8::from(!all_done)),
        0.0,
    );
    let factors = [
        ("W", &traced.w, case.get("w")),
        ("H", &traced.h, case.get("h")),
    ];
    for (factor, found, expected) in factors {
        let Some(expected) = expected else { continue };
        let (norm, worst) = distances(found, &numbers::<f64>(expected));
        expect(&format!("{factor} (norm)"), norm, tolerance);
        expect(&format!("{factor} (entries)"), worst, 10.0 * tolerance);
    }
    let error_of = |model: &Factorization<T>| (2.0 * model.divergence).sqrt();
    let error = number(&case["error"]);
    expect(
        "sqrt(2 D)",
        (error_of(&traced) / error - 1.0).abs(),
        tolerance,
    );

    let ended = fit(&data, &nmf.tol(TOLERANCE).max_iter(MAX_ITER), transform);
    let n_iter = count(&case["n_iter"]);
    // scikit-learn sums divergences of float32 matrices in float32, where the drop over ten iterations that ends `mu`
    // drowns in rounding: it may end a look earlier or later.
    let looks = solver.name() == "mu" && !loss.is_quadratic() && T::NAME == "float32";
    let slack = if looks { 10.0 } else { 0.0 };
    expect("n_iter", ended.iterations.abs_diff(n_iter) as f64, slack);
    let reason = if n_iter < MAX_ITER {
        StopReason::Converged
    } else {
        StopReason::MaxIterations
    };
    expect(
        "the reason to stop",
        f64::from(u8::from(ended.stop != reason)),
        0.0,
    );
    let error = number(&case["final_error"]);
    expect(
        "the last sqrt(2 D)",
        (error_of(&ended) / error - 1.0).abs(),
        tolerance,
    );
}

fn follow_all(file: &str) {
    let (cases, matrices) = (read(file), read("matrices.json"));
    let cases = cases.as_array().expect("a list");
    assert!(cases.len() > 40, "{file} has only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        match case["dtype"].as_str() {
            Some("float64") => follow::<f64>(case, &matrices, 1e-6, &mut wrong),
            Some("float32") => follow::<f32>(case, &matrices, 1e-3, &mut wrong),
            other => panic!("unknown dtype {other:?}"),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {file}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn cd_goes_where_scikit_learn_goes() {
    follow_all("cd.json");
}

#[test]
fn mu_goes_where_scikit_learn_goes() {
    follow_all("mu.json");
}

/// The start itself cannot be seen, but two starts that one iteration of every solver leads to the same factors are
/// the same. (The long steps of `pg` multiply the rounding of the written numbers. Where V has more than k + 10 rows
/// and columns the singular vectors are found by power steps, not exactly.)
#[test]
fn nndsvd_starts_are_those_of_scikit_learn() {
    let (cases, matrices) = (read("starts.json"), read("matrices.json"));
    for case in cases.as_array().expect("a list") {
        let data = Data::<f64>::read(&matrices, &case["data"]);
        let rank = count(&case["rank"]);
        let init: Init = case["init"].as_str().expect("a name").parse().unwrap();
        let w = Dense::from_rows(numbers(&case["w"]), data.rows, rank).unwrap();
        let h = Dense::from_rows(numbers(&case["h"]), rank, data.cols).unwrap();
        let given = Start {
            w: Some(&w),
            h: Some(&h),
            hold: None,
            ..Start::default()
        };
        let limit = if data.rows.min(data.cols) <= rank + 10 {
            1e-6
        } else {
            1e-5
        };
        // A start from a sketch holds fewer digits.
        let exact = Solver::all().filter(|solver| solver.name() != "sketched");
        for solver in exact.filter(|solver| solver.handles(Loss::FROBENIUS)) {
            let nmf = Nmf::new(rank).solver(solver).init(init).max_iter(1);
            let made = nmf.fit(&data.matrix()).unwrap();
            let from_given = nmf.fit_with(&[data.matrix()], given, &mut go_on).unwrap();
            assert_eq!((made.init, from_given.init), (Some(init), None));
            for (made, given) in [(&made.w, &from_given.w), (&made.h, &from_given.h)] {
                let (norm, worst) = distances(made, given.as_slice());
                assert!(
                    norm < limit && worst < 10.0 * limit,
                    "{} rank {rank} {init} {solver}: {norm:.1e}, {worst:.1e}",
                    case["data"]
                );
            }
        }
    }
}

/// scikit-learn adds the penalty to its stored sums of H anew in each iteration, so that W shrinks for ever. Here
/// the stationary point of the penalised objective is reached and kept: (Y⁻¹∘V Hᵀ)ᵢₜ = Σⱼ hₜⱼ + l1 wherever wᵢₜ > 0.
#[test]
fn an_l1_penalty_does_not_grow_while_h_is_held() {
    let matrices = read("matrices.json");
    for name in ["counts", "sparse"] {
        let data = Data::<f64>::read(&matrices, &Value::from(name));
        let penalty = Penalty {
            alpha_w: 0.05,
            alpha_h: 0.0,
            l1_ratio: 1.0,
        };
        let nmf = Nmf::new(data.rank)
            .solver("mu".parse().unwrap())
            .loss(Loss::KULLBACK_LEIBLER)
            .penalty(penalty)
            .tol(0.0);
        let after = |iterations| {
            nmf.clone()
                .max_iter(iterations)
                .transform(&data.matrix(), &data.h0)
                .unwrap()
        };
        let (settled, later) = (after(1000), after(2000));
        assert!(settled.w.as_slice().iter().sum::<f64>() > 1.0, "{name}");
        let (norm, _) = distances(&later.w, settled.w.as_slice());
        assert!(
            norm < 1e-3,
            "{name}: W moved by {norm:.1e} between 1000 and 2000 iterations"
        );
        for pair in later.trace.windows(2) {
            let slack = 1e-12 * pair[0].objective;
            assert!(
                pair[1].objective <= pair[0].objective + slack,
                "{name}: {pair:?}"
            );
        }
        // One iteration from there with the penalty counted once changes nothing.
        let v = naive_dense(&data);
        let l1 = data.cols as f64 * penalty.alpha_w;
        let k = data.rank;
        for (i, w) in later.w.as_slice().chunks_exact(k).enumerate() {
            for t in 0..k {
                let mut up = 0.0;
                for (j, value) in v[i].iter().enumerate() {
                    let y: f64 = (0..k).map(|s| w[s] * data.h0.get(s, j)).sum();
                    up += value / y * data.h0.get(t, j);
                }
                let down = data.h0.row(t).iter().sum::<f64>() + l1;
                let violation = w[t] * (up / down - 1.0);
                assert!(
                    violation.abs() < 1e-4,
                    "{name}: w({i}, {t}) = {}, off by {violation:.1e}",
                    w[t]
                );
            }
        }
    }
}

fn naive_dense(data: &Data<f64>) -> Vec<Vec<f64>> {
    let mut out = vec![vec![0.0; data.cols]; data.rows];
    match &data.sparse {
        Some((offsets, indices)) => {
            for (i, row) in out.iter_mut().enumerate() {
                for entry in offsets[i]..offsets[i + 1] {
                    row[indices[entry]] = data.values[entry];
                }
            }
        }
        None => {
            for (row, values) in out.iter_mut().zip(data.values.chunks_exact(data.cols)) {
                row.copy_from_slice(values);
            }
        }
    }
    out
}

/// scikit-learn fails on them under Kullback–Leibler: its two lists of entries differ in length.
#[test]
fn explicit_zeros_change_nothing() {
    let data = Data::<f64>::read(&read("matrices.json"), &Value::from("sparse"));
    let dense = naive_dense(&data);
    // Every third absent entry is stored as a zero.
    let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for (i, row) in dense.iter().enumerate() {
        for (j, &v) in row.iter().enumerate() {
            if v > 0.0 || (i + j) % 3 == 0 {
                indices.push(j);
                values.push(v);
            }
        }
        offsets.push(values.len());
    }
    assert!(values.len() > data.values.len());
    let padded = Matrix::csr(data.rows, data.cols, &offsets, &indices, &values).unwrap();
    for loss in [
        Loss::FROBENIUS,
        Loss::KULLBACK_LEIBLER,
        Loss::beta_divergence(0.5).unwrap(),
    ] {
        for solver in Solver::all().filter(|solver| solver.handles(loss)) {
            let nmf = Nmf::new(data.rank).loss(loss).solver(solver).max_iter(10);
            let plain = nmf
                .fit_with(&[data.matrix()], data.start(), &mut go_on)
                .unwrap();
            let padded = nmf.fit_with(&[padded], data.start(), &mut go_on).unwrap();
            for (plain, padded) in [(&plain.w, &padded.w), (&plain.h, &padded.h)] {
                let (norm, _) = distances(padded, plain.as_slice());
                assert!(norm < 1e-9, "{loss} {solver}: {norm:.1e}");
            }
        }
    }
}

/// scikit-learn takes the root of an expansion that rounding can make negative.
#[test]
fn the_error_of_an_exact_sparse_fit_is_a_number() {
    let w: Vec<f64> = (0..12 * 2)
        .map(|i| f64::from((i * 7 % 5) as u8) / 3.0)
        .collect();
    let h: Vec<f64> = (0..2 * 9)
        .map(|i| f64::from((i * 5 % 4) as u8) / 7.0)
        .collect();
    let (w, h) = (
        Dense::from_rows(w, 12, 2).unwrap(),
        Dense::from_rows(h, 2, 9).unwrap(),
    );
    let v = partwise::reconstruct(&w, &h);
    let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..v.rows() {
        for (j, &x) in v.row(i).iter().enumerate().filter(|(_, x)| **x > 0.0) {
            indices.push(j);
            values.push(x);
        }
        offsets.push(values.len());
    }
    let sparse = Matrix::csr(12, 9, &offsets, &indices, &values).unwrap();
    let start = Start {
        w: Some(&w),
        h: Some(&h),
        hold: None,
        ..Start::default()
    };
    for solver in Solver::all().filter(|solver| solver.handles(Loss::FROBENIUS)) {
        let nmf = Nmf::new(2).solver(solver).tol(0.0);
        for max_iter in [1, 7, 60] {
            let model = nmf
                .clone()
                .max_iter(max_iter)
                .fit_with(&[sparse], start, &mut go_on)
                .unwrap();
            let figures = [
                model.divergence,
                model.objective,
                model.relative_error,
                model.residual,
            ];
            assert!(
                figures.iter().all(|x| *x >= 0.0 && x.is_finite()),
                "{solver}: {figures:?}"
            );
            assert!(model.relative_error < 1e-12, "{solver}: {figures:?}");
            for point in &model.trace {
                assert!(point.objective >= 0.0, "{solver}: {point:?}");
            }
        }
    }
}

/// scikit-learn works in the caller's arrays.
#[test]
fn starts_are_left_as_they_were() {
    let data = Data::<f64>::read(&read("matrices.json"), &Value::from("positive"));
    let before = (data.w0.clone(), data.h0.clone());
    for solver in Solver::all().filter(|solver| solver.handles(Loss::FROBENIUS)) {
        for hold in [None, Some(Factor::W), Some(Factor::H)] {
            let start = Start {
                hold,
                ..data.start()
            };
            let nmf = Nmf::new(data.rank).solver(solver).max_iter(3);
            let model = nmf.fit_with(&[data.matrix()], start, &mut go_on).unwrap();
            assert_eq!((&data.w0, &data.h0), (&before.0, &before.1), "{solver}");
            assert_eq!(model.w == before.0, hold == Some(Factor::W), "{solver}");
            assert_eq!(model.h == before.1, hold == Some(Factor::H), "{solver}");
        }
    }
}

/// scikit-learn takes negative values with a start of one's own, and in some transforms.
#[test]
fn negative_values_are_refused_in_every_case() {
    let mut data = Data::<f64>::read(&read("matrices.json"), &Value::from("positive"));
    data.values[2 * data.cols + 5] = -0.25;
    let expected = Error::Negative {
        matrix: "V",
        value: -0.25,
        row: 2,
        col: 5,
    };
    for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER, Loss::ITAKURA_SAITO] {
        for solver in Solver::all().filter(|solver| solver.handles(loss)) {
            let nmf = Nmf::new(data.rank).loss(loss).solver(solver);
            let v = data.matrix();
            assert_eq!(nmf.fit(&v).err(), Some(expected.clone()), "{solver}");
            let given = nmf.fit_with(&[v], data.start(), &mut go_on);
            assert_eq!(given.err(), Some(expected.clone()), "{solver}");
            let seen = nmf.transform(&v, &data.h0);
            assert_eq!(seen.err(), Some(expected.clone()), "{solver}");
        }
    }
}
