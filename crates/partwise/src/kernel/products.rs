//! Dense products of a block of V, of the factors, and of both.
//!
//! Rows whose entries follow each other go to the kernels of [`super::dense`]; everything else goes to faer.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::dense;
use crate::Float;

/// `out` (r × k) = V (r × n) · right (n × k).
pub(crate) fn times<T: Float>(out: &mut [T], v: MatRef<'_, T>, right: MatRef<'_, T>) {
    let out = MatMut::from_row_major_slice_mut(out, v.nrows(), right.ncols());
    matmul(out, Accum::Replace, v, right, T::ONE, Par::Seq);
}

/// `out` (r × k) += V (r × n) · right (n × k).
pub(crate) fn add_times<T: Float>(out: &mut [T], v: MatRef<'_, T>, right: MatRef<'_, T>) {
    let out = MatMut::from_row_major_slice_mut(out, v.nrows(), right.ncols());
    matmul(out, Accum::Add, v, right, T::ONE, Par::Seq);
}

/// `out` (c × k) += Vᵀ (c × r) · left (r × k).
pub(crate) fn add_transposed_times<T: Float>(out: &mut [T], v: MatRef<'_, T>, left: &[T]) {
    if dense::has_rows(v) {
        return dense::add_transposed_times(out, v, left);
    }
    let left = MatRef::from_row_major_slice(left, v.nrows(), left.len() / v.nrows());
    let out = MatMut::from_row_major_slice_mut(out, v.ncols(), left.ncols());
    matmul(out, Accum::Add, v.transpose(), left, T::ONE, Par::Seq);
}

/// `out` (r × c) = left (r × k) · rightᵀ (k × c): the block of the reconstruction that two blocks of rows span.
pub(crate) fn outer<T: Float>(out: &mut [T], left: MatRef<'_, T>, right: MatRef<'_, T>) {
    let out = MatMut::from_row_major_slice_mut(out, left.nrows(), right.nrows());
    matmul(
        out,
        Accum::Replace,
        left,
        right.transpose(),
        T::ONE,
        Par::Seq,
    );
}

/// `rows`ᵀ · `rows` (k × k).
pub(crate) fn gram<T: Float>(rows: &[T], k: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; k * k];
    let view = MatRef::from_row_major_slice(rows, rows.len() / k, k);
    dense::add_transposed_times(&mut out, view, rows);
    out
}

/// The rows of a view as slices: where their entries do not follow each other, those of a copy in `room`.
pub(crate) fn lines<'a, T: Float>(
    view: MatRef<'a, T>,
    room: &'a mut [T],
) -> impl Iterator<Item = &'a [T]> {
    let together = view.col_stride() == 1;
    if !together {
        pack(&mut room[..view.nrows() * view.ncols()], view);
    }
    let (room, width) = (&*room, view.ncols());
    (0..view.nrows()).map(move |i| {
        let row = view.row(i).try_as_row_major().filter(|_| together);
        row.map_or_else(|| &room[i * width..(i + 1) * width], |row| row.as_slice())
    })
}

/// Copies a view of any strides into `out`, row after row. Of a view whose columns lie together, as many rows as a cache line
/// has room for are best copied at once.
pub(crate) fn pack<T: Float>(out: &mut [T], view: MatRef<'_, T>) {
    let cols = view.ncols();
    if let Some(columns) = view.try_as_col_major() {
        for j in 0..cols {
            let column = columns.col(j).as_slice();
            for (line, &value) in out.chunks_exact_mut(cols).zip(column) {
                line[j] = value;
            }
        }
        return;
    }
    for (i, line) in out.chunks_exact_mut(cols).enumerate() {
        match view.row(i).try_as_row_major() {
            Some(row) => line.copy_from_slice(row.as_slice()),
            None => {
                for (j, value) in line.iter_mut().enumerate() {
                    *value = view[(i, j)];
                }
            }
        }
    }
}
