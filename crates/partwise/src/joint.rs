//! Joint factorisation: several matrices of the same samples, V_p ≈ W H_p with one W, such as counts of genes beside measurements of
//! proteins. Zhang, Liu, Li, Shen, Laird & Zhou 2012 (Nucleic Acids Research 40:19, doi 10.1093/nar/gks725).
//!
//! Minimised is Σ_p λ_p D(V_p, W H_p) with penalties. Side by side the matrices are one, so this is a plain factorisation; nothing is put
//! together for it: V_pᵀ are blocks of rows of the transposed one. As D(c V, c Y) = c^β D(V, Y), a matrix counts for λ where it and H_p are
//! multiplied by λ^(1/β). The widest one keeps its scale, and only the others are copied.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::refuse;
use crate::matrix::{Dense, Matrix, Signs, Summary};
use crate::observe::{Observer, Progress};
use crate::threads::Threads;
use crate::{Error, Factor, Factorization, Float, Nmf, Penalty, Start};

/// A factorisation of several matrices V_p (m × n_p) with the same samples in their rows, and one W: V_p ≈ W H_p. Minimised is Σ λ_p D(V_p,
/// W H_p) with penalties (Zhang et al. 2012, doi 10.1093/nar/gks725).
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `nmf` | | all that a plain factorisation has, without constraints; a penalty on H is one on the H of each matrix as it counts | see [`Nmf`] |
/// | `balanced` | yes | whether matrices count alike, whatever their sizes: D is divided by Σ v^β of its matrix (‖V_p‖² for the squared loss) | with β > 0; else they count as they are |
/// | `weights` | 1 | what each matrix counts for beside that | above 0; all 1 with β ≤ 0 |
///
/// ```
/// use partwise::{JointNmf, Matrix, Nmf};
/// // The same four samples, counted and measured.
/// let counts = [4.0, 0.0, 2.0, 2.0, 6.0, 3.0, 0.0, 9.0, 3.0, 8.0, 3.0, 5.0];
/// let measured = [0.2, 0.0, 0.1, 0.3, 0.0, 0.45, 0.4, 0.15];
/// let matrices = [Matrix::row_major(&counts, 4, 3)?, Matrix::row_major(&measured, 4, 2)?];
/// let joint = JointNmf::new(Nmf::new(2).max_iter(1000));
/// let model = joint.fit(&matrices)?;
/// assert_eq!((model.w().rows(), model.w().cols()), (4, 2));
/// assert_eq!((model.parts[0].h.cols(), model.parts[1].h.cols()), (3, 2));
/// assert!(model.parts.iter().all(|part| part.relative_error < 0.05));
/// // A new sample that was measured, but not counted.
/// let new = [0.3, 0.15];
/// let w = joint.transform(&[None, Some(Matrix::row_major(&new, 1, 2)?)], &model)?;
/// assert_eq!(w.rows(), 1);
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct JointNmf {
    nmf: Nmf,
    balanced: bool,
    weights: Vec<f64>,
}

/// What a joint factorisation says of one matrix.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JointPart<T> {
    /// The components, k × n_p, in the units of the matrix.
    pub h: Dense<T>,
    /// λ_p: what D(V_p, W H_p) is multiplied by in the objective.
    pub weight: f64,
    /// D(V_p, W H_p).
    pub divergence: f64,
    /// ‖V_p − W H_p‖ / ‖V_p‖ in the Frobenius norm.
    pub relative_error: f64,
    /// What the matrix was multiplied by.
    scale: f64,
}

impl<T> JointPart<T> {
    /// What the matrix was multiplied by, so that it counts for what it does beside the widest one: a transform needs it.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

/// A fitted joint factorisation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JointModel<T> {
    /// What each matrix has of its own, in their order.
    pub parts: Vec<JointPart<T>>,
    /// The fit of all matrices side by side, as they count: W (m × k), all H side by side (k × Σ n_p) times their scales, the objective
    /// with its course.
    pub fit: Factorization<T>,
}

