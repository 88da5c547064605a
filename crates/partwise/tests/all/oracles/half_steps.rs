//! One half-step of each solver, and where many of them lead.

use partwise::{Dense, Factor, Loss, Matrix, Nmf, Penalty, Solver};

use super::naive::{self, Rows};
use super::{Arrays, PENALTIES, compressed, distance, go, losses, random, uniform};

/// A problem with a start, and V stored twice.
struct Problem {
    v: Dense<f64>,
    csr: Arrays<f64>,
    w: Dense<f64>,
    h: Dense<f64>,
}

impl Problem {
    fn new(seed: u64, (m, n, k): (usize, usize, usize), zeros: f64) -> Self {
        let mut rng = random(seed);
        let v = uniform(&mut rng, m, n, 0.05, zeros);
        let w = uniform(&mut rng, m, k, 0.05, 0.0);
        let h = uniform(&mut rng, k, n, 0.05, 0.0);
        let csr = compressed(&v, false);
        Self { v, csr, w, h }
    }

    fn matrices(&self) -> [(&'static str, Matrix<'_, f64>); 2] {
        let (offsets, indices, values) = &self.csr;
        let (m, n) = (self.v.rows(), self.v.cols());
        let sparse = Matrix::csr(m, n, offsets, indices, values).unwrap();
        [("dense", Matrix::from(&self.v)), ("sparse", sparse)]
    }

    fn rows(&self) -> (Rows, Rows, Rows) {
        (
            naive::rows_of(&self.v),
            naive::rows_of(&self.w),
            naive::rows_of(&self.h),
        )
    }
}

fn problems() -> impl Iterator<Item = Problem> {
    let shapes = [(14, 11, 3), (1, 6, 2), (6, 1, 2), (3, 4, 5), (70, 300, 2)];
    shapes
        .into_iter()
        .enumerate()
        .flat_map(|(seed, shape)| [0.0, 0.5].map(|zeros| Problem::new(seed as u64, shape, zeros)))
}

/// One iteration, W then H, with a naive half-step of W, and the same on Vᵀ ≈ Hᵀ Wᵀ for H.
fn follow(
    problem: &Problem,
    nmf: &Nmf,
    penalty: Penalty,
    tolerance: f64,
    step: impl Fn(&Rows, &Rows, &Rows, (f64, f64)) -> Rows,
) {
    let (v, w, h) = problem.rows();
    let [w_weights, h_weights] = naive::weights(&penalty, v.len(), v[0].len());
    let nmf = nmf.clone().penalty(penalty);
    let step_h = |w: &Rows| {
        let (v, w, h) = (
            naive::transposed(&v),
            naive::transposed(w),
            naive::transposed(&h),
        );
        naive::transposed(&step(&v, &h, &w, h_weights))
    };
    let next_w = step(&v, &w, &h, w_weights);
    let cases = [
        (None, next_w.clone(), step_h(&next_w)),
        (Some(Factor::H), next_w, h.clone()),
        (Some(Factor::W), w.clone(), step_h(&w)),
    ];
    for (kind, matrix) in problem.matrices() {
        for (hold, expected_w, expected_h) in &cases {
            let model = go(&nmf, &[matrix], (&problem.w, &problem.h), *hold, 1);
            let found = (naive::rows_of(&model.w), naive::rows_of(&model.h));
            for (factor, found, expected) in
                [("W", &found.0, expected_w), ("H", &found.1, expected_h)]
            {
                let off = distance(found, expected);
                assert!(
                    off <= tolerance,
                    "{nmf:?} {}x{} {kind}, held {hold:?}: {factor} is off by {off:.1e}",
                    v.len(),
                    v[0].len()
                );
            }
        }
    }
}

/// Whether the penalty makes every minimum unique.
fn curved(penalty: &Penalty) -> bool {
    penalty.alpha_w.min(penalty.alpha_h) * (1.0 - penalty.l1_ratio) > 0.0
}

fn named(name: &str) -> Solver {
    name.parse().unwrap()
}

