//! Matrices that stay in their files: their lines are read a run at a time, so that a fit needs no room for them.
//!
//! `.npy` files and stores are made for that and have readers of their own; any other format that gives rows here and there comes
//! through [`Rows`].

mod arrays;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use partwise::{RowBlocks, RunSize, SparseRows, SparseRun};

use crate::error::Error;
use crate::format::{self, Format, ReadOptions};
use crate::matrix::Precision;
use crate::real::{Dtype, Real};
use crate::rows::Rows;
use crate::source::{Source, fill, read_error};
use crate::store::{self, Kind, Store};

pub(crate) use arrays::{Arrays, no_arrays};

/// A matrix in one or more files: dense in `.npy` files, Parquet and Arrow, dense or sparse in a store (`.pws`), HDF5 and Zarr.
#[derive(Debug)]
pub struct Stored {
    walked: Walked,
}

#[derive(Debug)]
enum Held {
    Arrays(Arrays),
    Store(Store),
    Rows(Box<Rows>),
}

impl Held {
    /// How many lines there are to read, and how long each is: rows, or the columns of an array in Fortran order.
    fn lines(&self) -> (usize, usize) {
        match self {
            Self::Arrays(arrays) => arrays.lines(),
            Self::Store(store) => store.shape(),
            Self::Rows(rows) => rows.shape,
        }
    }

    /// How many runs the rows of a sparse matrix come in.
    fn runs(&self) -> usize {
        match self {
            Self::Arrays(_) => 0,
            Self::Store(store) => store.runs(),
            Self::Rows(rows) => rows.runs().len(),
        }
    }

    /// The size of run `index`.
    fn size(&self, index: usize) -> RunSize {
        match self {
            Self::Arrays(_) => RunSize::default(),
            Self::Store(store) => store.size(index),
            Self::Rows(rows) => rows.runs()[index].1,
        }
    }
}

/// What a fit walks over, and how many lines it has read.
#[derive(Debug)]
struct Walked {
    held: Held,
    read: AtomicU64,
}

impl From<Held> for Stored {
    fn from(held: Held) -> Self {
        let read = AtomicU64::new(0);
        let walked = Walked { held, read };
        Self { walked }
    }
}

impl Walked {
    fn count(&self, lines: usize) {
        self.read.fetch_add(lines as u64, Ordering::Relaxed);
    }
}

/// What the engine is told where reading fails.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl<T: Real> RowBlocks<T> for Walked {
    fn rows(&self) -> usize {
        self.held.lines().0
    }

    fn cols(&self) -> usize {
        self.held.lines().1
    }

    fn read(&self, first: usize, out: &mut [T]) -> Result<(), Failure> {
        self.count(out.len() / self.held.lines().1.max(1));
        match &self.held {
            Held::Arrays(arrays) => arrays.read_lines(first, out)?,
            Held::Store(store) => store.read_dense(first, out)?,
            Held::Rows(rows) => rows.read_rows(first, out)?,
        }
        Ok(())
    }
}

impl<T: Real> SparseRows<T> for Walked {
    fn cols(&self) -> usize {
        self.held.lines().1
    }

    fn runs(&self) -> usize {
        self.held.runs()
    }

    fn size(&self, index: usize) -> RunSize {
        self.held.size(index)
    }

    fn read(&self, index: usize, out: &mut SparseRun<T>) -> Result<(), Failure> {
        self.count(self.held.size(index).rows);
        match &self.held {
            Held::Arrays(_) => {}
            Held::Store(store) => store.read_sparse(index, out)?,
            Held::Rows(rows) => rows.read_run(index, out)?,
        }
        Ok(())
    }
}

/// A number in which the engine works on a matrix that stays in its files.
pub trait Streams: partwise::Float {
    /// The matrix as the engine reads it.
    fn view(stored: &Stored) -> partwise::Matrix<'_, Self>;
}

macro_rules! streams {
    ($type:ident) => {
        impl Streams for $type {
            fn view(stored: &Stored) -> partwise::Matrix<'_, Self> {
                let walked = &stored.walked;
                if stored.is_sparse() {
                    return partwise::Matrix::<$type>::streamed_sparse(walked)
                        .expect("the runs were looked at when it was opened");
                }
                let lines = partwise::Matrix::<$type>::streamed(walked);
                match &walked.held {
                    Held::Arrays(arrays) if arrays.by_columns() => lines.transpose(),
                    _ => lines,
                }
            }
        }
    };
}
streams!(f32);
streams!(f64);

impl Stored {
    /// As [`Self::open_with`], with a precision alone.
    ///
    /// # Errors
    ///
    /// As [`Self::open_with`].
    pub fn open(path: impl AsRef<Path>, dtype: Dtype) -> Result<Option<Self>, Error> {
        let options = ReadOptions {
            dtype,
            ..ReadOptions::default()
        };
        Self::open_with(path, &options)
    }