impl<T> JointModel<T> {
    /// W, m × k: how much of each component each sample holds.
    pub fn w(&self) -> &Dense<T> {
        &self.fit.w
    }
}

impl JointNmf {
    /// A joint factorisation of matrices that count alike.
    pub fn new(nmf: Nmf) -> Self {
        Self {
            nmf,
            balanced: true,
            weights: Vec::new(),
        }
    }

    /// Sets whether matrices count alike, whatever their sizes, as at first, or as they are.
    #[must_use]
    pub fn balanced(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Sets what each matrix counts for, in their order, finite and above 0; none, as at first, for 1 each.
    #[must_use]
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.weights = weights.into();
        self
    }

    /// Checks everything that can be checked without the matrices.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::SolverLoss`] with the value and what would be right, about a weight in [`Error::OfMatrix`] with the
    /// number of its matrix.
    pub fn check(&self) -> Result<(), Error> {
        self.nmf.check()?;
        self.nmf.check_free("in a joint factorisation")?;
        for (p, &weight) in self.weights.iter().enumerate() {
            let legal = if !(weight > 0.0 && weight.is_finite()) {
                "expected a finite number above 0"
            } else if weight != 1.0 && self.nmf.loss.beta() <= 0.0 {
                "expected 1 with beta ≤ 0, of which a scale says nothing"
            } else {
                continue;
            };
            let error = Error::Parameter {
                name: "weight",
                value: weight.to_string(),
                legal: legal.to_owned(),
            };
            return Err(within(p, error));
        }
        Ok(())
    }

