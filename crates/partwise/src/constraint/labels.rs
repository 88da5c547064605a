//! `labels`: the components say the classes of the samples, too. ½ λ ‖Y − W B‖², over the samples whose class is known, is added to the
//! objective: Y has a column for each class, one for its samples and else zero, and B ≥ 0 (k × classes) says which
//! class a component speaks of.
//!
//! (Lee, Yoo & Choi 2010, Semi-supervised nonnegative matrix factorization, IEEE Signal Processing Letters 17:1, doi
//! 10.1109/LSP.2009.2027163.) λ is the constraint's number times the mean ‖v‖² of a sample, so that at 1 a label counts as much
//! as what is measured. B is at its best for the W that there is, so the term is one of W alone. A half-step finds that B, then sweeps each
//! row by exact coordinate descent with the Gram matrix G, or with G + λ B Bᵀ where the class is known; as the best B for the
//! new W is no worse, it never raises the objective.

use std::sync::Arc;

use super::rule::wide;
use super::{Quadratic, Rule, Step};
use crate::archive::fingerprint;
use crate::matrix::Dense;
use crate::{Error, Float};

/// Sweeps over a row in a half-step, and over B, at most.
const SWEEPS: usize = 10;
const SWEEPS_OF_B: usize = 500;
/// A sweep that moves less than this share of the largest entry is the last one.
const STILL: f64 = 1e-6;
const STILL_OF_B: f64 = 1e-13;

/// The classes of samples, as far as they are known: for each row of the factor a class, counted from 0, or none. Copies share
/// their memory.
///
/// ```
/// use partwise::{Constraint, Labels, Matrix, Nmf, reconstruct};
/// // Two strong patterns say nothing of the class, which shows in the last two features.
/// let v = [
///     4.0, 0.0, 1.0, 0.0, 0.0, 5.0, 1.0, 0.0, 2.0, 2.0, 1.0, 0.0, //
///     0.0, 4.0, 0.0, 1.0, 5.0, 1.0, 0.0, 1.0, 3.0, 0.0, 0.0, 1.0,
/// ];
/// let labels = Labels::new(&[Some(0), Some(0), None, Some(1), Some(1), None])?;
/// assert_eq!((labels.len(), labels.classes(), labels.known()), (6, 2, 4));
/// let model = Nmf::new(3)
///     .constraint("labels=10".parse::<Constraint>()?)
///     .labels(labels)
///     .max_iter(2000)
///     .fit(&Matrix::row_major(&v, 6, 4)?)?;
/// let told = Labels::told(&model.w, model.class_parts.as_ref().unwrap());
/// assert_eq!(told, [0, 0, 0, 1, 1, 1]);
/// # Ok::<(), partwise::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Labels(Arc<Known>);

#[derive(PartialEq)]
struct Known {
    /// The class of each row; [`NONE`] if it is not known.
    of_rows: Vec<u32>,
    classes: usize,
    /// Rows whose class is known.
    known: usize,
}

const NONE: u32 = u32::MAX;

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (known, classes) = (self.known(), self.classes());
        write!(
            f,
            "Labels({known} of {} rows, {classes} classes)",
            self.len()
        )
    }
}

