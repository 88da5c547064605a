//! Products of dense rows of V with the factors: the two that a pass is made of.
//!
//! Both keep a tile of sums in registers while they walk along V. V · H broadcasts an entry of V over k lanes of a
//! packed H. Vᵀ · W takes vectors along the rows of V, so it wastes no lane on k, and turns its sums over at the end.
#![expect(
    unsafe_code,
    reason = "the innermost loops walk several rows at once, whose lengths the compiler cannot compare"
)]

use faer::MatRef;
use pulp::{Simd, WithSimd};

use super::{machine, prefetch};
use crate::Float;
use crate::threads::Threads;

/// Columns of V in a block: the part of a panel that belongs to them stays in the first-level cache.
const COLUMNS: usize = 256;
/// Rows of V that share a walk along a panel, for panels of one and of two vectors. With sixteen registers more sums
/// would be spilled to memory.
const ROWS: [usize; 2] = [8, 6];
/// Rows of V in a block of Vᵀ · W: a tile of them stays in the first-level cache, and its pages in the first table.
const DEEP: usize = 48;
/// Vectors along a row of V in a tile of Vᵀ · W, and columns of W.
const ACROSS: usize = 2;
const ALONG: usize = 6;

/// A matrix (n × k) packed for products from the left: panels of two vectors of columns and a last one of one, each panel
/// holding its part of row after row, padded with zeros.
#[derive(Clone, Debug)]
pub(crate) struct Packed<T> {
    k: usize,
    /// Lanes in a vector.
    lanes: usize,
    values: Vec<T>,
}

impl<T: Float> Packed<T> {
    pub(crate) fn new(rows: &[T], k: usize, threads: &Threads) -> Self {
        /// Rows in a task.
        const TASK: usize = 4096;
        let lanes = lanes::<T>();
        let n = rows.len() / k;
        let mut values = vec![T::ZERO; n * k.next_multiple_of(lanes)];
        for (panel, first) in values
            .chunks_mut(n * 2 * lanes)
            .zip((0..k).step_by(2 * lanes))
        {
            let width = panel.len() / n;
            let used = width.min(k - first);
            threads.map_chunks(panel, TASK * width, |task, panel| {
                let rows = rows[task * TASK * k..].chunks_exact(k);
                for (to, row) in panel.chunks_exact_mut(width).zip(rows) {
                    to[..used].copy_from_slice(&row[first..first + used]);
                }
            });
        }
        Self { k, lanes, values }
    }
}

fn lanes<T: Float>() -> usize {
    struct Count<T>(std::marker::PhantomData<T>);
    impl<T: Float> WithSimd for Count<T> {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            T::count::<S>()
        }
    }
    machine().dispatch(Count::<T>(std::marker::PhantomData))
}

/// Whether the entries of a row follow each other in memory, as the products here need.
pub(crate) fn has_rows<T: Float>(v: MatRef<'_, T>) -> bool {
    v.col_stride() == 1 || v.ncols() == 1
}

/// `out` (r × k) = V (r × n) · right (n × k).
pub(crate) fn times_packed<T: Float>(out: &mut [T], v: MatRef<'_, T>, right: &Packed<T>) {
    debug_assert!(has_rows(v) && out.len() == v.nrows() * right.k);
    machine().dispatch(Times { out, v, right });
}

struct Times<'a, T> {
    out: &'a mut [T],
    v: MatRef<'a, T>,
    right: &'a Packed<T>,
}

impl<T: Float> WithSimd for Times<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, v, right } = self;
        debug_assert_eq!(right.lanes, T::count::<S>());
        let n = v.ncols();
        // Sums in whole vectors, row after row.
        let padded = right.k.next_multiple_of(right.lanes);
        let mut sums = vec![T::ZERO; v.nrows() * padded];
        for column in (0..n).step_by(COLUMNS) {
            let width = COLUMNS.min(n - column);
            let v = v.subcols(column, width);
            let pair = 2 * right.lanes;
            for (panel, first) in right.values.chunks(n * pair).zip((0..).step_by(pair)) {
                let lanes = panel.len() / n;
                let panel = &panel[column * lanes..(column + width) * lanes];
                let (panel, _) = T::split::<S>(panel);
                let (sums, _) = T::split_mut::<S>(&mut sums);
                let mut rows = Rows {
                    simd,
                    v,
                    panel,
                    sums,
                    stride: padded / right.lanes,
                    first: first / right.lanes,
                };
                if lanes == pair {
                    rows.walk::<{ ROWS[1] }, 2>();
                } else {
                    rows.walk::<{ ROWS[0] }, 1>();
                }
            }
        }
        for (out, sums) in out.chunks_exact_mut(right.k).zip(sums.chunks_exact(padded)) {
            out.copy_from_slice(&sums[..right.k]);
        }
    }
}

