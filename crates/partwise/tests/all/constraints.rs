//! Constraints on the factors: every entry of the table on every factor that it may be on, with every solver that may have it.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::common::{
    Findings, Storage, Stored, bits, mapped, random, rounding, scale_of, short, uniform,
};
use partwise::{
    Constraint, Dense, Factor, Factorization, Float, Init, Labels, Loss, Matrix, Nmf, Penalty,
    Progress, Solver, Start,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Every constraint on every factor that it may be on.
pub(crate) fn constraints() -> impl Iterator<Item = Constraint> {
    Constraint::all().flat_map(|constraint| {
        let factors = constraint.factors().iter();
        factors.map(move |&factor| constraint.on(factor).unwrap())
    })
}

/// A V that a constraint takes: a symmetric one, if it must be, of the corner of this one.
pub(crate) fn suited<T: Float>(v: &Dense<T>, constraint: Constraint) -> Dense<T> {
    if !constraint.is_symmetric() {
        return v.clone();
    }
    let n = v.rows().min(v.cols());
    let mean = |at: usize| {
        let (i, j) = (at / n, at % n);
        T::from_f64(f64::midpoint(v.get(i, j).to_f64(), v.get(j, i).to_f64()))
    };
    Dense::from_rows((0..n * n).map(mean).collect(), n, n).unwrap()
}

/// A fit with a constraint, and what it has to know beside a V of this shape.
pub(crate) fn under(nmf: Nmf, constraint: Constraint, (m, n): (usize, usize)) -> Nmf {
    let nmf = nmf.constraint(constraint);
    if constraint.name() != "labels" {
        return nmf;
    }
    let length = match constraint.factor() {
        Factor::W => m,
        Factor::H => n,
    };
    let class = |i: usize| (i % 5 != 4).then_some(i % 5 % 2);
    let classes: Vec<_> = (0..length).map(class).collect();
    nmf.labels(Labels::new(&classes).unwrap())
}

fn named(text: &str) -> Constraint {
    text.parse().unwrap()
}

/// A short fit with every constraint and every solver that may have it.
fn fits(rank: usize, iterations: usize, v: &Dense<f64>) -> Vec<Nmf> {
    let solvers = || Solver::all().filter(|solver| solver.handles(Loss::FROBENIUS));
    let fits = constraints().flat_map(|constraint| {
        solvers().map(move |solver| {
            let nmf = short(rank, solver, Loss::FROBENIUS, iterations);
            let v = suited(v, constraint);
            under(nmf, constraint, (v.rows(), v.cols()))
        })
    });
    fits.filter(|nmf| nmf.check().is_ok()).collect()
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The columns of a factor whose rows are those of W or of Hᵀ.
fn columns<T: Float>(model: &Factorization<T>, factor: Factor) -> Vec<Vec<f64>> {
    let rows = match factor {
        Factor::W => model.w.transposed(),
        Factor::H => model.h.clone(),
    };
    let row = |i| rows.row(i).iter().map(|x| x.to_f64()).collect();
    (0..rows.rows()).map(row).collect()
}

fn sparseness(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let sum: f64 = x.iter().sum();
    let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    (n.sqrt() - sum / length) / (n.sqrt() - 1.0)
}

/// How far a factor is from its set.
fn distance<T: Float>(v: &Dense<T>, model: &Factorization<T>, constraint: Constraint) -> f64 {
    let columns = columns(model, constraint.factor());
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let is_zero = |column: &&Vec<f64>| column.iter().all(|x| *x == 0.0);
    match constraint.name() {
        "separable" => {
            let mut wrong = (0..model.h.rows()).filter(|&t| match model.picked.get(t) {
                Some(&i) => model.h.row(t) != v.row(i),
                None => model.h.row(t).iter().any(|x| *x != T::ZERO),
            });
            wrong.next().map_or(0.0, |_| 1.0)
        }
        "simplex" => largest(
            &mut (0..columns[0].len())
                .map(|i| (columns.iter().map(|column| column[i]).sum::<f64>() - 1.0).abs()),
        ),
        "min-volume" => largest(
            &mut columns
                .iter()
                .map(|column| (column.iter().sum::<f64>() - 1.0).abs()),
        ),
        "orthogonal" => largest(&mut (0..columns[0].len()).map(|i| {
            let above = columns.iter().filter(|column| column[i] > 0.0).count();
            above.saturating_sub(1) as f64
        })),
        "hoyer" => {
            let wanted = constraint.value().unwrap();
            let live = columns.iter().filter(|column| !is_zero(column));
            largest(&mut live.map(|column| (sparseness(column) - wanted).abs()))
        }
        // Any factor that is not negative will do.
        "graph" | "labels" => 0.0,
        // Any will do.
        "semi" => 0.0,
        "convex" => from_mixtures(v, model),
        "symmetric" => {
            let pairs = model
                .w
                .as_slice()
                .iter()
                .zip(model.h.transposed().into_values());
            largest(&mut pairs.map(|(w, h)| (w.to_f64() - h.to_f64()).abs()))
        }
        other => panic!("say what '{other}' means"),
    }
}

/// How far rows of C are from being shares, and H from C V.
fn from_mixtures<T: Float>(v: &Dense<T>, model: &Factorization<T>) -> f64 {
    let c = model.mixture.as_ref().unwrap();
    let mut away = 0.0f64;
    for t in 0..c.rows() {
        let shares = c.row(t).iter().map(|x| x.to_f64());
        let sum: f64 = shares.clone().sum();
        away = away.max(if sum == 0.0 { 0.0 } else { (sum - 1.0).abs() });
        away = shares.fold(away, |away, share| away.max(-share));
        for j in 0..v.cols() {
            let of_v = (0..v.rows()).map(|i| c.get(t, i).to_f64() * v.get(i, j).to_f64());
            let size: f64 = of_v.clone().map(f64::abs).sum();
            let apart = (of_v.sum::<f64>() - model.h.get(t, j).to_f64()).abs();
            away = away.max(if apart == 0.0 { 0.0 } else { apart / size });
        }
    }
    away
}

/// The factor that may have entries below zero, where V has none.
fn signed(constraint: Constraint) -> Option<Factor> {
    let signed = constraint.is_signed() && !constraint.mixes();
    signed.then(|| constraint.factor())
}

#[test]
fn constraints_hold_and_objectives_fall() {
    fn check<T: Float>(wide: &Dense<f64>, findings: &mut Findings) {
        let v: Dense<T> = mapped(wide, |v| v);
        let scale = scale_of(&v, Loss::FROBENIUS);
        for storage in Storage::ALL {
            for nmf in fits(4, 8, wide) {
                let constraint = constraint_of(&nmf);
                let v = suited(&v, constraint);
                let stored = Stored::of(&v, storage);
                let what = format!("{nmf:?} {storage:?} {}", T::NAME);
                let model = nmf.fit(&stored.matrix()).unwrap();
                findings.sound_but(&model, signed(constraint), &what);
                if model.solver.descends() {
                    findings.falls(&model, scale, &what);
                }
                let away = distance(&v, &model, constraint);
                findings.check(away <= 64.0 * T::EPSILON.to_f64(), || {
                    format!("{what}: {away:e} away from the set")
                });
            }
        }
    }
    let mut findings = Findings::default();
    let v = random::<f64>(40, 23, 0.7, 1);
    check::<f64>(&v, &mut findings);
    check::<f32>(&v, &mut findings);
    findings.finish();
}

/// The only constraint of a fit.
fn constraint_of(nmf: &Nmf) -> Constraint {
    let text = format!("{nmf:?}");
    let mut all = constraints();
    all.find(|constraint| text.contains(&format!("[{constraint}]")))
        .unwrap()
}

#[test]
fn sparse_equals_dense_and_rows_equal_columns() {
    let mut findings = Findings::default();
    let v = random::<f64>(50, 31, 0.5, 2);
    for constraint in constraints() {
        let v = suited(&v, constraint);
        // A solver that takes the same steps in every storage, from a start that is the same up to rounding.
        let nmf = short(3, "anls".parse().unwrap(), Loss::FROBENIUS, 4);
        let nmf = under(nmf, constraint, (v.rows(), v.cols()));
        let objective = |storage| {
            let (w, h) = (random(v.rows(), 3, 1.0, 5), random(3, v.cols(), 1.0, 6));
            let start = match constraint.name() {
                "separable" | "convex" => Start::default(),
                _ => Start {
                    w: Some(&w),
                    h: Some(&h),
                    ..Start::default()
                },
            };
            let stored = Stored::of(&v, storage);
            let model = nmf.fit_with(&[stored.matrix()], start, &mut go_on).unwrap();
            model.objective
        };
        // By rows W is improved first, and so it is by columns.
        let dense = objective(Storage::RowMajor);
        for storage in Storage::ALL {
            let other = objective(storage);
            findings.check((other / dense - 1.0).abs() < 1e-9, || {
                format!("{constraint} {storage:?}: {other} {dense}")
            });
        }
    }
    findings.finish();
}

#[test]
fn answers_have_the_same_bits_for_any_threads() {
    // More rows and more columns than one task of a half-step has.
    let v = random::<f64>(330, 290, 0.6, 3);
    for storage in Storage::ALL {
        for constraint in constraints() {
            let v = suited(&v, constraint);
            let stored = Stored::of(&v, storage);
            let nmf = short(4, Solver::auto(), Loss::FROBENIUS, 3);
            let nmf = under(nmf, constraint, (v.rows(), v.cols()));
            let fit = |count| {
                let nmf = nmf.clone().threads(NonZeroUsize::new(count));
                bits(&nmf.fit(&stored.matrix()).unwrap())
            };
            let one = fit(1);
            for count in [2, 5] {
                assert_eq!(one, fit(count), "{constraint} {storage:?}, {count} threads");
            }
        }
    }
}

#[test]
fn blocks_of_rows_can_have_constraints_on_h() {
    let v = random::<f64>(60, 20, 1.0, 4);
    let part = |from: usize, to: usize| {
        Dense::from_rows(v.as_slice()[from * 20..to * 20].to_vec(), to - from, 20).unwrap()
    };
    let (top, bottom) = (part(0, 25), part(25, 60));
    let blocks = [Matrix::from(&top), Matrix::from(&bottom)];
    for constraint in constraints().filter(|constraint| constraint.factor() == Factor::H) {
        let nmf = short(3, "anls".parse().unwrap(), Loss::FROBENIUS, 5);
        let nmf = under(nmf, constraint, (v.rows(), v.cols()));
        let whole = nmf.fit(&Matrix::from(&v)).unwrap();
        let parts = nmf.fit_with(&blocks, Start::default(), &mut go_on).unwrap();
        let ratio = parts.objective / whole.objective;
        assert!((ratio - 1.0).abs() < 1e-8, "{constraint}: {ratio}");
        assert!(distance(&v, &parts, constraint) < 1e-12, "{constraint}");
    }
}

#[test]
fn nasty_input_has_defined_answers() {
    let mut findings = Findings::default();
    let mut cases: Vec<(String, Dense<f64>)> = vec![
        ("zeros".into(), Dense::zeros(6, 5)),
        ("one row".into(), random(1, 7, 1.0, 1)),
        ("one column".into(), random(7, 1, 1.0, 1)),
        ("one entry".into(), Dense::filled(1, 1, 2.0)),
        ("alike".into(), Dense::filled(6, 5, 3.0)),
        (
            "huge".into(),
            mapped(&random::<f64>(8, 6, 1.0, 2), |v| v * 1e140),
        ),
        (
            "tiny".into(),
            mapped(&random::<f64>(8, 6, 1.0, 2), |v| v * 1e-140),
        ),
        ("mostly zero".into(), random(9, 8, 0.1, 3)),
    ];
    let mut gap = random::<f64>(8, 6, 1.0, 4);
    gap.as_mut_slice()[12..24].fill(0.0);
    cases.push(("rows of zeros".into(), gap));
    for (name, v) in &cases {
        for rank in [1, 3, 9] {
            for constraint in constraints() {
                for init in ["auto", "random"] {
                    if init == "random" && constraint.name() == "separable" {
                        continue;
                    }
                    let v = &suited(v, constraint);
                    let what = format!("{constraint} {name} rank {rank} {init}");
                    let nmf = short(rank, Solver::auto(), Loss::FROBENIUS, 4);
                    let nmf = under(nmf, constraint, (v.rows(), v.cols()));
                    let nmf = nmf.init(init.parse().unwrap());
                    match nmf.fit(&v.into()) {
                        Ok(model) => {
                            findings.sound_but(&model, signed(constraint), &what);
                            let away = distance(v, &model, constraint);
                            findings.check(away < 1e-9, || format!("{what}: {away:e} away"));
                        }
                        Err(error) => {
                            let alone = error.to_string().contains("no sparseness");
                            findings.check(alone, || format!("{what}: {error}"));
                        }
                    }
                }
            }
        }
    }
    findings.finish();
}

#[test]
fn penalties_count_beside_constraints() {
    let mut findings = Findings::default();
    let v = random::<f64>(30, 20, 1.0, 5);
    let priced = |constraint: &Constraint| !constraint.is_symmetric() && !constraint.mixes();
    for constraint in constraints().filter(priced) {
        let penalty = Penalty {
            alpha_w: 0.01,
            alpha_h: 0.02,
            l1_ratio: if constraint.is_signed() { 0.0 } else { 0.4 },
        };
        let nmf = short(3, Solver::auto(), Loss::FROBENIUS, 20).penalty(penalty);
        let nmf = under(nmf, constraint, (v.rows(), v.cols()));
        let model = nmf.fit(&Matrix::from(&v)).unwrap();
        findings.sound_but(&model, signed(constraint), constraint.name());
        findings.falls(&model, scale_of(&v, Loss::FROBENIUS), constraint.name());
        findings.check(distance(&v, &model, constraint) < 1e-12, || {
            constraint.to_string()
        });
    }
    findings.finish();
}

/// m samples, the first k of which are pure where `purity` is 1 and none else, with noise, and the k components.
fn mixtures(
    (m, n, k): (usize, usize, usize),
    purity: f64,
    noise: f64,
    seed: u64,
) -> (Dense<f64>, Dense<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || uniform(&mut rng);
    // Peaks on a floor, so that components are neither alike nor apart.
    let h: Vec<f64> = (0..k * n)
        .map(|at| {
            let near = (at % n) as f64 / n as f64 - (at / n) as f64 / k as f64 - 0.5 / k as f64;
            0.1 * draw() + 0.2 + (-20.0 * near * near).exp()
        })
        .collect();
    let mut w = vec![0.0; m * k];
    for i in 0..m {
        let mut shares: Vec<f64> = (0..k).map(|_| -draw().max(1e-9).ln()).collect();
        if i < k {
            shares = (0..k).map(|t| f64::from(u8::from(t == i))).collect();
        }
        let sum: f64 = shares.iter().sum();
        let size = 0.5 + draw();
        let flat = 1.0 / k as f64;
        // Drawn towards the middle until no share is above the purity.
        let most = shares.iter().fold(0.0, |max: f64, x| max.max(x / sum));
        let pull = if most > purity {
            (most - purity) / (most - flat)
        } else {
            0.0
        };
        for (w, share) in w[i * k..].iter_mut().zip(shares) {
            *w = size * ((1.0 - pull) * share / sum + pull * flat);
        }
    }
    let h = Dense::from_rows(h, k, n).unwrap();
    let w = Dense::from_rows(w, m, k).unwrap();
    let v = partwise::reconstruct(&w, &h);
    let noisy = |v: &f64| (v + noise * (draw() - 0.5)).max(0.0);
    let values = v.as_slice().iter().map(noisy).collect();
    (Dense::from_rows(values, m, n).unwrap(), h)
}

/// The mean angle between the true components and those found, each with the nearest one that is left.
fn angle(truth: &Dense<f64>, found: &Dense<f64>) -> f64 {
    let k = truth.rows();
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let between = |a: &[f64], b: &[f64]| {
        let inner: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        (inner / length(a) / length(b)).clamp(-1.0, 1.0).acos()
    };
    let mut pairs: Vec<(f64, usize, usize)> = (0..k * k)
        .map(|at| {
            (
                between(truth.row(at / k), found.row(at % k)),
                at / k,
                at % k,
            )
        })
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut left, mut right, mut sum) = (vec![false; k], vec![false; k], 0.0);
    for (angle, i, j) in pairs {
        if !left[i] && !right[j] {
            (left[i], right[j]) = (true, true);
            sum += angle;
        }
    }
    sum / k as f64
}

#[test]
fn pure_samples_are_found_with_and_without_noise() {
    for init in Init::all().filter(|init| init.picks_rows()) {
        for seed in 0..10 {
            for noise in [0.0, 1e-3] {
                let (v, h) = mixtures((60, 25, 4), 1.0, noise, seed);
                let nmf = Nmf::new(4)
                    .init(init)
                    .constraint(named("separable"))
                    .tol(1e-9)
                    .max_iter(2000);
                let (offsets, indices, values) = {
                    let stored = Stored::of(&v, Storage::Csr);
                    (stored.offsets, stored.indices, stored.values)
                };
                let sparse = Matrix::csr(60, 25, &offsets, &indices, &values).unwrap();
                for matrix in [Matrix::from(&v), sparse] {
                    let model = nmf.fit(&matrix).unwrap();
                    let mut picked = model.picked.clone();
                    picked.sort_unstable();
                    let what = format!("{init} seed {seed} noise {noise}: {picked:?}");
                    assert_eq!(picked, [0, 1, 2, 3], "{what}");
                    assert!(angle(&h, &model.h) < 1e-7 + 2.0 * noise, "{what}");
                    let error = model.relative_error;
                    assert!(error < 1e-5 + 2.0 * noise, "{what}: {error}");
                    assert_eq!(model.init, Some(init));
                }
            }
        }
    }
}

/// Four corners of a square in a plane: a matrix of rank three, of which no three rows explain the others.
#[test]
fn snpa_finds_more_components_than_the_rank() {
    let corners = [
        [0.0, 2.0, 1.0, 1.0],
        [2.0, 0.0, 1.0, 1.0],
        [1.0, 1.0, 0.0, 2.0],
        [1.0, 1.0, 2.0, 0.0],
    ];
    let (mut rng, mut values) = (ChaCha8Rng::seed_from_u64(3), Vec::new());
    for i in 0..40 {
        let shares: Vec<f64> = (0..4)
            .map(|t| {
                if i < 4 {
                    f64::from(u8::from(i == t))
                } else {
                    uniform(&mut rng)
                }
            })
            .collect();
        values.extend((0..4).map(|j| (0..4).map(|t| shares[t] * corners[t][j]).sum::<f64>()));
    }
    let v = Dense::from_rows(values, 40, 4).unwrap();
    let fit = |init: &str| {
        let nmf = Nmf::new(4)
            .constraint(named("separable"))
            .init(init.parse().unwrap());
        nmf.tol(1e-9).max_iter(5000).fit(&Matrix::from(&v)).unwrap()
    };
    let (spa, snpa) = (fit("spa"), fit("snpa"));
    assert_eq!(spa.picked.len(), 3);
    let mut picked = snpa.picked.clone();
    picked.sort_unstable();
    assert_eq!(picked, [0, 1, 2, 3]);
    assert!(snpa.relative_error < 1e-6, "{}", snpa.relative_error);
    assert!(spa.relative_error > 0.01, "{}", spa.relative_error);
}

#[test]
fn a_row_of_next_to_nothing_is_no_component() {
    let v = Dense::from_rows(vec![5e-310, 5e-310, 1.0, 0.0, 0.0, 1.0, 0.5, 0.5], 4, 2).unwrap();
    let nmf = Nmf::new(2).constraint(named("separable"));
    let mut picked = nmf.fit(&Matrix::from(&v)).unwrap().picked;
    picked.sort_unstable();
    assert_eq!(picked, [1, 2]);
}

#[test]
fn little_volume_finds_components_that_no_sample_shows() {
    for seed in 0..4 {
        let (v, h) = mixtures((400, 30, 3), 0.85, 1e-3, seed);
        let fit = |v: &Dense<f64>, constraint: Option<&str>| {
            let nmf = Nmf::new(3).tol(1e-6).max_iter(1000);
            let nmf = constraint.map_or(nmf.clone(), |text| nmf.constraint(named(text)));
            nmf.fit(&Matrix::from(v)).unwrap()
        };
        let ours = angle(&h, &fit(&v, Some("min-volume=1e-4")).h);
        let turned = fit(&v.transposed(), Some("w:min-volume=1e-4")).w;
        let turned = angle(&h, &turned.transposed());
        let pure = angle(&h, &fit(&v, Some("separable")).h);
        let plain = angle(&h, &fit(&v, None).h);
        for ours in [ours, turned] {
            assert!(
                ours < 0.06 && ours < 0.6 * plain && ours < 0.6 * pure,
                "seed {seed}: {ours} {turned}, plain {plain}, separable {pure}"
            );
        }
    }
}

/// ½‖V − WH‖² + ½ λ‖V‖² (log det(n HHᵀ + δ I) − that of components that are all flat), by elimination.
#[test]
fn the_volume_is_in_the_objective() {
    const DELTA: f64 = 0.3;
    let (v, _) = mixtures((40, 12, 4), 0.9, 0.01, 5);
    let weight = 3e-3;
    let model = Nmf::new(4)
        .constraint(named("min-volume").with_value(weight).unwrap())
        .fit(&Matrix::from(&v))
        .unwrap();
    let (k, n) = (4, 12.0);
    let mut spread: Vec<Vec<f64>> = (0..k)
        .map(|s| {
            let entry = |t: usize| {
                let pairs = model.h.row(s).iter().zip(model.h.row(t));
                n * pairs.map(|(a, b)| a * b).sum::<f64>() + if s == t { DELTA } else { 0.0 }
            };
            (0..k).map(entry).collect()
        })
        .collect();
    let mut volume = 0.0;
    for s in 0..k {
        volume += spread[s][s].ln();
        for t in s + 1..k {
            let share = spread[t][s] / spread[s][s];
            let above = spread[s].clone();
            for (x, above) in spread[t].iter_mut().zip(above) {
                *x -= share * above;
            }
        }
    }
    let least = (k as f64 + DELTA).ln() + (k as f64 - 1.0) * DELTA.ln();
    let squares: f64 = v.as_slice().iter().map(|v| v * v).sum();
    let term = 0.5 * weight * squares * (volume - least);
    let expected = model.divergence + term;
    assert!(term > 0.01 * model.objective, "{term}");
    assert!(
        (model.objective / expected - 1.0).abs() < 1e-10,
        "{} {expected}",
        model.objective
    );
}

/// The shares of known components: against plain projected gradient, with a projection by bisection.
#[test]
fn shares_of_known_components_are_the_best_ones() {
    let (v, h) = mixtures((30, 12, 4), 1.0, 0.3, 6);
    let model = Nmf::new(4)
        .constraint(named("simplex"))
        .tol(0.0)
        .max_iter(200)
        .transform(&Matrix::from(&v), &h)
        .unwrap();
    let k = 4;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let gram: Vec<Vec<f64>> = (0..k)
        .map(|s| (0..k).map(|t| dot(h.row(s), h.row(t))).collect())
        .collect();
    let trace: f64 = (0..k).map(|t| gram[t][t]).sum();
    for i in 0..30 {
        let b: Vec<f64> = (0..k).map(|t| dot(v.row(i), h.row(t))).collect();
        let mut x = vec![0.25; k];
        for _ in 0..100_000 {
            let moved: Vec<f64> = (0..k)
                .map(|t| x[t] - (dot(&gram[t], &x) - b[t]) / trace)
                .collect();
            let (mut low, mut high) = (-1e3, 1e3);
            for _ in 0..80 {
                let middle = 0.5 * (low + high);
                let sum: f64 = moved.iter().map(|x| (x - middle).max(0.0)).sum();
                if sum > 1.0 {
                    low = middle
                } else {
                    high = middle
                }
            }
            x = moved.iter().map(|x| (x - low).max(0.0)).collect();
        }
        for (t, x) in x.iter().enumerate() {
            assert!((model.w.get(i, t) - x).abs() < 1e-6, "row {i}: {x}");
        }
    }
}

/// With H held each sample goes to the component along which it is longest, and by trying all of them.
#[test]
fn samples_go_to_their_best_component() {
    let (v, h) = mixtures((50, 12, 4), 1.0, 0.3, 7);
    let model = Nmf::new(4)
        .constraint(named("orthogonal"))
        .transform(&Matrix::from(&v), &h)
        .unwrap();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..50 {
        let left = |t: usize| {
            let size = dot(v.row(i), h.row(t)) / dot(h.row(t), h.row(t));
            let errors = v.row(i).iter().zip(h.row(t));
            (
                errors.map(|(v, h)| (v - size * h).powi(2)).sum::<f64>(),
                t,
                size,
            )
        };
        let (_, best, size) = (0..4).map(left).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        for t in 0..4 {
            let expected = if t == best { size } else { 0.0 };
            assert!((model.w.get(i, t) - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn clusters_are_found_and_factors_are_orthonormal() {
    // Three kinds of samples, each along a direction of its own, of any size.
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let centres: Vec<f64> = (0..3 * 20).map(|_| uniform(&mut rng)).collect();
    let mut values = Vec::new();
    for i in 0..90 {
        let size = 0.2 + uniform(&mut rng);
        values.extend((0..20).map(|j| size * centres[i % 3 * 20 + j] + 0.02 * uniform(&mut rng)));
    }
    let v = Dense::from_rows(values, 90, 20).unwrap();
    let nmf = Nmf::new(3)
        .constraint(named("orthogonal"))
        .init("spa".parse().unwrap());
    let model = nmf.fit(&Matrix::from(&v)).unwrap();
    let cluster = |i: usize| (0..3).find(|&t| model.w.get(i, t) > 0.0).unwrap();
    for i in 0..90 {
        assert_eq!(cluster(i), cluster(i % 3), "sample {i}");
    }
    for s in 0..3 {
        for t in 0..3 {
            let inner: f64 = (0..90).map(|i| model.w.get(i, s) * model.w.get(i, t)).sum();
            let expected = f64::from(u8::from(s == t));
            assert!((inner - expected).abs() < 1e-12, "{s} {t}: {inner}");
        }
    }
}

/// Samples along one of four directions, of any size, with noise: whether each has its own cluster.
#[test]
fn the_usual_start_of_clusters_is_good() {
    let found = |init: &str, seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let centres: Vec<f64> = (0..4 * 15).map(|_| uniform(&mut rng)).collect();
        let mut values = Vec::new();
        for i in 0..120 {
            let size = 0.2 + uniform(&mut rng);
            let noisy = |j: usize| size * (centres[i % 4 * 15 + j] + 0.2 * uniform(&mut rng));
            values.extend((0..15).map(noisy));
        }
        let v = Dense::from_rows(values, 120, 15).unwrap();
        let nmf = Nmf::new(4).constraint(named("orthogonal")).seed(seed);
        let model = nmf
            .init(init.parse().unwrap())
            .fit(&Matrix::from(&v))
            .unwrap();
        let cluster = |i: usize| (0..4).find(|&t| model.w.get(i, t) > 0.0);
        let alike = (0..120).all(|i| cluster(i) == cluster(i % 4));
        let apart = (0..4).all(|i| (0..i).all(|j| cluster(i) != cluster(j)));
        (alike && apart, model.relative_error)
    };
    let count = |init: &str| {
        let all: Vec<_> = (0..10).map(|seed| found(init, seed)).collect();
        let error = all.iter().map(|(_, error)| error).sum::<f64>() / 10.0;
        (all.iter().filter(|(right, _)| *right).count(), error)
    };
    let (usual, random) = (count("auto"), count("random"));
    assert!(
        usual.0 >= 9 && usual.0 > random.0 && usual.1 < random.1,
        "{usual:?}, random {random:?}"
    );
}

#[test]
fn sparse_components_have_length_one_and_what_is_asked_for() {
    let v = random::<f64>(40, 30, 1.0, 9);
    for (text, wanted) in [
        ("h:hoyer=0.3", 0.3),
        ("h:hoyer=0.9", 0.9),
        ("hoyer=1", 1.0),
        ("hoyer=0", 0.0),
    ] {
        let model = Nmf::new(4)
            .constraint(named(text))
            .fit(&Matrix::from(&v))
            .unwrap();
        for t in 0..4 {
            let row = model.h.row(t);
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!(
                length == 0.0 || (length - 1.0).abs() < 1e-12,
                "{text}: {length}"
            );
            assert!(
                length == 0.0 || (sparseness(row) - wanted).abs() < 1e-9,
                "{text}"
            );
        }
    }
    // One on each factor.
    let both = Nmf::new(4)
        .constraint(named("w:hoyer=0.6"))
        .constraint(named("h:hoyer=0.4"));
    let model = both.tol(0.0).max_iter(30).fit(&Matrix::from(&v)).unwrap();
    assert!(distance(&v, &model, named("w:hoyer=0.6")) < 1e-9);
    assert!(distance(&v, &model, named("h:hoyer=0.4")) < 1e-9);
    let slack = rounding::<f64>() * scale_of(&v, Loss::FROBENIUS);
    assert!(
        model
            .trace
            .windows(2)
            .all(|pair| pair[1].objective <= pair[0].objective + slack)
    );
}

/// A request that cannot be is refused before any work, with the constraint and what is in its way.
#[test]
fn what_cannot_be_is_refused() {
    let v = random::<f64>(6, 5, 1.0, 1);
    let refused = |nmf: Nmf, blocks: &[Matrix<'_, f64>], start: Start<'_, f64>, parts: &[&str]| {
        let fit = nmf.fit_with(blocks, start, &mut |_: &Progress| -> ControlFlow<()> {
            panic!("work was done before the request was checked")
        });
        let message = fit.expect_err("must be refused").to_string();
        assert!(!message.contains('\n'));
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
    };
    let whole = [Matrix::from(&v)];
    let none = Start::default;
    let with = |text: &str| Nmf::new(2).constraint(named(text));
    for constraint in Constraint::all().filter(|constraint| constraint.name() != "separable") {
        let text = constraint.to_string();
        let nmf = || with(&text);
        refused(
            nmf().loss(Loss::KULLBACK_LEIBLER),
            &whole,
            none(),
            &[&text, "frobenius", "kullback-leibler"],
        );
        refused(
            nmf().solver("mu".parse().unwrap()),
            &whole,
            none(),
            &[&text, "'mu'", "hals"],
        );
        refused(
            nmf().solver("sketched".parse().unwrap()),
            &whole,
            none(),
            &[&text, "'sketched'"],
        );
    }
    refused(
        with("hoyer").constraint(named("h:orthogonal")),
        &whole,
        none(),
        &["h:orthogonal", "h:hoyer=0.8"],
    );
    refused(
        with("separable").init("nndsvd".parse().unwrap()),
        &whole,
        none(),
        &["h:separable", "snpa", "nndsvd"],
    );
    refused(
        with("separable").n_init(NonZeroUsize::new(3).unwrap()),
        &whole,
        none(),
        &["h:separable", "n_init", "3"],
    );
    let (w, h) = (random(6, 2, 1.0, 2), random(2, 5, 1.0, 3));
    let given = || Start {
        w: Some(&w),
        h: Some(&h),
        ..Start::default()
    };
    refused(with("separable"), &whole, given(), &["h:separable", "H"]);
    refused(
        with("hoyer"),
        &whole,
        Start {
            hold: Some(Factor::H),
            ..given()
        },
        &["h:hoyer", "held"],
    );
    refused(
        with("hoyer"),
        &whole,
        Start {
            held_h: &[0],
            ..given()
        },
        &["h:hoyer", "held"],
    );
    refused(
        with("orthogonal"),
        &[(&v).into(), (&v).into()],
        none(),
        &["w:orthogonal", "2 blocks"],
    );
    let column = random::<f64>(6, 1, 1.0, 4);
    refused(
        with("hoyer"),
        &[(&column).into()],
        none(),
        &["h:hoyer", "2 columns"],
    );

    for (text, part) in [
        ("nothing", "min-volume"),
        ("x:hoyer", "'x'"),
        ("w:separable", "H only"),
        ("orthogonal=3", "no number"),
        ("hoyer=1.5", "0 to 1"),
        ("hoyer=NaN", "0 to 1"),
        ("hoyer=many", "'many'"),
        ("min-volume=0", "above 0"),
        ("min-volume=inf", "at most 1"),
        ("", "expected one of"),
    ] {
        let message = text.parse::<Constraint>().unwrap_err().to_string();
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
    let message = |error: partwise::Error| error.to_string();
    let weighting = partwise::Weighting {
        missing: partwise::Missing::Nan,
        ..partwise::Weighting::default()
    };
    let missing = with("hoyer").fit_weighted(&whole[0], &weighting, none(), &mut go_on);
    assert!(message(missing.unwrap_err()).contains("missing"));
    let consensus = partwise::ConsensusNmf::new(with("hoyer")).check();
    assert!(message(consensus.unwrap_err()).contains("consensus"));
}

#[test]
fn every_text_is_read_back() {
    for constraint in constraints() {
        assert_eq!(constraint.to_string().parse(), Ok(constraint));
        assert_eq!(
            constraint.name().parse::<Constraint>().unwrap().name(),
            constraint.name()
        );
        assert!(!constraint.title().is_empty() && !constraint.source().is_empty());
    }
}
