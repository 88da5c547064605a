//! scipy's CSR, CSC and COO into a store, their arrays read side by side, a part of each at a time.

use super::shape;
use crate::archive::{Archive, Member};
use crate::convert::{Pour, Repeat};
use crate::error::Error;
use crate::real::{Real, at_precision};
use crate::store::Kind;

/// Entries in memory at a time, unless a line has more.
const ENTRIES: usize = 1 << 18;
/// Lines whose bounds are read at a time.
const LINES: usize = 1 << 14;

/// Puts the matrix into a store; whether it is of a format with which that can be done.
pub(crate) fn pour(archive: &mut Archive, pour: &mut Pour<'_, '_>) -> Result<bool, Error> {
    let format = archive.texts("format", 1)?.unwrap_or_default().concat();
    let (rows, cols) = shape(archive, pour.budget)?;
    let pairs = archive.holds("row") && archive.holds("col");
    if !(["csr", "csc"].contains(&&format[..]) || format == "coo" && pairs) {
        return Ok(false);
    }
    let entry = archive.member("data", |member| Ok(member.header.entry))?;
    let precision = pour.precision(entry.is_f32());
    pour.check_shape(rows, cols)?;
    pour.store
        .begin(Kind::Sparse, cols, precision, &entry.name())?;
    at_precision!(precision, T => match &format[..] {
        "csr" => rows_in_order::<T>(archive, (rows, cols), pour)?,
        "csc" => columns_in_order::<T>(archive, (rows, cols), pour)?,
        _ => coordinates::<T>(archive, (rows, cols), pour)?,
    });
    Ok(true)
}

fn rows_in_order<T: Real>(
    archive: &mut Archive,
    (rows, cols): (usize, usize),
    pour: &mut Pour<'_, '_>,
) -> Result<(), Error> {
    let mut row: Vec<(u32, T)> = Vec::new();
    for_each_line::<T>(archive, (rows, cols), |_, _, indices, values| {
        row.clear();
        row.extend(indices.iter().copied().zip(values.iter().copied()));
        if !indices.is_sorted_by(|a, b| a < b) {
            // Stable, so that duplicates are summed in the order of the file.
            row.sort_by_key(|entry| entry.0);
            row.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        }
        pour.store.sparse_row(row.iter().copied())
    })
}

fn columns_in_order<T: Real>(
    archive: &mut Archive,
    (rows, cols): (usize, usize),
    pour: &mut Pour<'_, '_>,
) -> Result<(), Error> {
    let mut sorter = pour.sorter();
    for_each_line::<T>(archive, (cols, rows), |col, first, indices, values| {
        let entries = (first..).zip(indices.iter().zip(values));
        for (number, (&row, &value)) in entries {
            pour.sort(&mut sorter, (row as usize, col), number, value)?;
        }
        Ok(())
    })?;
    pour.sorted::<T>(sorter, rows, &Repeat::Sum)
}

fn coordinates<T: Real>(
    archive: &mut Archive,
    (rows, cols): (usize, usize),
    pour: &mut Pour<'_, '_>,
) -> Result<(), Error> {
    let (mut second, mut third) = (archive.again()?, archive.again()?);
    archive.member("row", |row| {
        second.member("col", |col| {
            third.member("data", |values| {
                let mut of_row = Integers::new(row)?;
                let mut entries = Entries::<T>::new(col, values, cols)?;
                let count = of_row.left;
                if entries.left() != count {
                    let found = entries.left();
                    return Err(
                        of_row.malformed(format!("{count} row indices for {found} entries"))
                    );
                }
                let (mut sorter, mut rows_of, mut number) = (pour.sorter(), Vec::new(), 0);
                while number < count {
                    let now = (count - number).min(ENTRIES as u64) as usize;
                    rows_of.clear();
                    of_row.read(now, &mut rows_of, rows)?;
                    let (indices, values) = entries.next(now)?;
                    for ((&row, &col), &value) in rows_of.iter().zip(indices).zip(values) {
                        let place = (row as usize, col as usize);
                        pour.sort(&mut sorter, place, number, value)?;
                        number += 1;
                    }
                }
                pour.sorted::<T>(sorter, rows, &Repeat::Sum)
            })
        })
    })
}

