//! What a pass adds up: the sums of a factor that stands still, and the data's part of half-steps.

use super::Problem;
use crate::Float;
use crate::archive::Archive;
use crate::kernel;
use crate::loss::Weights;
use crate::matrix::Dense;
use crate::threads::Threads;

/// Rows for one partial Gram matrix.
pub(super) const GRAM_ROWS: usize = 1024;

/// A factor (rows × k) that stands still, with the sums that its half-step needs.
#[derive(Clone, Debug)]
pub(crate) struct Fixed<T> {
    pub(crate) rows: Dense<T>,
    pub(crate) sums: Sums,
}

/// Gram matrix (k × k), column sums (k) and sum of squares of a factor, in double precision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) gram: Vec<f64>,
    pub(crate) columns: Vec<f64>,
}

impl Sums {
    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.floats(&mut self.gram);
        archive.floats(&mut self.columns);
    }

    /// Whether these may be the sums of rows of `k` entries.
    pub(crate) fn fits(&self, k: usize) -> bool {
        k.checked_mul(k) == Some(self.gram.len()) && self.columns.len() == k
    }

    /// The sums of a block of rows.
    pub(crate) fn of<T: Float>(rows: &[T], k: usize) -> Self {
        let gram = kernel::gram(rows, k).iter().map(|x| x.to_f64()).collect();
        let columns = kernel::column_sums(rows, k);
        Self { gram, columns }
    }

    /// The sums of all rows.
    pub(crate) fn over<T: Float>(rows: &Dense<T>, threads: &Threads) -> Self {
        let (count, k) = (rows.rows(), rows.cols());
        let parts = threads.map(count.div_ceil(GRAM_ROWS), |task| {
            let to = ((task + 1) * GRAM_ROWS).min(count);
            Self::of(rows.row_range(task * GRAM_ROWS, to), k)
        });
        let mut sums = Self::default();
        parts.iter().for_each(|part| sums.add(part));
        sums
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.columns.is_empty() {
            self.clone_from(other);
            return;
        }
        let add = |to: &mut [f64], from: &[f64]| {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        };
        add(&mut self.gram, &other.gram);
        add(&mut self.columns, &other.columns);
    }

    /// The penalty of the factor.
    pub(crate) fn penalty(&self, weights: &Weights) -> f64 {
        weights.of(self.columns.iter().sum(), self.squares().sum())
    }

    /// Σ x² of each column.
    pub(crate) fn squares(&self) -> impl Iterator<Item = f64> {
        let k = self.columns.len();
        (0..k).map(move |t| self.gram[t * k + t])
    }

    /// ⟨G, other G⟩ = ‖W H‖² for the Gram matrices of W and Hᵀ.
    pub(crate) fn inner(&self, other: &Self) -> f64 {
        self.gram.iter().zip(&other.gram).map(|(a, b)| a * b).sum()
    }
}

impl<T: Float> Fixed<T> {
    pub(crate) fn new(rows: Dense<T>, threads: &Threads) -> Self {
        let mut fixed = Self {
            rows,
            sums: Sums::default(),
        };
        fixed.refresh(threads);
        fixed
    }

    /// The rows, of a known shape, and their sums.
    pub(crate) fn archive(archive: &mut Archive<'_>, fixed: &mut Self) {
        archive.dense(&mut fixed.rows);
        fixed.sums.archive(archive);
    }

    /// Sums the rows anew after they have changed.
    pub(crate) fn refresh(&mut self, threads: &Threads) {
        self.sums = Sums::over(&self.rows, threads);
    }
}

/// The data's part of a half-step for some rows: `numerator` (r × k), and `denominator` with a row for each row, with
/// one row for all (β = 1), or empty (β = 2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts<T> {
    pub(crate) numerator: Vec<T>,
    pub(crate) denominator: Vec<T>,
}

impl<T: Float> Parts<T> {
    /// How many numbers there are for `rows` rows.
    pub(crate) fn lengths(problem: &Problem<T>, rows: usize, k: usize) -> (usize, usize) {
        let denominator = match problem.elementwise.beta {
            2.0 => 0,
            1.0 => k,
            _ => rows * k,
        };
        (rows * k, denominator)
    }

    /// Zeros for `rows` rows.
    pub(crate) fn zeros(problem: &Problem<T>, rows: usize, k: usize) -> Self {
        let (numerator, denominator) = Self::lengths(problem, rows, k);
        Self {
            numerator: vec![T::ZERO; numerator],
            denominator: vec![T::ZERO; denominator],
        }
    }

    pub(crate) fn archive(&mut self, archive: &mut Archive<'_>) {
        archive.floats(&mut self.numerator);
        archive.floats(&mut self.denominator);
    }

    /// Denominators of the Kullback–Leibler loss: the column sums of the fixed factor.
    pub(crate) fn set_common_denominator(&mut self, problem: &Problem<T>, columns: &[f64]) {
        if problem.elementwise.beta == 1.0 {
            for (to, &sum) in self.denominator.iter_mut().zip(columns) {
                *to = T::from_f64(sum);
            }
        }
    }
}
