//! The steps of a convolutive fit, over blocks of rows.
//!
//! With R = V / (W̃ H): W(t, k) takes the factor Σ_τ (R Hᵀ)(t + τ, τk) / Σ_τ Σ_f H(τ, k, f), over the τ that stay inside V; then,
//! with R anew, H(τ, k, f) the factor (W̃ᵀ R)(τk, f) / Σ_t W̃(t, τk).

use faer::MatRef;

use crate::Float;
use crate::kernel::{add_transposed_times, outer, pack, times, vectorised};
use crate::loss::Elementwise;
use crate::matrix::Dense;
use crate::threads::Threads;

/// Rows of V that one product takes.
pub(super) const ROWS: usize = 128;
/// Stretches of rows that are worked on apart, at most: each adds to a gradient of H of its own.
const TASKS: usize = 8;

/// How many stretches V's rows are cut into: by their number alone.
pub(super) fn tasks(rows: usize) -> usize {
    rows.div_ceil(ROWS).clamp(1, TASKS)
}

/// V and the factors.
pub(super) struct Work<'a, T: Float> {
    pub(super) v: MatRef<'a, T>,
    pub(super) k: usize,
    pub(super) taps: usize,
    /// m × k.
    pub(super) w: Dense<T>,
    /// n × taps·k: H's transpose, k contiguous as everywhere.
    pub(super) ht: Dense<T>,
    pub(super) loss: Elementwise<T>,
    pub(super) threads: &'a Threads,
}

/// What a look at V says about W.
pub(super) struct WLook<T> {
    /// R Hᵀ, m × taps·k.
    toward: Vec<T>,
    /// D of the present factors.
    pub(super) divergence: f64,
}

