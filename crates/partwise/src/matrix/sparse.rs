//! Sparse matrices: compressed rows or columns over borrowed arrays, and the twin that gives the other axis.

use faer::MatRef;

use crate::kernel::{self, padded, vectorised};
use crate::{Error, Float};

/// A borrowed array of indices of any common integer type.
#[derive(Clone, Copy, Debug)]
pub enum IndexSlice<'a> {
    /// 32-bit signed, as in most SciPy matrices.
    I32(&'a [i32]),
    /// 64-bit signed, as in large SciPy matrices.
    I64(&'a [i64]),
    /// 32-bit unsigned.
    U32(&'a [u32]),
    /// Machine words, as in `sprs`.
    Usize(&'a [usize]),
}

macro_rules! from_slice {
    ($($variant:ident: $type:ty),*) => {$(
        impl<'a> From<&'a [$type]> for IndexSlice<'a> {
            fn from(slice: &'a [$type]) -> Self {
                Self::$variant(slice)
            }
        }
        impl<'a> From<&'a Vec<$type>> for IndexSlice<'a> {
            fn from(slice: &'a Vec<$type>) -> Self {
                Self::$variant(slice)
            }
        }
    )*};
}
from_slice!(I32: i32, I64: i64, U32: u32, Usize: usize);

/// Runs `$body` with `$slice` bound to the typed slice inside an [`IndexSlice`].
macro_rules! with_indices {
    ($indices:expr, $slice:ident => $body:expr) => {
        match $indices {
            $crate::matrix::IndexSlice::I32($slice) => $body,
            $crate::matrix::IndexSlice::I64($slice) => $body,
            $crate::matrix::IndexSlice::U32($slice) => $body,
            $crate::matrix::IndexSlice::Usize($slice) => $body,
        }
    };
}
pub(crate) use with_indices;

/// An integer that counts rows or columns. Values have been checked to be in range before they are converted.
pub(crate) trait Index: Copy + Send + Sync {
    fn at(self) -> usize;
}
macro_rules! index {
    ($($type:ty),*) => {$(impl Index for $type {
        #[inline(always)]
        fn at(self) -> usize {
            self as usize
        }
    })*};
}
index!(i32, i64, u32, usize);

impl<'a> IndexSlice<'a> {
    pub(crate) fn len(&self) -> usize {
        with_indices!(self, slice => slice.len())
    }

    /// Entry `i` as it stands, which may be negative in a malformed matrix.
    fn signed(&self, i: usize) -> i128 {
        with_indices!(self, slice => slice[i] as i128)
    }

    #[inline]
    pub(crate) fn get(&self, i: usize) -> usize {
        with_indices!(self, slice => slice[i].at())
    }

    #[inline(always)]
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        match self {
            Self::I32(slice) => Self::I32(&slice[from..to]),
            Self::I64(slice) => Self::I64(&slice[from..to]),
            Self::U32(slice) => Self::U32(&slice[from..to]),
            Self::Usize(slice) => Self::Usize(&slice[from..to]),
        }
    }
}

/// A sparse matrix compressed along its major axis (rows in CSR, columns in CSC), over borrowed arrays.
///
/// Line `i` of the major axis holds the entries `offsets[i]..offsets[i + 1]` of `indices` and `values`. Indices
/// within a line may come in any order but only once. Explicit zeros are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Compressed<'a, T> {
    major: usize,
    minor: usize,
    offsets: IndexSlice<'a>,
    indices: IndexSlice<'a>,
    values: &'a [T],
    /// Whether indices rise in every line.
    rises: bool,
}

/// The entries of one line of a [`Compressed`].
#[derive(Clone, Copy)]
pub(crate) struct Row<'a, T> {
    pub(crate) indices: IndexSlice<'a>,
    pub(crate) values: &'a [T],
}

impl<T> Row<'_, T> {
    /// Entries `from..to`.
    #[inline(always)]
    pub(crate) fn range(&self, from: usize, to: usize) -> Self {
        Self {
            indices: self.indices.slice(from, to),
            values: &self.values[from..to],
        }
    }
}

