//! How good a fit is, beside the objective and the KKT residual that every fit has.
//!
//! - *The least error.* No matrix of rank k is closer to V than its truncated singular value decomposition, whatever
//!   its signs (Eckart & Young 1936, Psychometrika 1:3, doi 10.1007/BF02288367): ½‖V − WH‖² ≥ ½(‖V‖² − Σ σ_i²), with
//!   the sum over the k largest singular values. What a fit lies above it is all that another start could gain, and
//!   more: it holds the price of having nothing below zero. At rank 1 there is none (Perron–Frobenius).
//! - *Starts.* To find the lowest of the many local minima is hard (Vavasis 2009, SIAM J. Optim. 20:3, doi
//!   10.1137/070709967). How far apart starts end says how much hangs on them.
//! - *Components.* One without weight says nothing, and two that are alike say one thing twice. Either the rank is too
//!   large, or the start was bad.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::kernel;
use crate::loss::Penalty;
use crate::matrix::{Dense, Matrix};
use crate::pass::Sums;
use crate::stop::StopReason;
use crate::threads::Threads;
use crate::{Error, Factorization, Float};

/// Cosine of two components above which they are alike: an angle of 8 degrees.
const ALIKE: f64 = 0.99;
/// What one component in the place of two may cost, as a share of the squared error, for it to be no loss.
const NO_LOSS: f64 = 0.01;
/// The least squared error, as a share of ‖V‖², that costs are measured against: a fit that is closer is as good as
/// exact.
const EXACT: f64 = 1e-6;
/// Components, or pairs of them, that are named in a sentence.
const NAMED: usize = 5;

/// What is wrong with components. They are counted from 0.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Flaws {
    /// Those without weight: their share of the sum of |W H| is lost in its rounding. Most have a zero row of H or a zero
    /// column of W.
    pub dead: Vec<usize>,
    /// Pairs of the others whose rows of H are alike.
    pub duplicates: Vec<Duplicate>,
}

/// Two components that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The first of them.
    pub first: usize,
    /// The second, which has the larger number.
    pub second: usize,
    /// The cosine of their rows of H, above 0.99.
    pub cosine: f64,
    /// What one component in the place of both would cost: the squared distance of what both say together, w₁h₁ᵀ +
    /// w₂h₂ᵀ, from the nearest matrix of rank 1, as a share of ‖V − WH‖². Where all components point nearly in one
    /// direction, as spectra may, two that are alike still say different things, and this is large. `None` where W is
    /// elsewhere.
    pub cost: Option<f64>,
}

/// The objectives that several starts reached in the iterations that they were tried for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// Of the best start.
    pub least: f64,
    /// Of the middle one, or the mean of the two middle ones.
    pub median: f64,
    /// Of the worst.
    pub most: f64,
}

/// How close a fit comes to what no factors of its rank can do better, for the squared loss.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FitQuality {
    /// ½‖V − WH‖², whatever the loss of the fit; infinite where the relative error is.
    pub loss: f64,
    /// ½(‖V‖² − Σ σ_i²): no matrix of the rank has less.
    pub bound: f64,
    /// ‖V − WH‖ / ‖V‖, as the fit says.
    pub relative_error: f64,
    /// The same of the truncated singular value decomposition, 0 to 1.
    pub least_relative_error: f64,
}

impl FitQuality {
    /// What the loss is above the bound, at least 0: the singular values are those of a randomised decomposition, whose
    /// error may put a bound that is reached a little above the loss.
    pub fn gap(&self) -> f64 {
        (self.loss - self.bound).max(0.0)
    }
}

