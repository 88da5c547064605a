//! From the sparse parts that files hold to one canonical compressed matrix.
//!
//! Files hold entries as triplets in any order, or compressed with unsorted or repeated indices. What comes out is
//! sorted, without duplicates, within the shape. Entries that come in row order become CSR, in column order CSC, without
//! a copy; in any other order they are sorted into a CSR copy by counting.

use crate::error::Error;
use crate::matrix::{Indices, Layout, Sparse};
use crate::memory::Budget;
use crate::real::Real;

/// An index of 32 or 64 bits.
pub(crate) trait Index: Copy + Ord {
    /// The value, which must lie in 0..`bound`, itself within the range of the type.
    fn new(value: usize) -> Self;
    fn get(self) -> usize;
    fn indices(vector: Vec<Self>) -> Indices;
}

impl Index for i32 {
    fn new(value: usize) -> Self {
        value as Self
    }
    fn get(self) -> usize {
        self as usize
    }
    fn indices(vector: Vec<Self>) -> Indices {
        Indices::I32(vector)
    }
}

impl Index for i64 {
    fn new(value: usize) -> Self {
        value as Self
    }
    fn get(self) -> usize {
        self as usize
    }
    fn indices(vector: Vec<Self>) -> Indices {
        Indices::I64(vector)
    }
}

/// Whether indices of a matrix of that shape fit 32 bits.
pub(crate) fn fits_i32(rows: usize, cols: usize) -> bool {
    i32::try_from(rows.max(cols)).is_ok()
}

/// Runs generic code with the index type that the shape allows: `at_index!(rows, cols, I => expression using I)`.
macro_rules! at_index {
    ($rows:expr, $cols:expr, $index:ident => $body:expr) => {
        if $crate::sparse::fits_i32($rows, $cols) {
            type $index = i32;
            $body
        } else {
            type $index = i64;
            $body
        }
    };
}
pub(crate) use at_index;

/// Entries in the order of a file; all indices within the shape.
pub(crate) struct Triplets<I, T> {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row: Vec<I>,
    pub(crate) col: Vec<I>,
    pub(crate) values: Vec<T>,
}

impl<I: Index, T: Real> Triplets<I, T> {
    /// The matrix, with duplicates summed in the order of the file.
    pub(crate) fn sum(self, budget: &Budget) -> Result<Sparse<T>, Error> {
        match self.presorted() {
            Some(layout) => self.adopt(layout, budget),
            None => Ok(self.sort(budget)?.0),
        }
    }

    /// The matrix, or the position (in the order of the file) of the first entry that repeats an earlier one's place.
    pub(crate) fn unique(self, budget: &Budget) -> Result<Result<Sparse<T>, usize>, Error> {
        match self.presorted() {
            Some(layout) => Ok(Ok(self.adopt(layout, budget)?)),
            None => {
                let (sparse, summed) = self.sort(budget)?;
                Ok(if summed {
                    Err(self.first_repeat(&sparse))
                } else {
                    Ok(sparse)
                })
            }
        }
    }

    /// The layout in whose order the entries already are, without duplicates.
    fn presorted(&self) -> Option<Layout> {
        let increasing = |outer: &[I], inner: &[I]| {
            let mut pairs = outer.iter().zip(inner);
            let Some(mut last) = pairs.next() else {
                return true;
            };
            pairs.all(|pair| std::mem::replace(&mut last, pair) < pair)
        };
        if increasing(&self.row, &self.col) {
            Some(Layout::Csr)
        } else if increasing(&self.col, &self.row) {
            Some(Layout::Csc)
        } else {
            None
        }
    }

    fn adopt(self, layout: Layout, budget: &Budget) -> Result<Sparse<T>, Error> {
        let (outer, inner, count) = match layout {
            Layout::Csr => (self.row, self.col, self.rows),
            Layout::Csc => (self.col, self.row, self.cols),
        };
        let offsets = offsets(&outer, count, budget)?;
        Ok(Sparse {
            layout,
            rows: self.rows,
            cols: self.cols,
            offsets,
            indices: I::indices(inner),
            values: self.values,
        })
    }

    /// A sorted copy, and whether duplicates were summed.
    fn sort(&self, budget: &Budget) -> Result<(Sparse<T>, bool), Error> {
        let offsets = offsets(&self.row, self.rows, budget)?;
        let mut next = budget.take(self.rows as u64)?;
        next.extend_from_slice(&offsets[..self.rows]);
        let count = self.values.len();
        let mut indices = budget.take(count as u64)?;
        indices.resize(count, I::new(0));
        let mut values = budget.take(count as u64)?;
        values.resize(count, T::default());
        for ((row, &col), &value) in self.row.iter().zip(&self.col).zip(&self.values) {
            let slot = &mut next[row.get()];
            indices[*slot as usize] = col;
            values[*slot as usize] = value;
            *slot += 1;
        }
        drop(next);
        let sparse = canonical(
            Layout::Csr,
            (self.rows, self.cols),
            offsets,
            indices,
            values,
        );
        let summed = sparse.values.len() < count;
        Ok((sparse, summed))
    }

