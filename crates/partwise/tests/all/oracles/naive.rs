//! The slow, obvious version of everything: plain loops over rows of `f64`, formulas as they stand in the textbooks.

use partwise::{Dense, Float, Penalty};

/// A matrix as a list of rows.
pub(crate) type Rows = Vec<Vec<f64>>;

pub(crate) fn rows_of<T: Float>(dense: &Dense<T>) -> Rows {
    let row = |i| dense.row(i).iter().map(|x| x.to_f64()).collect();
    (0..dense.rows()).map(row).collect()
}

pub(crate) fn transposed(a: &Rows) -> Rows {
    let cols = a.first().map_or(0, Vec::len);
    (0..cols)
        .map(|j| a.iter().map(|row| row[j]).collect())
        .collect()
}

/// a (m × k) · b (k × n).
pub(crate) fn product(a: &Rows, b: &Rows) -> Rows {
    let columns = transposed(b);
    let dot = |x: &Vec<f64>, y: &Vec<f64>| x.iter().zip(y).map(|(x, y)| x * y).sum();
    let row = |x| columns.iter().map(|y| dot(x, y)).collect();
    a.iter().map(row).collect()
}

/// d(v | y) of one entry.
///
/// Every β-divergence is the Bregman divergence ∫ (v − u) u^(β−2) du from y to v. Where v and y are close the textbook
/// formula loses its digits and the integral, by Gauss's rule, does not.
pub(crate) fn divergence(beta: f64, v: f64, y: f64) -> f64 {
    if beta == 2.0 {
        return 0.5 * (v - y) * (v - y);
    }
    if v == 0.0 {
        return y.powf(beta) / beta;
    }
    if v / y > 0.5 && v / y < 2.0 {
        let (middle, half) = (0.5 * (v + y), 0.5 * (v - y));
        let at = |(node, weight): (f64, f64)| {
            weight * half * (1.0 - node) * (middle + half * node).powf(beta - 2.0)
        };
        return half * legendre().into_iter().map(at).sum::<f64>();
    }
    if beta == 1.0 {
        v * (v / y).ln() - v + y
    } else if beta == 0.0 {
        v / y - (v / y).ln() - 1.0
    } else {
        (v.powf(beta) + (beta - 1.0) * y.powf(beta) - beta * v * y.powf(beta - 1.0))
            / (beta * (beta - 1.0))
    }
}

/// Nodes and weights of Gauss's rule with 16 points on −1 … 1, by Newton's method on the Legendre polynomial.
fn legendre() -> Vec<(f64, f64)> {
    const POINTS: usize = 16;
    let n = POINTS as f64;
    let node = |i: usize| {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut before, mut value) = (1.0, x);
            for degree in 2..=POINTS {
                let d = degree as f64;
                (before, value) = (
                    value,
                    ((2.0 * d - 1.0) * x * value - (d - 1.0) * before) / d,
                );
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..POINTS).map(node).collect()
}

/// D(V, Y).
pub(crate) fn total_divergence(beta: f64, v: &Rows, y: &Rows) -> f64 {
    pairs(v, y).map(|(v, y)| divergence(beta, v, y)).sum()
}

/// Entries of two matrices of one shape, side by side.
pub(crate) fn pairs<'a>(a: &'a Rows, b: &'a Rows) -> impl Iterator<Item = (f64, f64)> {
    let rows = a.iter().zip(b);
    rows.flat_map(|(a, b)| a.iter().copied().zip(b.iter().copied()))
}

/// How much D changes when every entry of Y moves by its own last digit `epsilon`.
pub(crate) fn rounding(beta: f64, v: &Rows, y: &Rows, epsilon: f64) -> f64 {
    let one = |(v, y): (f64, f64)| {
        if y == 0.0 {
            return 0.0;
        }
        let slope = y.powf(beta - 1.0) - if v > 0.0 { v * y.powf(beta - 2.0) } else { 0.0 };
        epsilon * y * (slope.abs() + epsilon * y.powf(beta - 1.0))
    };
    pairs(v, y).map(one).sum()
}

/// (l1, l2) for W and for H.
pub(crate) fn weights(penalty: &Penalty, m: usize, n: usize) -> [(f64, f64); 2] {
    let of = |alpha: f64, length: usize| {
        let strength = alpha * length as f64;
        (
            strength * penalty.l1_ratio,
            strength * (1.0 - penalty.l1_ratio),
        )
    };
    [of(penalty.alpha_w, n), of(penalty.alpha_h, m)]
}

/// l1‖X‖₁ + ½ l2‖X‖².
pub(crate) fn penalty_of((l1, l2): (f64, f64), x: &Rows) -> f64 {
    x.iter().flatten().map(|x| l1 * x + 0.5 * l2 * x * x).sum()
}

/// The two parts of the gradient of D in W: (V·Y^(β−2)) Hᵀ, and Y^(β−1) Hᵀ with the penalty's gradient.
pub(crate) fn gradient_parts(
    beta: f64,
    v: &Rows,
    w: &Rows,
    h: &Rows,
    (l1, l2): (f64, f64),
) -> (Rows, Rows) {
    let y = product(w, h);
    let (mut up, mut down) = (w.clone(), w.clone());
    for i in 0..w.len() {
        for t in 0..h.len() {
            up[i][t] = 0.0;
            down[i][t] = l1 + l2 * w[i][t];
            for (j, &h) in h[t].iter().enumerate() {
                if v[i][j] > 0.0 {
                    up[i][t] += v[i][j] * y[i][j].powf(beta - 2.0) * h;
                }
                if h > 0.0 {
                    down[i][t] += y[i][j].powf(beta - 1.0) * h;
                }
            }
        }
    }
    (up, down)
}