impl Flaws {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.dead.is_empty() && self.duplicates.is_empty()
    }

    /// Of factors W (m × k) and H, whose rows are those of component 0, 1, …, k − 1, and 0 again if a component has
    /// several, with the squared error. A W without rows is elsewhere, and H speaks alone.
    fn of<T: Float>(w: &Dense<T>, h: &Dense<T>, error: f64) -> Self {
        let k = w.cols();
        let rows = |t: usize| (t..h.rows()).step_by(k).map(move |row| h.row(row));
        let inner = |s: usize, t: usize| -> f64 {
            let pairs = rows(s).zip(rows(t));
            pairs.map(|(a, b)| kernel::inner(a, b)).sum()
        };
        // Entries of any sign count by their size.
        let size = |values: &mut dyn Iterator<Item = &T>| values.map(|x| x.to_f64().abs()).sum();
        let of_w = match w.rows() {
            0 => vec![1.0; k],
            _ => {
                let column = |t: usize| size(&mut w.as_slice()[t..].iter().step_by(k));
                shares((0..k).map(column).collect())
            }
        };
        let of_h = shares((0..k).map(|t| size(&mut rows(t).flatten())).collect());
        let weights: Vec<f64> = of_w.iter().zip(of_h).map(|(w, h)| w * h).collect();
        let least = T::EPSILON.to_f64() * weights.iter().sum::<f64>();
        let (dead, alive): (Vec<usize>, Vec<usize>) = (0..k).partition(|&t| weights[t] <= least);
        let norms: Vec<f64> = (0..k).map(|t| inner(t, t).sqrt()).collect();
        let mut duplicates = Vec::new();
        for (at, &first) in alive.iter().enumerate() {
            for &second in &alive[at + 1..] {
                let cosine = inner(first, second) / (norms[first] * norms[second]);
                if cosine > ALIKE {
                    duplicates.push(Duplicate {
                        first,
                        second,
                        cosine: cosine.min(1.0),
                        cost: None,
                    });
                }
            }
        }
        if !duplicates.is_empty() && w.rows() > 0 {
            let sums = Sums::over(w, &Threads::one());
            for pair in &mut duplicates {
                let Duplicate { first, second, .. } = *pair;
                let lengths = [first, second].map(|t| (sums.gram[t * k + t].sqrt(), norms[t]));
                let cosine = sums.gram[first * k + second] / (lengths[0].0 * lengths[1].0);
                let sizes = lengths.map(|(w, h)| w * h);
                let apart = squared_distance(sizes, (cosine.min(1.0), pair.cosine));
                pair.cost = Some(apart / error);
            }
        }
        Self { dead, duplicates }
    }
}

/// σ₂² of a sum of two matrices of rank 1 with these norms and the cosines of their left and of their right vectors,
/// which is its squared distance from the nearest matrix of rank 1: the smaller eigenvalue of the product of two Gram
/// matrices (2 × 2).
fn squared_distance([a, b]: [f64; 2], (left, right): (f64, f64)) -> f64 {
    let trace = a * a + b * b + 2.0 * a * b * left * right;
    let determinant = (a * b).powi(2) * (1.0 - left * left) * (1.0 - right * right);
    let root = (trace * trace - 4.0 * determinant).max(0.0).sqrt();
    2.0 * determinant / (trace + root)
}

/// Sums over the largest of them, so that products of two stay in range.
fn shares(sums: Vec<f64>) -> Vec<f64> {
    let most = sums.iter().copied().fold(0.0, f64::max);
    let share = |sum| if most > 0.0 { sum / most } else { 0.0 };
    sums.into_iter().map(share).collect()
}

/// In a sentence, which names the first few: "component 2 has no weight; components 0 and 3 (cosine 0.998) are
/// alike".
impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dead: Vec<String> = self.dead.iter().map(ToString::to_string).collect();
        let pairs = self.duplicates.iter();
        let pairs: Vec<String> = pairs
            .map(|pair| {
                let Duplicate {
                    first,
                    second,
                    cosine,
                    ..
                } = pair;
                format!("{first} and {second} (cosine {cosine:.3})")
            })
            .collect();
        match &dead[..] {
            [] => {}
            [one] => write!(f, "component {one} has no weight")?,
            many => write!(f, "components {} have no weight", listed(many, ""))?,
        }
        if !dead.is_empty() && !pairs.is_empty() {
            f.write_str("; ")?;
        }
        if !pairs.is_empty() {
            write!(f, "components {} are alike", listed(&pairs, " pairs"))?;
        }
        Ok(())
    }
}

fn listed(names: &[String], what: &str) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more{what}"),
    }
}

impl Spread {
    fn of(objectives: &[f64]) -> Option<Self> {
        let mut sorted = objectives.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        Some(Self {
            least: *sorted.first()?,
            median: match sorted.len() % 2 {
                1 => sorted[middle],
                _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
            },
            most: *sorted.last()?,
        })
    }
}

