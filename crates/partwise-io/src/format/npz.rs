//! numpy's and scipy's `.npz`: a dense array among others, or a sparse matrix as `scipy.sparse.save_npz` writes it.

use super::{FileFormat, ReadOptions, WriteMatrix, npy};
use crate::archive::{Archive, ArchiveWriter};
use crate::convert::Pour;
use crate::error::Error;
use crate::matrix::{AnyDense, AnyMatrix, Matrix, Order, Table};
use crate::memory::Budget;
use crate::model;
use crate::scipy;
use crate::source::Source;

/// The array that is meant when an archive holds several, in order of preference.
const PREFERRED: [&str; 4] = ["v", "V", "X", "arr_0"];

/// The arrays that name rows and columns beside a dense matrix or a model.
pub(crate) const ROW_NAMES: &str = "row_names";
pub(crate) const COL_NAMES: &str = "col_names";

pub(crate) struct Npz;

impl FileFormat for Npz {
    fn name(&self) -> &'static str {
        "npz"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["npz"]
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
    }

    fn has_arrays(&self) -> bool {
        true
    }

    fn read(&self, source: Source, budget: &Budget, options: &ReadOptions) -> Result<Table, Error> {
        let mut archive = Archive::open(source, budget)?;
        if options.array.is_none() && scipy::is_sparse(&archive) {
            return scipy::read(&mut archive, budget, options);
        }
        let name = choose(&archive, budget, options)?;
        let (dense, stored_as) = archive.dense(&name, options.dtype)?;
        let (rows, cols) = dense.shape();
        let row_names = archive.texts(ROW_NAMES, rows)?;
        let col_names = archive.texts(COL_NAMES, cols)?;
        let matrix = match dense {
            AnyDense::F32(dense) => AnyMatrix::F32(Matrix::Dense(dense)),
            AnyDense::F64(dense) => AnyMatrix::F64(Matrix::Dense(dense)),
        };
        Ok(Table {
            matrix,
            row_names,
            col_names,
            stored_as,
        })
    }

    fn pour(&self, source: Source, pour: &mut Pour<'_, '_>) -> Result<Option<Source>, Error> {
        let (source, again) = source.twice()?;
        let mut archive = Archive::open(source, pour.budget)?;
        let poured = if pour.options.array.is_none() && scipy::is_sparse(&archive) {
            scipy::pour(&mut archive, pour)?
        } else {
            let name = choose(&archive, pour.budget, pour.options)?;
            pour_dense(&mut archive, &name, pour)?
        };
        Ok((!poured).then_some(again))
    }

    fn writer(&self) -> Option<WriteMatrix> {
        Some(|file, out, matrix| {
            let mut archive = ArchiveWriter::new(file, out);
            archive.add("v", false, |mut out| npy::write_dense(&mut out, matrix))?;
            archive.add_names(ROW_NAMES, matrix.row_names)?;
            archive.add_names(COL_NAMES, matrix.col_names)?;
            archive.finish()
        })
    }
}

/// Puts the rows of an array into a store; whether they lie so that this can be done.
fn pour_dense(archive: &mut Archive, name: &str, pour: &mut Pour<'_, '_>) -> Result<bool, Error> {
    let shape = archive.member(name, |mut member| {
        if member.header.order != Order::RowMajor {
            return Ok(None);
        }
        let available = Some(member.available);
        npy::begin_rows(&member.header, pour)?;
        npy::pour_rows(&member.header, &mut member.reader, available, pour)?;
        member.header.two_dimensions(&member.budget.file).map(Some)
    })?;
    let Some((rows, cols)) = shape else {
        return Ok(false);
    };
    if let Some(names) = archive.texts(ROW_NAMES, rows)? {
        pour.store.row_names(names);
    }
    pour.store.col_names(archive.texts(COL_NAMES, cols)?);
    Ok(true)
}

fn choose(archive: &Archive, budget: &Budget, options: &ReadOptions) -> Result<String, Error> {
    let mut names = archive.names();
    names.retain(|name| name != ROW_NAMES && name != COL_NAMES);
    if let Some(wanted) = &options.array {
        return names
            .iter()
            .find(|name| *name == wanted)
            .cloned()
            .ok_or_else(|| Error::Unsupported {
                file: budget.file.clone(),
                problem: format!("holds no array '{wanted}'; it holds {}", names.join(", ")),
            });
    }
    if let [only] = &names[..] {
        return Ok(only.clone());
    }
    if names.is_empty() {
        return Err(Error::Empty {
            file: budget.file.clone(),
        });
    }
    if let Some(name) = PREFERRED.into_iter().find(|name| archive.holds(name)) {
        return Ok(name.to_owned());
    }
    if model::is_model(archive) {
        return Err(Error::Unsupported {
            file: budget.file.clone(),
            problem: "is a fitted model (arrays w and h); expected a matrix".into(),
        });
    }
    Err(Error::Ambiguous {
        file: budget.file.clone(),
        names,
    })
}
