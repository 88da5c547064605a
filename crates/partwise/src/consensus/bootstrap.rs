//! How much the components move when the samples are others: rows of V are drawn anew with replacement, as many as there
//! are, and both factors are fitted from the consensus on. Between the 2.5th and the 97.5th percentile of what the fits find lies
//! an interval of 95 %. (Efron 1979, Annals of Statistics 7:1; the percentile method.)
//!
//! A fit from the consensus stays near it, so the intervals say how far the data bind one solution, not how many solutions
//! there are: that is what the runs say.

use super::ConsensusNmf;
use super::clusters::to_sum_one;
use super::found::Intervals;
use super::settle::{movable, weights};
use crate::archive::Archive;
use crate::kernel::dot;
use crate::many::kept::{self, Kept};
use crate::many::part::Part;
use crate::many::points;
use crate::many::{self, Course, mix};
use crate::matrix::{Dense, Matrix};
use crate::nmf::{Factorization, Start};
use crate::threads::Threads;
use crate::{Error, Float};

/// The ends of an interval of 95 %.
const ENDS: (f64, f64) = (0.025, 0.975);

/// What one fit of drawn rows found, component by component in the order of the consensus.
struct Drawn {
    /// The components, each with the sum 1, k × n.
    components: Vec<f64>,
    cosines: Vec<f64>,
    shares: Vec<f64>,
}

impl Kept for Drawn {
    fn empty() -> Self {
        Self {
            components: Vec::new(),
            cosines: Vec::new(),
            shares: Vec::new(),
        }
    }

    fn archive(&mut self, archive: &mut Archive<'_>, (rank, cols): (usize, usize)) {
        kept::floats(archive, &mut self.components, rank * cols);
        kept::floats(archive, &mut self.cosines, rank);
        kept::floats(archive, &mut self.shares, rank);
    }
}

/// The intervals of all components; `None` if none are asked for, or the observer ended the work before two fits were done.
///
/// # Errors
/// The engine's.
pub(super) fn intervals<T: Float>(
    asked: &ConsensusNmf,
    v: &Matrix<'_, T>,
    fit: &Factorization<T>,
    (threads, course): (&Threads, &Course<'_>),
) -> Result<Option<Intervals>, Error> {
    if asked.bootstrap == 0 {
        return Ok(None);
    }
    let nmf = many::drawn(&asked.nmf, v, asked.nmf.rank);
    let directions = points::directions(&fit.h);
    let cols: Vec<usize> = (0..v.cols()).collect();
    let hands = (threads, many::beside(v));
    let drawn = course.each_kept(nmf.rank, asked.bootstrap, hands, |job, number| {
        let rows = drawn_rows(asked.nmf.seed, number, v.rows());
        let part = Part::of(v, &rows, &cols);
        let w = rows.iter().flat_map(|&i| fit.w.row(i)).copied().collect();
        let w = movable(&nmf, Dense::from_rows(w, rows.len(), nmf.rank)?)?;
        let h = movable(&nmf, fit.h.clone())?;
        let start = Start {
            w: Some(&w),
            h: Some(&h),
            ..Start::default()
        };
        let found = nmf.fit_with(&[part.matrix()], start, job)?;
        Ok(Some(in_order(&found, &directions)))
    })?;
    let drawn: Vec<Drawn> = drawn.into_iter().flatten().collect();
    Ok((drawn.len() >= 2).then(|| summed_up(&drawn, fit.h.cols(), threads)))
}

/// As many rows as there are, drawn with replacement, in rising order.
fn drawn_rows(seed: u64, number: usize, count: usize) -> Vec<usize> {
    // Apart from the draws of the starts.
    let seed = seed ^ 0x626f_6f74;
    let draw = |i| ((mix::uniform(seed, number, i) * count as f64) as usize).min(count - 1);
    let mut rows: Vec<usize> = (0..count).map(draw).collect();
    rows.sort_unstable();
    rows
}

fn in_order<T: Float>(found: &Factorization<T>, consensus: &Dense<f64>) -> Drawn {
    let (k, n) = (consensus.rows(), consensus.cols());
    let directions = points::directions(&found.h);
    let weights = weights(&found.w, &found.h);
    let all: f64 = weights.iter().sum();
    let mut drawn = Drawn {
        components: vec![0.0; k * n],
        cosines: vec![0.0; k],
        shares: vec![0.0; k],
    };
    for (own, t) in points::matched(&directions, consensus)
        .into_iter()
        .enumerate()
    {
        let row = &mut drawn.components[t * n..(t + 1) * n];
        row.copy_from_slice(directions.row(own));
        to_sum_one(row);
        drawn.cosines[t] = dot(directions.row(own), consensus.row(t));
        drawn.shares[t] = if all > 0.0 { weights[own] / all } else { 0.0 };
    }
    drawn
}

fn summed_up(drawn: &[Drawn], n: usize, threads: &Threads) -> Intervals {
    let k = drawn[0].cosines.len();
    let of = |value: &dyn Fn(&Drawn) -> f64| ends(drawn.iter().map(value).collect());
    let entries = threads.map(k, |t| {
        let entry = |j: usize| of(&|one: &Drawn| one.components[t * n + j]);
        (0..n).map(entry).collect::<Vec<_>>()
    });
    let (lower, upper) = entries.into_iter().flatten().unzip();
    Intervals {
        fits: drawn.len(),
        lower: Dense::from_rows(lower, k, n).expect("an entry each"),
        upper: Dense::from_rows(upper, k, n).expect("an entry each"),
        cosine: (0..k)
            .map(|t| of(&|one: &Drawn| one.cosines[t]).0)
            .collect(),
        share: (0..k).map(|t| of(&|one: &Drawn| one.shares[t])).collect(),
    }
}

/// The ends of the interval of some values, between the two values where they fall between them.
fn ends(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = share * (values.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        values[low] + (place - low as f64) * (values[high] - values[low])
    };
    (quantile(ENDS.0), quantile(ENDS.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_with_replacement_and_as_often_as_they_should_be() {
        let rows = drawn_rows(1, 0, 1000);
        assert!(rows.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(rows.len(), 1000);
        let mut different = rows.clone();
        different.dedup();
        // 1 − 1/e of them.
        assert!(
            (600..=664).contains(&different.len()),
            "{}",
            different.len()
        );
        assert_ne!(rows, drawn_rows(1, 1, 1000));
        assert_eq!(drawn_rows(7, 3, 1), [0]);
    }

    #[test]
    fn ends_of_intervals_by_hand() {
        let values = (0..=40).rev().map(f64::from).collect();
        assert_eq!(ends(values), (1.0, 39.0));
        let (low, high) = ends(vec![1.0, 3.0]);
        assert!((low - 1.05).abs() < 1e-12 && (high - 2.95).abs() < 1e-12);
    }
}