/// Σ |projected gradient| over Σ of the data's part, for W; 1 where the data have no part.
pub(crate) fn residual(beta: f64, v: &Rows, w: &Rows, h: &Rows, weights: (f64, f64)) -> f64 {
    let (up, down) = gradient_parts(beta, v, w, h, weights);
    let mut violation = 0.0;
    let gradients = pairs(&down, &up).map(|(down, up)| down - up);
    for (gradient, &w) in gradients.zip(w.iter().flatten()) {
        if w > 0.0 || gradient < 0.0 {
            violation += gradient.abs();
        }
    }
    let share = violation / up.iter().flatten().sum::<f64>();
    if violation == 0.0 {
        0.0
    } else if share.is_finite() {
        share
    } else {
        1.0
    }
}

/// One multiplicative step of W.
pub(crate) fn multiplicative_step(
    beta: f64,
    v: &Rows,
    w: &Rows,
    h: &Rows,
    weights: (f64, f64),
) -> Rows {
    let gamma = if beta < 1.0 {
        1.0 / (2.0 - beta)
    } else if beta > 2.0 {
        1.0 / (beta - 1.0)
    } else {
        1.0
    };
    let (up, down) = gradient_parts(beta, v, w, h, weights);
    let mut next = w.clone();
    for (i, row) in next.iter_mut().enumerate() {
        for (t, x) in row.iter_mut().enumerate() {
            *x *= (up[i][t] / down[i][t]).powf(gamma);
        }
    }
    next
}

/// One sweep of coordinate descent over W.
pub(crate) fn coordinate_sweep(v: &Rows, w: &Rows, h: &Rows, (l1, l2): (f64, f64)) -> Rows {
    let mut w = w.clone();
    for (w, v) in w.iter_mut().zip(v) {
        for t in 0..h.len() {
            // With everything else fixed, v − Σₛ≠ₜ wₛ hₛ ≈ wₜ hₜ has one unknown.
            let (mut along, mut square) = (-l1, l2);
            for j in 0..v.len() {
                let others: f64 = (0..h.len())
                    .filter(|&s| s != t)
                    .map(|s| w[s] * h[s][j])
                    .sum();
                along += (v[j] - others) * h[t][j];
                square += h[t][j] * h[t][j];
            }
            // A component that is zero has no minimum to go to.
            if square > 0.0 {
                w[t] = (along / square).max(0.0);
            }
        }
    }
    w
}

/// ½‖v − x H‖² + the penalty, for one row.
pub(crate) fn row_objective(v: &[f64], x: &[f64], h: &Rows, weights: (f64, f64)) -> f64 {
    let (v, x) = (vec![v.to_vec()], vec![x.to_vec()]);
    total_divergence(2.0, &v, &product(&x, h)) + penalty_of(weights, &x)
}

/// The least value of the row's objective over x ≥ 0, found by trying every set of coordinates that may be positive.
pub(crate) fn best_row(v: &[f64], h: &Rows, weights: (f64, f64)) -> Vec<f64> {
    let k = h.len();
    let mut best = vec![0.0; k];
    let mut least = row_objective(v, &best, h, weights);
    for set in 1..1usize << k {
        let free: Vec<usize> = (0..k).filter(|t| set >> t & 1 == 1).collect();
        let Some(solution) = least_squares(v, h, weights, &free) else {
            continue;
        };
        if solution.iter().any(|&x| x < 0.0) {
            continue;
        }
        let value = row_objective(v, &solution, h, weights);
        if value < least {
            (best, least) = (solution, value);
        }
    }
    best
}

/// The minimum over the free coordinates without bounds, the others zero; `None` if it is not unique.
pub(crate) fn least_squares(
    v: &[f64],
    h: &Rows,
    (l1, l2): (f64, f64),
    free: &[usize],
) -> Option<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut system: Rows = free
        .iter()
        .map(|&t| {
            let mut row: Vec<f64> = free.iter().map(|&s| dot(&h[t], &h[s])).collect();
            let place = free.iter().position(|&s| s == t).expect("it is free");
            row[place] += l2;
            row.push(dot(&h[t], v) - l1);
            row
        })
        .collect();
    let size = free.len();
    let largest = system
        .iter()
        .flatten()
        .fold(0.0, |max: f64, x| max.max(x.abs()));
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()))?;
        if system[pivot][column].abs() <= 1e-12 * largest {
            return None;
        }
        system.swap(pivot, column);
        let pivot = system[column].clone();
        for (i, row) in system.iter_mut().enumerate() {
            if i != column {
                let factor = row[column] / pivot[column];
                for (x, p) in row.iter_mut().zip(&pivot) {
                    *x -= factor * p;
                }
            }
        }
    }
    let mut x = vec![0.0; h.len()];
    for (i, &t) in free.iter().enumerate() {
        x[t] = system[i][size] / system[i][i];
    }
    Some(x)
}

#[test]
fn the_integral_is_the_textbook_formula() {
    for beta in super::BETAS {
        // Just outside and just inside of where the integral is taken.
        for (v, y) in [(1.0, 1.999), (1.0, 0.501), (3.0, 4.0)] {
            let inside = divergence(beta, v, y);
            let textbook = if beta == 2.0 {
                0.5 * (v - y) * (v - y)
            } else if beta == 1.0 {
                v * (v / y).ln() - v + y
            } else if beta == 0.0 {
                v / y - (v / y).ln() - 1.0
            } else {
                (v.powf(beta) + (beta - 1.0) * y.powf(beta) - beta * v * y.powf(beta - 1.0))
                    / (beta * (beta - 1.0))
            };
            assert!(
                (inside / textbook - 1.0).abs() < 1e-11,
                "beta {beta}: {inside} {textbook}"
            );
        }
    }
}
