//! The half-step of a constrained factor: its set at work, with the terms that are folded in.

use super::{Beside, Graph, Labels, Quadratic, Set};
use crate::Float;
use crate::loss::Weights;
use crate::matrix::Dense;
use crate::threads::Threads;
use crate::update::settle_signed;

/// A set with its numbers, for one factor of one fit.
#[derive(Clone)]
pub(crate) struct Rule {
    pub(super) set: &'static Set,
    pub(super) value: f64,
    /// Rows of the factor.
    pub(super) rows: usize,
    /// Sum of squares of V.
    pub(super) squares: f64,
    /// What is known of the rows.
    pub(super) beside: Option<Beside>,
    /// What the other factor's constraint adds to the curvature of each component, if it adds anything.
    pub(crate) ties: Vec<f64>,
}

/// What a half-step sees: ½ tr(X G Xᵀ) − tr(B Xᵀ) for some rows, or all of them.
pub(crate) struct Step<'a> {
    pub(super) rule: &'a Rule,
    /// G, with the L2 penalty and what is folded into it.
    pub(super) quadratic: Quadratic<'a>,
    /// B, less the L1 penalty.
    pub(super) rhs: &'a [f64],
    /// G as it is.
    pub(super) plain: &'a [f64],
    /// The number of the first row.
    pub(super) first: usize,
    /// What the set makes of the Gram matrix, or of all rows, before the rows.
    pub(super) prepared: &'a [f64],
}

/// Rows in a task, where each is constrained alone.
const ROWS: usize = 128;
/// Tangents in a half-step, where there is something to fold in.
const TANGENTS: usize = 2;

impl Rule {
    /// Whether each column may be given the length 1 afterwards.
    pub(crate) fn has_any_length(&self) -> bool {
        self.set.any_length
    }

    /// The term of the factor alone, by its Gram matrix.
    pub(crate) fn price(&self, gram: &[f64], k: usize) -> f64 {
        self.set.price.map_or(0.0, |price| price(self, gram, k))
    }

    /// The term of the factor alone, by its rows.
    pub(crate) fn term<T: Float>(&self, rows: &Dense<T>) -> f64 {
        let term = self
            .set
            .term
            .map(|term| term(self, &wide(rows.as_slice()), rows.cols()));
        term.unwrap_or(0.0)
    }

    /// The L2 penalty on each component of the other factor that comes from the rows of this one.
    pub(crate) fn ties<T: Float>(&self, rows: &Dense<T>) -> Option<Vec<f64>> {
        let ties = self.set.ties?;
        Some(ties(self, &wide(rows.as_slice()), rows.cols()))
    }

    pub(super) fn graph(&self) -> Option<&Graph> {
        match &self.beside {
            Some(Beside::Graph(graph)) => Some(graph),
            _ => None,
        }
    }

    pub(super) fn labels(&self) -> Option<&Labels> {
        match &self.beside {
            Some(Beside::Labels(labels)) => Some(labels),
            _ => None,
        }
    }

    /// Puts a start into the set.
    pub(crate) fn begin<T: Float>(&self, rows: &mut Dense<T>) {
        let k = rows.cols();
        let mut values = wide(rows.as_slice());
        (self.set.begin)(self, &mut values, k);
        store(&values, rows.as_mut_slice());
    }

    /// Improves all rows of the factor, or only looks when `update` is false. Returns the sum of |gradient| into the set as it
    /// met them: what a step along the gradient of length 1 / L moves, times L, with L a bound on the curvature.
    pub(crate) fn half_step<T: Float>(
        &self,
        weights: &Weights,
        (plain, numerator): (&[f64], &[T]),
        rows: &mut [T],
        k: usize,
        threads: &Threads,
        update: bool,
    ) -> f64 {
        let mut x = wide(rows);
        let rhs: Vec<f64> = numerator.iter().map(|b| b.to_f64() - weights.l1).collect();
        let folded = |x: &[f64]| {
            let mut gram = plain.to_vec();
            (0..k).for_each(|t| gram[t * k + t] += weights.l2);
            for (t, tie) in self.ties.iter().enumerate() {
                gram[t * k + t] += tie;
            }
            if let Some(fold) = self.set.fold {
                fold(self, x, &mut gram, k);
            }
            gram
        };
        let gram = folded(&x);
        let prepare = |prepare: super::Prepare| prepare(self, &gram, &x, k);
        let prepared = self.set.prepare.map(prepare).unwrap_or_default();
        let quadratic = Quadratic::new(&gram, k);
        let violation = match self.set.slope {
            None => self.violation(&quadratic, &rhs, &x, threads),
            Some(slope) => {
                let slopes = slope(self, plain, &prepared, &x, k);
                let rhs: Vec<f64> = rhs.iter().zip(slopes).map(|(b, s)| b - s).collect();
                self.violation(&quadratic, &rhs, &x, threads)
            }
        };
        if update {
            let tangents = if self.set.fold.is_some() { TANGENTS } else { 1 };
            for _ in 0..tangents {
                let gram = folded(&x);
                self.over_rows(&mut x, k, threads, |span, rows| {
                    let step = Step {
                        rule: self,
                        quadratic: Quadratic::new(&gram, k),
                        first: span.start / k,
                        rhs: &rhs[span],
                        plain,
                        prepared: &prepared,
                    };
                    (self.set.improve)(&step, rows);
                });
            }
            store(&x, rows);
        }
        violation
    }

    fn violation(
        &self,
        quadratic: &Quadratic<'_>,
        rhs: &[f64],
        x: &[f64],
        threads: &Threads,
    ) -> f64 {
        let bound = quadratic.bound;
        if bound <= 0.0 {
            return 0.0;
        }
        let mut moved = x.to_vec();
        let sums = self.over_rows(&mut moved, quadratic.k, threads, |span, rows| {
            quadratic.step(&rhs[span.clone()], &x[span.clone()], rows);
            (self.set.project)(self, rows, quadratic.k);
            let pairs = rows.iter().zip(&x[span]);
            pairs.map(|(to, from)| (to - from).abs()).sum::<f64>()
        });
        bound * sums.iter().sum::<f64>()
    }

    /// Works on all rows at once, or on some after others where each is constrained alone.
    fn over_rows<R: Send>(
        &self,
        x: &mut [f64],
        k: usize,
        threads: &Threads,
        work: impl Fn(std::ops::Range<usize>, &mut [f64]) -> R + Sync,
    ) -> Vec<R> {
        let length = if self.set.rowwise { ROWS * k } else { x.len() };
        threads.map_chunks(x, length.max(1), |index, rows| {
            let from = index * length;
            work(from..from + rows.len(), rows)
        })
    }
}

pub(super) fn wide<T: Float>(values: &[T]) -> Vec<f64> {
    values.iter().map(|x| x.to_f64()).collect()
}

fn store<T: Float>(values: &[f64], rows: &mut [T]) {
    for (x, &value) in rows.iter_mut().zip(values) {
        *x = settle_signed(T::from_f64(value));
    }
}

/// Gives `work` each column of some rows, and puts it back.
pub(super) fn over_columns(rows: &mut [f64], k: usize, mut work: impl FnMut(usize, &mut [f64])) {
    let mut column = vec![0.0; rows.len() / k];
    for t in 0..k {
        for (x, row) in column.iter_mut().zip(rows.chunks_exact(k)) {
            *x = row[t];
        }
        work(t, &mut column);
        for (x, row) in column.iter().zip(rows.chunks_exact_mut(k)) {
            row[t] = *x;
        }
    }
}
