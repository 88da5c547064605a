//! Dense matrices in `.npy` files: one, or a folder of them whose rows follow each other.
//!
//! An array in Fortran order is read by its columns, which lie together in the file.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::convert::{Pour, VALUES};
use crate::error::Error;
use crate::matrix::{Dense, Matrix, Order, Precision, Table};
use crate::memory::Budget;
use crate::numpy::{Header, MAGIC, Type};
use crate::real::{Dtype, Real, at_precision};
use crate::source::{fill, read_error};
use crate::store::Kind;

/// A dense matrix in one or more `.npy` files.
#[derive(Debug)]
pub(crate) struct Arrays {
    parts: Vec<Part>,
    lines: usize,
    length: usize,
    by_columns: bool,
    entry: Type,
    precision: Precision,
    /// The file that was read last.
    open: Mutex<Option<(usize, File)>>,
}

/// Some of the lines.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    name: String,
    header: Header,
    /// The number of the first line among those of all parts.
    first: usize,
    lines: usize,
    /// Bytes of the file.
    bytes: u64,
}

impl Arrays {
    /// Opens a `.npy` file, or a folder of them in the natural order of their names (`part-2.npy` before `part-10.npy`).
    /// Looks at the headers only. `None` if the path is a file of another kind, or none that can be read here and there.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with a header or the length of a file; a folder without `.npy` files; files of a folder that
    /// differ in width or type, or have their rows not together.
    pub(crate) fn open(path: impl AsRef<Path>, dtype: Dtype) -> Result<Option<Self>, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        // What is not there is for the ordinary reader to say.
        let Ok(metadata) = fs::metadata(path) else {
            return Ok(None);
        };
        let files = if metadata.is_dir() {
            files_of(path).map_err(|source| read_error(&name, source))?
        } else if metadata.is_file() && is_npy(path).map_err(|source| read_error(&name, source))? {
            vec![path.to_path_buf()]
        } else {
            return Ok(None);
        };
        let parts = files.into_iter().map(Part::open);
        let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
        let Some(first) = parts.first() else {
            return Err(no_arrays(name));
        };
        let (rows, cols) = first.shape()?;
        // A single row or column lies together in either order.
        let by_columns = first.header.order == Order::ColumnMajor
            && rows != 1
            && (cols != 1 || parts.len() == 1);
        let (entry, length) = (first.header.entry, if by_columns { rows } else { cols });
        let mut lines = 0_usize;
        for index in 0..parts.len() {
            let (before, part) = (&parts[0], &parts[index]);
            part.check_beside(before, parts.len())?;
            let (rows, cols) = part.shape()?;
            let count = if by_columns { cols } else { rows };
            parts[index].first = lines;
            parts[index].lines = count;
            lines = lines.checked_add(count).ok_or_else(|| Error::Unsupported {
                file: name.clone(),
                problem: "has more rows than can be counted".into(),
            })?;
        }
        Ok(Some(Self {
            parts,
            lines,
            length,
            by_columns,
            entry,
            precision: dtype.resolve(entry.is_f32()),
            open: Mutex::new(None),
        }))
    }

    /// Whether a folder holds `.npy` files.
    pub(crate) fn are_in(folder: &Path) -> bool {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| is_part(&path))
    }

    /// All of it in memory.
    pub(crate) fn table(&self, budget: &Budget) -> Result<Table, Error> {
        let (rows, cols) = self.shape();
        let order = match self.by_columns {
            true => Order::ColumnMajor,
            false => Order::RowMajor,
        };
        let count = self.lines.saturating_mul(self.length);
        let matrix = at_precision!(self.precision, T => {
            let mut data = budget.allocate::<T>(count as u64)?;
            data.resize(count, T::default());
            self.read_lines(0, &mut data)?;
            T::any(Matrix::Dense(Dense { rows, cols, order, data }))
        });
        Ok(Table::unnamed(matrix, self.stored_as()))
    }

    /// Puts all rows, which lie together, into a store.
    pub(crate) fn pour(&self, pour: &mut Pour<'_, '_>) -> Result<(), Error> {
        let (rows, cols) = self.shape();
        pour.store
            .begin(Kind::Dense, cols, self.precision, &self.stored_as())?;
        let run = (VALUES / cols.max(1)).max(1);
        at_precision!(self.precision, T => {
            let mut values = vec![T::default(); run.min(rows) * cols];
            for first in (0..rows).step_by(run) {
                let values = &mut values[..run.min(rows - first) * cols];
                self.read_lines(first, values)?;
                pour.store.dense(values)?;
            }
        });
        Ok(())
    }

    /// (rows, columns).
    pub(crate) fn shape(&self) -> (usize, usize) {
        if self.by_columns {
            (self.length, self.lines)
        } else {
            (self.lines, self.length)
        }
    }

    /// Number of files.
    pub(crate) fn files(&self) -> usize {
        self.parts.len()
    }

    /// The precision with which it is read.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// How the files hold an entry: a numpy type.
    pub(crate) fn stored_as(&self) -> String {
        self.entry.name()
    }

    /// Whether the lines are columns.
    pub(crate) fn by_columns(&self) -> bool {
        self.by_columns
    }

    /// How many lines there are, and the length of each.
    pub(crate) fn lines(&self) -> (usize, usize) {
        (self.lines, self.length)
    }

    /// Fills `out` with whole lines, from line `first` on.
    pub(crate) fn read_lines<T: Real>(&self, first: usize, mut out: &mut [T]) -> Result<(), Error> {
        let mut line = first;
        while !out.is_empty() {
            let after = |part: &Part| part.first + part.lines <= line;
            let index = self.parts.partition_point(after);
            let part = &self.parts[index];
            let lines = (part.first + part.lines - line).min(out.len() / self.length);
            let (now, later) = out.split_at_mut(lines * self.length);
            let before = (line - part.first) as u64 * self.length as u64;
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let mut file = match open.take() {
                Some((number, file)) if number == index => file,
                _ => part.reopen()?,
            };
            part.header
                .read_reals_at(&part.name, &mut file, before, now)?;
            *open = Some((index, file));
            line += lines;
            out = later;
        }
        Ok(())
    }
}

