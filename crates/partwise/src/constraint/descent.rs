//! Accelerated projected gradient onto a convex set, with restarts (Nesterov 1983; O'Donoghue & Candès 2015, Foundations of
//! Computational Mathematics 15:3, doi 10.1007/s10208-013-9150-3).
//!
//! Y ← P(X + share · (X − X₋) − ∇ / L). Where the accelerated steps end above the rows they began at, which a restart may
//! leave possible, plain ones do the work: these never rise.

/// ½ tr(X G Xᵀ) − tr(B Xᵀ), without B.
pub(crate) struct Quadratic<'a> {
    pub(crate) gram: &'a [f64],
    pub(crate) k: usize,
    /// A bound on the curvature.
    pub(crate) bound: f64,
}

impl<'a> Quadratic<'a> {
    pub(crate) fn new(gram: &'a [f64], k: usize) -> Self {
        let sums = gram
            .chunks_exact(k)
            .map(|row| row.iter().map(|g| g.abs()).sum::<f64>());
        let gershgorin = sums.fold(0.0, f64::max);
        let frobenius = gram.iter().map(|g| g * g).sum::<f64>().sqrt();
        let bound = gershgorin.min(frobenius);
        Self { gram, k, bound }
    }

    /// ∇ of coordinate `t` of a row.
    pub(crate) fn gradient(&self, x: &[f64], b: &[f64], t: usize) -> f64 {
        let line = &self.gram[t * self.k..(t + 1) * self.k];
        line.iter().zip(x).map(|(g, x)| g * x).sum::<f64>() - b[t]
    }

    /// x − ∇ / L for some rows.
    pub(crate) fn step(&self, rhs: &[f64], x: &[f64], to: &mut [f64]) {
        let k = self.k;
        let lines = to.chunks_exact_mut(k).zip(x.chunks_exact(k));
        for ((to, x), b) in lines.zip(rhs.chunks_exact(k)) {
            for (t, to) in to.iter_mut().enumerate() {
                *to = x[t] - self.gradient(x, b, t) / self.bound;
            }
        }
    }

    /// Twice the change of the objective between two sets of rows.
    fn change(&self, rhs: &[f64], from: &[f64], to: &[f64]) -> f64 {
        let k = self.k;
        let lines = from.chunks_exact(k).zip(to.chunks_exact(k));
        let changes = lines.zip(rhs.chunks_exact(k)).map(|((from, to), b)| {
            let slope = |t| self.gradient(from, b, t) + self.gradient(to, b, t);
            (0..k).map(|t| (to[t] - from[t]) * slope(t)).sum::<f64>()
        });
        changes.sum()
    }
}

/// A step that moves less than this share of the rows ends the work.
const STILL: f64 = 1e-10;

/// Improves rows that lie in a convex set. `project` finds the nearest point of the set.
pub(crate) fn descend(
    quadratic: &Quadratic<'_>,
    rhs: &[f64],
    rows: &mut [f64],
    iterations: usize,
    project: impl Fn(&mut [f64]),
) {
    if quadratic.bound <= 0.0 {
        return;
    }
    let first = rows.to_vec();
    steps(quadratic, rhs, rows, iterations, &project, true);
    if quadratic.change(rhs, &first, rows) > 0.0 {
        rows.copy_from_slice(&first);
        steps(quadratic, rhs, rows, iterations, &project, false);
    }
}

fn steps(
    quadratic: &Quadratic<'_>,
    rhs: &[f64],
    rows: &mut [f64],
    iterations: usize,
    project: &impl Fn(&mut [f64]),
    accelerated: bool,
) {
    let mut ahead = rows.to_vec();
    let mut next = rows.to_vec();
    let mut pace = 1.0f64;
    for _ in 0..iterations {
        quadratic.step(rhs, &ahead, &mut next);
        project(&mut next);
        let (mut uphill, mut moved, mut size) = (0.0, 0.0f64, 0.0f64);
        for ((&ahead, &x), &next) in ahead.iter().zip(&*rows).zip(&next) {
            uphill += (ahead - next) * (next - x);
            moved = moved.max((next - x).abs());
            size = size.max(next.abs());
        }
        let faster = if !accelerated || uphill > 0.0 {
            1.0
        } else {
            f64::midpoint(1.0, (1.0 + 4.0 * pace * pace).sqrt())
        };
        let share = if faster > 1.0 {
            (pace - 1.0) / faster
        } else {
            0.0
        };
        for ((ahead, x), &next) in ahead.iter_mut().zip(rows.iter_mut()).zip(&next) {
            *ahead = next + share * (next - *x);
            *x = next;
        }
        pace = faster;
        if moved <= STILL * size {
            break;
        }
    }
}
