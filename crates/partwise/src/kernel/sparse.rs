//! Sparse rows against dense rows: gathers only, never a scatter. All at once, or as the entries of the rows come.
#![expect(
    unsafe_code,
    reason = "vectors are read from rows whose indices were checked when the matrix was made"
)]

use pulp::{Simd, WithSimd};

use super::{machine_for, prefetch};
use crate::Float;
use crate::matrix::{Compressed, Index, Row, with_indices};

/// Bytes that are on their way from memory at once, at most: a processor's first-level cache waits for about this much.
const BYTES_AHEAD: usize = 2048;
/// Vectors of sums at once: as many as stay in registers.
const MOST_VECTORS: usize = 8;
/// Lanes in the widest vector there is.
const MOST_LANES: usize = 16;
/// Sums at once at most.
const MOST_WIDTH: usize = MOST_VECTORS * MOST_LANES;

/// `out` (lines × k) = V · other for lines of a sparse V from `from` on, as many as `out` has rows; `other` has a row
/// of k values for each index.
pub(crate) fn gather_lines<T: Float>(
    out: &mut [T],
    sparse: &Compressed<'_, T>,
    from: usize,
    other: &[T],
    k: usize,
) {
    assert!(other.len() >= sparse.minor() * k, "a row for each index");
    machine_for::<T>(k).dispatch(Gather {
        out,
        sparse,
        from,
        other,
        k,
    });
}

struct Gather<'a, T: Float> {
    out: &'a mut [T],
    sparse: &'a Compressed<'a, T>,
    from: usize,
    other: &'a [T],
    k: usize,
}

impl<T: Float> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let k = self.k;
        in_vectors::<T, S>(simd, k, &mut self);
    }
}

/// Work on the columns of k values, some vectors of them at a time.
trait Columns<T: Float> {
    /// N vectors of columns from `first` on; the entries take turns in so many sets of sums.
    fn columns<S: Simd, const N: usize, const SETS: usize>(&mut self, simd: S, first: usize);
}

#[inline(always)]
fn in_vectors<T: Float, S: Simd>(simd: S, k: usize, work: &mut impl Columns<T>) {
    let lanes = T::count::<S>();
    for first in (0..k).step_by(MOST_VECTORS * lanes) {
        // With few sums, two sets of them take turns, so that neither waits for itself.
        match (k - first).div_ceil(lanes) {
            1 => work.columns::<S, 1, 2>(simd, first),
            2 => work.columns::<S, 2, 2>(simd, first),
            3 => work.columns::<S, 3, 2>(simd, first),
            4 => work.columns::<S, 4, 2>(simd, first),
            5 => work.columns::<S, 5, 2>(simd, first),
            6 => work.columns::<S, 6, 1>(simd, first),
            7 => work.columns::<S, 7, 1>(simd, first),
            _ => work.columns::<S, MOST_VECTORS, 1>(simd, first),
        }
    }
}

impl<T: Float> Columns<T> for Gather<'_, T> {
    /// For every line.
    #[inline(always)]
    fn columns<S: Simd, const N: usize, const SETS: usize>(&mut self, simd: S, first: usize) {
        let mut room = [T::ZERO; 2 * MOST_WIDTH];
        with_indices!(self.sparse.indices(), indices => {
            let source = Source {
                indices,
                values: self.sparse.values(),
                other: self.other,
                end: End::of(self.other, N * T::count::<S>(), &mut room),
                k: self.k,
                first,
            };
            for (line, out) in (self.from..).zip(self.out.chunks_exact_mut(self.k)) {
                let sums = source.line::<S, N, SETS>(simd, self.sparse.span(line));
                store(simd, &sums, &mut out[first..]);
            }
        });
    }
}

/// Writes N vectors into `out`, or as many of their values as it has room for.
#[inline(always)]
fn store<T: Float, S: Simd, const N: usize>(simd: S, vectors: &[T::Vector<S>; N], out: &mut [T]) {
    let (whole, rest) = T::split_mut::<S>(out);
    let count = whole.len();
    for (to, &vector) in whole.iter_mut().zip(vectors) {
        *to = vector;
    }
    if let Some(&last) = vectors.get(count) {
        T::store_part(simd, rest, last);
    }
}