/// All rows of a block of V against one panel.
struct Rows<'a, T: Float, S: Simd> {
    simd: S,
    v: MatRef<'a, T>,
    panel: &'a [T::Vector<S>],
    /// Sums of the whole block, and where those of the panel begin in a row of them.
    sums: &'a mut [T::Vector<S>],
    stride: usize,
    first: usize,
}

impl<T: Float, S: Simd> Rows<'_, T, S> {
    #[inline(always)]
    fn walk<const R: usize, const P: usize>(&mut self) {
        let count = self.v.nrows();
        let whole = count - count % R;
        for row in (0..whole).step_by(R) {
            self.tile::<R, P>(row);
        }
        let mut row = whole;
        while count - row >= 2 {
            self.tile::<2, P>(row);
            row += 2;
        }
        if row < count {
            self.tile::<1, P>(row);
        }
    }

    /// Adds R rows of V times the panel to the sums.
    #[inline(always)]
    fn tile<const R: usize, const P: usize>(&mut self, row: usize) {
        let Self {
            simd,
            v,
            panel,
            sums: total,
            stride,
            first,
        } = self;
        let simd = *simd;
        debug_assert!(row + R <= v.nrows() && panel.len() == v.ncols() * P);
        let rows: [*const T; R] = std::array::from_fn(|i| v.ptr_at(row + i, 0));
        let mut sums = [[T::splat(simd, T::ZERO); P]; R];
        for (j, h) in panel.chunks_exact(P).enumerate() {
            for (row, sums) in rows.iter().zip(&mut sums) {
                // SAFETY: the panel has P vectors for each column of V, so j is a column; the rows lie in V, and their
                // entries follow each other in memory.
                let x = T::splat(simd, unsafe { *row.add(j) });
                for (sum, &h) in sums.iter_mut().zip(h) {
                    *sum = T::fma(simd, x, h, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let from = (row + i) * *stride + *first;
            for (total, &sum) in total[from..from + P].iter_mut().zip(sums) {
                *total = T::plus(simd, *total, sum);
            }
        }
    }
}

/// `out` (c × k) += Vᵀ (c × r) · left (r × k).
pub(crate) fn add_transposed_times<T: Float>(out: &mut [T], v: MatRef<'_, T>, left: &[T]) {
    debug_assert!(has_rows(v));
    machine().dispatch(TransposedTimes { out, v, left });
}

struct TransposedTimes<'a, T> {
    out: &'a mut [T],
    v: MatRef<'a, T>,
    left: &'a [T],
}

impl<T: Float> WithSimd for TransposedTimes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, v, left } = self;
        let (count, width) = (v.ncols(), ACROSS * T::count::<S>());
        let k = left.len() / v.nrows().max(1);
        // For each tile of columns k lines of sums.
        let mut sums = vec![T::ZERO; k * count.next_multiple_of(width)];
        let mut padded = vec![T::ZERO; if count % width > 0 { DEEP * width } else { 0 }];
        for row in (0..v.nrows()).step_by(DEEP) {
            let deep = DEEP.min(v.nrows() - row);
            let rows = v.subrows(row, deep);
            let left = &left[row * k..(row + deep) * k];
            for (column, sums) in (0..).step_by(width).zip(sums.chunks_exact_mut(k * width)) {
                let (sums, _) = T::split_mut::<S>(sums);
                let (tile, stride) = if column + width <= count {
                    (rows.ptr_at(0, column), rows.row_stride())
                } else {
                    // The last columns do not fill their vectors: a padded copy does.
                    let last = rows.subcols(column, count - column);
                    for (i, to) in padded.chunks_exact_mut(width).take(deep).enumerate() {
                        for (j, to) in to[..count - column].iter_mut().enumerate() {
                            *to = last[(i, j)];
                        }
                    }
                    (padded.as_ptr(), width as isize)
                };
                // SAFETY: `deep` rows of `width` entries each lie behind the pointer, a stride apart.
                unsafe {
                    add_tile::<T, S>(simd, tile, stride, left, k, sums);
                }
            }
        }
        let tiles = sums.chunks_exact(k * width);
        for (out, sums) in out.chunks_mut(width * k).zip(tiles) {
            for (j, out) in out.chunks_exact_mut(k).enumerate() {
                for (out, sums) in out.iter_mut().zip(sums.chunks_exact(width)) {
                    *out += sums[j];
                }
            }
        }
    }
}