    /// Bytes that a fit needs beyond the matrices, with the copies of those that are multiplied by a scale.
    pub fn memory_needed<T: Float>(&self, matrices: &[Matrix<'_, T>]) -> u64 {
        let widest = widest(matrices);
        let needed = matrices.iter().enumerate().map(|(p, v)| {
            let copied = if p == widest { 0 } else { v.stored() as u64 };
            let copied = copied.saturating_mul(size_of::<T>() as u64);
            copied.saturating_add(self.nmf.memory_needed(&v.transpose()))
        });
        needed.fold(0, u64::saturating_add)
    }

    /// Factors matrices V_p (m × n_p) with the same samples in their rows.
    ///
    /// # Errors
    /// As [`Nmf::fit`], with the number of the matrix; [`Error::Shape`] if they differ in rows; one that is not in memory.
    pub fn fit<T: Float>(&self, matrices: &[Matrix<'_, T>]) -> Result<JointModel<T>, Error> {
        self.fit_with(matrices, &mut ())
    }

    /// The same, watched by an observer.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn fit_with<T: Float>(
        &self,
        matrices: &[Matrix<'_, T>],
        observer: &mut dyn Observer,
    ) -> Result<JointModel<T>, Error> {
        T::join(self, matrices, observer)
    }

    /// Finds W (r × k) for new samples, of which some matrices (r × n_p) may be missing, in their order. The components are held.
    ///
    /// # Errors
    /// As [`Self::fit`]; no matrix; another number of matrices, or of columns, than the model has.
    pub fn transform<T: Float>(
        &self,
        matrices: &[Option<Matrix<'_, T>>],
        model: &JointModel<T>,
    ) -> Result<Dense<T>, Error> {
        let parts = model.parts.iter();
        let parts: Vec<_> = parts.map(|part| (&part.h, part.scale)).collect();
        self.transform_by(matrices, &parts, &mut ())
    }

    /// The same, by each H (k × n_p) and what its matrix was multiplied by ([`JointPart::scale`]), watched by an observer.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn transform_by<T: Float>(
        &self,
        matrices: &[Option<Matrix<'_, T>>],
        parts: &[(&Dense<T>, f64)],
        observer: &mut dyn Observer,
    ) -> Result<Dense<T>, Error> {
        self.check()?;
        if matrices.len() != parts.len() {
            return refuse(
                "matrices",
                matrices.len(),
                format!(
                    "expected as many as the model has, {}, and None for those that are missing",
                    parts.len()
                ),
            );
        }
        let pairs = matrices.iter().zip(parts).enumerate();
        let there = pairs.filter_map(|(p, (v, part))| v.map(|v| (p, v, *part)));
        let there: Vec<_> = there.collect();
        let given: Vec<_> = there.iter().map(|(p, v, _)| (*p, *v)).collect();
        check_rows(&given)?;
        let mut stacked = Vec::new();
        for (p, v, (h, scale)) in &there {
            if v.cols() != h.cols() || h.rows() != self.nmf.rank {
                let (rows, cols) = (h.rows(), h.cols());
                return Err(within(
                    *p,
                    Error::Shape {
                        matrix: "its H",
                        rows,
                        cols,
                        expected_rows: self.nmf.rank,
                        expected_cols: v.cols(),
                    },
                ));
            }
            if !(scale.is_finite() && *scale > 0.0) {
                let legal = "expected a finite number above 0, what its matrix was multiplied by";
                return refuse("scale", scale, legal).map_err(|error| within(*p, error));
            }
            let ht = h.transposed().into_values();
            stacked.extend(ht.into_iter().map(|x| T::from_f64(x.to_f64() * scale)));
        }
        let cols = stacked.len() / self.nmf.rank;
        let held = Dense::from_rows(stacked, cols, self.nmf.rank)?;
        let scales: Vec<f64> = there.iter().map(|(_, _, (_, scale))| *scale).collect();
        let start = Start {
            w: Some(&held),
            hold: Some(Factor::W),
            ..Start::default()
        };
        let given: Vec<_> = there.iter().map(|(_, v, _)| *v).collect();
        let fit = Scaled::of(&given, &scales).run(|blocks| {
            self.turned()
                .n_init(NonZeroUsize::MIN)
                .fit_with(blocks, start, observer)
        })?;
        Ok(fit.h.transposed())
    }

    pub(crate) fn fit_here<T: Float>(
        &self,
        matrices: &[Matrix<'_, T>],
        observer: &mut dyn Observer,
    ) -> Result<JointModel<T>, Error> {
        self.check()?;
        let numbered: Vec<_> = matrices.iter().copied().enumerate().collect();
        check_rows(&numbered)?;
        let (found, expected) = (self.weights.len(), matrices.len());
        if found > 0 && found != expected {
            return refuse(
                "weights",
                format!("{:?}", self.weights),
                format!("has {found}; expected one for each of the matrices, which are {expected}"),
            );
        }
        let threads = Threads::new(self.nmf.threads).interruptible(observer.interrupt());
        let lambdas = threads.until_ended(|| self.lambdas(matrices, &threads))?;
        let beta = self.nmf.loss.beta();
        // What is minimised is divided by this.
        let unit = lambdas[widest(matrices)];
        let scale = |lambda: &f64| match beta <= 0.0 {
            true => 1.0,
            false => (lambda / unit).powf(beta.recip()),
        };
        let scales: Vec<f64> = lambdas.iter().map(scale).collect();
        check_scales::<T>(&lambdas, &scales)?;
        let observer = &mut InUnits { observer, unit };
        let found = Scaled::of(matrices, &scales)
            .run(|blocks| self.turned().fit_with(blocks, Start::default(), observer))?;
        let mut fit = Factorization {
            w: found.h.transposed(),
            h: found.w.transposed(),
            ..found
        };
        fit.divergence *= unit;
        fit.objective *= unit;
        fit.trace
            .iter_mut()
            .for_each(|point| point.objective *= unit);
        fit.starts
            .iter_mut()
            .for_each(|objective| *objective *= unit);
        let (mut from, mut parts) = (0, Vec::new());
        for ((v, lambda), &scale) in matrices.iter().zip(&lambdas).zip(&scales) {
            let to = from + v.cols();
            let row = |t: usize| fit.h.row(t)[from..to].iter();
            let values = (0..self.nmf.rank).flat_map(row);
            let values = values.map(|x| T::from_f64(x.to_f64() / scale));
            let h = Dense::from_rows(values.collect(), self.nmf.rank, to - from)?;
            let quality = threads.until_ended(|| self.nmf.look(v, (&fit.w, &h), &threads))?;
            parts.push(JointPart {
                h,
                weight: *lambda,
                divergence: quality.divergence,
                relative_error: quality.relative_error,
                scale,
            });
            from = to;
        }
        Ok(JointModel { parts, fit })
    }

    /// What each D is multiplied by, after a look at every entry.
    fn lambdas<T: Float>(
        &self,
        matrices: &[Matrix<'_, T>],
        threads: &Threads,
    ) -> Result<Vec<f64>, Error> {
        let beta = self.nmf.loss.beta();
        let lambda = |(p, v): (usize, &Matrix<'_, T>)| {
            let look = || {
                let summary = Summary::of(v, Signs::NonNegative, threads)?;
                summary.check_scale()?;
                summary.check_loss::<T>(self.nmf.loss)?;
                Ok(summary)
            };
            let summary = look().map_err(|error| within(p, error))?;
            let weight = self.weights.get(p).copied().unwrap_or(1.0);
            // A matrix of zeros has no size.
            let size = match beta {
                _ if !self.balanced || beta <= 0.0 || summary.nonzeros == 0 => 1.0,
                2.0 => summary.squares,
                1.0 => summary.sum,
                _ => powers(v, beta),
            };
            Ok(weight / size)
        };
        matrices.iter().enumerate().map(lambda).collect()
    }

    /// The fit of the transposed matrices, in which W and H change places.
    fn turned(&self) -> Nmf {
        let Penalty {
            alpha_w,
            alpha_h,
            l1_ratio,
        } = self.nmf.penalty;
        self.nmf.clone().penalty(Penalty {
            alpha_w: alpha_h,
            alpha_h: alpha_w,
            l1_ratio,
        })
    }
}

/// Shows the objective as the model has it. (There are no states of a joint fit.)
struct InUnits<'a> {
    observer: &'a mut dyn Observer,
    unit: f64,
}

impl Observer for InUnits<'_> {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.observer.observe(&Progress {
            objective: progress.objective * self.unit,
            measure: progress.measure * self.unit,
            ..*progress
        })
    }