/// N vectors of the values that there are, and zeros.
#[inline(always)]
fn load<T: Float, S: Simd, const N: usize>(simd: S, values: &[T]) -> [T::Vector<S>; N] {
    let (whole, rest) = T::split::<S>(values);
    std::array::from_fn(|q| match whole.get(q) {
        Some(&vector) => vector,
        None if q == whole.len() => T::part(simd, rest),
        None => T::splat(simd, T::ZERO),
    })
}

/// The last values of the other factor with zeros behind them, so that vectors that reach beyond the factor find some.
struct End<'a, T> {
    /// Rows from here on are read here.
    from: usize,
    values: &'a [T],
}

impl<'a, T: Float> End<'a, T> {
    /// For reading `width` values at once.
    fn of(other: &[T], width: usize, room: &'a mut [T]) -> Self {
        let from = other.len().saturating_sub(width);
        let rest = &other[from..];
        room[..rest.len()].copy_from_slice(rest);
        Self {
            from,
            values: &room[..2 * width],
        }
    }
}

/// How many values lie from one sum of k values to the next in [`Sums`]: whole vectors.
pub(crate) fn sum_stride<T: Float>(k: usize) -> usize {
    struct Lanes<T>(std::marker::PhantomData<T>);
    impl<T: Float> WithSimd for Lanes<T> {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            T::count::<S>()
        }
    }
    let lanes = machine_for::<T>(k).dispatch(Lanes(std::marker::PhantomData::<T>));
    k.next_multiple_of(lanes)
}

/// Sums of [`gather_lines`] on their way, while the entries of the lines come a run at a time: those of the even and those
/// of the odd entries of each line, which take turns there too. So the totals have the same bits, wherever runs end.
pub(crate) struct Sums<'a, T> {
    /// lines × 2 × [`sum_stride`].
    pub(crate) sums: &'a mut [T],
    /// Whether a line has had an odd number of entries.
    pub(crate) odd: &'a mut [bool],
}

impl<T: Float> Sums<'_, T> {
    /// Adds the entries that lines of a run, from `from` on, have: their indices count the rows of `other`, of k values.
    pub(crate) fn gather(self, run: &Compressed<'_, T>, from: usize, other: &[T], k: usize) {
        assert!(other.len() >= run.minor() * k, "a row for each index");
        let Self { sums, odd } = self;
        machine_for::<T>(k).dispatch(GoOn {
            sums,
            odd,
            run,
            from,
            other,
            k,
            stride: sum_stride::<T>(k),
        });
        for (line, odd) in (from..).zip(odd) {
            let (from, to) = run.span(line);
            *odd ^= (to - from) % 2 == 1;
        }
    }

    /// The same for lines that go across a run, from index `first` on, as many as there are sums: its own lines have `rows`, of k
    /// values. Where indices of a line do not rise, all of them are from `first` on.
    pub(crate) fn scatter(self, run: &Compressed<'_, T>, first: usize, rows: &[T], k: usize) {
        let Self { sums, odd } = self;
        machine_for::<T>(k).dispatch(Scatter {
            sums,
            odd,
            run,
            first,
            rows,
            k,
            stride: sum_stride::<T>(k),
        });
    }
}

struct Scatter<'a, T: Float> {
    sums: &'a mut [T],
    odd: &'a mut [bool],
    run: &'a Compressed<'a, T>,
    first: usize,
    rows: &'a [T],
    k: usize,
    stride: usize,
}

impl<T: Float> WithSimd for Scatter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let k = self.k;
        in_vectors::<T, S>(simd, k, &mut self);
    }
}

