//! Documents × terms, compressed by rows.

use std::num::NonZeroUsize;

use rayon::prelude::*;

use super::Texts;
use super::count::pool;
use super::texts::Numbered;
use crate::AppError;

/// A sparse matrix by rows: documents in rows, terms in columns.
#[derive(Debug, Clone, PartialEq)]
pub struct TermRows<V> {
    /// Number of columns.
    pub cols: usize,
    /// Bounds of each row in `indices` and `values`; one more than there are rows.
    pub offsets: Vec<i64>,
    /// Column of each entry.
    pub indices: Vec<i32>,
    /// The entries.
    pub values: Vec<V>,
}

/// Rows that one thread takes at a time.
const ROWS: usize = 4096;

impl<V: Copy + Send + Sync> TermRows<V> {
    /// No row yet.
    pub fn new(cols: usize) -> Self {
        Self {
            cols,
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Columns and values of a row.
    pub fn row(&self, row: usize) -> (&[i32], &[V]) {
        let (start, end) = self.bounds(row);
        (&self.indices[start..end], &self.values[start..end])
    }

    fn bounds(&self, row: usize) -> (usize, usize) {
        (self.offsets[row] as usize, self.offsets[row + 1] as usize)
    }

    /// In how many rows each column has an entry.
    pub fn frequencies(&self) -> Vec<u32> {
        let mut frequencies = vec![0; self.cols];
        for column in &self.indices {
            frequencies[*column as usize] += 1;
        }
        frequencies
    }

    /// Takes each column to the place that `places` gives it, or drops it, in place; rows ascend afterwards.
    pub(super) fn rearrange(&mut self, places: &[Option<i32>], cols: usize) {
        let mut kept = 0;
        let mut start = 0;
        for row in 0..self.rows() {
            let end = self.offsets[row + 1] as usize;
            for entry in start..end {
                if let Some(place) = places[self.indices[entry] as usize] {
                    self.indices[kept] = place;
                    self.values[kept] = self.values[entry];
                    kept += 1;
                }
            }
            start = end;
            self.offsets[row + 1] = kept as i64;
        }
        self.indices.truncate(kept);
        self.values.truncate(kept);
        self.cols = cols;
        self.sort();
        self.indices.shrink_to_fit();
        self.values.shrink_to_fit();
    }

    /// Leaves the columns named in `wanted`, in its order; returns how many entries were left out. `threads` is how many work, all that
    /// there are for `None`.
    ///
    /// # Errors
    ///
    /// [`AppError::Threads`] where the system gives no threads.
    pub fn take_columns(
        &mut self,
        names: &Texts,
        wanted: &Texts,
        threads: Option<NonZeroUsize>,
    ) -> Result<u64, AppError> {
        let mut table = Numbered::default();
        for name in wanted.iter() {
            table.number(name);
        }
        let places: Vec<_> = names
            .iter()
            .map(|name| table.find(name).map(|number| number as i32))
            .collect();
        let before = self.indices.len();
        pool(threads)?.install(|| self.rearrange(&places, wanted.len()));
        Ok((before - self.indices.len()) as u64)
    }

    /// Sorts the entries of each row by column.
    pub(super) fn sort(&mut self) {
        self.pieces()
            .into_par_iter()
            .for_each(|(offsets, indices, values)| {
                let mut entries: Vec<(i32, V)> = Vec::new();
                let first = offsets[0];
                for bounds in offsets.windows(2) {
                    let row = (bounds[0] - first) as usize..(bounds[1] - first) as usize;
                    let (indices, values) = (&mut indices[row.clone()], &mut values[row]);
                    if indices.is_sorted() {
                        continue;
                    }
                    entries.clear();
                    entries.extend(indices.iter().copied().zip(values.iter().copied()));
                    entries.sort_unstable_by_key(|entry| entry.0);
                    for ((index, value), entry) in indices.iter_mut().zip(values).zip(&entries) {
                        (*index, *value) = *entry;
                    }
                }
            });
    }

    /// Some rows at a time, with what is theirs.
    pub(super) fn pieces(&mut self) -> Vec<(&[i64], &mut [i32], &mut [V])> {
        let mut pieces = Vec::new();
        let (mut indices, mut values) = (&mut self.indices[..], &mut self.values[..]);
        let rows = self.offsets.len() - 1;
        for first in (0..rows).step_by(ROWS) {
            let offsets = &self.offsets[first..=(first + ROWS).min(rows)];
            let length = (offsets[offsets.len() - 1] - offsets[0]) as usize;
            let (some_indices, more_indices) = indices.split_at_mut(length);
            let (some_values, more_values) = values.split_at_mut(length);
            pieces.push((offsets, some_indices, some_values));
            (indices, values) = (more_indices, more_values);
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_moved_and_dropped_in_place() {
        let mut rows = TermRows {
            cols: 4,
            offsets: vec![0, 3, 3, 5],
            indices: vec![3, 0, 2, 1, 3],
            values: vec![30, 0, 20, 10, 31],
        };
        assert_eq!(rows.frequencies(), [1, 1, 1, 2]);
        rows.rearrange(&[Some(2), None, Some(0), Some(1)], 3);
        assert_eq!(rows.offsets, [0, 3, 3, 4]);
        assert_eq!(rows.indices, [0, 1, 2, 1]);
        assert_eq!(rows.values, [20, 30, 0, 31]);
        assert_eq!(rows.row(1), (&[][..], &[][..]));
    }
}