    /// Opens a store, a `.npy` file, or a folder of those in the natural order of their names (`part-2.npy` before
    /// `part-10.npy`), Parquet, Arrow, and, where the path may name an array behind a `#`, HDF5 and Zarr. Looks at headers, indices
    /// and names only. `None` if the path is a file of another kind, or none that can be read here and there.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with a header, an index or the length of a file; a folder without `.npy` files; files of a folder that
    /// differ in width or type, or have their rows not together; names, bounds of lines and a band of rows that take more memory
    /// than allowed.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Option<Self>, Error> {
        let (path, options) = &options.at(path.as_ref());
        if path == Path::new("-") {
            return Ok(None);
        }
        // Neither of the two that have readers of their own has an array to name.
        let wants = |name| {
            options.array.is_none() && options.format.is_none_or(|format| format.name() == name)
        };
        if wants("pws")
            && let Some(store) = open_store(path, options.dtype)?
        {
            return Ok(Some(Held::Store(store).into()));
        }
        let is_npy = |format: Format| format.name() == "npy";
        let arrays =
            wants("npy") && (!path.is_dir() || Format::of_folder(path).is_some_and(is_npy));
        if arrays && let Some(arrays) = Arrays::open(path, options.dtype)? {
            return Ok(Some(Held::Arrays(arrays).into()));
        }
        let Ok(source) = Source::open(path) else {
            return Ok(None);
        };
        let rows = format::rows(source, options)?.filter(Rows::streams);
        Ok(rows.map(|rows| Held::Rows(Box::new(rows)).into()))
    }

    /// The name of the format, as that of [`Format`](crate::Format).
    pub fn format(&self) -> &'static str {
        match &self.walked.held {
            Held::Arrays(_) => "npy",
            Held::Store(_) => "pws",
            Held::Rows(rows) => rows.format,
        }
    }

    /// (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        match &self.walked.held {
            Held::Arrays(arrays) => arrays.shape(),
            Held::Store(store) => store.shape(),
            Held::Rows(rows) => rows.shape,
        }
    }

    /// Whether only some entries are stored.
    pub fn is_sparse(&self) -> bool {
        match &self.walked.held {
            Held::Arrays(_) => false,
            Held::Store(store) => store.kind() == Kind::Sparse,
            Held::Rows(rows) => rows.is_sparse(),
        }
    }

    /// Number of files.
    pub fn files(&self) -> usize {
        match &self.walked.held {
            Held::Arrays(arrays) => arrays.files(),
            Held::Store(_) | Held::Rows(_) => 1,
        }
    }

    /// The precision with which it is read.
    pub fn precision(&self) -> Precision {
        match &self.walked.held {
            Held::Arrays(arrays) => arrays.precision(),
            Held::Store(store) => store.precision(),
            Held::Rows(rows) => rows.precision,
        }
    }

    /// Bytes that it would take in memory.
    pub fn bytes_in_memory(&self) -> u64 {
        let value = match self.precision() {
            Precision::F32 => size_of::<f32>(),
            Precision::F64 => size_of::<f64>(),
        } as u64;
        let (rows, cols) = self.shape();
        match &self.walked.held {
            Held::Store(store) if self.is_sparse() => store::bytes_in_memory(store, value),
            Held::Rows(rows) => rows.bytes_in_memory(),
            _ => (rows as u64)
                .saturating_mul(cols as u64)
                .saturating_mul(value),
        }
    }

    /// How the files hold an entry, or held it before the store was made: a numpy type.
    pub fn stored_as(&self) -> String {
        match &self.walked.held {
            Held::Arrays(arrays) => arrays.stored_as(),
            Held::Store(store) => store.stored_as().to_owned(),
            Held::Rows(rows) => rows.stored_as.clone(),
        }
    }

    /// The names of rows and columns, where there are any.
    pub fn names(&self) -> (Option<&[String]>, Option<&[String]>) {
        match &self.walked.held {
            Held::Arrays(_) => (None, None),
            Held::Store(store) => store.names(),
            Held::Rows(rows) => (rows.row_names.as_deref(), rows.col_names.as_deref()),
        }
    }

    /// Bytes that it takes while it stays in its files, beyond a few blocks: names, an index, the bounds of lines, and what its format
    /// reads at once.
    pub fn memory(&self) -> u64 {
        match &self.walked.held {
            Held::Arrays(_) => 0,
            Held::Store(store) => store.memory(),
            Held::Rows(rows) => rows.memory(),
        }
    }

    /// How often the whole matrix has been read by way of its views: the lines that were read, over those that there are.
    pub fn readings(&self) -> u64 {
        let lines = self.walked.held.lines().0.max(1) as u64;
        self.walked.read.load(Ordering::Relaxed) / lines
    }

    /// The matrix as the engine reads it.
    pub fn view<T: Streams>(&self) -> partwise::Matrix<'_, T> {
        T::view(self)
    }
}

/// The store at a path, if there is one.
pub(crate) fn open_store(path: &Path, dtype: Dtype) -> Result<Option<Store>, Error> {
    let name = path.display().to_string();
    // What is not there is for the ordinary reader to say.
    let Some(metadata) = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)
    else {
        return Ok(None);
    };
    let begin = || {
        let mut file = File::open(path)?;
        let mut head = [0; store::MAGIC.len()];
        let found = fill(&mut file, &mut head)?;
        Ok((file, head[..found] == store::MAGIC))
    };
    let (file, is_store) = begin().map_err(|source| read_error(&name, source))?;
    is_store
        .then(|| Store::open(&name, file, metadata.len(), dtype))
        .transpose()
}
