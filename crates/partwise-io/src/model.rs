//! A fitted model in one file: `model.npz` with the arrays `w` and `h`, `c` where H is made of it, `b` and `classes` where it tells classes, the names of rows and columns where there are
//! any, and `meta`, a JSON text in an array of no dimension. `numpy.load(path, allow_pickle=False)` opens it.

use std::path::Path;

use serde_json::Value;

use crate::archive::{Archive, ArchiveWriter};
use crate::atomic::write_atomically;
use crate::error::Error;
use crate::format::npy::{row_major, write_dense};
use crate::format::npz::{COL_NAMES, ROW_NAMES};
use crate::matrix::AnyDense;
use crate::memory::Budget;
use crate::numpy::write_texts;
use crate::real::Dtype;
use crate::source::Source;
use crate::write::{MatrixToWrite, Values};

/// The arrays of [`Classes`].
const PARTS: &str = "b";
const CLASSES: &str = "classes";

/// A factorisation V ≈ W H and what is to be remembered of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// W, m × k: how much of each component each sample holds.
    pub w: AnyDense,
    /// H, k × n: the components in rows.
    pub h: AnyDense,
    /// C, k × m, where the components are mixtures of V's rows: H = C V.
    pub c: Option<AnyDense>,
    /// What the components say of the classes of samples.
    pub classes: Option<Classes>,
    /// How it was made.
    pub meta: Value,
    /// The names of V's m rows.
    pub row_names: Option<Vec<String>>,
    /// The names of V's n columns.
    pub col_names: Option<Vec<String>>,
}

/// The classes that a model tells: the largest entry of each row of W B.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// B, k × classes.
    pub parts: AnyDense,
    /// What they are called.
    pub names: Vec<String>,
}

impl Model {
    fn check(&self) -> Result<(), String> {
        let ((m, k), (h_rows, n)) = (self.w.shape(), self.h.shape());
        if k != h_rows {
            return Err(format!(
                "w has {k} columns and h has {h_rows} rows; expected as many"
            ));
        }
        let (c_rows, c_cols) = self.c.as_ref().map_or((k, m), AnyDense::shape);
        if (c_rows, c_cols) != (k, m) {
            return Err(format!(
                "c is {c_rows} × {c_cols}; expected {k} × {m}, as w is {m} × {k}"
            ));
        }
        if let Some(Classes { parts, names }) = &self.classes {
            let (rows, cols) = parts.shape();
            if (rows, cols) != (k, names.len()) {
                let count = names.len();
                return Err(format!(
                    "b is {rows} × {cols}; expected {k} × {count}, as there are {count} classes"
                ));
            }
        }
        for (what, names, count) in [("row", &self.row_names, m), ("column", &self.col_names, n)] {
            if let Some(names) = names.as_ref().filter(|names| names.len() != count) {
                return Err(format!("{} {what} names for {count} {what}s", names.len()));
            }
        }
        Ok(())
    }
}

/// Whether the archive is a model.
pub(crate) fn is_model(archive: &Archive) -> bool {
    ["w", "h", "meta"].iter().all(|name| archive.holds(name))
}

/// Writes a model whole or not at all.
///
/// # Errors
///
/// [`Error::Unwritable`] if the parts do not fit each other, [`Error::Write`] if the system refuses.
pub fn write_model(path: impl AsRef<Path>, model: &Model) -> Result<(), Error> {
    let path = path.as_ref();
    let file = path.display().to_string();
    model.check().map_err(|problem| Error::Unwritable {
        file: file.clone(),
        problem,
    })?;
    write_atomically(path, |out| {
        let mut archive = ArchiveWriter::new(&file, out);
        for (name, dense) in [("w", &model.w), ("h", &model.h)] {
            archive.add(name, false, |mut out| write_factor(&mut out, dense))?;
        }
        if let Some(c) = &model.c {
            archive.add("c", false, |mut out| write_factor(&mut out, c))?;
        }
        if let Some(Classes { parts, names }) = &model.classes {
            archive.add(PARTS, false, |mut out| write_factor(&mut out, parts))?;
            archive.add_names(CLASSES, Some(names))?;
        }
        archive.add("meta", true, |mut out| {
            write_texts(&mut out, &[model.meta.to_string()], &[])
        })?;
        archive.add_names(ROW_NAMES, model.row_names.as_deref())?;
        archive.add_names(COL_NAMES, model.col_names.as_deref())?;
        archive.finish()
    })
}

fn write_factor(out: &mut impl std::io::Write, dense: &AnyDense) -> std::io::Result<()> {
    let (rows, cols) = dense.shape();
    let write = |out: &mut _, values| {
        let matrix = MatrixToWrite {
            rows,
            cols,
            values,
            row_names: None,
            col_names: None,
        };
        write_dense(out, &matrix)
    };
    match dense {
        AnyDense::F32(dense) => write(out, Values::F32(&row_major(dense))),
        AnyDense::F64(dense) => write(out, Values::F64(&row_major(dense))),
    }
}

/// Reads a model.
///
/// # Errors
///
/// [`Error::Unsupported`] if the file is no model, [`Error::Malformed`] if its parts do not fit each other, and whatever
/// reading a file may meet.
pub fn read_model(path: impl AsRef<Path>) -> Result<Model, Error> {
    let source = Source::open(path.as_ref())?;
    let budget = Budget {
        file: source.name.clone(),
        limit: None,
    };
    if source.folder().is_some() {
        return Err(Error::Unsupported {
            file: budget.file,
            problem: "is a folder; expected a model, such as the model.npz in it".into(),
        });
    }
    if !source.head.starts_with(b"PK") {
        return Err(not_a_model(&budget));
    }
    let mut archive = Archive::open(source, &budget)?;
    if is_model(&archive) {
        read_from(&mut archive, &budget)
    } else {
        Err(not_a_model(&budget))
    }
}

fn not_a_model(budget: &Budget) -> Error {
    Error::Unsupported {
        file: budget.file.clone(),
        problem: "is no model; expected an .npz with the arrays w, h and meta".into(),
    }
}

/// Reads the model of an open archive.
pub(crate) fn read_from(archive: &mut Archive, budget: &Budget) -> Result<Model, Error> {
    let malformed = |problem: String| Error::Malformed {
        file: budget.file.clone(),
        problem,
    };
    let (w, _) = archive.dense("w", Dtype::Auto)?;
    let (h, _) = archive.dense("h", Dtype::Auto)?;
    let c = match archive.holds("c") {
        true => Some(archive.dense("c", Dtype::Auto)?.0),
        false => None,
    };
    let classes = match archive.holds(PARTS) {
        true => {
            let (parts, _) = archive.dense(PARTS, Dtype::Auto)?;
            let names = archive.texts(CLASSES, parts.shape().1)?;
            let names = names.ok_or_else(|| malformed(format!("{PARTS} needs {CLASSES}")))?;
            Some(Classes { parts, names })
        }
        false => None,
    };
    let meta = archive.texts("meta", 1)?.unwrap_or_default().concat();
    let meta = serde_json::from_str(&meta)
        .map_err(|error| malformed(format!("meta is no JSON: {error}")))?;
    let (rows, cols) = (w.shape().0, h.shape().1);
    let model = Model {
        w,
        h,
        c,
        classes,
        meta,
        row_names: archive.texts(ROW_NAMES, rows)?,
        col_names: archive.texts(COL_NAMES, cols)?,
    };
    model.check().map_err(malformed)?;
    Ok(model)
}
