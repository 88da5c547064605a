//! Matrices in: read within the memory that there is.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use partwise::{Dense, Graph, Nmf};
use partwise_io::{Dtype, Error, Format, Indices, Matrix, Precision, ReadOptions, Stored};

use crate::memory::Limit;
use crate::number::{Number, dense_from_file};

/// How a command reads, with the name of a format from its flags.
pub(crate) fn options(dtype: Dtype, format: Option<&str>) -> ReadOptions {
    options_within(Limit::default(), dtype, format)
}

/// As [`options`], with a limit of memory.
pub(crate) fn options_within(limit: Limit, dtype: Dtype, format: Option<&str>) -> ReadOptions {
    /// Headers, shapes and the like, which say how much a matrix needs: without room for them only they would be missed.
    const HEADERS: u64 = 1 << 20;
    ReadOptions {
        dtype,
        format: format.and_then(Format::by_name),
        memory_limit: Some(limit.bytes().max(HEADERS)),
        ..ReadOptions::default()
    }
}

/// A matrix that can stay in its files, if it is one. A limit that has no room for what it takes there is no error yet: all that the
/// work needs is known once it is open.
///
/// # Errors
/// What is wrong with the files.
pub(crate) fn stored(
    input: &Path,
    (dtype, format): (Dtype, Option<&str>),
    limit: Limit,
) -> Result<Option<Stored>, Error> {
    let within = |limit| Stored::open_with(input, &options_within(limit, dtype, format));
    match within(limit) {
        Err(Error::TooLarge { .. }) => within(Limit::default()),
        opened => opened,
    }
}

/// What can be done where V, of a file that gives no rows here and there, is too large for memory.
pub(crate) fn or_a_store(input: &Path) -> String {
    let input = input.display();
    format!("; partwise convert {input} -o v.pws makes a store, which stays on disk")
}

/// V, if it stays in its files, which are larger than what a fit leaves of the memory. How it is to be
/// read is a precision and a format.
///
/// # Errors
/// What is wrong with the files.
pub(crate) fn left_on_disk(
    input: &Path,
    (dtype, format): (Dtype, Option<&str>),
    nmf: &Nmf,
    limit: Limit,
) -> anyhow::Result<Option<Stored>> {
    /// What a fit of a matrix in memory may take beyond that of one on disk: a larger work space.
    const WORK_SPACE: u64 = 64 << 20;
    let Some(stored) = stored(input, (dtype, format), limit)? else {
        return Ok(None);
    };
    let needed = match stored.precision() {
        Precision::F32 => nmf.memory_needed(&stored.view::<f32>()),
        Precision::F64 => nmf.memory_needed(&stored.view::<f64>()),
    };
    // A sparse matrix in memory keeps its other axis beside it.
    let held = stored.bytes_in_memory();
    let twin = if stored.is_sparse() { held } else { 0 };
    let held = [held, twin, needed, WORK_SPACE];
    let held = held.into_iter().fold(0, u64::saturating_add);
    Ok((held > limit.bytes()).then_some(stored))
}

/// Bytes of a matrix in memory.
pub(crate) fn bytes_of<T>(matrix: &Matrix<T>) -> u64 {
    let values = size_of_val(matrix.stored()) as u64;
    let Matrix::Sparse(sparse) = matrix else {
        return values;
    };
    let index = match &sparse.indices {
        Indices::I32(indices) => size_of_val(&indices[..]),
        Indices::I64(indices) => size_of_val(&indices[..]),
    };
    values + (index + size_of_val(&sparse.offsets[..])) as u64
}

/// What a path is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// All of a file of text.
///
/// # Errors
/// What the system says; bytes that are no text.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| name(path))?;
    String::from_utf8(bytes)
        .map_err(|_| anyhow!("{}: is no UTF-8 text; save the file as UTF-8", name(path)))
}

/// A matrix in a precision that was asked for.
#[derive(Debug)]
pub(crate) struct Typed<T> {
    pub(crate) matrix: Matrix<T>,
    pub(crate) row_names: Option<Vec<String>>,
    /// How the file holds an entry.
    stored_as: String,
}

/// Reads a matrix in one precision.
///
/// # Errors
/// What reading meets.
pub(crate) fn read_as<T: Number>(path: &Path, format: Option<&str>) -> anyhow::Result<Typed<T>> {
    read_within(Limit::default(), path, format)
}

/// As [`read_as`], with a limit of memory.
///
/// # Errors
/// As [`read_as`].
pub(crate) fn read_within<T: Number>(
    limit: Limit,
    path: &Path,
    format: Option<&str>,
) -> anyhow::Result<Typed<T>> {
    read_by(&options_within(limit, T::DTYPE, format), path)
}

/// Reads one number a row, or a column: also out of an array of one dimension.
///
/// # Errors
/// As [`read_as`]; a matrix of several rows and columns, or of other than `count` numbers, which `of` names.
pub(crate) fn read_numbers<T: Number>(
    path: &Path,
    count: usize,
    of: &str,
) -> anyhow::Result<Vec<T>> {
    let options = ReadOptions {
        column: true,
        ..options(T::DTYPE, None)
    };
    let numbers = dense_from_file(read_by::<T>(&options, path)?.matrix)?;
    let (rows, cols) = (numbers.rows(), numbers.cols());
    anyhow::ensure!(
        rows.min(cols) == 1 && rows.max(cols) == count,
        "{}: has {rows} × {cols} numbers; expected one for each of the {count} {of}",
        name(path)
    );
    Ok(numbers.into_values())
}

fn read_by<T: Number>(options: &ReadOptions, path: &Path) -> anyhow::Result<Typed<T>> {
    let table = partwise_io::read(path, options)?;
    let matrix = T::from_any(table.matrix)
        .with_context(|| format!("{}: cannot be read as {}", name(path), T::NAME))?;
    Ok(Typed {
        matrix,
        row_names: table.row_names,
        stored_as: table.stored_as,
    })
}

/// A graph, which is a symmetric matrix of weights.
///
/// # Errors
/// A file that cannot be read; what the engine refuses of it.
pub(crate) fn graph(path: &Path) -> anyhow::Result<Graph> {
    let weights = read_as::<f64>(path, None)?.matrix;
    let view = weights.view().with_context(|| name(path))?;
    Graph::new(&view).with_context(|| name(path))
}

/// A factor to begin with. Its precision must be that of V unless `convert`; text and whole numbers have none.
///
/// # Errors
/// What reading meets; another precision.
pub(crate) fn start<T: Number>(path: &Path, convert: bool) -> anyhow::Result<Dense<T>> {
    let start = read_as::<T>(path, None)?;
    let stored = start.stored_as.as_str();
    if !convert && ["float32", "float64"].contains(&stored) && stored != T::NAME {
        bail!(
            "{}: holds {stored}, but V is {}; give --dtype to convert both",
            name(path),
            T::NAME
        );
    }
    dense_from_file(start.matrix)
}
