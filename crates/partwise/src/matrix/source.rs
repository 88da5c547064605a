//! A matrix to be walked: its lines in order, a run at a time, and products with them on the way.
//!
//! How lines are cut into runs and blocks depends on the shape alone. Neither threads nor memory, nor whether V is in
//! memory at all, may change the order of sums.

use std::sync::Arc;

use faer::MatRef;

use super::streamed::Kept;
use super::{Across, Compressed, Dense, Lines, Matrix, Stream, Tiles, Twin, tiles};
use crate::Float;
use crate::kernel;
use crate::pass::TILE_COLS;
use crate::threads::Threads;

/// Bytes of V in a run of lines whose statistics are added while they are still in cache.
const RUN_BYTES: usize = 4 << 20;
/// Blocks in a run of lines: pieces of work for the threads.
const BLOCKS_IN_RUN: usize = 8;
/// Lines in a block of a sparse matrix, and blocks in a run of them.
pub(crate) const SPARSE_BLOCK: usize = 256;
const SPARSE_RUN: usize = 64;
/// Tiles of columns at least, where the columns allow: pieces of work for the threads.
const COLUMN_TILES: usize = 8;
/// The narrowest tile of columns that keeps the product efficient.
const NARROWEST_TILE: usize = 32;

/// V with what is needed to walk it both ways: nothing more if dense, the twin if sparse.
pub(crate) enum Source<'a, T: Float> {
    Dense(MatRef<'a, T>),
    /// Dense, with zeros in the place of NaN.
    Holed(MatRef<'a, T>),
    /// Sparse by rows, and its twin by columns.
    Csr(Compressed<'a, T>, Arc<Twin<T>>),
    /// Sparse by rows, and twins of tiles of them.
    Tiled(Compressed<'a, T>, Tiles<T>),
    /// Sparse by columns, and its twin by rows.
    Csc(Compressed<'a, T>, Arc<Twin<T>>),
    /// Made here: sparse by lines, and by columns.
    Owned(Twin<T>, Twin<T>),
    /// Not in memory, or without the twin: it can only be walked, in its own order.
    Streamed(Stream<'a, T>, Kept<T>),
}

/// What is wanted of a sparse matrix by rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whole columns, in memory.
    Columns,
    /// What rows say of the columns, as for the squared loss: those of a large matrix come by tiles.
    Sums,
    /// The rows alone, while the factor that goes with the columns is held.
    Rows,
}

/// The twins of sparse runs that a walk hands over, of lines that have none for good.
#[derive(Clone, Copy)]
pub(crate) enum Twins<'t> {
    None,
    /// Those that are kept, which these threads make once.
    Kept(&'t Threads),
    /// Of every run.
    All(&'t Threads),
}

impl<'t> Twins<'t> {
    /// Who makes those that are kept, if they are wanted.
    pub(super) fn makers(self) -> Option<&'t Threads> {
        match self {
            Self::None => None,
            Self::Kept(threads) | Self::All(threads) => Some(threads),
        }
    }
}

/// How lines are cut: lines in a run, which one thread after the other goes over, and in a block, which is one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) run: usize,
    pub(crate) block: usize,
}

impl Cut {
    /// The cut of dense lines with so many entries.
    pub(crate) fn of_dense<T>(length: usize) -> Self {
        let bytes = length * size_of::<T>();
        let run = (RUN_BYTES / bytes.max(1)).clamp(64, 4096);
        let block = run.div_ceil(BLOCKS_IN_RUN);
        Self { run, block }
    }
}

/// The width of a tile of columns.
pub(crate) fn column_tile(columns: usize) -> usize {
    columns
        .div_ceil(COLUMN_TILES)
        .next_multiple_of(NARROWEST_TILE)
        .min(TILE_COLS)
}

impl<'a, T: Float> Source<'a, T> {
    /// A streamed matrix must come with its lines as rows.
    pub(crate) fn new(matrix: Matrix<'a, T>) -> Self {
        Self::with_twin(matrix, None)
    }

    /// The same, with no more of a sparse matrix by rows than is wanted.
    pub(crate) fn for_use(matrix: Matrix<'a, T>, wanted: Wanted) -> Self {
        let Matrix::Csr(sparse) = matrix else {
            return Self::new(matrix);
        };
        let tiles = match wanted {
            Wanted::Columns => None,
            Wanted::Sums => Tiles::of(&sparse),
            Wanted::Rows => Some(Tiles::none_yet()),
        };
        match tiles {
            Some(tiles) => Self::Tiled(sparse, tiles),
            None => Self::new(matrix),
        }
    }

    /// As [`Self::new`], with the twin that was made of the matrix before.
    pub(crate) fn with_twin(matrix: Matrix<'a, T>, twin: Option<Arc<Twin<T>>>) -> Self {
        let made = |sparse| twin.unwrap_or_else(|| Arc::new(Twin::of(sparse)));
        match matrix {
            Matrix::Dense(view) => Self::Dense(view),
            Matrix::Csr(sparse) => Self::Csr(sparse, made(&sparse)),
            Matrix::Csc(sparse) => Self::Csc(sparse, made(&sparse)),
            Matrix::Streamed(streamed) => Self::Streamed(streamed.lines, Kept::new()),
        }
    }

    /// The twin, if there is one.
    pub(crate) fn twin(&self) -> Option<Arc<Twin<T>>> {
        match self {
            Self::Dense(_)
            | Self::Holed(_)
            | Self::Tiled(..)
            | Self::Owned(..)
            | Self::Streamed(..) => None,
            Self::Csr(_, twin) | Self::Csc(_, twin) => Some(twin.clone()),
        }
    }

    pub(crate) fn is_sparse(&self) -> bool {
        match self {
            Self::Dense(_) | Self::Holed(_) => false,
            Self::Csr(..) | Self::Tiled(..) | Self::Csc(..) | Self::Owned(..) => true,
            Self::Streamed(stream, _) => stream.is_sparse(),
        }
    }

    /// Whether its columns are in memory whole.
    pub(crate) fn has_columns(&self) -> bool {
        !matches!(self, Self::Holed(_) | Self::Tiled(..) | Self::Streamed(..))
    }

    /// The rows of a matrix in memory, NaN where they have it.
    pub(crate) fn rows(&self) -> Lines<'_, T> {
        match self {
            Self::Dense(view) | Self::Holed(view) => Lines::Dense(*view),
            Self::Owned(lines, _) => Lines::Sparse(lines.view()),
            Self::Csr(sparse, _) | Self::Tiled(sparse, _) => Lines::Sparse(*sparse),
            Self::Csc(_, twin) => Lines::Sparse(twin.view()),
            Self::Streamed(..) => unreachable!("the lines of a stream are walked"),
        }
    }

    /// The columns of a matrix that has them.
    pub(crate) fn columns(&self) -> Lines<'_, T> {
        match self {
            Self::Dense(view) => Lines::Dense(view.transpose()),
            Self::Csr(_, twin) => Lines::Sparse(twin.view()),
            Self::Csc(sparse, _) => Lines::Sparse(*sparse),
            Self::Owned(_, columns) => Lines::Sparse(columns.view()),
            Self::Holed(_) | Self::Tiled(..) | Self::Streamed(..) => {
                unreachable!("there are no whole columns")
            }
        }
    }

    /// Number of lines.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Streamed(stream, _) => stream.count(),
            _ => self.rows().count(),
        }
    }

    /// Entries in a line, stored or not.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Streamed(stream, _) => stream.length(),
            _ => self.rows().length(),
        }
    }

    pub(crate) fn cut(&self) -> Cut {
        if self.is_sparse() {
            return Cut {
                run: SPARSE_BLOCK * SPARSE_RUN,
                block: SPARSE_BLOCK,
            };
        }
        Cut::of_dense::<T>(self.length())
    }

    /// Whether products with its lines go to the kernels for rows that lie together.
    pub(crate) fn has_dense_rows(&self) -> bool {
        match self {
            Self::Dense(view) => kernel::has_rows(*view),
            Self::Holed(_) => true,
            Self::Streamed(stream, _) => matches!(stream, Stream::Dense(_)),
            _ => false,
        }
    }

    /// Hands over all lines in order, `run` of them at a time, with the number of the first. Sparse lines that are not in memory
    /// come in the runs in which they are kept, and those with twins in tiles.
    pub(crate) fn walk(&self, run: usize, mut visit: impl FnMut(usize, Lines<'_, T>)) {
        self.walk_with_twins(run, Twins::None, |first, lines, _| visit(first, lines));
    }

    /// As [`Self::walk`], with the `twins` that are wanted.
    pub(crate) fn walk_with_twins(
        &self,
        run: usize,
        twins: Twins<'_>,
        mut visit: impl FnMut(usize, Lines<'_, T>, Option<&Twin<T>>),
    ) {
        match self {
            Self::Streamed(stream, kept) => return stream.walk(run, twins, kept, visit),
            Self::Tiled(lines, kept) => return tiles::walk(lines, Some(kept), twins, visit),
            Self::Holed(view) => {
                return walk_holed(*view, run, |first, lines| visit(first, lines, None));
            }
            _ => {}
        }
        let lines = self.rows();
        for first in (0..lines.count()).step_by(run) {
            let last = (first + run).min(lines.count());
            visit(first, lines.range(first, last), None);
        }
    }

    /// The product with a matrix (length × l), a row for each line.
    pub(crate) fn times(&self, x: &Dense<T>, threads: &Threads) -> Dense<T> {
        let (cut, width) = (self.cut(), x.cols());
        let mut out = Dense::zeros(self.count(), width);
        self.walk(cut.run, |first, lines| {
            let span = first * width..(first + lines.count()) * width;
            lines.times_into(&mut out.as_mut_slice()[span], x, cut.block, threads);
        });
        out
    }

    /// The product of the transposed with a matrix (count × l), a row for each entry of a line.
    pub(crate) fn transposed_times(&self, y: &Dense<T>, threads: &Threads) -> Dense<T> {
        if self.is_sparse() && self.has_columns() {
            return self.columns().times(y, threads);
        }
        let (length, width) = (self.length(), y.cols());
        let mut out = Dense::zeros(length, width);
        let mut across = self.is_sparse().then(|| Across::new(length, width));
        let tile = column_tile(length);
        let twins = Twins::Kept(threads);
        self.walk_with_twins(self.cut().run, twins, |first, lines, twin| {
            let rows = y.row_range(first, first + lines.count());
            match (lines, across.as_mut()) {
                (Lines::Sparse(run), Some(across)) => across.add((&run, twin), rows, threads),
                (Lines::Dense(view), _) => {
                    threads.map_chunks(out.as_mut_slice(), tile * width, |index, out| {
                        let columns = view.subcols(index * tile, out.len() / width);
                        kernel::add_transposed_times(out, columns, rows);
                    });
                }
                (Lines::Sparse(_), None) => unreachable!("sparse lines have sums across"),
            }
        });
        if let Some(mut across) = across {
            across.finish(out.as_mut_slice(), threads);
        }
        out
    }

    /// Line `i`, zeros included.
    pub(crate) fn line(&self, i: usize) -> Vec<T> {
        if let Self::Streamed(stream, _) = self {
            return stream.line(i);
        }
        let mut out = vec![T::ZERO; self.length()];
        self.rows().pack(i, i + 1, &mut out);
        out
    }

    /// Entry `j` of each line.
    pub(crate) fn across(&self, j: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(self.count());
        if self.is_sparse() && self.has_columns() {
            out.resize(self.count(), T::ZERO);
            self.columns().pack(j, j + 1, &mut out);
            return out;
        }
        self.walk(self.cut().run, |_, lines| match lines {
            Lines::Dense(view) => out.extend((0..view.nrows()).map(|i| view[(i, j)])),
            Lines::Sparse(run) => out.extend((0..run.major()).map(|i| {
                let mut found = T::ZERO;
                kernel::for_each_entry(run.row(i), |index, value| {
                    if index == j {
                        found = value;
                    }
                });
                found
            })),
        });
        out
    }

    /// Σ v² of each line.
    pub(crate) fn squares(&self, threads: &Threads) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.count());
        self.walk(self.cut().run, |_, lines| {
            out.extend(lines.squares(threads))
        });
        out
    }

    /// Σ v² across the lines, for each entry of a line.
    pub(crate) fn squares_across(&self, threads: &Threads) -> Vec<f64> {
        if self.is_sparse() && self.has_columns() {
            return self.columns().squares(threads);
        }
        let mut out = vec![0.0; self.length()];
        self.walk(self.cut().run, |_, lines| match lines {
            Lines::Dense(view) => {
                for i in 0..view.nrows() {
                    for (sum, v) in out.iter_mut().zip(view.row(i).iter()) {
                        *sum += v.to_f64().powi(2);
                    }
                }
            }
            Lines::Sparse(run) => {
                for i in 0..run.major() {
                    kernel::for_each_entry(run.row(i), |j, v| out[j] += v.to_f64().powi(2));
                }
            }
        });
        out
    }
}

/// Hands over the lines of a dense matrix, `run` of them at a time, with zeros in the place of NaN.
fn walk_holed<T: Float>(
    view: MatRef<'_, T>,
    run: usize,
    mut visit: impl FnMut(usize, Lines<'_, T>),
) {
    let (count, length) = (view.nrows(), view.ncols());
    let mut room = vec![T::ZERO; run.min(count) * length];
    for first in (0..count).step_by(run) {
        let lines = run.min(count - first);
        let room = &mut room[..lines * length];
        kernel::pack(room, view.subrows(first, lines));
        for value in room.iter_mut() {
            if value.to_f64().is_nan() {
                *value = T::ZERO;
            }
        }
        let zeroed = MatRef::from_row_major_slice(&*room, lines, length);
        visit(first, Lines::Dense(zeroed));
    }
}