impl Part {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let name = path.display().to_string();
        let read = || {
            let file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (mut file, bytes) = read().map_err(|source| read_error(&name, source))?;
        let header = Header::read(&name, &mut file)?;
        header.check_real(&name)?;
        header.checked_count(&name, Some(bytes))?;
        Ok(Self {
            path,
            name,
            header,
            first: 0,
            lines: 0,
            bytes,
        })
    }

    fn shape(&self) -> Result<(usize, usize), Error> {
        self.header.two_dimensions(&self.name)
    }

    /// Refuses a part that cannot go with the first of `count`.
    fn check_beside(&self, first: &Self, count: usize) -> Result<(), Error> {
        let refuse = |problem: String| {
            Err(Error::Unsupported {
                file: self.name.clone(),
                problem,
            })
        };
        let ((rows, cols), (_, wanted)) = (self.shape()?, first.shape()?);
        if cols != wanted {
            return refuse(format!(
                "has {cols} columns, but {} has {wanted}; files of one matrix have the same",
                first.name
            ));
        }
        let (found, wanted) = (self.header.entry.name(), first.header.entry.name());
        if found != wanted {
            return refuse(format!(
                "holds {found}, but {} holds {wanted}; files of one matrix hold the same type",
                first.name
            ));
        }
        if count > 1 && self.header.order == Order::ColumnMajor && rows != 1 && cols != 1 {
            return refuse(
                "is in Fortran order, and so its rows are not together; save each file of a matrix \
                 in C order (numpy.ascontiguousarray)"
                    .into(),
            );
        }
        Ok(())
    }

    /// The file again, as long as it was.
    fn reopen(&self) -> Result<File, Error> {
        let read = || {
            let file = File::open(&self.path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, found) = read().map_err(|source| read_error(&self.name, source))?;
        if found < self.bytes {
            return Err(Error::Truncated {
                file: self.name.clone(),
                expected: self.bytes,
                found,
            });
        }
        Ok(file)
    }
}

fn is_npy(path: &Path) -> std::io::Result<bool> {
    let mut head = [0; MAGIC.len()];
    let found = fill(&mut File::open(path)?, &mut head)?;
    Ok(head[..found] == *MAGIC)
}

/// Of a folder that is no matrix.
pub(crate) fn no_arrays(file: String) -> Error {
    Error::Unsupported {
        file,
        problem:
            "is a folder without .npy files; expected a file, or the rows of one matrix in them"
                .into(),
    }
}

/// Whether something in a folder holds rows of its matrix.
fn is_part(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    let hidden = path
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    extension.eq_ignore_ascii_case("npy") && !hidden && path.is_file()
}

/// The `.npy` files of a folder in the natural order of their names.
fn files_of(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_part(&path) {
            files.push(path);
        }
    }
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    files.sort_by(|a, b| natural(&name(a), &name(b)));
    Ok(files)
}

/// The order of names in which runs of digits count as numbers; as texts where that leaves them equal.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(x), Some(y)) = (left.chars().next(), right.chars().next()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (number(&mut left), number(&mut right));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            left = &left[x.len_utf8()..];
            right = &right[y.len_utf8()..];
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the digits off the front of a text: them, without leading zeros.
fn number<'a>(text: &mut &'a str) -> &'a str {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

impl Header {
    /// Reads real numbers from entry `before` on.
    fn read_reals_at<T: Real>(
        &self,
        file: &str,
        reader: &mut File,
        before: u64,
        out: &mut [T],
    ) -> Result<(), Error> {
        let offset = self.header_bytes + before * self.entry.size as u64;
        let refused = |source| read_error(file, source);
        reader.seek(SeekFrom::Start(offset)).map_err(refused)?;
        if self.is_native::<T>() {
            return reader
                .read_exact(bytemuck::cast_slice_mut(out))
                .map_err(refused);
        }
        self.convert(file, reader, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_natural_order() {
        let mut names = [
            "b", "part-10", "part-2", "part-02b", "part-1", "a10b2", "a10b10", "a", "part-002",
        ];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            [
                "a", "a10b2", "a10b10", "b", "part-1", "part-002", "part-2", "part-02b", "part-10"
            ]
        );
    }
}