    fn first_repeat(&self, sparse: &Sparse<T>) -> usize {
        // One bit for each place that holds an entry: is it taken yet?
        let mut taken = vec![false; sparse.values.len()];
        for position in 0..self.row.len() {
            let (row, col) = (self.row[position].get(), self.col[position].get());
            let (start, end) = (
                sparse.offsets[row] as usize,
                sparse.offsets[row + 1] as usize,
            );
            let mut low = start;
            let mut high = end;
            while low < high {
                let middle = low.midpoint(high);
                if sparse.indices.get(middle) < col {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            if std::mem::replace(&mut taken[low], true) {
                return position;
            }
        }
        // Only called when places are fewer than entries, so one was taken twice.
        self.row.len().saturating_sub(1)
    }
}

/// Bounds of each row (or column) when its entries are counted.
fn offsets<I: Index>(outer: &[I], count: usize, budget: &Budget) -> Result<Vec<i64>, Error> {
    let mut offsets = budget.allocate(count as u64 + 1)?;
    offsets.resize(count + 1, 0);
    for index in outer {
        offsets[index.get() + 1] += 1;
    }
    let mut sum = 0;
    for offset in &mut offsets {
        sum += *offset;
        *offset = sum;
    }
    Ok(offsets)
}

/// Sorts each row's (or column's) indices and sums its duplicates, in place. Offsets and indices must be valid.
pub(crate) fn canonical<I: Index, T: Real>(
    layout: Layout,
    (rows, cols): (usize, usize),
    mut offsets: Vec<i64>,
    mut indices: Vec<I>,
    mut values: Vec<T>,
) -> Sparse<T> {
    let mut kept = 0;
    let mut start = offsets[0] as usize;
    let mut scratch: Vec<(I, T)> = Vec::new();
    for offset in &mut offsets[1..] {
        let end = *offset as usize;
        if !indices[start..end].is_sorted() {
            scratch.clear();
            scratch.extend(
                indices[start..end]
                    .iter()
                    .copied()
                    .zip(values[start..end].iter().copied()),
            );
            // Stable, so that duplicates are summed in the order of the file.
            scratch.sort_by_key(|entry| entry.0);
            for (position, (index, value)) in (start..end).zip(&scratch) {
                indices[position] = *index;
                values[position] = *value;
            }
        }
        let first = kept;
        for position in start..end {
            if kept > first && indices[kept - 1] == indices[position] {
                let value = values[position];
                values[kept - 1] += value;
            } else {
                indices[kept] = indices[position];
                values[kept] = values[position];
                kept += 1;
            }
        }
        *offset = kept as i64;
        start = end;
    }
    offsets[0] = 0;
    indices.truncate(kept);
    values.truncate(kept);
    Sparse {
        layout,
        rows,
        cols,
        offsets,
        indices: I::indices(indices),
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget {
            file: "v".into(),
            limit: None,
        }
    }

    fn triplets(entries: &[(i32, i32, f64)]) -> Triplets<i32, f64> {
        Triplets {
            rows: 3,
            cols: 3,
            row: entries.iter().map(|entry| entry.0).collect(),
            col: entries.iter().map(|entry| entry.1).collect(),
            values: entries.iter().map(|entry| entry.2).collect(),
        }
    }

    #[test]
    fn the_order_of_the_file_decides_the_layout() {
        for (entries, layout) in [
            ([(0, 2, 1.0), (2, 0, 2.0), (2, 1, 3.0)], Layout::Csr),
            ([(2, 0, 2.0), (2, 1, 3.0), (0, 2, 1.0)], Layout::Csc),
            ([(2, 1, 3.0), (0, 2, 1.0), (2, 0, 2.0)], Layout::Csr),
        ] {
            let sparse = triplets(&entries).unique(&budget()).unwrap().unwrap();
            assert_eq!(sparse.layout, layout);
            let mut found: Vec<_> = sparse.entries().collect();
            found.sort_by_key(|entry| (entry.0, entry.1));
            assert_eq!(found, [(0, 2, 1.0), (2, 0, 2.0), (2, 1, 3.0)]);
        }
    }

    #[test]
    fn duplicates_are_summed_or_found() {
        let entries = [
            (1, 1, 1.0),
            (0, 0, 5.0),
            (1, 0, 2.0),
            (1, 1, 4.0),
            (0, 0, 1.0),
        ];
        let sparse = triplets(&entries).sum(&budget()).unwrap();
        assert_eq!(
            sparse.entries().collect::<Vec<_>>(),
            [(0, 0, 6.0), (1, 0, 2.0), (1, 1, 5.0)]
        );
        assert_eq!(
            triplets(&entries).unique(&budget()).unwrap().unwrap_err(),
            3
        );
    }
}
