//! `symmetric`: V ≈ X Xᵀ with W = Hᵀ = X, for a graph by the weights of its edges: the entries of a row of X say how much a node
//! is of each cluster.
//!
//! (Kuang, Yun & Park 2015, Journal of Global Optimization 62:3, doi 10.1007/s10898-014-0247-2.) They let W and H differ at a price,
//! ½‖V − WH‖² + ½ α ‖W − Hᵀ‖², so that each half-step is a least-squares problem; with a price that is high enough both end alike
//! (Zhu, Li, Liu & Li 2018, NeurIPS). Since ⟨W, Hᵀ⟩ = ⟨I, WH⟩, that is
//!
//!   ½‖(V + α I) − W H‖² + ½ α ‖W‖² + ½ α ‖H‖² − ½‖V + α I‖² + ½‖V‖²,
//!
//! a plain factorisation of V + α I with an L2 penalty on both factors, and a constant that is taken off. So every solver of the
//! squared loss can do it, extrapolation included. V + α I is a copy of V, with as many entries and a diagonal. At the end X is
//! the mean of W and Hᵀ, and what is said of the fit is said of X Xᵀ and V.

use crate::kernel::for_each_entry;
use crate::matrix::{Compressed, Dense, Twin};
use crate::{Error, Float, Matrix};

/// V + α I.
pub(crate) enum Shifted<T> {
    Dense(Dense<T>),
    Sparse {
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<T>,
    },
}

impl<T: Float> Shifted<T> {
    /// `v` is square, symmetric and in memory.
    pub(crate) fn of(v: &Matrix<'_, T>, alpha: f64) -> Self {
        let shift = T::from_f64(alpha);
        let sparse = match v {
            Matrix::Dense(view) => {
                let mut dense = Dense::copy_of(*view);
                let n = dense.rows();
                for x in dense.as_mut_slice().iter_mut().step_by(n + 1) {
                    *x += shift;
                }
                return Self::Dense(dense);
            }
            // By rows or by columns is the same.
            Matrix::Csr(sparse) | Matrix::Csc(sparse) => sparse,
            Matrix::Streamed(_) => unreachable!("refused before"),
        };
        let n = sparse.major();
        let mut offsets = Vec::with_capacity(n + 1);
        let mut indices = Vec::with_capacity(sparse.stored() + n);
        let mut values = Vec::with_capacity(sparse.stored() + n);
        offsets.push(0);
        for i in 0..n {
            let mut is_stored = false;
            for_each_entry(sparse.row(i), |j, _| is_stored |= j == i);
            let mut rest = Some(shift);
            for_each_entry(sparse.row(i), |j, value| {
                let mut value = value;
                if j == i {
                    value += rest.take().unwrap_or(T::ZERO);
                } else if let (true, Some(shift)) = (j > i && !is_stored, rest) {
                    indices.push(i as u32);
                    values.push(shift);
                    rest = None;
                }
                indices.push(j as u32);
                values.push(value);
            });
            if let Some(shift) = rest {
                indices.push(i as u32);
                values.push(shift);
            }
            offsets.push(values.len());
        }
        Self::Sparse {
            offsets,
            indices,
            values,
        }
    }

    pub(crate) fn view(&self) -> Result<Matrix<'_, T>, Error> {
        match self {
            Self::Dense(dense) => Ok(dense.into()),
            Self::Sparse {
                offsets,
                indices,
                values,
            } => {
                let n = offsets.len() - 1;
                Matrix::csr(n, n, offsets, indices, values)
            }
        }
    }
}

/// The first pair of entries of a square matrix in memory that differ by more than rounding: row, column, the entry, and the one
/// on the other side.
pub(crate) fn asymmetry<T: Float>(matrix: &Matrix<'_, T>) -> Option<(usize, usize, f64, f64)> {
    let differ = |a: f64, b: f64| (a - b).abs() > T::EPSILON.to_f64() * 64.0 * a.abs().max(b.abs());
    match matrix {
        Matrix::Dense(view) => (0..view.nrows()).find_map(|i| {
            let pair = |j: usize| (view[(i, j)].to_f64(), view[(j, i)].to_f64());
            let found = (0..i).find(|&j| differ(pair(j).0, pair(j).1))?;
            Some((i, found, pair(found).0, pair(found).1))
        }),
        Matrix::Csr(sparse) | Matrix::Csc(sparse) => sparse_asymmetry(sparse, differ),
        Matrix::Streamed(_) => unreachable!("refused before"),
    }
}

fn sparse_asymmetry<T: Float>(
    sparse: &Compressed<'_, T>,
    differ: impl Fn(f64, f64) -> bool,
) -> Option<(usize, usize, f64, f64)> {
    let twin = Twin::of(sparse);
    let turned = twin.view();
    let n = sparse.major();
    let (mut here, mut there) = (vec![0.0; n], vec![0.0; n]);
    (0..n).find_map(|i| {
        let mut places = Vec::new();
        for_each_entry(sparse.row(i), |j, value| {
            here[j] += value.to_f64();
            places.push(j);
        });
        for_each_entry(turned.row(i), |j, value| {
            there[j] += value.to_f64();
            places.push(j);
        });
        let found = places.iter().find(|&&j| differ(here[j], there[j]));
        let found = found.map(|&j| (i, j, here[j], there[j]));
        for j in places {
            (here[j], there[j]) = (0.0, 0.0);
        }
        found
    })
}
