//! Stores of row blocks (`.pws`), read into memory; see [`crate::store`].

use super::{FileFormat, ReadOptions, WriteMatrix};
use crate::error::Error;
use crate::matrix::{AnyMatrix, Dense, Indices, Layout, Matrix, Order, Precision, Sparse, Table};
use crate::memory::Budget;
use crate::real::{Real, at_precision};
use crate::source::Source;
use crate::sparse::{Index, at_index};
use crate::store::{self, Block, Goal, Kind, Store, Writer};
use crate::write::Values;

pub(crate) struct RowBlocks;

impl FileFormat for RowBlocks {
    fn name(&self) -> &'static str {
        "pws"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["pws"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(&store::MAGIC)
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        let name = source.name.clone();
        let (file, length) = source.into_seekable()?;
        let store = Store::open(&name, file, length, options.dtype)?;
        let (rows, cols) = store.shape();
        let matrix: AnyMatrix = at_precision!(store.precision(), T => T::any(match store.kind() {
            Kind::Dense => Matrix::Dense(dense::<T>(&store, budget)?),
            Kind::Sparse => Matrix::Sparse(at_index!(rows, cols, I => sparse::<I, T>(&store, budget)?)),
        }));
        let (row_names, col_names) = store.names();
        Ok(Table {
            matrix,
            row_names: row_names.map(<[String]>::to_vec),
            col_names: col_names.map(<[String]>::to_vec),
            stored_as: store.stored_as().to_owned(),
        })
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(|file, out, matrix| {
            let mut go_on = |_, _| true;
            let goal = Goal::Store {
                out,
                compress: true,
            };
            let mut store = Writer::new(file, goal, &mut go_on);
            match matrix.values {
                Values::F32(values) => {
                    store.begin(Kind::Dense, matrix.cols, Precision::F32, "float32")?;
                    store.dense(values)?;
                }
                Values::F64(values) => {
                    store.begin(Kind::Dense, matrix.cols, Precision::F64, "float64")?;
                    store.dense(values)?;
                }
            }
            store.col_names(matrix.col_names.map(<[String]>::to_vec));
            if let Some(names) = matrix.row_names {
                store.row_names(names.iter().cloned());
            }
            store.finish().map(drop)
        })
    }
}

fn dense<T: Real>(store: &Store, budget: &Budget) -> Result<Dense<T>, Error> {
    let (rows, cols) = store.shape();
    let mut data = budget.allocate(store.stored() as u64)?;
    store.for_each_block::<T>(|block| {
        if let Block::Dense(values) = block {
            data.extend_from_slice(values);
        }
        Ok(())
    })?;
    Ok(Dense {
        rows,
        cols,
        order: Order::RowMajor,
        data,
    })
}

fn sparse<I: Index, T: Real>(store: &Store, budget: &Budget) -> Result<Sparse<T>, Error> {
    let (rows, cols) = store.shape();
    budget.check(store::bytes_in_memory(store, size_of::<T>() as u64))?;
    let stored = store.stored() as u64;
    let mut offsets = budget.take::<i64>(rows as u64 + 1)?;
    let (mut indices, mut values) = (budget.take::<I>(stored)?, budget.take::<T>(stored)?);
    offsets.push(0);
    store.for_each_block::<T>(|block| {
        if let Block::Sparse(run) = block {
            let before = values.len() as i64;
            offsets.extend(run.offsets[1..].iter().map(|&end| before + end as i64));
            indices.extend(run.indices.iter().map(|&index| I::new(index as usize)));
            values.extend_from_slice(&run.values);
        }
        Ok(())
    })?;
    let indices: Indices = I::indices(indices);
    Ok(Sparse {
        layout: Layout::Csr,
        rows,
        cols,
        offsets,
        indices,
        values,
    })
}