impl<T: Float> Factorization<T> {
    /// Components without weight, and pairs that are alike. It takes about k²n/2 products, and k²m if there are pairs:
    /// a pass takes mnk.
    ///
    /// ```
    /// use partwise::{Dense, Matrix, Nmf};
    /// let v = [1.0, 0.0, 2.0, 0.0, 3.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 2.0];
    /// let h = Dense::from_rows(vec![1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3, 3)?;
    /// let flaws = Nmf::new(3).transform(&Matrix::row_major(&v, 4, 3)?, &h)?.flaws();
    /// assert_eq!(flaws.dead, [1]);
    /// assert_eq!(flaws.to_string(), "component 1 has no weight");
    /// # Ok::<(), partwise::Error>(())
    /// ```
    pub fn flaws(&self) -> Flaws {
        let error = self.relative_error.powi(2).max(EXACT) * self.squares;
        // A V of zeros has no scale, and no number stands for an infinite error of it.
        Flaws::of(&self.w, &self.h, error.max(f64::MIN_POSITIVE))
    }

    /// Those of [`Self::flaws`] that speak against the rank or the start of a fit with this penalty: components without
    /// weight, and pairs of which one says as much as both, to a hundredth of the squared error. There are none where
    /// they are what was asked for, or no more than chance: penalties empty components and merge them, a rank as large
    /// as a side of V leaves some without work, an all-zero V gives them none, and what has not converged may still
    /// change.
    pub fn telling(&self, flaws: &Flaws, penalty: &Penalty) -> Flaws {
        let side = match self.w.rows() {
            0 => self.h.cols(),
            rows => rows.min(self.h.cols()),
        };
        let penalised = penalty.alpha_w > 0.0 || penalty.alpha_h > 0.0;
        let converged = self.stop == StopReason::Converged;
        if !converged || penalised || self.nonzeros == 0 || self.w.cols() >= side {
            return Flaws::default();
        }
        let costless = |pair: &&Duplicate| pair.cost.is_some_and(|cost| cost <= NO_LOSS);
        Flaws {
            dead: flaws.dead.clone(),
            duplicates: flaws.duplicates.iter().filter(costless).copied().collect(),
        }
    }

    /// How far apart the starts were that were tried before the best of them was carried on; `None` if it was one.
    pub fn spread(&self) -> Option<Spread> {
        Spread::of(&self.starts)
    }

