//! Rows as a fit reads them, in runs from the first to the last, again and again.

use partwise::{Matrix, RowBlocks, RunSize, SparseRows, SparseRun};

use super::{Body, Compressed, Lines, Rows};
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

macro_rules! streams {
    ($type:ident) => {
        impl RowBlocks<$type> for Lines {
            fn rows(&self) -> usize {
                self.rows as usize
            }

            fn cols(&self) -> usize {
                self.width
            }

            fn read(
                &self,
                first: usize,
                out: &mut [$type],
            ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                Ok(Lines::read(self, first, out)?)
            }
        }

        impl SparseRows<$type> for Compressed {
            fn cols(&self) -> usize {
                self.inner
            }

            fn runs(&self) -> usize {
                self.runs.len()
            }

            fn size(&self, index: usize) -> RunSize {
                self.runs[index].1
            }

            fn read(
                &self,
                index: usize,
                out: &mut SparseRun<$type>,
            ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                Ok(self.run(index, out)?)
            }
        }
    };
}
streams!(f32);
streams!(f64);

impl Rows {
    /// Whether a fit can read it where it is: by rows.
    pub(crate) fn streams(&self) -> bool {
        !matches!(&self.body, Body::Sparse(sparse) if sparse.layout == Layout::Csc)
    }

    /// The matrix as the engine reads it, if it [`Self::streams`].
    pub(crate) fn view<T: partwise::Float>(&self) -> Matrix<'_, T>
    where
        Lines: RowBlocks<T>,
        Compressed: SparseRows<T>,
    {
        match &self.body {
            Body::Dense(lines) => Matrix::streamed(lines),
            Body::Sparse(sparse) => Matrix::streamed_sparse(sparse)
                .expect("runs are multiples of the unit, and shapes are checked"),
        }
    }
}