impl<T> Compressed<'_, T> {
    /// Length of the major axis.
    pub fn major(&self) -> usize {
        self.major
    }

    /// Length of the minor axis.
    pub fn minor(&self) -> usize {
        self.minor
    }

    /// Number of stored entries.
    pub fn stored(&self) -> usize {
        self.offsets.get(self.major) - self.offsets.get(0)
    }

    /// Where the entries of a line begin and end.
    #[inline]
    pub(crate) fn span(&self, line: usize) -> (usize, usize) {
        (self.offsets.get(line), self.offsets.get(line + 1))
    }
}

impl<'a, T> Compressed<'a, T> {
    /// Checks the three arrays and borrows them. `what` names the matrix in errors.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the lengths do not fit, the offsets fall, or an index is out of range or occurs
    /// twice in a line.
    pub fn new(
        what: &'static str,
        major: usize,
        minor: usize,
        offsets: impl Into<IndexSlice<'a>>,
        indices: impl Into<IndexSlice<'a>>,
        values: &'a [T],
    ) -> Result<Self, Error> {
        let (offsets, indices) = (offsets.into(), indices.into());
        let malformed = |reason: String| Err(Error::Malformed { what, reason });
        if major.checked_add(1) != Some(offsets.len()) {
            return malformed(format!(
                "{} offsets for {major} lines; expected {}",
                offsets.len(),
                major as u128 + 1
            ));
        }
        if indices.len() != values.len() {
            return malformed(format!(
                "{} indices but {} values",
                indices.len(),
                values.len()
            ));
        }
        if minor > u32::MAX as usize || major > u32::MAX as usize {
            return malformed(format!(
                "the shape {major} × {minor} has an axis above {}",
                u32::MAX
            ));
        }
        let mut last = 0i128;
        for i in 0..=major {
            let offset = offsets.signed(i);
            if offset < last || (i == 0 && offset != 0) {
                return malformed(format!("offset {i} is {offset}; expected at least {last}"));
            }
            last = offset;
        }
        if last != values.len() as i128 {
            return malformed(format!(
                "the last offset is {last} but there are {} values",
                values.len()
            ));
        }
        let mut matrix = Self {
            major,
            minor,
            offsets,
            indices,
            values,
            rises: true,
        };
        matrix.rises = matrix.check_indices(what)?;
        Ok(matrix)
    }

    /// Arrays that [`Self::new`] has checked before, and found that indices rise in every line, or not.
    pub(super) fn trusted(
        (major, minor): (usize, usize),
        offsets: &'a [usize],
        indices: &'a [u32],
        values: &'a [T],
        rises: bool,
    ) -> Self {
        Self {
            major,
            minor,
            offsets: offsets.into(),
            indices: indices.into(),
            values,
            rises,
        }
    }

    /// Whether indices rise in every line.
    pub(crate) fn rises(&self) -> bool {
        self.rises
    }

    /// Whether indices rise in every line, or what is wrong with them.
    fn check_indices(&self, what: &'static str) -> Result<bool, Error> {
        // The line in which each index was seen last, plus one; only needed where a line is not sorted.
        let mut seen: Vec<u32> = Vec::new();
        for line in 0..self.major {
            let (from, to) = (self.offsets.get(line), self.offsets.get(line + 1));
            if self.line_rises(from, to) {
                continue;
            }
            for position in from..to {
                let index = self.indices.signed(position);
                if index < 0 || index >= self.minor as i128 {
                    return Err(Error::Malformed {
                        what,
                        reason: format!(
                            "index {index} in line {line} is out of range; expected 0 to {}",
                            self.minor as i128 - 1
                        ),
                    });
                }
            }
            seen.resize(self.minor, 0);
            for position in from..to {
                let index = self.indices.get(position);
                if seen[index] == line as u32 + 1 {
                    return Err(Error::Malformed {
                        what,
                        reason: format!(
                            "index {index} occurs twice in line {line}; sum duplicates first"
                        ),
                    });
                }
                seen[index] = line as u32 + 1;
            }
        }
        Ok(seen.is_empty())
    }