#[test]
fn cd_takes_the_textbook_sweep() {
    for problem in problems() {
        for penalty in PENALTIES {
            let nmf = Nmf::new(problem.w.cols()).solver(named("cd"));
            follow(&problem, &nmf, penalty, 1e-11, naive::coordinate_sweep);
        }
    }
}

#[test]
fn mu_takes_the_textbook_step_for_every_loss() {
    for problem in problems() {
        for loss in losses() {
            if loss.needs_positive() && problem.v.as_slice().contains(&0.0) {
                continue;
            }
            let large = problem.v.as_slice().len() > 1000;
            for &penalty in &PENALTIES[if large { 3 } else { 0 }..] {
                let nmf = Nmf::new(problem.w.cols()).solver(named("mu")).loss(loss);
                follow(&problem, &nmf, penalty, 1e-11, |v, w, h, weights| {
                    naive::multiplicative_step(loss.beta(), v, w, h, weights)
                });
            }
        }
    }
}

#[test]
fn als_clips_the_least_squares_solution() {
    for problem in problems() {
        let (k, smaller) = (problem.w.cols(), problem.v.rows().min(problem.v.cols()));
        for penalty in PENALTIES {
            // Without an L2 penalty the solution must be unique.
            if k > smaller && !curved(&penalty) {
                continue;
            }
            let nmf = Nmf::new(k).solver(named("als"));
            let free: Vec<usize> = (0..k).collect();
            let tolerance = if k > smaller { 1e-7 } else { 1e-9 };
            follow(&problem, &nmf, penalty, tolerance, |v, _, h, weights| {
                let row = |v: &Vec<f64>| {
                    let x = naive::least_squares(v, h, weights, &free).expect("full rank");
                    x.into_iter().map(|x| x.max(0.0)).collect()
                };
                v.iter().map(row).collect()
            });
        }
    }
}

#[test]
fn anls_finds_the_minimum_of_every_row() {
    for problem in problems().filter(|problem| problem.v.cols() < 100) {
        let (k, smaller) = (problem.w.cols(), problem.v.rows().min(problem.v.cols()));
        for penalty in PENALTIES {
            if k > smaller && !curved(&penalty) {
                continue;
            }
            let nmf = Nmf::new(k).solver(named("anls"));
            let tolerance = if k > smaller { 1e-7 } else { 1e-9 };
            follow(&problem, &nmf, penalty, tolerance, |v, _, h, weights| {
                v.iter().map(|v| naive::best_row(v, h, weights)).collect()
            });
        }
    }
}

/// Components that repeat, depend on each other or are zero: the minimum is not unique, its value is.
#[test]
fn anls_reaches_the_minimum_where_it_is_not_unique() {
    for seed in 0..40 {
        let mut rng = random(seed);
        let (m, n, k) = (6, 8, 5);
        let v: Dense<f64> = uniform(&mut rng, m, n, 0.05, 0.3);
        let w = uniform(&mut rng, m, k, 0.05, 0.4);
        let mut h = naive::rows_of(&uniform::<f64>(&mut rng, k, n, 0.05, 0.2));
        match seed % 4 {
            0 => h[3] = h[1].clone(),
            1 => h[2] = h[0].iter().zip(&h[1]).map(|(a, b)| a + b).collect(),
            2 => h[4] = vec![0.0; n],
            // Nearly dependent.
            _ => h[2] = h[0].iter().zip(&h[1]).map(|(a, b)| a + 1e-7 * b).collect(),
        }
        let h = Dense::from_rows(h.concat(), k, n).unwrap();
        let nmf = Nmf::new(k).solver(named("anls"));
        let model = go(&nmf, &[Matrix::from(&v)], (&w, &h), Some(Factor::H), 1);
        let (v, h) = (naive::rows_of(&v), naive::rows_of(&h));
        for (i, (v, found)) in v.iter().zip(naive::rows_of(&model.w)).enumerate() {
            let found = naive::row_objective(v, &found, &h, (0.0, 0.0));
            let best = naive::best_row(v, &h, (0.0, 0.0));
            let best = naive::row_objective(v, &best, &h, (0.0, 0.0));
            assert!(
                found <= best * (1.0 + 1e-6),
                "seed {seed}, row {i}: {found} above {best}"
            );
        }
    }
}

