//! What the fuzz targets share: a bounded heap, a place for files, and what must hold of whatever a reader makes of them.
//!
//! A target is bounded in memory and time, so that what it finds is a fault of this project and not the size of a heap: readers get
//! [`LIMIT`], all allocations together [`HEAP_BYTES`], and libFuzzer ends an input after its `-timeout`.

pub mod fits;
pub mod spoilt;

use std::alloc::System;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cap::Cap;
use partwise_io::{
    AnyMatrix, Batch, Dtype, Format, Layout, Matrix, ReadOptions, Stored, describe, for_each_batch,
    read,
};

/// Bytes that a reader is told it may take: room for every seed, and few enough that what a small file claims is done in a moment.
pub const LIMIT: u64 = 1 << 19;
/// Bytes that may be allocated at once: enough for any honest reader under [`LIMIT`] with the tables of its decompressor, and for the
/// 256 MiB that the reader of TIFF reserves, but does not touch, before it looks whether a tag has as many values as it says.
pub const HEAP_BYTES: usize = 384 << 20;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Sets the target up. A panic that a reader turns into an error goes on unwinding; any other ends the program, as a finding.
pub fn begin() {
    HEAP.set_limit(HEAP_BYTES).expect("little is taken yet");
    // That of libFuzzer ends the program at any panic.
    drop(std::panic::take_hook());
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !(partwise_io::panics_are_errors() || partwise_apps::panics_are_errors()) {
            said(panic);
            std::process::abort();
        }
    }));
    folder();
}

/// The folder of this process, where temporary files go: `fuzz/run.sh` has a place in memory for them.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("partwise-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the input");
        folder
    })
}

/// The input as a file of that name. The same file is written again and again.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a file of the input");
    path
}

/// The input but its last bytes, and those: they say how it is read, and leave the seeds what they are to other programs.
pub fn split(data: &[u8], tail: usize) -> Option<(&[u8], &[u8])> {
    data.split_at_checked(data.len().checked_sub(tail)?)
}

/// That an error is one line that says something.
pub fn one_line(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// The value of a result; what is said of an error must be one line.
pub fn checked<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result.inspect_err(one_line).ok()
}

/// Reads a matrix in one of the ways that there are; the last byte of the input chooses way and options.
pub fn matrix(formats: &[&str], extension: &str, data: &[u8]) {
    let Some((bytes, choice)) = split(data, 1) else {
        return;
    };
    let path = file(&format!("v.{extension}"), bytes);
    survey(formats, &path, choice[0]);
}

/// Names of arrays and layers in a file, some of which are there.
const ARRAYS: [&str; 8] = ["X", "raw/X", "layers/counts", "a", "..", "/", "", "X/data"];

/// As [`matrix`], of a file or folder that is there.
pub fn survey(formats: &[&str], path: &Path, choice: u8) {
    let pick = usize::from(choice >> 5) % formats.len();
    let holds_several = ["hdf5", "npz", "zarr"].contains(&formats[pick]);
    let options = ReadOptions {
        dtype: match choice >> 1 & 3 {
            1 => Dtype::F32,
            2 => Dtype::F64,
            _ => Dtype::Auto,
        },
        format: Format::by_name(formats[pick]),
        memory_limit: Some(LIMIT),
        header: (choice & 8 != 0).then_some(choice & 1 != 0),
        row_names: (choice & 16 != 0).then_some(choice & 1 == 0),
        array: (holds_several && choice & 8 != 0)
            .then(|| ARRAYS[usize::from(choice >> 5)].to_owned()),
        column: choice & 16 != 0,
    };
    // Reading is what most inputs are for; the other ways share its parsers.
    match choice & 7 {
        5 => {
            checked(describe(path, &options));
        }
        6 => batches(path, &options),
        7 => stored(path, &options),
        _ => {
            if let Some(table) = checked(read(path, &options)) {
                let (rows, cols) = table.matrix.shape();
                assert!(table.row_names.is_none_or(|names| names.len() == rows));
                assert!(table.col_names.is_none_or(|names| names.len() == cols));
                match &table.matrix {
                    AnyMatrix::F32(matrix) => canonical(matrix),
                    AnyMatrix::F64(matrix) => canonical(matrix),
                }
            }
        }
    }
}

/// That a sparse matrix is what the engine takes without a further look: lines in order, indices rising and in range.
fn canonical<T>(matrix: &Matrix<T>) {
    let sparse = match matrix {
        Matrix::Dense(dense) => return assert_eq!(dense.data.len(), dense.rows * dense.cols),
        Matrix::Sparse(sparse) => sparse,
    };
    let (major, minor) = match sparse.layout {
        Layout::Csr => (sparse.rows, sparse.cols),
        Layout::Csc => (sparse.cols, sparse.rows),
    };
    assert_eq!(sparse.offsets.len(), major + 1);
    assert_eq!(sparse.offsets[major] as usize, sparse.values.len());
    assert_eq!(sparse.indices.len(), sparse.values.len());
    for line in sparse.offsets.windows(2) {
        let mut least = 0;
        for at in line[0]..line[1] {
            let index = sparse.indices.get(at as usize);
            assert!(index >= least && index < minor, "index {index} of {minor}");
            least = index + 1;
        }
    }
}

/// Rows as they come, until there are more than readers get memory for: a small file may say that it has any number of zeros.
fn batches(path: &Path, options: &ReadOptions) {
    let (mut width, mut seen) = (None, 0);
    let mut visit = |batch: Batch<'_>| {
        assert_eq!(
            *width.get_or_insert(batch.cols),
            batch.cols,
            "rows of another width"
        );
        match batch.sparse {
            None => assert_eq!(batch.values.len(), batch.rows * batch.cols),
            Some((counts, columns)) => {
                assert_eq!(counts.len(), batch.rows);
                assert_eq!(counts.iter().sum::<usize>(), batch.values.len());
                assert!(columns.iter().all(|column| (*column as usize) < batch.cols));
            }
        }
        seen += batch.rows + batch.values.len();
        (seen as u64) < LIMIT
    };
    checked(for_each_batch(path, options, 3, &mut visit));
}

/// A matrix that stays in its file: what the engine does with it, which reads every line.
fn stored(path: &Path, options: &ReadOptions) {
    let Some(Some(stored)) = checked(Stored::open_with(path, options)) else {
        return;
    };
    let (rows, cols) = stored.shape();
    if (rows as u64 + cols as u64) * 64 > LIMIT {
        return;
    }
    let nmf = partwise::Nmf::new(1)
        .max_iter(1)
        .threads(Some(std::num::NonZeroUsize::MIN));
    let error: Option<partwise::Error> = match stored.precision() {
        partwise_io::Precision::F32 => nmf.fit(&stored.view::<f32>()).err(),
        partwise_io::Precision::F64 => nmf.fit(&stored.view::<f64>()).err(),
    };
    if let Some(error) = error {
        one_line(&error);
    }
}