impl<T: Float> Columns<T> for Scatter<'_, T> {
    /// Of every entry. No more than one call of [`in_vectors`] has two sets, so that entries are counted once.
    #[inline(always)]
    fn columns<S: Simd, const N: usize, const SETS: usize>(&mut self, simd: S, first: usize) {
        let lanes = T::count::<S>();
        let (step, column) = (self.stride / lanes, first / lanes);
        let (sums, _) = T::split_mut::<S>(self.sums);
        let (run, values) = (self.run, self.run.values());
        let all = self.odd.len() == run.minor();
        with_indices!(run.indices(), indices => {
            for (line, row) in self.rows.chunks_exact(self.k).enumerate() {
                let row: [_; N] = load(simd, &row[first..]);
                let (mut from, mut to) = run.span(line);
                if !all {
                    let within = &indices[from..to];
                    let last = self.first + self.odd.len();
                    to = from + within.partition_point(|index| index.at() < last);
                    from += within.partition_point(|index| index.at() < self.first);
                }
                for entry in from..to {
                    // Those of the lines behind this one, too.
                    let coming = indices.get(entry + ahead::<T, S, N>());
                    if let Some(coming) = coming {
                        let at = coming.at().wrapping_sub(self.first);
                        if let Some(&odd) = self.odd.get(at) {
                            let at = (2 * at + usize::from(SETS == 2 && odd)) * step + column;
                            prefetch(sums.as_ptr().wrapping_add(at), N * size_of::<T::Vector<S>>());
                        }
                    }
                    let at = indices[entry].at() - self.first;
                    let set = SETS == 2 && self.odd[at];
                    if SETS == 2 {
                        self.odd[at] = !set;
                    }
                    let at = (2 * at + usize::from(set)) * step + column;
                    let sums = sums[at..].first_chunk_mut::<N>().expect("there is room for vectors");
                    let value = T::splat(simd, values[entry]);
                    for q in 0..N {
                        sums[q] = T::fma(simd, value, row[q], sums[q]);
                    }
                }
            }
        });
    }
}

struct GoOn<'a, T: Float> {
    sums: &'a mut [T],
    odd: &'a [bool],
    run: &'a Compressed<'a, T>,
    from: usize,
    other: &'a [T],
    k: usize,
    stride: usize,
}

impl<T: Float> WithSimd for GoOn<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let k = self.k;
        in_vectors::<T, S>(simd, k, &mut self);
    }
}

impl<T: Float> Columns<T> for GoOn<'_, T> {
    /// For every line that has entries.
    #[inline(always)]
    fn columns<S: Simd, const N: usize, const SETS: usize>(&mut self, simd: S, first: usize) {
        let k = self.k;
        let mut room = [T::ZERO; 2 * MOST_WIDTH];
        with_indices!(self.run.indices(), indices => {
            let source = Source {
                indices,
                values: self.run.values(),
                other: self.other,
                end: End::of(self.other, N * T::count::<S>(), &mut room),
                k,
                first,
            };
            let lines = self.sums.chunks_exact_mut(2 * self.stride).zip(self.odd);
            for (line, (both, &odd)) in (self.from..).zip(lines) {
                let (from, to) = self.run.span(line);
                for (set, sums) in both.chunks_exact_mut(self.stride).take(SETS).enumerate() {
                    // The first entry goes on where the last one of the run before left off.
                    let from = from + (set + usize::from(odd)) % SETS;
                    if from >= to {
                        continue;
                    }
                    let sums = &mut sums[first..];
                    let mut vectors = load::<T, S, N>(simd, sums);
                    for entry in (from..to).step_by(SETS) {
                        source.fetch::<S, N>(indices.get(entry + ahead::<T, S, N>()));
                        source.add(simd, indices[entry], source.values[entry], &mut vectors);
                    }
                    store(simd, &vectors, sums);
                }
            }
        });
    }
}

/// How many entries ahead rows of N vectors are asked for.
const fn ahead<T: Float, S: Simd, const N: usize>() -> usize {
    BYTES_AHEAD / (N * size_of::<T::Vector<S>>())
}

