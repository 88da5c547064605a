//! The kernels against what this machine can do at most: operations against its peak of fused multiply-adds, bytes
//! against its reads from memory. One thread. `cargo bench -p partwise --features kernels`.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use partwise::kernels;
use partwise::{Compressed, Dense, Float, Matrix};

const RANKS: [usize; 3] = [10, 32, 64];

fn main() {
    divan::main();
}

/// Values between 0 and 1 that do not repeat soon.
fn values<T: Float>(count: usize) -> Vec<T> {
    let value = |i: usize| (i as f64 * 0.618_033_988_75 + 0.1).fract();
    (0..count).map(|i| T::from_f64(value(i))).collect()
}

fn dense<T: Float>(rows: usize, cols: usize) -> Dense<T> {
    Dense::from_rows(values(rows * cols), rows, cols).unwrap()
}

/// What the machine can do at most: operations (items) and bytes a second.
#[divan::bench_group]
mod limits {
    use super::*;

    #[divan::bench(types = [f64, f32])]
    fn multiply_add<T: Float>(bencher: Bencher<'_, '_>) {
        const ROUNDS: usize = 100_000;
        let (operations, _) = kernels::multiply_add(1, T::from_f64(0.5));
        bencher
            .counter(ItemsCount::new(operations * ROUNDS))
            .bench(|| kernels::multiply_add(ROUNDS, black_box(T::from_f64(0.5))));
    }

    #[divan::bench(args = [128 << 10, 4 << 20, 256 << 20])]
    fn read(bencher: Bencher<'_, '_>, bytes: usize) {
        let values = values::<f64>(bytes / size_of::<f64>());
        bencher
            .counter(BytesCount::new(bytes))
            .bench(|| kernels::read(black_box(&values)));
    }
}

/// Dense products, 2000 × 1500.
#[divan::bench_group]
mod products {
    use super::*;

    const SHAPE: (usize, usize) = (2000, 1500);

    #[divan::bench(types = [f64, f32], args = RANKS)]
    fn v_times_h<T: Float>(bencher: Bencher<'_, '_>, k: usize) {
        let (m, n) = SHAPE;
        let (v, right) = (dense::<T>(m, n), dense::<T>(n, k));
        let mut out = vec![T::ZERO; m * k];
        let times = kernels::times(&(&v).into(), &right);
        bencher
            .counter(ItemsCount::new(2 * m * n * k))
            .bench_local(|| times(black_box(&mut out)));
    }

    #[divan::bench(types = [f64, f32], args = RANKS)]
    fn v_transposed_times_w<T: Float>(bencher: Bencher<'_, '_>, k: usize) {
        let (m, n) = SHAPE;
        let (v, left) = (dense::<T>(m, n), dense::<T>(m, k));
        let mut out = vec![T::ZERO; n * k];
        let v: Matrix<'_, T> = (&v).into();
        let add = kernels::add_transposed_times(&v, &left);
        bencher
            .counter(ItemsCount::new(2 * m * n * k))
            .bench_local(|| add(black_box(&mut out)));
    }
}

/// Rows of H gathered for 1.5 million entries of a sparse V, 10 000 × 20 000: bytes are those of the rows.
#[divan::bench_group]
mod sparse {
    use super::*;

    #[divan::bench(types = [f64, f32], args = RANKS)]
    fn gather<T: Float>(bencher: Bencher<'_, '_>, k: usize) {
        let (m, n, per_row) = (10_000, 20_000, 150);
        let offsets: Vec<i64> = (0..=m as i64).map(|i| i * per_row as i64).collect();
        // Steps through the columns that differ from row to row.
        let index = |i: usize, j: usize| (j * 131 + i * 7919 + (i * j) % 97) % n;
        let mut indices = Vec::with_capacity(m * per_row);
        for i in 0..m {
            let mut row: Vec<i32> = (0..per_row).map(|j| index(i, j) as i32).collect();
            row.sort_unstable();
            row.dedup();
            let next = |row: &[i32]| (0..).find(|x| !row.contains(x)).unwrap();
            while row.len() < per_row {
                row.push(next(&row));
            }
            row.sort_unstable();
            indices.extend(row);
        }
        let values = values::<T>(m * per_row);
        let v = Compressed::new("V", m, n, &offsets[..], &indices[..], &values).unwrap();
        let right = dense::<T>(n, k);
        let mut out = vec![T::ZERO; m * k];
        let gather = kernels::gather(&v, &right);
        bencher
            .counter(BytesCount::new(m * per_row * k * size_of::<T>()))
            .bench_local(|| gather(black_box(&mut out)));
    }
}

/// One sweep of coordinate descent over 4096 rows: operations of the products with the Gram matrix.
#[divan::bench_group]
mod sweeps {
    use super::*;

    #[divan::bench(types = [f64, f32], args = RANKS)]
    fn coordinate_descent<T: Float>(bencher: Bencher<'_, '_>, k: usize) {
        let rows = 4096;
        let mut gram = vec![T::from_f64(0.1); k * k];
        (0..k).for_each(|t| gram[t * k + t] = T::ONE);
        let rhs = values::<T>(rows * k);
        let mut x = values::<T>(rows * k);
        bencher
            .counter(ItemsCount::new(2 * rows * k * k))
            .bench_local(|| kernels::sweep(&gram, &rhs, black_box(&mut x), k));
    }
}