impl<T: Float> Work<'_, T> {
    /// Each block of rows: `visit(first row, V's block, W̃'s block, W̃ H of the block)`; results in order, one list a task.
    fn over_blocks<R: Send>(
        &self,
        begin: impl Fn() -> R + Sync,
        visit: impl Fn(&mut R, usize, &[T], &[T], &mut [T]) + Sync,
    ) -> Vec<R> {
        let (m, n) = (self.v.nrows(), self.v.ncols());
        let columns = self.taps * self.k;
        let count = tasks(m);
        let stretch = m.div_ceil(count).next_multiple_of(ROWS);
        self.threads.map(count, |task| {
            let mut result = begin();
            let (from, to) = ((task * stretch).min(m), ((task + 1) * stretch).min(m));
            let mut history = vec![T::ZERO; ROWS * columns];
            let mut v = vec![T::ZERO; ROWS * n];
            let mut model = vec![T::ZERO; ROWS * n];
            for first in (from..to).step_by(ROWS) {
                let rows = ROWS.min(to - first);
                let history = &mut history[..rows * columns];
                self.fill_history(first, history);
                let (v, model) = (&mut v[..rows * n], &mut model[..rows * n]);
                pack(v, self.v.subrows(first, rows));
                let left = MatRef::from_row_major_slice(&*history, rows, columns);
                outer(model, left, self.ht.view());
                visit(&mut result, first, v, history, model);
            }
            result
        })
    }

    /// W's rows of the last moments side by side, zero before the first.
    fn fill_history(&self, first: usize, history: &mut [T]) {
        let columns = self.taps * self.k;
        for (row, out) in history.chunks_exact_mut(columns).enumerate() {
            for (tap, out) in out.chunks_exact_mut(self.k).enumerate() {
                match (first + row).checked_sub(tap) {
                    Some(moment) => out.copy_from_slice(self.w.row(moment)),
                    None => out.fill(T::ZERO),
                }
            }
        }
    }

    /// The divergence, and what W's next step needs.
    pub(super) fn look_for_w(&self) -> WLook<T> {
        let columns = self.taps * self.k;
        let parts = self.over_blocks(
            || (0.0, Vec::new()),
            |(divergence, toward): &mut (f64, Vec<T>), _, v, _, model| {
                *divergence += vectorised(|| self.loss.divergences(v, model));
                vectorised(|| self.loss.ratio(v, model));
                let rows = v.len() / self.v.ncols();
                let before = toward.len();
                toward.resize(before + rows * columns, T::ZERO);
                let ratio = MatRef::from_row_major_slice(&*model, rows, self.v.ncols());
                times(&mut toward[before..], ratio, self.ht.view());
            },
        );
        let mut toward = Vec::with_capacity(self.v.nrows() * columns);
        let mut divergence = 0.0;
        for (part, rows) in parts {
            divergence += part;
            toward.extend(rows);
        }
        WLook {
            toward,
            divergence: divergence * self.loss.unit(),
        }
    }

    /// Improves W, then H; how far from optimal they were, as [`crate::Progress::residual`] has it.
    pub(super) fn step(&mut self, look: WLook<T>) -> f64 {
        let of_w = self.step_w(&look.toward);
        let of_h = self.step_h();
        of_w.max(of_h)
    }

    fn step_w(&mut self, toward: &[T]) -> f64 {
        let (m, k, taps) = (self.v.nrows(), self.k, self.taps);
        let columns = taps * k;
        let mut sums = vec![0.0; columns];
        for row in self.ht.as_slice().chunks_exact(columns) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value.to_f64();
            }
        }
        let mut optimality = Optimality::default();
        for (t, row) in self.w.as_mut_slice().chunks_exact_mut(k).enumerate() {
            for (c, value) in row.iter_mut().enumerate() {
                let (mut up, mut down) = (0.0, 0.0);
                for tap in 0..taps.min(m - t) {
                    up += toward[(t + tap) * columns + tap * k + c].to_f64();
                    down += sums[tap * k + c];
                }
                optimality.step(value, up, down);
            }
        }
        optimality.residual()
    }

    fn step_h(&mut self) -> f64 {
        let n = self.v.ncols();
        let columns = self.taps * self.k;
        let parts = self.over_blocks(
            || (vec![T::ZERO; n * columns], vec![0.0; columns]),
            |(toward, sums): &mut (Vec<T>, Vec<f64>), _, v, history, model| {
                vectorised(|| self.loss.ratio(v, model));
                let ratio = MatRef::from_row_major_slice(&*model, v.len() / n, n);
                add_transposed_times(toward, ratio, history);
                for row in history.chunks_exact(columns) {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += value.to_f64();
                    }
                }
            },
        );
        let mut sums = vec![0.0; columns];
        let mut toward = vec![0.0_f64; n * columns];
        for (part, part_sums) in &parts {
            for (total, value) in toward.iter_mut().zip(part) {
                *total += value.to_f64();
            }
            for (total, value) in sums.iter_mut().zip(part_sums) {
                *total += value;
            }
        }
        let mut optimality = Optimality::default();
        let rows = self.ht.as_mut_slice().chunks_exact_mut(columns);
        for (row, toward) in rows.zip(toward.chunks_exact(columns)) {
            for ((value, up), down) in row.iter_mut().zip(toward).zip(&sums) {
                optimality.step(value, *up, *down);
            }
        }
        optimality.residual()
    }

    /// ‖V − W̃ H‖².
    pub(super) fn squared_error(&self) -> f64 {
        let parts = self.over_blocks(
            || 0.0,
            |sum: &mut f64, _, v, _, model| {
                for (v, y) in v.iter().zip(&*model) {
                    *sum += (v.to_f64() - y.to_f64()).powi(2);
                }
            },
        );
        parts.iter().sum()
    }
}

/// Sums over the entries of a factor: |projected gradient|, and the gradient's data part.
#[derive(Default)]
struct Optimality {
    violation: f64,
    data: f64,
}

impl Optimality {
    /// One multiplicative step of an entry, `up` and `down` the two parts of its negative gradient.
    fn step<T: Float>(&mut self, value: &mut T, up: f64, down: f64) {
        let gradient = down - up;
        if value.to_f64() > 0.0 || gradient < 0.0 {
            self.violation += gradient.abs();
        }
        self.data += up;
        // What nothing asks for goes: a column of zeros, or a component that no row holds.
        if down > 0.0 {
            *value = T::from_f64(value.to_f64() * (up / down));
        }
    }

    fn residual(&self) -> f64 {
        if self.data > 0.0 {
            self.violation / self.data
        } else if self.violation > 0.0 {
            1.0
        } else {
            0.0
        }
    }
}