impl Labels {
    /// Labels by the class of each row. Classes are counted from 0 to the largest that is met.
    ///
    /// # Errors
    /// [`Error::Malformed`] if no class is known, a class below the largest has no row, or there are 2³² − 1 or more.
    pub fn new(of_rows: &[Option<usize>]) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Malformed {
            what: "labels",
            reason,
        };
        let known = of_rows.iter().flatten().count();
        let Some(&largest) = of_rows.iter().flatten().max() else {
            let rows = of_rows.len();
            return Err(malformed(format!(
                "none of the {rows} rows has a class; expected at least one that has"
            )));
        };
        // A class without rows is met before so many counters are made.
        if largest >= known {
            let message = format!("class {largest} of {known} rows; expected every class up to it");
            return Err(malformed(message));
        }
        let classes = largest + 1;
        let mut counts = vec![0usize; classes];
        of_rows
            .iter()
            .flatten()
            .for_each(|&class| counts[class] += 1);
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            return Err(malformed(format!(
                "no row is of class {class}; expected every class up to {largest}"
            )));
        }
        if u32::try_from(classes).is_err() {
            return Err(malformed(format!(
                "{classes} classes; expected fewer than {NONE}"
            )));
        }
        let code = |class: &Option<usize>| class.map_or(NONE, |class| class as u32);
        Ok(Self(Arc::new(Known {
            of_rows: of_rows.iter().map(code).collect(),
            classes,
            known,
        })))
    }

    /// Rows, with a class or without.
    pub fn len(&self) -> usize {
        self.0.of_rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.0.classes
    }

    /// Rows whose class is known.
    pub fn known(&self) -> usize {
        self.0.known
    }

    /// The class that samples most likely are of: the largest entry of each row of W B, the first of several. `w` is m × k, and
    /// `class_parts` is k × classes, of a fit ([`crate::Factorization::class_parts`]).
    ///
    /// # Panics
    /// If W has another number of columns than B has rows.
    pub fn told<T: Float>(w: &Dense<T>, class_parts: &Dense<T>) -> Vec<usize> {
        let scores = crate::reconstruct(w, class_parts);
        let largest = |row: &[T]| {
            let better = |best: usize, class: usize| match row[class] > row[best] {
                true => class,
                false => best,
            };
            (0..row.len()).reduce(better).unwrap_or_default()
        };
        (0..scores.rows()).map(|i| largest(scores.row(i))).collect()
    }

    /// B (k × classes), the best for a factor (rows × k).
    pub(crate) fn class_parts<T: Float>(&self, factor: &Dense<T>) -> Dense<T> {
        let k = factor.cols();
        let parts = self
            .best(&wide(factor.as_slice()), k)
            .into_iter()
            .map(T::from_f64);
        let parts = Dense::from_rows(parts.collect(), self.classes(), k);
        parts.expect("a row for each class").transposed()
    }

    /// Equal for labels that are the same.
    pub(crate) fn fingerprint(&self) -> String {
        let classes: Vec<f64> = self
            .0
            .of_rows
            .iter()
            .map(|&class| f64::from(class))
            .collect();
        format!("{:016x}", fingerprint(&classes))
    }

    /// The class of a row, if it is known.
    fn of(&self, row: usize) -> Option<usize> {
        let class = self.0.of_rows[row];
        (class != NONE).then_some(class as usize)
    }

    /// Rows whose class is known, with it.
    fn rows<'a>(&'a self, x: &'a [f64], k: usize) -> impl Iterator<Item = (usize, &'a [f64])> {
        let rows = x.chunks_exact(k).enumerate();
        rows.filter_map(|(i, row)| self.of(i).map(|class| (class, row)))
    }

    /// Bᵀ (classes × k): the best for the rows of a factor.
    fn best(&self, x: &[f64], k: usize) -> Vec<f64> {
        let mut gram = vec![0.0; k * k];
        let mut sums = vec![0.0; self.classes() * k];
        for (class, row) in self.rows(x, k) {
            for (t, &a) in row.iter().enumerate() {
                let line = gram[t * k..(t + 1) * k].iter_mut();
                line.zip(row).for_each(|(sum, b)| *sum += a * b);
            }
            let sums = sums[class * k..(class + 1) * k].iter_mut();
            sums.zip(row).for_each(|(sum, x)| *sum += x);
        }
        let quadratic = Quadratic::new(&gram, k);
        let mut parts = vec![0.0; sums.len()];
        for (b, sums) in parts.chunks_exact_mut(k).zip(sums.chunks_exact(k)) {
            sweep(&quadratic, sums, b, (SWEEPS_OF_B, STILL_OF_B));
        }
        parts
    }
}