struct Source<'a, T, I> {
    indices: &'a [I],
    values: &'a [T],
    other: &'a [T],
    end: End<'a, T>,
    k: usize,
    first: usize,
}

impl<T: Float, I: Index> Source<'_, T, I> {
    #[inline(always)]
    fn line<S: Simd, const N: usize, const SETS: usize>(
        &self,
        simd: S,
        (from, to): (usize, usize),
    ) -> [T::Vector<S>; N] {
        let mut sums = [[T::splat(simd, T::ZERO); N]; SETS];
        let (indices, values) = (&self.indices[from..to], &self.values[from..to]);
        let ahead = ahead::<T, S, N>();
        let coming = &self.indices[(from + ahead).min(self.indices.len())..];
        let (index_sets, value_sets) = (indices.chunks_exact(SETS), values.chunks_exact(SETS));
        let rest = index_sets.remainder().iter().zip(value_sets.remainder());
        let mut entry = 0;
        for (indices, values) in index_sets.zip(value_sets) {
            for set in 0..SETS {
                self.fetch::<S, N>(coming.get(entry + set));
                self.add(simd, indices[set], values[set], &mut sums[set]);
            }
            entry += SETS;
        }
        for (&index, &value) in rest {
            self.fetch::<S, N>(coming.get(entry));
            self.add(simd, index, value, &mut sums[0]);
        }
        let mut sums = sums.into_iter();
        let first = sums.next().expect("there is a set of sums");
        sums.fold(first, |mut total, set| {
            for (total, x) in total.iter_mut().zip(set) {
                *total = T::plus(simd, *total, x);
            }
            total
        })
    }

    /// Asks for the row of an entry that is still to come.
    #[inline(always)]
    fn fetch<S: Simd, const N: usize>(&self, index: Option<&I>) {
        if let Some(index) = index {
            let at = index.at() * self.k + self.first;
            let bytes = N * size_of::<T::Vector<S>>();
            prefetch(self.other.as_ptr().wrapping_add(at), bytes);
        }
    }

    /// Adds an entry times its row.
    #[inline(always)]
    fn add<S: Simd, const N: usize>(
        &self,
        simd: S,
        index: I,
        value: T,
        sums: &mut [T::Vector<S>; N],
    ) {
        let at = index.at() * self.k + self.first;
        // The last vector may reach into the next row; what it finds there is not used.
        let row = match at >= self.end.from {
            false => self.other.as_ptr().wrapping_add(at),
            true => self.end.values.as_ptr().wrapping_add(at - self.end.from),
        };
        let row = row.cast::<T::Vector<S>>();
        let value = T::splat(simd, value);
        for (q, sum) in sums.iter_mut().enumerate() {
            // SAFETY: `at` is below the length of `other`, since there is a row for each index. N vectors from `at` on lie in
            // `other` before the beginning of `end`, and in `end` from there, and vectors have the alignment of their numbers.
            let x = unsafe { row.add(q).read_unaligned() };
            *sum = T::fma(simd, value, x, *sum);
        }
    }
}

/// The inner product of two rows of k values.
#[inline(always)]
pub(crate) fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 8;
    let mut sums = [T::ZERO; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut tail = T::ZERO;
    for (&x, &y) in a_chunks.remainder().iter().zip(b_chunks.remainder()) {
        tail += x * y;
    }
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().fold(tail, |sum, &lane| sum + lane)
}

/// Adds the places of the entries of a sparse row, in their order.
pub(crate) fn extend_places<T>(places: &mut Vec<usize>, row: &Row<'_, T>) {
    with_indices!(row.indices, indices => {
        places.extend(indices.iter().map(|index| index.at()));
    });
}

/// Calls `visit(index, value)` for the entries of a sparse row, in their order.
#[inline(always)]
pub(crate) fn for_each_entry<T: Float>(row: Row<'_, T>, mut visit: impl FnMut(usize, T)) {
    with_indices!(row.indices, indices => {
        for (index, &value) in indices.iter().zip(row.values) {
            visit(index.at(), value);
        }
    });
}