    /// How close the fit comes to the least error of its rank, by a truncated singular value decomposition of V (m × n,
    /// of which every entry counted in the fit): up to 122 products with V, each about half a pass, and mostly far
    /// fewer. The flag ends it once set: see [`crate::Observer::interrupt`].
    ///
    /// ```
    /// use partwise::{Matrix, Nmf};
    /// let v = [1.0, 1.0, 2.0, 1.0, 3.0, 1.2, 4.0, 1.0, 5.0, 0.8, 6.0, 1.0];
    /// let v = Matrix::row_major(&v, 6, 2)?;
    /// let quality = Nmf::new(1).fit(&v)?.quality(&v, None, None)?;
    /// // The best matrix of rank 1 has no entry below zero.
    /// assert!(quality.gap() < 1e-3 * quality.bound);
    /// # Ok::<(), partwise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if V has another shape than W H; those of V as in a fit; [`Error::Interrupted`].
    pub fn quality(
        &self,
        v: &Matrix<'_, T>,
        threads: Option<NonZeroUsize>,
        interrupt: Option<Arc<AtomicBool>>,
    ) -> Result<FitQuality, Error> {
        let (rows, cols) = (v.rows(), v.cols());
        let expected_rows = match self.w.rows() {
            0 => rows,
            known => known,
        };
        if (rows, cols) != (expected_rows, self.h.cols()) {
            return Err(Error::Shape {
                matrix: "V",
                rows,
                cols,
                expected_rows,
                expected_cols: self.h.cols(),
            });
        }
        let (squares, least) = T::least_error(v, self.h.rows(), threads, interrupt)?;
        // Where V is all zeros and W H is not, the relative error is infinite.
        let loss = |error: f64| match error.is_finite() {
            true => 0.5 * squares * error.powi(2),
            false => error,
        };
        Ok(FitQuality {
            loss: loss(self.relative_error),
            bound: loss(least),
            relative_error: self.relative_error,
            least_relative_error: least,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(values: &[f64], rows: usize, cols: usize) -> Dense<f64> {
        Dense::from_rows(values.to_vec(), rows, cols).unwrap()
    }

    fn pair(first: usize, second: usize, cosine: f64) -> Duplicate {
        Duplicate {
            first,
            second,
            cosine,
            cost: None,
        }
    }

    #[test]
    fn components_by_hand() {
        // Row 1 of H is zero, column 3 of W is, and rows 0 and 2 point in one direction.
        let h = dense(&[1., 2., 0., 0., 0., 0., 2., 4., 0., 0., 1., 1.], 4, 3);
        let w = dense(&[1., 1., 0., 0., 1., 1., 3., 0.], 2, 4);
        let flaws = Flaws::of(&w, &h, 4.0);
        assert_eq!(flaws.dead, [1, 3]);
        let [found] = flaws.duplicates[..] else {
            panic!("{flaws}");
        };
        assert_eq!((found.first, found.second), (0, 2));
        assert!((found.cosine - 1.0).abs() < 1e-15);
        // Together they are of rank 1.
        assert!(found.cost.is_some_and(|cost| cost < 1e-14));
        assert!(!flaws.is_empty());
        // Without W what it held back counts.
        let flaws = Flaws::of(&Dense::zeros(0, 4), &h, 4.0);
        assert_eq!(flaws.dead, [1]);
        assert_eq!(flaws.duplicates[0].cost, None);
        // Two of two rows each: 0 with rows 0 and 2, 1 with rows 1 and 3.
        let flaws = Flaws::of(&dense(&[1., 1.], 1, 2), &h, 4.0);
        assert_eq!(flaws, Flaws::default());
        assert!(flaws.is_empty());
    }

    #[test]
    fn weight_is_lost_in_the_rounding_and_in_no_other_size() {
        let h = dense(&[1., 0., 0., 1.], 2, 2);
        for size in [1e-150, 1.0, 1e150] {
            let of = |share: f64| Flaws::of(&dense(&[size, size * share], 1, 2), &h, 1.0).dead;
            assert!(of(1e-15).is_empty());
            assert_eq!(of(1e-17), [1]);
        }
        let nothing = Flaws::of(&Dense::<f64>::zeros(3, 2), &Dense::zeros(2, 2), 0.0);
        assert_eq!((nothing.dead, nothing.duplicates), (vec![0, 1], vec![]));
    }

    #[test]
    fn angles_decide_who_is_alike() {
        for (degrees, alike) in [(0.0f64, true), (7.9, true), (8.2, false), (90.0, false)] {
            let angle = degrees.to_radians();
            let h = dense(&[3., 0., angle.cos(), angle.sin()], 2, 2);
            let found = Flaws::of(&dense(&[1., 1.], 1, 2), &h, 1.0).duplicates;
            assert_eq!(!found.is_empty(), alike, "{degrees}");
            for found in found {
                assert!((found.cosine - angle.cos()).abs() < 1e-12);
            }
        }
    }

    /// σ₂² of the sum itself, by its singular value decomposition.
    #[test]
    fn what_one_component_in_the_place_of_two_costs() {
        let w = dense(&[1., 2., 0.5, 0., 3., 1., 2., 2.], 4, 2);
        for angle in [0.0f64, 0.01, 0.1, 0.14] {
            let h = dense(&[2., 0., 0., angle.cos(), 0., angle.sin()], 2, 3);
            let sum = w.view() * h.view();
            let exact = sum.thin_svd().unwrap().S()[1].powi(2);
            let found = Flaws::of(&w, &h, 0.5).duplicates[0].cost.unwrap();
            assert!(
                (found - exact / 0.5).abs() < 1e-13,
                "{angle}: {found} {exact}"
            );
        }
    }

    #[test]
    fn sentences_stay_short() {
        let text = |dead: &[usize], duplicates: &[Duplicate]| {
            let (dead, duplicates) = (dead.to_vec(), duplicates.to_vec());
            Flaws { dead, duplicates }.to_string()
        };
        assert_eq!(text(&[], &[]), "");
        assert_eq!(text(&[2], &[]), "component 2 has no weight");
        assert_eq!(
            text(&[2, 7], &[pair(0, 3, 0.9981)]),
            "components 2, 7 have no weight; components 0 and 3 (cosine 0.998) are alike"
        );
        let many: Vec<usize> = (0..20).collect();
        assert_eq!(
            text(&many, &[]),
            "components 0, 1, 2, 3, 4 and 15 more have no weight"
        );
        let pairs: Vec<Duplicate> = (1..8).map(|t| pair(0, t, 1.0)).collect();
        assert!(text(&[], &pairs).ends_with("0 and 5 (cosine 1.000) and 2 more pairs are alike"));
    }

    #[test]
    fn a_spread_by_hand() {
        let spread = |values: &[f64]| Spread::of(values).map(|s| (s.least, s.median, s.most));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 8.0]), Some((1.0, 3.0, 8.0)));
    }
}
