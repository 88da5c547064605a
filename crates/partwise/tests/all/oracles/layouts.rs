//! One V in every way that it can be stored: the same factors, but for rounding.

use partwise::{Dense, Factor, MatRef, Matrix, Nmf};

use super::naive::{self, Rows};
use super::{Arrays, compressed, distance, go, pairs, random, uniform};

/// Holds every way to store V against a dense V in rows.
fn compare(seed: u64, (m, n, k): (usize, usize, usize), zeros: f64, iterations: usize) {
    let mut rng = random(seed);
    let v: Dense<f64> = uniform(&mut rng, m, n, 0.05, zeros);
    let (w, h) = (
        uniform(&mut rng, m, k, 0.05, 0.0),
        uniform(&mut rng, k, n, 0.05, 0.0),
    );
    let columns = v.transposed();

    // A view with gaps between its rows, and one that is stored backwards.
    let mut padded = vec![0.5; m * (n + 3)];
    for (to, i) in padded.chunks_exact_mut(n + 3).zip(0..m) {
        to[..n].copy_from_slice(v.row(i));
    }
    let padded = MatRef::from_row_major_slice(&padded, m, n + 3).subcols(0, n);
    let backwards: Vec<f64> = v.as_slice().iter().rev().copied().collect();
    let backwards = MatRef::from_row_major_slice(&backwards, m, n).reverse_rows_and_cols();
    let columns_backwards: Vec<f64> = columns.as_slice().iter().rev().copied().collect();
    let columns_backwards =
        MatRef::from_column_major_slice(&columns_backwards, m, n).reverse_rows_and_cols();

    let (offsets, indices, values) = compressed(&v, false);
    let (unsorted_offsets, unsorted_indices, unsorted_values) = compressed(&v, true);
    let (column_offsets, column_indices, column_values) = compressed(&columns, false);
    fn cast<I: TryFrom<usize>>(from: &[usize]) -> Vec<I> {
        from.iter()
            .map(|&x| I::try_from(x).ok().expect("a small index"))
            .collect()
    }
    let (i32s, i64s, u32s) = (
        cast::<i32>(&indices),
        cast::<i64>(&indices),
        cast::<u32>(&indices),
    );
    let narrow_offsets = cast::<i32>(&offsets);

    let csc = Matrix::csc(m, n, &column_offsets, &column_indices, &column_values).unwrap();
    let whole = [
        (
            "in columns",
            Matrix::column_major(columns.as_slice(), m, n).unwrap(),
        ),
        ("with gaps", padded.into()),
        ("backwards", backwards.into()),
        ("in columns, backwards", columns_backwards.into()),
        (
            "CSR, i32",
            Matrix::csr(m, n, &narrow_offsets, &i32s, &values).unwrap(),
        ),
        (
            "CSR, i64",
            Matrix::csr(m, n, &offsets, &i64s, &values).unwrap(),
        ),
        (
            "CSR, u32",
            Matrix::csr(m, n, &narrow_offsets, &u32s, &values).unwrap(),
        ),
        (
            "CSR, usize",
            Matrix::csr(m, n, &offsets, &indices, &values).unwrap(),
        ),
        (
            "CSR, unsorted",
            Matrix::csr(m, n, &unsorted_offsets, &unsorted_indices, &unsorted_values).unwrap(),
        ),
        ("CSC", csc),
    ];
    let blocks = Blocks::new(&v, &[1, 1 + m / 3, 2 + m / 2]);
    let blocks = blocks.matrices();

    for (solver, loss) in pairs() {
        // Where V is large not every power is tried.
        let costly = m * n > 10_000 && ![2.0, 1.0, 0.5].contains(&loss.beta());
        if costly || loss.needs_positive() && zeros > 0.0 {
            continue;
        }
        let nmf = Nmf::new(k).solver(solver).loss(loss);
        if !solver.resolve(loss).unwrap().alike_in_storages() {
            continue;
        }
        for hold in [None, Some(Factor::W), Some(Factor::H)] {
            let fit = |blocks: &[Matrix<'_, f64>]| -> (Rows, Rows, f64, f64) {
                let model = go(&nmf, blocks, (&w, &h), hold, iterations);
                (
                    naive::rows_of(&model.w),
                    naive::rows_of(&model.h),
                    model.objective,
                    model.residual,
                )
            };
            let expected = fit(&[Matrix::from(&v)]);
            let same = |name: &str, found: (Rows, Rows, f64, f64)| {
                let name = format!("{m}x{n} {solver} {loss}, held {hold:?}, {name}");
                // The long steps of a line search multiply rounding.
                let (limit, slack) = if solver.name() == "pg" {
                    (1e-5, 1e-6)
                } else {
                    (1e-9, 1e-9)
                };
                for (factor, found, expected) in
                    [("W", &found.0, &expected.0), ("H", &found.1, &expected.1)]
                {
                    let off = distance(found, expected);
                    assert!(off < limit, "{name}: {factor} is off by {off:.1e}");
                }
                // Where one row or column is fitted exactly, only rounding is left.
                let off = (found.2 - expected.2).abs();
                assert!(
                    off < slack * expected.2 + 1e-24,
                    "{name}: the objective is off by {off:.1e}"
                );
                let off = (found.3 - expected.3).abs();
                assert!(off < 1e-7, "{name}: the residual is off by {off:.1e}");
            };
            for (name, matrix) in whole {
                same(name, fit(&[matrix]));
            }
            if solver.resolve(loss).unwrap().alike_in_blocks() || hold == Some(Factor::H) {
                same("in blocks", fit(&blocks));
            }
        }
    }
}