    fn approach(&mut self, done: usize, most: usize) -> ControlFlow<()> {
        self.observer.approach(done, most)
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.observer.interrupt()
    }
}

/// The matrix that keeps its scale: the same one in every storage, as a start may know the scale.
fn widest<T: Float>(matrices: &[Matrix<'_, T>]) -> usize {
    let cols = |p: &usize| matrices[*p].cols();
    (0..matrices.len()).rev().max_by_key(cols).unwrap_or(0)
}

/// Σ v^β of the entries above zero.
fn powers<T: Float>(v: &Matrix<'_, T>, beta: f64) -> f64 {
    let power = |x: &T| match x.to_f64() {
        x if x > 0.0 => x.powf(beta),
        _ => 0.0,
    };
    match v {
        Matrix::Dense(view) => {
            let rows = (0..view.nrows()).map(|i| {
                let row = (0..view.ncols()).map(|j| power(&view[(i, j)]));
                row.sum::<f64>()
            });
            rows.sum()
        }
        Matrix::Csr(sparse) | Matrix::Csc(sparse) => sparse.values().iter().map(power).sum(),
        Matrix::Streamed(_) => unreachable!("refused before"),
    }
}

/// The matrices times their scales: as they lie in memory where the scale is 1.
struct Scaled<'a, T: Float> {
    matrices: Vec<(Matrix<'a, T>, Option<Vec<T>>)>,
}

impl<'a, T: Float> Scaled<'a, T> {
    fn of(matrices: &[Matrix<'a, T>], scales: &[f64]) -> Self {
        let scaled = |(v, &scale): (&Matrix<'a, T>, &f64)| {
            let times = |x: &T| T::from_f64(x.to_f64() * scale);
            let values = match v {
                _ if scale == 1.0 => None,
                Matrix::Dense(view) => {
                    let rows = (0..view.nrows()).flat_map(|i| {
                        let view = *view;
                        (0..view.ncols()).map(move |j| times(&view[(i, j)]))
                    });
                    Some(rows.collect())
                }
                Matrix::Csr(sparse) | Matrix::Csc(sparse) => {
                    Some(sparse.values().iter().map(times).collect())
                }
                Matrix::Streamed(_) => None,
            };
            (*v, values)
        };
        Self {
            matrices: matrices.iter().zip(scales).map(scaled).collect(),
        }
    }

    /// Gives the work the transposed matrices.
    fn run<R>(&self, work: impl FnOnce(&[Matrix<'_, T>]) -> Result<R, Error>) -> Result<R, Error> {
        let blocks: Result<Vec<_>, Error> = self.matrices.iter().map(transposed).collect();
        work(&blocks?)
    }
}

/// A matrix with other values, transposed.
fn transposed<'b, T: Float>(
    (v, values): &'b (Matrix<'_, T>, Option<Vec<T>>),
) -> Result<Matrix<'b, T>, Error> {
    let scaled = match (v, values) {
        (_, None) => *v,
        (Matrix::Csr(sparse), Some(values)) => Matrix::Csr(sparse.with_values(values)),
        (Matrix::Csc(sparse), Some(values)) => Matrix::Csc(sparse.with_values(values)),
        (_, Some(values)) => Matrix::row_major(values, v.rows(), v.cols())?,
    };
    Ok(scaled.transpose())
}

/// An error with the number of the matrix that it is about.
fn within(number: usize, error: Error) -> Error {
    Error::OfMatrix {
        number: number + 1,
        error: Box::new(error),
    }
}

/// Refuses what a matrix counts for where a sum of its powers, or that beside the widest one, leaves the range of numbers.
fn check_scales<T: Float>(lambdas: &[f64], scales: &[f64]) -> Result<(), Error> {
    let most = T::LARGEST.to_f64().sqrt();
    let legal = |value: f64| (most.recip()..=most).contains(&value);
    let mut pairs = lambdas.iter().zip(scales);
    match pairs.position(|(&lambda, &scale)| !(lambda.is_normal() && legal(scale))) {
        Some(p) => {
            let error = Error::Parameter {
                name: "weight",
                value: format!("{:e}", lambdas[p]),
                legal: "it leaves the range of numbers beside the widest matrix; multiply the matrix by a constant first"
                    .to_owned(),
            };
            Err(within(p, error))
        }
        None => Ok(()),
    }
}

/// Refuses matrices that differ in rows, and none.
fn check_rows<T: Float>(matrices: &[(usize, Matrix<'_, T>)]) -> Result<(), Error> {
    let Some((_, first)) = matrices.first() else {
        return Err(Error::Empty { rows: 0, cols: 0 });
    };
    for (number, v) in matrices {
        v.check_held("a joint factorisation")
            .map_err(|error| within(*number, error))?;
        let (rows, cols) = (v.rows(), v.cols());
        if rows == 0 || cols == 0 {
            return Err(within(*number, Error::Empty { rows, cols }));
        }
        if rows != first.rows() {
            let error = Error::Shape {
                matrix: "V",
                rows,
                cols,
                expected_rows: first.rows(),
                expected_cols: cols,
            };
            return Err(within(*number, error));
        }
    }
    Ok(())
}
