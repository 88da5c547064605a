//! All rows at once: into memory, or into a store.

use super::{Body, Compressed, Lines, Rows};
use crate::convert::{Pour, Repeat};
use crate::error::Error;
use crate::matrix::{Dense, Layout, Matrix, Order, Sparse, Table};
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::sparse::{Index, at_index, canonical};
use crate::store::Kind;

impl Rows {
    /// All of it in memory; entries for the same place are added up.
    pub(crate) fn table(self, budget: &Budget) -> Result<Table, Error> {
        budget.check(self.bytes_in_memory().saturating_add(self.memory()))?;
        let (rows, cols) = self.shape;
        let matrix = at_precision!(self.precision, T => T::any(match self.body {
            Body::Dense(lines) => Matrix::Dense(dense::<T>(&lines, self.shape, budget)?),
            Body::Sparse(sparse) => Matrix::Sparse(
                at_index!(rows, cols, I => sparse.load::<I, T>(self.shape, budget)?)
            ),
        }));
        Ok(Table {
            matrix,
            row_names: self.row_names,
            col_names: self.col_names,
            stored_as: self.stored_as,
        })
    }

    /// Puts all rows into a store; entries for the same place are added up.
    pub(crate) fn pour(self, pour: &mut Pour<'_, '_>) -> Result<(), Error> {
        let (rows, cols) = self.shape;
        pour.check_shape(rows, cols)?;
        let kind = match self.body {
            Body::Dense(_) => Kind::Dense,
            Body::Sparse(_) => Kind::Sparse,
        };
        pour.store
            .begin(kind, cols, self.precision, &self.stored_as)?;
        pour.store.col_names(self.col_names);
        if let Some(names) = self.row_names {
            pour.store.row_names(names);
        }
        at_precision!(self.precision, T => match self.body {
            Body::Dense(lines) => lines.visit(0, rows as u64, |values| {
                if T::PRECISION == crate::matrix::Precision::F64 {
                    return pour.store.dense(values);
                }
                let values: Vec<T> = values.iter().map(|&value| T::from_f64(value)).collect();
                pour.store.dense(&values)
            }),
            Body::Sparse(sparse) => sparse.pour::<T>(rows, pour),
        })
    }
}

fn dense<T: Real>(
    lines: &Lines,
    (rows, cols): (usize, usize),
    budget: &Budget,
) -> Result<Dense<T>, Error> {
    let mut data = budget.allocate::<T>((rows as u64).saturating_mul(cols as u64))?;
    lines.visit(0, rows as u64, |values| {
        data.extend(values.iter().map(|&value| T::from_f64(value)));
        Ok(())
    })?;
    Ok(Dense {
        rows,
        cols,
        order: Order::RowMajor,
        data,
    })
}

impl Compressed {
    fn load<I: Index, T: Real>(
        self,
        (rows, cols): (usize, usize),
        budget: &Budget,
    ) -> Result<Sparse<T>, Error> {
        let stored = self.stored();
        let (mut indices, mut values) = (budget.take::<I>(stored)?, budget.take::<T>(stored)?);
        self.indices(0, stored, &mut indices, |index| I::new(index as usize))?;
        self.values.visit(0, stored, |part| {
            values.extend(part.iter().map(|&value| T::from_f64(value)));
            Ok(())
        })?;
        let offsets = self.offsets.iter().map(|&offset| offset as i64).collect();
        Ok(canonical(
            self.layout,
            (rows, cols),
            offsets,
            indices,
            values,
        ))
    }

    /// Adds what is `made` of `count` indices, which must lie in their line, from number `first` on.
    pub(super) fn indices<I>(
        &self,
        first: u64,
        count: u64,
        out: &mut Vec<I>,
        made: impl Fn(u32) -> I,
    ) -> Result<(), Error> {
        let bound = self.inner as f64;
        // Beyond 32 bits the conversion comes to its ends, which are not equal.
        let within = |index: f64, whole: u32| (f64::from(whole) == index) & (index < bound);
        let mut number = first;
        self.indices.visit(first, count, |part| {
            let mut all = true;
            out.extend(part.iter().map(|&index| {
                let whole = index as u32;
                all &= within(index, whole);
                made(whole)
            }));
            if !all {
                let place = part.iter().position(|&index| !within(index, index as u32));
                let place = place.unwrap_or(0);
                return Err(self.malformed(format!(
                    "indices: entry {} is {}; expected a whole number from 0 to {}",
                    number + place as u64,
                    part[place],
                    self.inner as i128 - 1
                )));
            }
            number += part.len() as u64;
            Ok(())
        })
    }

    fn pour<T: Real>(&self, rows: usize, pour: &mut Pour<'_, '_>) -> Result<(), Error> {
        let (mut indices, mut values, mut row) = (Vec::new(), Vec::new(), Vec::<(u32, T)>::new());
        let mut sorter = (self.layout == Layout::Csc).then(|| pour.sorter());
        for &(first, size) in &self.runs {
            indices.clear();
            values.clear();
            let begin = self.offsets[first];
            self.indices(begin, size.stored as u64, &mut indices, |index| index)?;
            self.values.visit(begin, size.stored as u64, |part| {
                values.extend(part.iter().map(|&value| T::from_f64(value)));
                Ok(())
            })?;
            for line in first..first + size.rows {
                let at = (self.offsets[line] - begin) as usize
                    ..(self.offsets[line + 1] - begin) as usize;
                let entries = indices[at.clone()].iter().zip(&values[at]);
                if let Some(sorter) = &mut sorter {
                    for (number, (&index, &value)) in (self.offsets[line]..).zip(entries) {
                        pour.sort(sorter, (index as usize, line), number, value)?;
                    }
                    continue;
                }
                row.clear();
                row.extend(entries.map(|(&index, &value)| (index, value)));
                sum_repeated(&mut row);
                pour.store.sparse_row(row.iter().copied())?;
            }
        }
        match sorter {
            Some(sorter) => pour.sorted::<T>(sorter, rows, &Repeat::Sum),
            None => Ok(()),
        }
    }
}

/// Sorts a row, and adds up its entries for the same column in the order of the file.
fn sum_repeated<T: Real>(row: &mut Vec<(u32, T)>) {
    if row.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    row.sort_by_key(|entry| entry.0);
    row.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
}
