//! What must hold for any V, drawn at random: shapes, ranks, sparsity, scale, storage, solver, loss, penalty.

use std::ops::ControlFlow;

use crate::common::{Findings, Storage, Stored, bits, mapped, random, scale_of, short, uniform};
use partwise::{Dense, Float, Init, Loss, Nmf, Penalty, Progress, Solver, Start, reconstruct};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A matrix to be drawn.
#[derive(Clone, Debug)]
struct Shape {
    rows: usize,
    cols: usize,
    density: f64,
    /// One in so many rows and columns is zero; none if 0.
    zero_lines: usize,
    seed: u64,
}

impl Shape {
    fn draw(&self) -> Dense<f64> {
        let mut dense = random::<f64>(self.rows, self.cols, self.density, self.seed);
        if self.zero_lines > 0 {
            let cols = self.cols;
            for (i, value) in dense.as_mut_slice().iter_mut().enumerate() {
                let (row, col) = (i / cols, i % cols);
                if row % self.zero_lines == 1 || col % self.zero_lines == 2 {
                    *value = 0.0;
                }
            }
        }
        dense
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let size = (
        prop_oneof![1 => Just(1usize), 8 => 1usize..20, 1 => 20usize..300],
        prop_oneof![1 => Just(1usize), 8 => 1usize..20, 1 => 20usize..200],
    );
    let density = prop_oneof![2 => Just(1.0), 3 => 0.0..1.0];
    let zero_lines = prop_oneof![2 => Just(0usize), 1 => 3usize..6];
    (size, density, zero_lines, any::<u64>()).prop_map(
        |((rows, cols), density, zero_lines, seed)| Shape {
            rows,
            cols,
            density,
            zero_lines,
            seed,
        },
    )
}

fn solvers() -> impl Strategy<Value = Solver> {
    (0..Solver::all().count()).prop_map(|i| Solver::all().nth(i).unwrap())
}

fn inits() -> impl Strategy<Value = Init> {
    (0..Init::all().count()).prop_map(|i| Init::all().nth(i).unwrap())
}

fn any_loss() -> impl Strategy<Value = Loss> {
    let beta = prop_oneof![
        6 => Just(2.0), 2 => Just(1.0), 1 => Just(0.0), 2 => -2.0..3.5,
        1 => Just(1e-9), 1 => Just(1.0 + 1e-9), 1 => Just(2.0 - 1e-9)
    ];
    beta.prop_map(|beta: f64| Loss::beta_divergence(beta).unwrap())
}

fn penalties() -> impl Strategy<Value = Penalty> {
    let alpha = || prop_oneof![2 => Just(0.0), 2 => 1e-4..0.3f64, 1 => 1.0..100.0];
    (
        alpha(),
        alpha(),
        prop_oneof![Just(0.0), Just(1.0), 0.0..1.0],
    )
        .prop_map(|(alpha_w, alpha_h, l1_ratio)| Penalty {
            alpha_w,
            alpha_h,
            l1_ratio,
        })
}

/// A rank from 1 to above the smaller side.
fn rank_for(shape: &Shape, draw: usize) -> usize {
    1 + draw % (shape.rows.min(shape.cols).min(10) + 3)
}

/// The parts of a request that do not depend on the matrix.
fn nmf_for(shape: &Shape, draw: usize, solver: Solver, loss: Loss, init: Init) -> Nmf {
    let rank = rank_for(shape, draw);
    let fits = rank <= shape.rows.min(shape.cols);
    let init = if init.is_limited() && !fits {
        Init::auto()
    } else {
        init
    };
    short(rank, solver, loss, 8).init(init).seed(shape.seed)
}

/// Whether a solver's answer moves by little more than the rounding of its terms.
///
/// `als` may clip another entry. The long steps of `pg` multiply rounding in the steep directions of G. `anls` solves
/// exactly, which leaves the solution open where V has fewer rows or columns than components.
fn is_steady(solver: Solver, shape: &Shape, rank: usize) -> bool {
    match solver.name() {
        "als" | "pg" => false,
        "anls" => {
            shape.density >= 1.0
                && shape.zero_lines == 0
                && rank <= shape.rows.min(shape.cols).min(3)
        }
        _ => true,
    }
}

/// Whether the reconstruction falls so far below the mean of V that its powers are replaced by those of a floor.
fn meets_floor<T: Float>(v: &Dense<T>, product: &Dense<f64>, loss: Loss) -> bool {
    let bits = f64::from(T::MAX_EXPONENT) / 2.0 / (2.0 - loss.beta()).max(1.0);
    let mean = v.as_slice().iter().map(|v| v.to_f64()).sum::<f64>() / v.as_slice().len() as f64;
    // Twice: the mean is rounded to a power of two.
    let floor = 2.0 * mean * (-bits).exp2();
    !loss.is_quadratic() && product.as_slice().iter().any(|&y| y < floor)
}

/// The objective by its definition, entry by entry and in double precision.
fn objective<T: Float>(
    v: &Dense<T>,
    w: &Dense<T>,
    h: &Dense<T>,
    loss: Loss,
    penalty: Penalty,
) -> f64 {
    let beta = loss.beta();
    let product = reconstruct(&mapped::<T, f64>(w, |x| x), &mapped::<T, f64>(h, |x| x));
    let pairs = v.as_slice().iter().zip(product.as_slice());
    let data: f64 = pairs
        .map(|(v, &y)| {
            let v = v.to_f64();
            if beta == 2.0 {
                0.5 * (v - y).powi(2)
            } else if beta == 1.0 {
                if v == 0.0 {
                    y
                } else {
                    v * (v.ln() - y.ln()) - v + y
                }
            } else if beta == 0.0 {
                v / y - (v.ln() - y.ln()) - 1.0
            } else {
                (v.powf(beta) + (beta - 1.0) * y.powf(beta) - beta * v * y.powf(beta - 1.0))
                    / (beta * (beta - 1.0))
            }
        })
        .sum();
    let size = |factor: &Dense<T>, alpha: f64, length: usize| {
        let values = || factor.as_slice().iter().map(|x| x.to_f64());
        let (sum, squares): (f64, f64) = (values().sum(), values().map(|x| x * x).sum());
        alpha * length as f64 * (penalty.l1_ratio * sum + 0.5 * (1.0 - penalty.l1_ratio) * squares)
    };
    data + size(w, penalty.alpha_w, v.cols()) + size(h, penalty.alpha_h, v.rows())
}

/// Fits a matrix in one storage and checks everything that must hold for any fit.
fn check_any<T: Float>(
    v: &Dense<T>,
    storage: Storage,
    nmf: &Nmf,
    solver: Solver,
    loss: Loss,
    penalty: Penalty,
    findings: &mut Findings,
) {
    let what = format!("{solver} {loss} {storage:?} {} {penalty:?}", T::NAME);
    let stored = Stored::of(v, storage);
    let model = match nmf.clone().penalty(penalty).fit(&stored.matrix()) {
        Ok(model) => model,
        Err(partwise::Error::Scale { .. }) if ![1.0, 2.0].contains(&loss.beta()) => return,
        Err(error) => return findings.check(false, || format!("{what}: {error}")),
    };
    findings.sound(&model, &what);
    let scale = scale_of(v, loss).max(model.trace[0].objective);
    if solver.descends() {
        findings.falls(&model, scale, &what);
    }
    let product = reconstruct(
        &mapped::<T, f64>(&model.w, |x| x),
        &mapped::<T, f64>(&model.h, |x| x),
    );
    if loss.beta() < 1.0 && meets_floor(v, &product, loss) {
        return;
    }
    // As far as the formula is exact: not where it divides by nearly nothing, nor where a reconstruction is zero.
    let beta = loss.beta();
    let near_named = [0.0, 1.0]
        .iter()
        .any(|&named| (beta - named).abs() < 1e-3 && beta != named);
    let expected = objective(v, &model.w, &model.h, loss, penalty);
    if !near_named && expected.is_finite() {
        let apart = (expected - model.objective).abs();
        let scale = scale.max(scale_of(v, loss));
        findings.check(apart <= 1e3 * T::EPSILON.to_f64() * scale, || {
            format!("{what}: says {:e}, is {expected:e}", model.objective)
        });
    }
}

proptest! {
    #![proptest_config(crate::common::cases(1500))]

    #[test]
    fn any_fit_is_sound_and_falls_and_says_what_it_is(
        shape in shapes(),
        draw in any::<usize>(),
        solver in solvers(),
        loss in any_loss(),
        init in inits(),
        penalty in penalties(),
        exponent in prop_oneof![2 => Just(0), 1 => -150i32..150],
        which in 0usize..4,
    ) {
        let mut shape = shape;
        if loss.needs_positive() {
            shape.density = 1.0;
            shape.zero_lines = 0;
        }
        let solver = if solver.handles(loss) { solver } else { Solver::auto() };
        let v = mapped::<f64, f64>(&shape.draw(), |v| v * 10f64.powi(exponent));
        let nmf = nmf_for(&shape, draw, solver, loss, init);
        let mut findings = Findings::default();
        let storage = Storage::ALL[which];
        check_any(&v, storage, &nmf, solver, loss, penalty, &mut findings);
        if exponent.abs() <= 18 {
            let v: Dense<f32> = mapped(&v, |v| v);
            check_any(&v, storage, &nmf, solver, loss, penalty, &mut findings);
        }
        let noted = findings.into_noted();
        prop_assert!(noted.is_empty(), "{}", noted.join("\n"));
    }
}

proptest! {
    #![proptest_config(crate::common::cases(400))]

    #[test]
    fn storage_and_precision_change_only_rounding(
        shape in shapes(),
        draw in any::<usize>(),
        solver in solvers(),
        loss in any_loss(),
        penalty in penalties(),
    ) {
        let mut shape = shape;
        if loss.needs_positive() {
            shape.density = 1.0;
            shape.zero_lines = 0;
        }
        let solver = if solver.handles(loss) { solver } else { Solver::auto() };
        prop_assume!(solver.resolve(loss).unwrap().alike_in_storages());
        if solver.resolve(loss).unwrap().name() != "mu" {
            // Where a coordinate falls to zero but for rounding, the other factor may answer with a large one. So nothing
            // here drives coordinates to zero, except for the solver that multiplies.
            shape.density = 1.0;
            shape.zero_lines = 0;
            prop_assume!(penalty == Penalty { l1_ratio: penalty.l1_ratio, ..Penalty::default() });
        }
        let v = shape.draw();
        let rank = rank_for(&shape, draw);
        prop_assume!(is_steady(solver.resolve(loss).unwrap(), &shape, rank));
        let nmf = short(rank, solver, loss, 3)
            .init("random".parse().unwrap())
            .seed(shape.seed)
            .penalty(penalty);
        let expected = nmf.fit(&(&v).into()).unwrap();
        let scale = expected.trace[0].objective.max(scale_of(&v, loss));
        for storage in Storage::ALL {
            let found = nmf.fit(&Stored::of(&v, storage).matrix()).unwrap();
            let apart = (found.objective - expected.objective).abs();
            prop_assert!(
                apart <= 1e-9 * scale,
                "{solver} {loss} {storage:?}: {:e} and {:e}",
                found.objective,
                expected.objective
            );
            let single: Dense<f32> = mapped(&v, |v| v);
            let found = nmf.fit(&Stored::of(&single, storage).matrix()).unwrap();
            let apart = (found.objective - expected.objective).abs();
            prop_assert!(
                apart <= 1e-3 * scale,
                "{solver} {loss} {storage:?} float32: {:e} and {:e}",
                found.objective,
                expected.objective
            );
        }
    }

    /// V · 4^p with factors that start at √ of that is the same fit: powers of two round nothing.
    #[test]
    fn a_power_of_four_scales_the_factors_exactly(
        shape in shapes(),
        draw in any::<usize>(),
        solver in solvers(),
        loss in any_loss(),
        power in -40i32..40,
        which in 0usize..4,
    ) {
        // Powers with broken exponents round.
        prop_assume!(loss.is_quadratic() || loss == Loss::KULLBACK_LEIBLER);
        let solver = if solver.handles(loss) { solver } else { Solver::auto() };
        let v = shape.draw();
        // Nothing is fitted by factors that fall to the end of the range, wherever they begin.
        prop_assume!(v.as_slice().iter().any(|&v| v > 0.0));
        let rank = rank_for(&shape, draw);
        let (w, h) = (random::<f64>(shape.rows, rank, 1.0, shape.seed ^ 1), random::<f64>(rank, shape.cols, 1.0, shape.seed ^ 2));
        let half = 2f64.powi(power);
        let times = |dense: &Dense<f64>, factor: f64| mapped::<f64, f64>(dense, |x| x * factor);
        let fit = |factor: f64| {
            let (v, w, h) = (times(&v, factor * factor), times(&w, factor), times(&h, factor));
            let start = Start { w: Some(&w), h: Some(&h), hold: None, ..Start::default() };
            short(rank, solver, loss, 5)
                .fit_with(&[Stored::of(&v, Storage::ALL[which]).matrix()], start, &mut |_: &Progress| {
                    ControlFlow::Continue(())
                })
                .unwrap()
        };
        let (plain, scaled) = (fit(1.0), fit(half));
        prop_assert_eq!(times(&plain.w, half), scaled.w, "W, {} {}", solver, loss);
        prop_assert_eq!(times(&plain.h, half), scaled.h, "H, {} {}", solver, loss);
        let unit = half.powi(2).powf(loss.beta());
        prop_assert_eq!((plain.objective * unit).to_bits(), scaled.objective.to_bits());
        prop_assert_eq!(plain.relative_error.to_bits(), scaled.relative_error.to_bits());
        prop_assert_eq!(plain.residual.to_bits(), scaled.residual.to_bits());
    }

    /// Rows and columns have no order: with the start permuted as V is, so are the factors.
    #[test]
    fn permuted_rows_and_columns_give_permuted_factors(
        shape in shapes(),
        draw in any::<usize>(),
        solver in solvers(),
        loss in any_loss(),
        which in 0usize..4,
    ) {
        let mut shape = shape;
        if loss.needs_positive() {
            shape.density = 1.0;
            shape.zero_lines = 0;
        }
        let solver = if solver.handles(loss) { solver } else { Solver::auto() };
        let rank = rank_for(&shape, draw);
        prop_assume!(is_steady(solver, &shape, rank));
        // A sketch is drawn with a number for each column, in their order.
        prop_assume!(solver.name() != "sketched");
        let v = shape.draw();
        let (w, h) = (random::<f64>(shape.rows, rank, 1.0, shape.seed ^ 1), random::<f64>(rank, shape.cols, 1.0, shape.seed ^ 2));
        let (by_row, by_col) = (order(shape.rows, shape.seed), order(shape.cols, !shape.seed));
        let straight = order_of(rank);
        let fit = |v: &Dense<f64>, w: &Dense<f64>, h: &Dense<f64>| {
            let start = Start { w: Some(w), h: Some(h), hold: None, ..Start::default() };
            short(rank, solver, loss, 2)
                .fit_with(&[Stored::of(v, Storage::ALL[which]).matrix()], start, &mut |_: &Progress| {
                    ControlFlow::Continue(())
                })
                .unwrap()
        };
        let plain = fit(&v, &w, &h);
        let permuted = fit(
            &picked(&v, &by_row, &by_col),
            &picked(&w, &by_row, &straight),
            &picked(&h, &straight, &by_col),
        );
        let product = reconstruct(&plain.w, &plain.h);
        let expected = picked(&product, &by_row, &by_col);
        let found = reconstruct(&permuted.w, &permuted.h);
        let at_start = reconstruct(&w, &h);
        let largest = at_start.as_slice().iter().chain(v.as_slice()).chain(expected.as_slice()).fold(0.0, |a: f64, &b| a.max(b));
        for (found, expected) in found.as_slice().iter().zip(expected.as_slice()) {
            prop_assert!(
                (found - expected).abs() <= 1e-7 * largest,
                "{solver} {loss}: {found} and {expected}"
            );
        }
        let scale = scale_of(&v, loss).max(plain.trace[0].objective);
        prop_assert!((plain.objective - permuted.objective).abs() <= 1e-9 * scale);
    }

    /// W of a transform does not depend on which other rows are transformed along.
    #[test]
    fn rows_are_transformed_each_alone(
        shape in shapes(),
        draw in any::<usize>(),
        solver in solvers(),
        loss in any_loss(),
        sparse in any::<bool>(),
    ) {
        prop_assume!(shape.rows > 1);
        let mut shape = shape;
        if loss.needs_positive() {
            shape.density = 1.0;
            shape.zero_lines = 0;
        }
        let solver = if solver.handles(loss) { solver } else { Solver::auto() };
        let rank = rank_for(&shape, draw);
        prop_assume!(is_steady(solver, &shape, rank));
        let v = shape.draw();
        let h = random::<f64>(rank, shape.cols, 1.0, shape.seed ^ 2);
        let w = random::<f64>(shape.rows, rank, 1.0, shape.seed ^ 1);
        let half = shape.rows / 2;
        let rows: Vec<usize> = (half..shape.rows).collect();
        let storage = if sparse { Storage::Csr } else { Storage::RowMajor };
        let fit = |v: &Dense<f64>, w: &Dense<f64>| {
            let start = Start { w: Some(w), h: Some(&h), hold: Some(partwise::Factor::H), ..Start::default() };
            short(rank, solver, loss, 3)
                .fit_with(&[Stored::of(v, storage).matrix()], start, &mut |_: &Progress| {
                    ControlFlow::Continue(())
                })
                .unwrap()
        };
        let all = fit(&v, &w);
        prop_assert_eq!(&all.h, &h);
        let some = fit(
            &picked(&v, &rows, &order_of(shape.cols)),
            &picked(&w, &rows, &order_of(rank)),
        );
        let expected = picked(&all.w, &rows, &order_of(rank));
        let largest = expected.as_slice().iter().chain(w.as_slice()).fold(0.0, |a: f64, &b| a.max(b));
        for (found, expected) in some.w.as_slice().iter().zip(expected.as_slice()) {
            prop_assert!((found - expected).abs() <= 1e-7 * largest, "{solver} {loss}: {found} {expected}");
        }
    }

    #[test]
    fn fits_repeat_bit_by_bit(
        shape in shapes(),
        draw in any::<usize>(),
        solver in solvers(),
        init in inits(),
        which in 0usize..4,
    ) {
        let losses = [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER];
        let loss = losses.into_iter().find(|loss| solver.handles(*loss)).unwrap();
        let nmf = nmf_for(&shape, draw, solver, loss, init);
        let stored = Stored::of(&shape.draw(), Storage::ALL[which]);
        let fit = |threads| {
            let nmf = nmf.clone().threads(std::num::NonZeroUsize::new(threads));
            bits(&nmf.fit(&stored.matrix()).unwrap())
        };
        prop_assert_eq!(fit(1), fit(3));
    }
}

fn order_of(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// A random order of `count` things.
fn order(count: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order = order_of(count);
    for i in (1..count).rev() {
        order.swap(i, (uniform(&mut rng) * (i + 1) as f64) as usize);
    }
    order
}

/// The rows and columns of a matrix in a given order.
fn picked(dense: &Dense<f64>, rows: &[usize], cols: &[usize]) -> Dense<f64> {
    let values = rows
        .iter()
        .flat_map(|&i| cols.iter().map(move |&j| dense.get(i, j)));
    Dense::from_rows(values.collect(), rows.len(), cols.len()).unwrap()
}