/// Adds to `sums` (k × ACROSS vectors) what the rows of a tile of V say.
///
/// # Safety
/// Behind `v` lie as many rows as `left` has, `stride` apart, of ACROSS whole vectors each.
#[inline(always)]
unsafe fn add_tile<T: Float, S: Simd>(
    simd: S,
    v: *const T,
    stride: isize,
    left: &[T],
    k: usize,
    sums: &mut [T::Vector<S>],
) {
    // Shares as even as they come: a lonely column would wait for its own sums.
    let shares = k.div_ceil(ALONG);
    let mut t = 0;
    for share in 0..shares {
        let along = (k + share) / shares;
        let sums = &mut sums[t * ACROSS..(t + along) * ACROSS];
        // Only the first share waits for memory, and fetches the next tile of the rows meanwhile.
        let ahead = if share == 0 {
            ACROSS * size_of::<T::Vector<S>>()
        } else {
            0
        };
        // SAFETY: as promised by the caller; columns t to t + along are columns of `left`.
        unsafe {
            match along {
                1 => add_columns::<T, S, 1>(simd, (v, stride), left, (k, t), ahead, sums),
                2 => add_columns::<T, S, 2>(simd, (v, stride), left, (k, t), ahead, sums),
                3 => add_columns::<T, S, 3>(simd, (v, stride), left, (k, t), ahead, sums),
                4 => add_columns::<T, S, 4>(simd, (v, stride), left, (k, t), ahead, sums),
                5 => add_columns::<T, S, 5>(simd, (v, stride), left, (k, t), ahead, sums),
                _ => add_columns::<T, S, ALONG>(simd, (v, stride), left, (k, t), ahead, sums),
            }
        }
        t += along;
    }
}

/// [`add_tile`] for C columns of `left`, from column `t`, fetching `ahead` bytes behind each row.
///
/// # Safety
/// As [`add_tile`], and t + C is at most k.
#[inline(always)]
unsafe fn add_columns<T: Float, S: Simd, const C: usize>(
    simd: S,
    (v, stride): (*const T, isize),
    left: &[T],
    (k, t): (usize, usize),
    ahead: usize,
    sums: &mut [T::Vector<S>],
) {
    let mut tile: [[T::Vector<S>; ACROSS]; C] =
        std::array::from_fn(|c| std::array::from_fn(|a| sums[c * ACROSS + a]));
    for r in 0..left.len() / k {
        // SAFETY: r is a row of both, and vectors have the alignment of their numbers.
        let (v, left) = unsafe {
            let row = v.offset(r as isize * stride).cast::<T::Vector<S>>();
            prefetch(row.wrapping_add(ACROSS), ahead);
            let v: [T::Vector<S>; ACROSS] = std::array::from_fn(|a| row.add(a).read_unaligned());
            (v, left.as_ptr().add(r * k + t))
        };
        for (c, sums) in tile.iter_mut().enumerate() {
            // SAFETY: t + c is a column of `left`.
            let x = T::splat(simd, unsafe { *left.add(c) });
            for (sum, &v) in sums.iter_mut().zip(&v) {
                *sum = T::fma(simd, x, v, *sum);
            }
        }
    }
    // Arrays of a known length: the compiler may call a function to copy slices.
    for (sums, tile) in sums.as_chunks_mut().0.iter_mut().zip(tile) {
        *sums = tile;
    }
}