/// Every solver of the squared loss, with one factor held: a convex problem whose minimum is known.
#[test]
fn every_solver_goes_down_to_the_minimum_of_the_convex_problem() {
    for (seed, zeros) in [(1, 0.0), (2, 0.3), (3, 0.6)] {
        let mut problem = Problem::new(seed, (9, 12, 4), zeros);
        // Parts that overlap little, so that slow solvers arrive too.
        problem.h = uniform(&mut random(seed + 100), 4, 12, 0.2, 0.4);
        for penalty in PENALTIES {
            let (v, _, h) = problem.rows();
            let [weights, h_weights] = naive::weights(&penalty, v.len(), v[0].len());
            let best: f64 = v
                .iter()
                .map(|v| naive::row_objective(v, &naive::best_row(v, &h, weights), &h, weights))
                .sum::<f64>()
                + naive::penalty_of(h_weights, &h);
            for solver in Solver::all().filter(|solver| solver.handles(Loss::FROBENIUS)) {
                let nmf = Nmf::new(4).solver(solver).penalty(penalty);
                let model = go(
                    &nmf,
                    &[Matrix::from(&problem.v)],
                    (&problem.w, &problem.h),
                    Some(Factor::H),
                    1500,
                );
                if !solver.descends() {
                    // Clipping is not a minimum; it is never below one.
                    assert!(model.objective >= best * (1.0 - 1e-12), "{solver}");
                    continue;
                }
                for pair in model.trace.windows(2) {
                    let (before, after) = (pair[0].objective, pair[1].objective);
                    assert!(
                        after <= before * (1.0 + 1e-12),
                        "{solver} rose from {before} to {after}"
                    );
                }
                let above = model.objective / best - 1.0;
                assert!(
                    above.abs() < 1e-6,
                    "seed {seed} {solver} {penalty:?}: {above:.1e} above the minimum"
                );
            }
        }
    }
}

/// The largest |projected gradient| of the Kullback–Leibler problem of W, over the sums that it is the difference of.
fn residual(v: &Rows, w: &Rows, h: &Rows, (l1, l2): (f64, f64)) -> f64 {
    let mut worst = 0.0f64;
    for (v, x) in v.iter().zip(w) {
        for (t, &x_t) in x.iter().enumerate() {
            let (mut push, mut pull) = (l1 + l2 * x_t, 0.0);
            for (j, &v) in v.iter().enumerate() {
                let y: f64 = x.iter().zip(h).map(|(x, h)| x * h[j]).sum();
                push += h[t][j];
                if v > 0.0 {
                    pull += v * h[t][j] / y;
                }
            }
            let gradient = push - pull;
            if x_t > 0.0 || gradient < 0.0 {
                worst = worst.max(gradient.abs() / push);
            }
        }
    }
    worst
}

#[test]
fn newton_finds_the_minimum_of_every_row() {
    for problem in problems() {
        for penalty in PENALTIES {
            let (v, _, _) = problem.rows();
            let [w_weights, h_weights] = naive::weights(&penalty, v.len(), v[0].len());
            let nmf = Nmf::new(problem.w.cols())
                .solver(named("newton"))
                .loss(Loss::KULLBACK_LEIBLER)
                .penalty(penalty);
            for (kind, matrix) in problem.matrices() {
                for hold in [Factor::W, Factor::H] {
                    let model = go(&nmf, &[matrix], (&problem.w, &problem.h), Some(hold), 400);
                    let (w, h) = (naive::rows_of(&model.w), naive::rows_of(&model.h));
                    let off = match hold {
                        Factor::H => residual(&v, &w, &h, w_weights),
                        Factor::W => {
                            let (v, w, h) = (
                                naive::transposed(&v),
                                naive::transposed(&w),
                                naive::transposed(&h),
                            );
                            residual(&v, &h, &w, h_weights)
                        }
                    };
                    assert!(
                        off < 1e-6,
                        "{}x{} {kind} {penalty:?} holding {hold:?}: {off:.1e}",
                        v.len(),
                        v[0].len()
                    );
                }
            }
        }
    }
}