    /// Whether indices rise and are in range, as those of most lines do: a look without numbers that hold any index.
    fn line_rises(&self, from: usize, to: usize) -> bool {
        with_indices!(self.indices.slice(from, to), indices => {
            let (Some(first), Some(last)) = (indices.first(), indices.last()) else {
                return true;
            };
            // One below zero is above every length.
            first.at() < self.minor && last.at() < self.minor && vectorised!({
                let pairs = indices.iter().zip(&indices[1..]);
                !pairs.fold(false, |falls, (this, next)| falls | (this >= next))
            })
        })
    }

    /// Lines `from..to` of the major axis: offsets then count from the first entry of the whole matrix.
    pub(crate) fn line_range(&self, from: usize, to: usize) -> Self {
        Self {
            major: to - from,
            offsets: self.offsets.slice(from, to + 1),
            ..*self
        }
    }

    /// The indices of all entries.
    pub(crate) fn indices(&self) -> IndexSlice<'a> {
        self.indices
    }

    /// The same places with other values, as many.
    pub(crate) fn with_values<'b, U>(&self, values: &'b [U]) -> Compressed<'b, U>
    where
        'a: 'b,
    {
        debug_assert_eq!(values.len(), self.values.len());
        Compressed {
            major: self.major,
            minor: self.minor,
            offsets: self.offsets,
            indices: self.indices,
            values,
            rises: self.rises,
        }
    }

    /// The values of all entries.
    pub(crate) fn values(&self) -> &'a [T] {
        self.values
    }

    pub(crate) fn row(&self, line: usize) -> Row<'a, T> {
        let (from, to) = self.span(line);
        Row {
            indices: self.indices.slice(from, to),
            values: &self.values[from..to],
        }
    }
}

/// Dense entries that are looked at together.
const RUN: usize = 16;

/// The same entries compressed along the other axis, indices in rising order.
#[derive(Debug)]
pub(crate) struct Twin<T> {
    major: usize,
    minor: usize,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<T>,
    /// Those of which only the known are here keep their order.
    rises: bool,
}

impl<T> Default for Twin<T> {
    /// The twin of nothing.
    fn default() -> Self {
        Self {
            major: 0,
            minor: 0,
            offsets: Vec::new(),
            indices: Vec::new(),
            values: Vec::new(),
            rises: true,
        }
    }
}

impl<T: Float> Twin<T> {
    /// The twin of the same entries as another type has them.
    pub(super) fn converted<S: Float>(&self) -> Twin<S> {
        let values = self.values.iter().map(|x| S::from_f64(x.to_f64()));
        Twin {
            major: self.major,
            minor: self.minor,
            offsets: self.offsets.clone(),
            indices: self.indices.clone(),
            values: values.collect(),
            rises: self.rises,
        }
    }

    /// Sorts the entries of `matrix` by their minor index: two passes over it and no other memory than the twin.
    pub(crate) fn of(matrix: &Compressed<'_, T>) -> Self {
        let mut twin = Self::default();
        twin.refill(matrix);
        twin
    }

    /// Becomes the twin of another matrix, in the memory that it has.
    pub(super) fn refill(&mut self, matrix: &Compressed<'_, T>) {
        (self.major, self.minor) = (matrix.minor, matrix.major);
        let offsets = &mut self.offsets;
        offsets.clear();
        offsets.resize(self.major + 1, 0);
        let (first, last) = (matrix.offsets.get(0), matrix.offsets.get(matrix.major));
        with_indices!(matrix.indices.slice(first, last), indices => {
            for index in indices {
                offsets[index.at() + 1] += 1;
            }
        });
        for i in 0..self.major {
            offsets[i + 1] += offsets[i];
        }
        let mut next = offsets.clone();
        // All of them are written below.
        self.indices.resize(matrix.stored(), 0);
        self.values.resize(matrix.stored(), T::ZERO);
        for line in 0..matrix.major {
            let row = matrix.row(line);
            with_indices!(row.indices, columns => {
                for (index, value) in columns.iter().zip(row.values) {
                    let slot = &mut next[index.at()];
                    self.indices[*slot] = line as u32;
                    self.values[*slot] = *value;
                    *slot += 1;
                }
            });
        }
        self.rises = true;
    }