/// V cut into blocks of rows, stored in turn in rows, in columns, as CSR and as CSC.
struct Blocks {
    dense: Vec<(Dense<f64>, Dense<f64>)>,
    sparse: Vec<[Arrays<f64>; 2]>,
}

impl Blocks {
    /// `cuts` are the first rows of the second block and the following.
    fn new(v: &Dense<f64>, cuts: &[usize]) -> Self {
        let ends = cuts.iter().copied().chain([v.rows()]);
        let (mut dense, mut sparse, mut from) = (Vec::new(), Vec::new(), 0);
        for to in ends {
            let values = (from..to).flat_map(|i| v.row(i).to_vec()).collect();
            let rows = Dense::from_rows(values, to - from, v.cols()).unwrap();
            let columns = rows.transposed();
            sparse.push([compressed(&rows, false), compressed(&columns, false)]);
            dense.push((rows, columns));
            from = to;
        }
        Self { dense, sparse }
    }

    fn matrices(&self) -> Vec<Matrix<'_, f64>> {
        let kinds = self.dense.iter().zip(&self.sparse).enumerate();
        kinds
            .map(|(i, ((rows, columns), [csr, csc]))| {
                let (m, n) = (rows.rows(), rows.cols());
                match i % 4 {
                    0 => Matrix::from(rows),
                    1 => Matrix::column_major(columns.as_slice(), m, n).unwrap(),
                    2 => Matrix::csr(m, n, &csr.0, &csr.1, &csr.2).unwrap(),
                    _ => Matrix::csc(m, n, &csc.0, &csc.1, &csc.2).unwrap(),
                }
            })
            .collect()
    }
}

#[test]
fn small_matrices() {
    compare(1, (13, 9, 3), 0.0, 6);
    compare(2, (13, 9, 3), 0.5, 6);
    compare(3, (6, 8, 5), 0.0, 3);
}

#[test]
fn a_single_column() {
    compare(4, (9, 1, 1), 0.0, 4);
}

/// More rows and columns than a block, a run or a tile holds.
#[test]
fn large_matrices() {
    compare(5, (260, 270, 2), 0.7, 1);
    compare(6, (4200, 3, 2), 0.0, 1);
}
