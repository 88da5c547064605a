//! What a fit reports about itself: objective, divergence, relative error and distance from a stationary point.

use partwise::{Dense, Factor, Factorization, Float, Loss, Matrix, Nmf, Penalty, Solver};

use super::naive::{self, Rows};
use super::{PENALTIES, compressed, go, pairs, random, uniform};

/// Holds the figures of a model against those of its factors.
fn check<T: Float>(
    name: &str,
    v: &Dense<T>,
    model: &Factorization<T>,
    loss: Loss,
    penalty: &Penalty,
    hold: Option<Factor>,
) {
    let beta = loss.beta();
    let (v, w, h) = (
        naive::rows_of(v),
        naive::rows_of(&model.w),
        naive::rows_of(&model.h),
    );
    let y = naive::product(&w, &h);
    let epsilon = T::EPSILON.to_f64();
    // Ten digits of an f64, as many as an f32 has otherwise, and never more than the rounding of W H leaves.
    let digits = if T::NAME == "float64" { 1e-10 } else { 1e-5 };
    let k = h.len() as f64;
    let divergence = naive::total_divergence(beta, &v, &y);
    let mut slack = digits * divergence + naive::rounding(beta, &v, &y, k * epsilon);
    if [1.0, 2.0].contains(&beta) && T::NAME == "float32" {
        // D is taken as a difference of sums, Σ v^β the largest of them, while that leaves half of the digits.
        slack += 2.0 * epsilon * v.iter().flatten().map(|v| v.powf(beta)).sum::<f64>();
    }
    if beta > 0.0 && beta != 2.0 {
        // y is kept above a floor, in units of the mean; for small β its divergence from a zero of V can be seen.
        let mean = v.iter().flatten().sum::<f64>() / (v.len() * v[0].len()) as f64;
        let unit = 2.0 * if mean > 0.0 { mean } else { 1.0 };
        let floor = (-0.5 * f64::from(T::MAX_EXPONENT) / (2.0 - beta).max(1.0)).exp2();
        let zeros = v.iter().flatten().filter(|v| **v == 0.0).count();
        slack += zeros as f64 * naive::divergence(beta, 0.0, unit * floor);
    }
    let near = |what: &str, found: f64, expected: f64, slack: f64| {
        assert!(
            found == expected || (found - expected).abs() <= slack,
            "{name}: {what} is {found:e}, expected {expected:e}, off by {:.1e} of it, allowed {:.1e}",
            (found - expected).abs() / expected,
            slack / expected
        );
    };
    near("the divergence", model.divergence, divergence, slack);
    let [w_weights, h_weights] = naive::weights(penalty, v.len(), v[0].len());
    let penalty = naive::penalty_of(w_weights, &w) + naive::penalty_of(h_weights, &h);
    near(
        "the objective",
        model.objective,
        divergence + penalty,
        slack + digits * penalty,
    );

    let squares = |a: &Rows| naive::pairs(a, a).map(|(x, _)| x * x).sum::<f64>();
    let squared = 2.0 * naive::total_divergence(2.0, &v, &y);
    if squares(&v) > 0.0 {
        let error = (squared / squares(&v)).sqrt();
        near(
            "the relative error",
            model.relative_error,
            error,
            10.0 * digits * error + 20.0 * k * epsilon,
        );
    }

    // A reconstruction near zero meets the floor of the powers, which this version does not have.
    let smallest = y.iter().flatten().fold(f64::INFINITY, |min, &y| min.min(y));
    if smallest > 1e-8 * squares(&v).sqrt() || beta >= 2.0 {
        let transposed = |a: &Rows| naive::transposed(a);
        let of_w = naive::residual(beta, &v, &w, &h, w_weights);
        let of_h = naive::residual(
            beta,
            &transposed(&v),
            &transposed(&h),
            &transposed(&w),
            h_weights,
        );
        let residual = match hold {
            Some(Factor::W) => of_h,
            Some(Factor::H) => of_w,
            None => of_w.max(of_h),
        };
        // The gradient is a difference of sums of its own size.
        let spread = if beta < 1.0 { 1e3 } else { 10.0 };
        near(
            "the residual",
            model.residual,
            residual,
            (digits * residual).max(spread * k * epsilon),
        );
    }
}

