//! The sparse matrices of `scipy.sparse.save_npz`: CSR, CSC, COO, BSR and DIA, as arrays of an `.npz` archive.

mod pour;

use crate::archive::Archive;
use crate::error::Error;
use crate::format::ReadOptions;
use crate::matrix::{Layout, Matrix, Order, Sparse, Table};
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::sparse::{Index, Triplets, at_index, canonical};

pub(crate) use pour::pour;

/// Whether the archive is one that `save_npz` wrote.
pub(crate) fn is_sparse(archive: &Archive) -> bool {
    ["format", "shape", "data"]
        .iter()
        .all(|name| archive.holds(name))
}

/// Reads the matrix; duplicates are summed, as scipy does.
pub(crate) fn read(
    archive: &mut Archive,
    budget: &Budget,
    options: &ReadOptions,
) -> Result<Table, Error> {
    let format = archive.texts("format", 1)?.unwrap_or_default().concat();
    let (rows, cols) = shape(archive, budget)?;
    let (entry, data_shape) = archive.member("data", |member| {
        Ok((member.header.entry, member.header.shape))
    })?;
    let reader = Reader {
        budget,
        rows,
        cols,
        data_shape,
    };
    let matrix = at_precision!(options.dtype.resolve(entry.is_f32()), T => {
        T::any(Matrix::Sparse(at_index!(rows, cols, I => reader.read::<I, T>(archive, &format)?)))
    });
    Ok(Table::unnamed(matrix, entry.name()))
}

fn shape(archive: &mut Archive, budget: &Budget) -> Result<(usize, usize), Error> {
    match integers::<i64>(archive, "shape", usize::MAX, budget)?[..] {
        [rows, cols] => Ok((rows as usize, cols as usize)),
        ref shape => Err(Error::Unsupported {
            file: budget.file.clone(),
            problem: format!(
                "{}-d sparse array: expected 2-d (samples in rows, features in columns)",
                shape.len()
            ),
        }),
    }
}

struct Reader<'a> {
    budget: &'a Budget,
    rows: usize,
    cols: usize,
    data_shape: Vec<u64>,
}