/// Exact coordinate descent on a row.
fn sweep(quadratic: &Quadratic<'_>, b: &[f64], row: &mut [f64], (sweeps, still): (usize, f64)) {
    let k = quadratic.k;
    for _ in 0..sweeps {
        let (mut moved, mut size) = (0.0f64, 0.0f64);
        for t in 0..k {
            let curvature = quadratic.gram[t * k + t];
            // What has no say on the objective stays where it is.
            if !(curvature > 0.0 && curvature.is_finite()) {
                continue;
            }
            let next = (row[t] - quadratic.gradient(row, b, t) / curvature).max(0.0);
            moved = moved.max((next - row[t]).abs());
            size = size.max(next);
            row[t] = next;
        }
        if moved <= still * size {
            break;
        }
    }
}

/// λ.
fn weight(rule: &Rule) -> f64 {
    rule.value * rule.squares / rule.rows as f64
}

/// Bᵀ, then λ B Bᵀ.
pub(super) fn prepare(rule: &Rule, _: &[f64], x: &[f64], k: usize) -> Vec<f64> {
    let Some(labels) = rule.labels() else {
        return Vec::new();
    };
    let mut parts = labels.best(x, k);
    let mut gram = vec![0.0; k * k];
    for b in parts.chunks_exact(k) {
        for (line, x) in gram.chunks_exact_mut(k).zip(b) {
            let line = line.iter_mut().zip(b);
            line.for_each(|(sum, y)| *sum += weight(rule) * x * y);
        }
    }
    parts.extend(gram);
    parts
}

pub(super) fn improve(step: &Step<'_>, rows: &mut [f64]) {
    let Some(labels) = step.rule.labels() else {
        return;
    };
    let (k, weight) = (step.quadratic.k, weight(step.rule));
    let (parts, added) = step.prepared.split_at(labels.classes() * k);
    let gram: Vec<f64> = step
        .quadratic
        .gram
        .iter()
        .zip(added)
        .map(|(a, b)| a + b)
        .collect();
    let quadratic = Quadratic::new(&gram, k);
    let lines = rows.chunks_exact_mut(k).zip(step.rhs.chunks_exact(k));
    for (i, (row, b)) in lines.enumerate() {
        match labels.of(step.first + i) {
            None => sweep(&step.quadratic, b, row, (SWEEPS, STILL)),
            Some(class) => {
                let part = &parts[class * k..(class + 1) * k];
                let b: Vec<f64> = b.iter().zip(part).map(|(b, y)| b + weight * y).collect();
                sweep(&quadratic, &b, row, (SWEEPS, STILL));
            }
        }
    }
}

/// λ (X B − Y) Bᵀ.
pub(super) fn slope(rule: &Rule, _: &[f64], prepared: &[f64], x: &[f64], k: usize) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    let Some(labels) = rule.labels() else {
        return out;
    };
    let (parts, added) = prepared.split_at(labels.classes() * k);
    let weight = weight(rule);
    for (i, (out, row)) in out.chunks_exact_mut(k).zip(x.chunks_exact(k)).enumerate() {
        let Some(class) = labels.of(i) else {
            continue;
        };
        let part = &parts[class * k..(class + 1) * k];
        for ((out, line), y) in out.iter_mut().zip(added.chunks_exact(k)).zip(part) {
            *out = line.iter().zip(row).map(|(g, x)| g * x).sum::<f64>() - weight * y;
        }
    }
    out
}

/// ½ λ ‖Y − X B‖².
pub(super) fn term(rule: &Rule, x: &[f64], k: usize) -> f64 {
    let Some(labels) = rule.labels() else {
        return 0.0;
    };
    let parts = labels.best(x, k);
    let missed = labels.rows(x, k).map(|(class, row)| {
        let squares = parts.chunks_exact(k).enumerate().map(|(of, b)| {
            let said: f64 = row.iter().zip(b).map(|(x, b)| x * b).sum();
            let truth = if of == class { 1.0 } else { 0.0 };
            (truth - said).powi(2)
        });
        squares.sum::<f64>()
    });
    0.5 * weight(rule) * missed.sum::<f64>()
}