fn random_fits<T: Float>(scales: &[f64]) {
    for (case, (m, n, k)) in [(23, 17, 3), (1, 7, 2), (7, 1, 3), (1, 1, 1), (4, 5, 8)]
        .into_iter()
        .enumerate()
    {
        let mut rng = random(case as u64);
        for &scale in scales {
            for zeros in [0.0, 0.4] {
                let mut v = uniform::<T>(&mut rng, m, n, 0.05, zeros);
                for x in v.as_mut_slice() {
                    *x *= T::from_f64(scale);
                }
                let (offsets, indices, values) = compressed(&v, false);
                let sparse = Matrix::csr(m, n, &offsets, &indices, &values).unwrap();
                for (solver, loss) in pairs() {
                    if loss.needs_positive() && v.as_slice().contains(&T::ZERO) {
                        continue;
                    }
                    for (p, penalty) in PENALTIES.iter().enumerate() {
                        // Away from 1 the scale is what is looked at.
                        if scale != 1.0 && (p == 1 || p == 2) {
                            continue;
                        }
                        // The penalties stay as strong beside the data at every scale.
                        let strength = scale.powf(loss.beta() - 0.5);
                        let penalty = Penalty {
                            alpha_w: penalty.alpha_w * strength,
                            alpha_h: penalty.alpha_h * strength,
                            ..*penalty
                        };
                        let nmf = Nmf::new(k)
                            .solver(solver)
                            .loss(loss)
                            .penalty(penalty)
                            .max_iter(12);
                        for (kind, matrix) in [("dense", Matrix::from(&v)), ("sparse", sparse)] {
                            let name = format!(
                                "{} {m}x{n} rank {k} scale {scale:e} {solver} {loss} penalty {p} {kind}",
                                T::NAME
                            );
                            let model = nmf.fit(&matrix).unwrap();
                            check(&name, &v, &model, loss, &penalty, None);
                            let seen = nmf.transform(&matrix, &model.h).unwrap();
                            check(
                                &format!("{name}, H held"),
                                &v,
                                &seen,
                                loss,
                                &penalty,
                                Some(Factor::H),
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn figures_are_those_of_the_factors_in_double_precision() {
    random_fits::<f64>(&[1.0, 100f64.exp2(), (-100f64).exp2()]);
}

#[test]
fn figures_are_those_of_the_factors_in_single_precision() {
    random_fits::<f32>(&[1.0, 20f64.exp2(), (-20f64).exp2()]);
}

/// Fits whose relative error is far below what the expansion of the square can show.
#[test]
fn figures_of_nearly_exact_fits_keep_their_digits() {
    let (m, n, k) = (31, 22, 3);
    let mut rng = random(7);
    let (w, h) = (
        uniform::<f64>(&mut rng, m, k, 0.1, 0.0),
        uniform::<f64>(&mut rng, k, n, 0.1, 0.0),
    );
    let exact = partwise::reconstruct(&w, &h);
    for noise in [0.3, 2e-2, 2.5e-3, 1e-3, 1e-4, 1e-6, 1e-8] {
        let mut v = exact.clone();
        let factors = uniform::<f64>(&mut rng, m, n, -1.0, 0.0);
        for (v, factor) in v.as_mut_slice().iter_mut().zip(factors.as_slice()) {
            *v *= 1.0 + noise * factor;
        }
        let (offsets, indices, values) = compressed(&v, false);
        let sparse = Matrix::csr(m, n, &offsets, &indices, &values).unwrap();
        for (solver, loss) in pairs() {
            let nmf = Nmf::new(k).solver(solver).loss(loss);
            for (kind, matrix) in [("dense", Matrix::from(&v)), ("sparse", sparse)] {
                let model = go(&nmf, &[matrix], (&w, &h), None, 3);
                assert!(
                    model.relative_error < 2.0 * noise,
                    "{solver} {loss}: {}",
                    model.relative_error
                );
                check(
                    &format!("noise {noise:e} {solver} {loss} {kind}"),
                    &v,
                    &model,
                    loss,
                    &PENALTIES[0],
                    None,
                );
            }
        }
    }
}

/// The trace and the figures use one definition of the objective.
#[test]
fn the_trace_ends_where_the_figures_are() {
    let mut rng = random(11);
    let v = uniform::<f64>(&mut rng, 20, 15, 0.1, 0.0);
    for (solver, loss) in pairs() {
        for penalty in PENALTIES {
            let nmf = Nmf::new(3)
                .solver(solver)
                .loss(loss)
                .penalty(penalty)
                .max_iter(9)
                .tol(0.0);
            let model = nmf.fit(&Matrix::from(&v)).unwrap();
            // A solver that may rise gives back its best.
            let traced = model
                .trace
                .iter()
                .skip_while(|point| point.iteration == 0)
                .map(|point| point.objective);
            let last = if solver.resolve(loss).is_ok_and(Solver::descends) {
                model.trace[model.trace.len() - 1].objective
            } else {
                traced.fold(f64::INFINITY, f64::min)
            };
            assert!(
                (last / model.objective - 1.0).abs() < 1e-10,
                "{solver} {loss}: {last} {}",
                model.objective
            );
        }
    }
}