impl Reader<'_> {
    fn read<I: Index, T: Real>(
        &self,
        archive: &mut Archive,
        format: &str,
    ) -> Result<Sparse<T>, Error> {
        self.check_memory::<I, T>(format)?;
        match format {
            "csr" => self.compressed::<I, T>(archive, Layout::Csr),
            "csc" => self.compressed::<I, T>(archive, Layout::Csc),
            "coo" => self.coordinates::<I, T>(archive)?.sum(self.budget),
            "bsr" => self.blocks::<I, T>(archive)?.sum(self.budget),
            "dia" => self.diagonals::<I, T>(archive)?.sum(self.budget),
            _ => Err(Error::Unsupported {
                file: self.budget.file.clone(),
                problem: format!(
                    "holds a sparse matrix of format '{format}'; known are csr, csc, coo, bsr and dia"
                ),
            }),
        }
    }

    /// The whole of what is to be allocated, before any of it is.
    fn check_memory<I, T>(&self, format: &str) -> Result<(), Error> {
        let stored = self
            .data_shape
            .iter()
            .fold(1_u64, |product, &length| product.saturating_mul(length));
        let (index, value) = (size_of::<I>() as u64, size_of::<T>() as u64);
        let outer = if format == "csc" {
            self.cols
        } else {
            self.rows
        } as u64;
        let an_entry = match format {
            "csr" | "csc" => index + value,
            // Triplets, and the sorted copy beside them.
            _ => 3 * index + 2 * value,
        };
        self.budget.check(
            stored
                .saturating_mul(an_entry)
                .saturating_add(outer.saturating_mul(8)),
        )
    }

    fn malformed(&self, problem: String) -> Error {
        Error::Malformed {
            file: self.budget.file.clone(),
            problem,
        }
    }

    fn compressed<I: Index, T: Real>(
        &self,
        archive: &mut Archive,
        layout: Layout,
    ) -> Result<Sparse<T>, Error> {
        let (outer, inner) = match layout {
            Layout::Csr => (self.rows, self.cols),
            Layout::Csc => (self.cols, self.rows),
        };
        let offsets = self.offsets(archive, outer)?;
        let stored = offsets[outer] as usize;
        let mut indices = integers::<I>(archive, "indices", inner, self.budget)?;
        let mut values = self.data::<T>(archive)?;
        if indices.len() < stored || values.len() < stored {
            return Err(self.malformed(format!(
                "indptr asks for {stored} entries, but there are {} indices and {} values",
                indices.len(),
                values.len()
            )));
        }
        // scipy, too, ignores what lies behind the last row.
        indices.truncate(stored);
        values.truncate(stored);
        Ok(canonical(
            layout,
            (self.rows, self.cols),
            offsets,
            indices,
            values,
        ))
    }

    /// `indptr`, of one more entry than `outer`: from 0, never falling.
    fn offsets(&self, archive: &mut Archive, outer: usize) -> Result<Vec<i64>, Error> {
        let offsets = integers::<i64>(archive, "indptr", usize::MAX, self.budget)?;
        if offsets.len().checked_sub(1) != Some(outer) {
            return Err(self.malformed(format!(
                "indptr has {} entries; expected {outer} and 1 more",
                offsets.len()
            )));
        }
        if offsets[0] != 0 {
            return Err(self.malformed(format!("indptr begins with {}; expected 0", offsets[0])));
        }
        if let Some(place) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(self.malformed(format!("indptr falls at entry {}", place + 1)));
        }
        Ok(offsets)
    }

    fn data<T: Real>(&self, archive: &mut Archive) -> Result<Vec<T>, Error> {
        archive.member("data", |mut member| {
            let count = member
                .header
                .checked_count(&member.budget.file, Some(member.available))?;
            member
                .header
                .read_reals::<T>(&member.budget, &mut member.reader, count, true)
        })
    }

    fn coordinates<I: Index, T: Real>(
        &self,
        archive: &mut Archive,
    ) -> Result<Triplets<I, T>, Error> {
        let (row, col) = if archive.holds("coords") {
            let mut coordinates =
                integers::<I>(archive, "coords", self.rows.max(self.cols), self.budget)?;
            match archive.member("coords", |member| Ok(member.header.order))? {
                Order::RowMajor => {
                    let col = coordinates.split_off(coordinates.len() / 2);
                    (coordinates, col)
                }
                Order::ColumnMajor => coordinates
                    .chunks_exact(2)
                    .map(|pair| (pair[0], pair[1]))
                    .unzip(),
            }
        } else {
            (
                integers::<I>(archive, "row", self.rows, self.budget)?,
                integers::<I>(archive, "col", self.cols, self.budget)?,
            )
        };
        let values = self.data::<T>(archive)?;
        if row.len() != values.len() || col.len() != values.len() {
            return Err(self.malformed(format!(
                "{} row indices and {} column indices for {} values",
                row.len(),
                col.len(),
                values.len()
            )));
        }
        let outside = row.iter().any(|row| row.get() >= self.rows)
            || col.iter().any(|col| col.get() >= self.cols);
        if outside {
            return Err(self.malformed(format!(
                "an index lies outside the shape {} × {}",
                self.rows, self.cols
            )));
        }
        Ok(self.triplets(row, col, values))
    }

    fn triplets<I: Index, T: Real>(
        &self,
        row: Vec<I>,
        col: Vec<I>,
        values: Vec<T>,
    ) -> Triplets<I, T> {
        Triplets {
            rows: self.rows,
            cols: self.cols,
            row,
            col,
            values,
        }
    }

    /// Small dense blocks at the places of a CSR matrix of blocks. The zeros that fill a block up are dropped.
    fn blocks<I: Index, T: Real>(&self, archive: &mut Archive) -> Result<Triplets<I, T>, Error> {
        let [count, high, wide] = self.data_shape[..] else {
            return Err(self.malformed(format!(
                "the data of block rows are {}-d; expected 3-d",
                self.data_shape.len()
            )));
        };
        let (high, wide, count) = (high as usize, wide as usize, count as usize);
        if high == 0
            || wide == 0
            || !self.rows.is_multiple_of(high)
            || !self.cols.is_multiple_of(wide)
        {
            return Err(self.malformed(format!(
                "blocks of {high} × {wide} do not tile {} × {}",
                self.rows, self.cols
            )));
        }
        let offsets = self.offsets(archive, self.rows / high)?;
        let block_cols = integers::<I>(archive, "indices", self.cols / wide, self.budget)?;
        let data = self.data::<T>(archive)?;
        let order = archive.member("data", |member| Ok(member.header.order))?;
        let stored = offsets[offsets.len() - 1] as usize;
        if stored > count || stored > block_cols.len() {
            return Err(self.malformed(format!(
                "indptr asks for {stored} blocks, but there are {count}"
            )));
        }
        let mut triplets = self.triplets(Vec::new(), Vec::new(), Vec::new());
        for (block_row, bounds) in offsets.windows(2).enumerate() {
            for block in bounds[0] as usize..bounds[1] as usize {
                for (i, j) in (0..high).flat_map(|i| (0..wide).map(move |j| (i, j))) {
                    let value = match order {
                        Order::RowMajor => data[(block * high + i) * wide + j],
                        Order::ColumnMajor => data[(j * high + i) * count + block],
                    };
                    if value != T::default() {
                        triplets.row.push(I::new(block_row * high + i));
                        triplets
                            .col
                            .push(I::new(block_cols[block].get() * wide + j));
                        triplets.values.push(value);
                    }
                }
            }
        }
        Ok(triplets)
    }

    /// Diagonals: entry (j − offset, j) lies at (diagonal, j) of the data. The zeros that fill them up are dropped.
    fn diagonals<I: Index, T: Real>(&self, archive: &mut Archive) -> Result<Triplets<I, T>, Error> {
        let [count, length] = self.data_shape[..] else {
            return Err(self.malformed(format!(
                "the data of diagonals are {}-d; expected 2-d",
                self.data_shape.len()
            )));
        };
        let mut shifts: Vec<i64> = Vec::new();
        archive.member("offsets", |mut member| {
            let count = member
                .header
                .checked_count(&member.budget.file, Some(member.available))?;
            shifts = member.budget.allocate(count)?;
            member
                .header
                .read_integers(&member.budget.file, &mut member.reader, count, |block| {
                    shifts.extend_from_slice(block);
                    Ok(())
                })
        })?;
        if shifts.len() as u64 != count {
            return Err(self.malformed(format!("{} offsets for {count} diagonals", shifts.len())));
        }
        let order = archive.member("data", |member| Ok(member.header.order))?;
        let data = self.data::<T>(archive)?;
        let (count, length) = (count as usize, length as usize);
        let mut triplets = self.triplets(Vec::new(), Vec::new(), Vec::new());
        for (diagonal, shift) in shifts.into_iter().enumerate() {
            for col in 0..length.min(self.cols) {
                let row = (col as i64)
                    .checked_sub(shift)
                    .filter(|row| (0..self.rows as i64).contains(row));
                let value = match order {
                    Order::RowMajor => data[diagonal * length + col],
                    Order::ColumnMajor => data[col * count + diagonal],
                };
                if let Some(row) = row.filter(|_| value != T::default()) {
                    triplets.row.push(I::new(row as usize));
                    triplets.col.push(I::new(col));
                    triplets.values.push(value);
                }
            }
        }
        Ok(triplets)
    }
}

/// An array of indices in 0..`bound`, of any shape.
fn integers<I: Index>(
    archive: &mut Archive,
    name: &str,
    bound: usize,
    budget: &Budget,
) -> Result<Vec<I>, Error> {
    archive.member(name, |mut member| {
        let count = member
            .header
            .checked_count(&member.budget.file, Some(member.available))?;
        let mut indices = budget.allocate::<I>(count)?;
        member
            .header
            .read_integers(&member.budget.file, &mut member.reader, count, |block| {
                for &index in block {
                    match usize::try_from(index).ok().filter(|index| *index < bound) {
                        Some(index) => indices.push(I::new(index)),
                        None => {
                            return Err(Error::Malformed {
                                file: member.budget.file.clone(),
                                problem: format!(
                                    "entry {} is {index}; expected 0 to {}",
                                    indices.len(),
                                    bound as i128 - 1
                                ),
                            });
                        }
                    }
                }
                Ok(())
            })?;
        Ok(indices)
    })
}
