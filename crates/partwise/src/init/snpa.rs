//! `snpa`: successive non-negative projection. The components are rows of V that are far from what those picked before explain.
//!
//! As `spa`, but rows are projected onto the convex hull of the picked rows and zero, not onto the space that they span: more
//! components than the rank of V can be found, and noise matters less. (Gillis 2014, SIAM Journal on Imaging Sciences 7:2,
//! doi 10.1137/130946782.) The shares of the picked rows in each row, at least 0 and at most 1 together, are found by
//! accelerated projected gradient from those of the pick before.

use super::spa::{Candidates, from_rows};
use super::{Input, Pair};
use crate::Float;
use crate::constraint::{Quadratic, descend, onto_simplex};

/// Steps to the shares of a row.
const STEPS: usize = 200;
/// Rows in a task.
const ROWS: usize = 16;

/// Both factors.
pub(super) fn start<T: Float>(input: &Input<'_, '_, T>) -> Pair<T> {
    from_rows(input, extreme_rows(input))
}

/// At most k rows, fewer where they explain all of V.
fn extreme_rows<T: Float>(input: &Input<'_, '_, T>) -> Vec<usize> {
    let mut candidates = Candidates::of(input);
    let whole = candidates.lengths.clone();
    let mut picked: Vec<(usize, Vec<f64>)> = Vec::new();
    // The shares of the picked rows in each row, and its products with them.
    let (mut shares, mut products) = (Vec::new(), Vec::new());
    while picked.len() < input.k {
        let Some(longest) = candidates.longest() else {
            break;
        };
        let row = candidates.row(input, longest);
        widen(&mut shares, picked.len(), &vec![0.0; whole.len()]);
        widen(&mut products, picked.len(), &candidates.times(input, &row));
        picked.push((longest, row));
        let k = picked.len();
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let rows = || picked.iter().map(|(_, row)| row);
        let gram: Vec<f64> = rows()
            .flat_map(|a| rows().map(move |b| inner(a, b)))
            .collect();
        let quadratic = Quadratic::new(&gram, k);
        let left = input
            .threads
            .map_chunks(&mut shares, ROWS * k, |index, shares| {
                let from = index * ROWS;
                let rows = shares.chunks_exact_mut(k).enumerate();
                let left = rows.map(|(row, shares)| {
                    let b = &products[(from + row) * k..(from + row + 1) * k];
                    descend(&quadratic, b, shares, STEPS, |x| onto_simplex(x, true));
                    // ‖x − shares · picked‖².
                    let terms =
                        (0..k).map(|t| shares[t] * (quadratic.gradient(shares, b, t) - b[t]));
                    (whole[from + row] + terms.sum::<f64>()).max(0.0)
                });
                left.collect::<Vec<f64>>()
            });
        candidates.lengths = left.concat();
        for &(i, _) in &picked {
            candidates.lengths[i] = 0.0;
        }
    }
    picked.into_iter().map(|(i, _)| i).collect()
}

/// Adds a column to rows of k values.
fn widen(rows: &mut Vec<f64>, k: usize, column: &[f64]) {
    let mut wider = Vec::with_capacity(column.len() * (k + 1));
    for (i, &last) in column.iter().enumerate() {
        wider.extend_from_slice(&rows[i * k..(i + 1) * k]);
        wider.push(last);
    }
    *rows = wider;
}
