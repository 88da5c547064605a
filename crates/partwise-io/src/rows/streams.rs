//! Rows as a fit reads them, in runs from the first to the last, again and again.

use partwise::{RunSize, SparseRun};

use super::{Body, Compressed, Rows};
use crate::error::Error;
use crate::matrix::Layout;
use crate::real::Real;

impl Compressed {
    fn run<T: Real>(&self, index: usize, out: &mut SparseRun<T>) -> Result<(), Error> {
        let (first, size) = self.runs[index];
        let (begin, count) = (self.offsets[first], size.stored as u64);
        out.offsets.clear();
        let bounds = &self.offsets[first..=first + size.rows];
        out.offsets
            .extend(bounds.iter().map(|&bound| (bound - begin) as usize));
        out.indices.clear();
        self.indices(begin, count, &mut out.indices, |index| index)?;
        out.values.resize(size.stored, T::default());
        self.values.read(begin as usize, &mut out.values)?;
        let mut line = Vec::new();
        for (number, at) in (first..).zip(out.offsets.windows(2)) {
            let at = at[0]..at[1];
            if out.indices[at.clone()].is_sorted_by(|a, b| a < b) {
                continue;
            }
            line.clear();
            let values = out.values[at.clone()].iter().copied();
            line.extend(out.indices[at.clone()].iter().copied().zip(values));
            line.sort_by_key(|entry| entry.0);
            if let Some(pair) = line.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(Error::Unsupported {
                    file: self.file.clone(),
                    problem: format!(
                        "has two entries for column {} in row {number}; convert it into a store, which adds them up",
                        pair[0].0
                    ),
                });
            }
            for (at, &(index, value)) in at.zip(&line) {
                out.indices[at] = index;
                out.values[at] = value;
            }
        }
        Ok(())
    }
}

impl Rows {
    /// Whether a fit can read it where it is: by rows.
    pub(crate) fn streams(&self) -> bool {
        !matches!(&self.body, Body::Sparse(sparse) if sparse.layout == Layout::Csc)
    }

    /// Fills `out` with whole rows of a dense matrix, from row `first` on.
    pub(crate) fn read_rows<T: Real>(&self, first: usize, out: &mut [T]) -> Result<(), Error> {
        match &self.body {
            Body::Dense(lines) => lines.read(first, out),
            Body::Sparse(_) => unreachable!("a sparse matrix is read in runs"),
        }
    }

    /// The runs of a sparse matrix that [`Self::streams`]: the first row of each, and its size. They are multiples of the unit.
    pub(crate) fn runs(&self) -> &[(usize, RunSize)] {
        match &self.body {
            Body::Dense(_) => &[],
            Body::Sparse(sparse) => &sparse.runs,
        }
    }

    /// Puts run `index` in the place of what is in `out`.
    pub(crate) fn read_run<T: Real>(
        &self,
        index: usize,
        out: &mut SparseRun<T>,
    ) -> Result<(), Error> {
        match &self.body {
            Body::Dense(_) => unreachable!("a dense matrix is read in rows"),
            Body::Sparse(sparse) => sparse.run(index, out),
        }
    }
}
