//! A matrix among the other arrays of a file: AnnData's way of keeping cells, the same in HDF5 and in Zarr, and any array at all.
//!
//! A path says which: `X`, `layers/counts`, `raw/X`, or whatever the file holds. Without one it is `X`, or the only matrix that
//! there is. A dense matrix is an array of two dimensions; a sparse one is a group with `data`, `indices` and `indptr`. Where there
//! are names of observations and variables beside it, they are those of rows and columns.

use super::{Bands, Body, Compressed, Lines, Rows, precision};
use crate::error::{Error, listed};
use crate::format::ReadOptions;
use crate::matrix::Layout;
use crate::memory::Budget;

/// How deep groups within groups are looked through for matrices.
const DEPTH: usize = 8;
/// Groups and arrays that are looked at in search of a matrix, at most: a group may be in itself by another name.
const LOOKS: usize = 1 << 15;

/// Groups and arrays in a file. Paths have no slash at either end; that of the root is empty.
pub(crate) trait Tree {
    /// The array at a path, if there is one.
    fn array(&self, path: &str) -> Result<Option<Array>, Error>;
    /// Whether there is a group at a path.
    fn is_group(&self, path: &str) -> bool;
    /// The names of the groups and of the arrays in a group.
    fn children(&self, path: &str) -> Result<(Vec<String>, Vec<String>), Error>;
    /// An attribute that is a text.
    fn text(&self, path: &str, attribute: &str) -> Option<String>;
    /// An attribute that is a list of whole numbers.
    fn integers(&self, path: &str, attribute: &str) -> Option<Vec<u64>>;
    /// All of an array of texts, if they may take that memory.
    fn texts(&self, path: &str, budget: &Budget) -> Result<Vec<String>, Error>;
}

/// An array in a file.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) shape: Vec<u64>,
    pub(crate) entry: Entry,
    /// Rows that come at once.
    pub(crate) unit: u64,
    /// Bytes that reading them takes beside the rows.
    pub(crate) held: u64,
    pub(crate) source: Box<dyn Bands>,
}

/// What an array has entries of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Numbers of that numpy type.
    Number(&'static str),
    Text,
    /// Something else, in the words of the format.
    Other(String),
}

impl Array {
    fn is_matrix(&self) -> bool {
        self.shape.len() == 2 && matches!(self.entry, Entry::Number(_))
    }

    fn lines(self) -> Lines {
        let rows = self.shape.first().copied().unwrap_or(1);
        let width = self.shape.iter().skip(1).product::<u64>();
        Lines::new(self.source, rows, width as usize, self.unit)
    }
}

/// The matrix that is meant.
pub(crate) fn open(
    tree: &dyn Tree,
    format: &'static str,
    budget: &Budget,
    options: &ReadOptions,
) -> Result<Rows, Error> {
    let opener = Opener {
        tree,
        format,
        budget,
        options,
    };
    let path = opener.choose()?;
    let rows = match tree.array(&path)? {
        Some(array) => opener.dense(&path, array)?,
        None => opener.sparse(&path)?,
    };
    rows.checked()
}

/// Whether these are the arrays of a sparse matrix.
fn are_sparse(arrays: &[String]) -> bool {
    let holds = |name| arrays.iter().any(|array| array == name);
    ["data", "indices", "indptr"].into_iter().all(holds)
}

/// Names of rows or of columns, if there are any.
type Names = Option<Vec<String>>;

struct Opener<'a> {
    tree: &'a dyn Tree,
    format: &'static str,
    budget: &'a Budget,
    options: &'a ReadOptions,
}