    /// The entries of a dense matrix that are not zero, by rows.
    pub(crate) fn of_dense(view: MatRef<'_, T>) -> Self {
        let (major, minor) = (view.nrows(), view.ncols());
        let together = view.col_stride() == 1;
        let mut room = vec![T::ZERO; if together { 0 } else { major * minor }];
        let mut made = Self {
            major,
            minor,
            offsets: Vec::with_capacity(major + 1),
            ..Self::default()
        };
        made.offsets.push(0);
        for line in kernel::lines(view, &mut room) {
            vectorised!({
                let (runs, rest) = line.as_chunks::<RUN>();
                for (first, run) in (0..).step_by(RUN).zip(runs.iter().chain([&padded(rest)])) {
                    made.take(first, run);
                }
            });
            made.offsets.push(made.values.len());
        }
        made
    }

    /// Takes the entries that are not zero of some dense ones beside each other.
    #[inline(always)]
    fn take(&mut self, first: u32, run: &[T; RUN]) {
        // Zeros often come together.
        let mut any = false;
        for value in run {
            any |= *value != T::ZERO;
        }
        if !any {
            return;
        }
        let (mut indices, mut values, mut used) = ([0; RUN], [T::ZERO; RUN], 0);
        for (index, &value) in (first..).zip(run) {
            // Every entry is written, and the next one over it where it is zero: a branch would be foreseen wrong too often.
            indices[used % RUN] = index;
            values[used % RUN] = value;
            used += usize::from(value != T::ZERO);
        }
        let count = self.values.len() + used;
        self.indices.extend_from_slice(&indices);
        self.values.extend_from_slice(&values);
        self.indices.truncate(count);
        self.values.truncate(count);
    }

    /// The same entries in the same order, without those that are NaN.
    pub(crate) fn of_known(matrix: &Compressed<'_, T>) -> Self {
        let mut known = Self {
            major: matrix.major,
            minor: matrix.minor,
            offsets: vec![0],
            rises: matrix.rises,
            ..Self::default()
        };
        for line in 0..matrix.major {
            let row = matrix.row(line);
            with_indices!(row.indices, indices => {
                for (index, &value) in indices.iter().zip(row.values) {
                    if !value.to_f64().is_nan() {
                        known.indices.push(index.at() as u32);
                        known.values.push(value);
                    }
                }
            });
            known.offsets.push(known.values.len());
        }
        known
    }

    pub(crate) fn view(&self) -> Compressed<'_, T> {
        Compressed {
            major: self.major,
            minor: self.minor,
            offsets: IndexSlice::Usize(&self.offsets),
            indices: IndexSlice::U32(&self.indices),
            values: &self.values,
            rises: self.rises,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_a_dense_matrix_has_its_entries_other_than_zero() {
        let (rows, cols) = (5, 37);
        let filled = |i: usize, j: usize| (i * j) % 4 == 1 || (i == 2 && j < 9);
        let dense = faer::Mat::from_fn(rows, cols, |i, j| {
            if filled(i, j) {
                (i * cols + j) as f64
            } else {
                0.0
            }
        });
        let turned = dense.transpose().to_owned();
        for view in [
            dense.as_ref(),
            turned.transpose(),
            dense.as_ref().reverse_rows().reverse_rows(),
        ] {
            let found = Twin::of_dense(view);
            for i in 0..rows {
                let mut entries = Vec::new();
                kernel::for_each_entry(found.view().row(i), |j, value| entries.push((j, value)));
                let expected: Vec<_> = (0..cols)
                    .filter(|j| filled(i, *j))
                    .map(|j| (j, (i * cols + j) as f64))
                    .collect();
                assert_eq!(entries, expected, "row {i}");
            }
        }
    }

    #[test]
    fn an_index_below_zero_is_met_wherever_it_is() {
        for indices in [[-1i32, 0, 1], [0, -1, 1], [0, 1, -1], [-3, -2, -1]] {
            let error = Compressed::new("m", 1, 3, &[0i64, 3][..], &indices[..], &[1.0; 3]);
            assert!(matches!(error, Err(Error::Malformed { .. })), "{indices:?}");
        }
    }
}