/// Hands over number, number of the first entry, indices and values of every compressed line.
fn for_each_line<T: Real>(
    archive: &mut Archive,
    (lines, length): (usize, usize),
    mut visit: impl FnMut(usize, u64, &[u32], &[T]) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut second, mut third) = (archive.again()?, archive.again()?);
    archive.member("indptr", |offsets| {
        second.member("indices", |indices| {
            third.member("data", |values| {
                let mut offsets = Integers::new(offsets)?;
                let mut entries = Entries::<T>::new(indices, values, length)?;
                if offsets.left.checked_sub(1) != Some(lines as u64) {
                    let found = offsets.left;
                    return Err(
                        offsets.malformed(format!("{found} entries; expected {lines} and 1 more"))
                    );
                }
                let mut first = 0;
                offsets.read_bounds(1, |bound| first = bound)?;
                if first != 0 {
                    return Err(offsets.malformed(format!("begins with {first}; expected 0")));
                }
                let (mut bounds, mut line) = (Vec::new(), 0);
                while line < lines {
                    bounds.clear();
                    let now = LINES.min(lines - line);
                    offsets.read_bounds(now, |bound| bounds.push(bound))?;
                    for &end in &bounds {
                        let count = end.checked_sub(first).ok_or_else(|| {
                            offsets.malformed(format!("falls at entry {}", line + 1))
                        })?;
                        if count > entries.left() {
                            return Err(offsets.malformed(format!(
                                "asks for {end} entries, but there are {}",
                                first + entries.left()
                            )));
                        }
                        if count > ENTRIES as u64 {
                            let each = 4 + size_of::<f64>() as u64;
                            offsets
                                .member
                                .budget
                                .check(count.saturating_mul(2 * each))?;
                        }
                        let (indices, values) = entries.next(count as usize)?;
                        visit(line, first, indices, values)?;
                        first = end;
                        line += 1;
                    }
                }
                Ok(())
            })
        })
    })
}

/// An array of integers, read a part at a time.
struct Integers<'a> {
    member: Member<'a>,
    /// Numbers not yet read.
    left: u64,
    read: u64,
}

impl<'a> Integers<'a> {
    fn new(member: Member<'a>) -> Result<Self, Error> {
        let available = Some(member.available);
        let left = member
            .header
            .checked_count(&member.budget.file, available)?;
        Ok(Self {
            member,
            left,
            read: 0,
        })
    }

    /// Reads `count` numbers, which there must be.
    fn read_bounds(&mut self, count: usize, mut sink: impl FnMut(u64)) -> Result<(), Error> {
        let Self { member, left, read } = self;
        let file = &member.budget.file;
        let reader = &mut member.reader;
        member
            .header
            .read_integers(file, reader, count as u64, |block| {
                for &number in block {
                    let number = u64::try_from(number).map_err(|_| Error::Malformed {
                        file: file.clone(),
                        problem: format!("entry {read} is {number}; expected 0 or more"),
                    })?;
                    sink(number);
                    *read += 1;
                }
                Ok(())
            })?;
        *left -= count as u64;
        Ok(())
    }

    /// Reads `count` indices in 0..`bound`, which there must be.
    fn read(&mut self, count: usize, out: &mut Vec<u32>, bound: usize) -> Result<(), Error> {
        let (before, already) = (self.read, out.len());
        self.read_bounds(count, |index| {
            // What is too large for the type is too large for any bound.
            out.push(u32::try_from(index).unwrap_or(u32::MAX));
        })?;
        match out[already..]
            .iter()
            .position(|&index| index as usize >= bound)
        {
            None => Ok(()),
            Some(at) => Err(self.malformed(format!(
                "entry {} is out of range; expected 0 to {}",
                before + at as u64,
                bound as i128 - 1
            ))),
        }
    }

    fn malformed(&self, problem: String) -> Error {
        Error::Malformed {
            file: self.member.budget.file.clone(),
            problem,
        }
    }
}

/// Indices and values of the entries, read a part at a time.
struct Entries<'a, 'b, T> {
    of: Integers<'a>,
    data: Member<'b>,
    bound: usize,
    indices: Vec<u32>,
    values: Vec<T>,
    /// Entries in memory that were handed over.
    used: usize,
}

impl<'a, 'b, T: Real> Entries<'a, 'b, T> {
    fn new(indices: Member<'a>, data: Member<'b>, bound: usize) -> Result<Self, Error> {
        let mut of = Integers::new(indices)?;
        let file = &data.budget.file;
        let count = data.header.checked_count(file, Some(data.available))?;
        data.header.check_real(file)?;
        // scipy, too, ignores what lies behind the last line.
        of.left = of.left.min(count);
        Ok(Self {
            of,
            data,
            bound,
            indices: Vec::new(),
            values: Vec::new(),
            used: 0,
        })
    }

    /// Entries that were not handed over yet.
    fn left(&self) -> u64 {
        self.of.left + (self.indices.len() - self.used) as u64
    }

    /// The next `count` entries, which there must be.
    fn next(&mut self, count: usize) -> Result<(&[u32], &[T]), Error> {
        if self.indices.len() - self.used < count {
            self.indices.drain(..self.used);
            self.values.drain(..self.used);
            self.used = 0;
            let before = self.indices.len();
            let now = (count.max(ENTRIES) - before).min(self.of.left as usize);
            self.of.read(now, &mut self.indices, self.bound)?;
            self.values.resize(before + now, T::default());
            let Member {
                header,
                budget,
                reader,
                ..
            } = &mut self.data;
            header.convert(&budget.file, reader, &mut self.values[before..])?;
        }
        let span = self.used..self.used + count;
        self.used += count;
        Ok((&self.indices[span.clone()], &self.values[span]))
    }
}