impl Opener<'_> {
    /// The path of the matrix that is meant.
    fn choose(&self) -> Result<String, Error> {
        if let Some(wanted) = &self.options.array {
            let path = wanted.trim_matches('/');
            if self.tree.array(path)?.is_some() || self.is_sparse(path)? {
                return Ok(path.to_owned());
            }
            return Err(self.unsupported(match &self.matrices()?[..] {
                [] => format!("holds no array '{wanted}', and no matrix at all"),
                [root] if root.is_empty() => {
                    format!("holds no array '{wanted}'; it is one array, without a name")
                }
                known => format!("holds no array '{wanted}'; it holds {}", listed(known)),
            }));
        }
        if self.is_matrix("X")? {
            return Ok("X".to_owned());
        }
        let mut known = self.matrices()?;
        match known.len() {
            0 => Err(self.unsupported(
                "holds no matrix; expected an array of two dimensions, or a group with data, indices and indptr".into(),
            )),
            1 => Ok(known.swap_remove(0)),
            _ => Err(Error::Ambiguous {
                file: self.budget.file.clone(),
                names: known,
            }),
        }
    }

    fn is_matrix(&self, path: &str) -> Result<bool, Error> {
        match self.tree.array(path)? {
            Some(array) => Ok(array.is_matrix()),
            None => self.is_sparse(path),
        }
    }

    fn is_sparse(&self, path: &str) -> Result<bool, Error> {
        if !self.tree.is_group(path) {
            return Ok(false);
        }
        let (_, arrays) = self.tree.children(path)?;
        Ok(are_sparse(&arrays))
    }

    /// The paths of all matrices.
    fn matrices(&self) -> Result<Vec<String>, Error> {
        if self.tree.array("")?.is_some() {
            return Ok(vec![String::new()]);
        }
        let (mut found, mut refused, mut left) = (Vec::new(), None, LOOKS);
        self.look_in("", DEPTH, (&mut found, &mut refused), &mut left)?;
        found.sort();
        match refused {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    /// Finds the matrices in a group, and the first array that cannot be read, with so many looks `left`.
    fn look_in(
        &self,
        path: &str,
        depth: usize,
        (found, refused): (&mut Vec<String>, &mut Option<Error>),
        left: &mut usize,
    ) -> Result<(), Error> {
        let (groups, arrays) = self.tree.children(path)?;
        if are_sparse(&arrays) {
            found.push(path.to_owned());
            return Ok(());
        }
        let looks = left.checked_sub(1 + groups.len() + arrays.len());
        *left = looks.ok_or_else(|| {
            self.unsupported(format!(
                "holds more than {LOOKS} groups and arrays; say which is the matrix, as in FILE#layers/counts"
            ))
        })?;
        for name in arrays {
            let path = join(path, &name);
            match self.tree.array(&path) {
                Ok(array) if array.as_ref().is_some_and(Array::is_matrix) => found.push(path),
                Ok(_) => {}
                Err(error) => *refused = refused.take().or(Some(error)),
            }
        }
        for name in groups.iter().filter(|_| depth > 0) {
            self.look_in(&join(path, name), depth - 1, (found, refused), left)?;
        }
        Ok(())
    }

    fn dense(&self, path: &str, array: Array) -> Result<Rows, Error> {
        let entry = self.number(path, &array)?;
        let [rows, cols] = array.shape[..] else {
            return Err(self.unsupported(format!(
                "the array '{path}' is {}-d: expected 2-d (samples in rows, features in columns)",
                array.shape.len()
            )));
        };
        let shape = self.shape(rows, cols)?;
        let (row_names, col_names) = self.names(path)?;
        Ok(Rows {
            file: self.budget.file.clone(),
            format: self.format,
            shape,
            stored_as: entry.to_owned(),
            precision: precision(self.options.dtype, entry),
            row_names,
            col_names,
            held: array.held,
            body: Body::Dense(array.lines()),
        })
    }

    fn sparse(&self, path: &str) -> Result<Rows, Error> {
        let part = |name| {
            let path = join(path, name);
            let array = self.tree.array(&path)?.ok_or_else(|| {
                self.unsupported(format!("its sparse matrix '{path}' is not all there"))
            })?;
            let entry = self.number(&path, &array)?;
            if array.shape.len() == 1 {
                return Ok((array, entry));
            }
            Err(self.unsupported(format!("the array '{path}' is not 1-d")))
        };
        let (values, entry) = part("data")?;
        let ((indices, _), (offsets, _)) = (part("indices")?, part("indptr")?);
        let held = values.held.saturating_add(indices.held);
        let (layout, shape) = self.layout(path)?;
        let shape = self.shape(shape[0], shape[1])?;
        let offsets = self.whole(offsets.lines())?;
        let parts = (indices.lines(), values.lines());
        let body = Compressed::new(&self.budget.file, (layout, shape), offsets, parts)?;
        let (row_names, col_names) = self.names(path)?;
        Ok(Rows {
            file: self.budget.file.clone(),
            format: self.format,
            shape,
            stored_as: entry.to_owned(),
            precision: precision(self.options.dtype, entry),
            row_names,
            col_names,
            held,
            body: Body::Sparse(body),
        })
    }

    /// How a sparse matrix is compressed, and its shape.
    fn layout(&self, path: &str) -> Result<(Layout, [u64; 2]), Error> {
        // Before version 0.7, AnnData called them otherwise.
        let encoding = ["encoding-type", "h5sparse_format"];
        let encoding = encoding.iter().find_map(|name| self.tree.text(path, name));
        let layout = match encoding.as_deref() {
            Some("csr_matrix" | "csr") => Layout::Csr,
            Some("csc_matrix" | "csc") => Layout::Csc,
            other => {
                return Err(self.unsupported(format!(
                    "the group '{path}' has the encoding-type '{}'; known are csr_matrix and csc_matrix",
                    other.unwrap_or_default()
                )));
            }
        };
        let shape = ["shape", "h5sparse_shape"];
        let shape = shape.iter().find_map(|name| self.tree.integers(path, name));
        match shape.as_deref() {
            Some(&[rows, cols]) => Ok((layout, [rows, cols])),
            _ => Err(self.unsupported(format!(
                "the group '{path}' has no attribute 'shape' of two numbers"
            ))),
        }
    }

    /// An array of whole numbers, all of it.
    fn whole(&self, lines: Lines) -> Result<Vec<u64>, Error> {
        let mut all = self.budget.allocate::<u64>(lines.rows())?;
        lines.visit(0, lines.rows(), |part| {
            for &number in part {
                if !(0.0..9.0e15).contains(&number) || number.fract() != 0.0 {
                    return Err(Error::Malformed {
                        file: self.budget.file.clone(),
                        problem: format!(
                            "indptr: entry {} is {number}; expected a whole number, 0 or more",
                            all.len()
                        ),
                    });
                }
                all.push(number as u64);
            }
            Ok(())
        })?;
        Ok(all)
    }

    fn shape(&self, rows: u64, cols: u64) -> Result<(usize, usize), Error> {
        let small = |count: u64| usize::try_from(count).ok().filter(|_| count < 1 << 48);
        small(rows).zip(small(cols)).ok_or_else(|| {
            self.unsupported(format!(
                "has a matrix of {rows} × {cols}, which is too large"
            ))
        })
    }

    fn number(&self, path: &str, array: &Array) -> Result<&'static str, Error> {
        match &array.entry {
            Entry::Number(name) => Ok(name),
            Entry::Text => {
                Err(self.unsupported(format!("the array '{path}' holds texts, no numbers")))
            }
            Entry::Other(kind) => {
                Err(self.unsupported(format!("the array '{path}' holds {kind}, no real numbers")))
            }
        }
    }

    /// The names of observations and variables that go with the matrix at a path.
    fn names(&self, path: &str) -> Result<(Names, Names), Error> {
        let parts: Vec<&str> = path.split('/').collect();
        let (keep, rows, cols) = match parts[..] {
            [.., "raw", "X"] => (2, Some("obs"), Some("raw/var")),
            [.., "X"] => (1, Some("obs"), Some("var")),
            [.., "layers", _] => (2, Some("obs"), Some("var")),
            [.., "obsm", _] => (2, Some("obs"), None),
            [.., "varm", _] => (2, Some("var"), None),
            [.., "obsp", _] => (2, Some("obs"), Some("obs")),
            [.., "varp", _] => (2, Some("var"), Some("var")),
            _ => return Ok((None, None)),
        };
        let base = parts[..parts.len() - keep].join("/");
        let of = |frame: Option<&str>| match frame {
            Some(frame) => self.index(&join(&base, frame)),
            None => Ok(None),
        };
        Ok((of(rows)?, of(cols)?))
    }

    /// The index of a table.
    fn index(&self, frame: &str) -> Result<Option<Vec<String>>, Error> {
        if !self.tree.is_group(frame) {
            return Ok(None);
        }
        let name = self.tree.text(frame, "_index");
        let path = join(frame, &name.unwrap_or_else(|| "_index".to_owned()));
        // Texts of which some may be missing are a group.
        for path in [join(&path, "values"), path] {
            let array = self.tree.array(&path)?;
            if let Some(array) = array.filter(|array| array.entry == Entry::Text) {
                let count = array
                    .shape
                    .iter()
                    .fold(1, |count: u64, length| count.saturating_mul(*length));
                self.budget
                    .check(count.saturating_mul(size_of::<String>() as u64))?;
                return self.tree.texts(&path, self.budget).map(Some);
            }
        }
        Ok(None)
    }

    fn unsupported(&self, problem: String) -> Error {
        Error::Unsupported {
            file: self.budget.file.clone(),
            problem,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        return name.to_owned();
    }
    format!("{path}/{name}")
}
