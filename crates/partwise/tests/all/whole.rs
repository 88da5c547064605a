//! Matrices of whole numbers: the answers of the same matrix in floating point, and errors with the place.

use std::ops::ControlFlow;

use partwise::{
    Compressed, Dense, Error, Factorization, Loss, MatRef, Matrix, Nmf, Solver, Start, WholeDense,
    WholeSparse,
};

use crate::common::{Findings, Storage, Stored, bits, random, short};

/// Counts, many of them zero.
fn counts(rows: usize, cols: usize) -> Vec<u8> {
    let dense = random::<f64>(rows, cols, 0.4, 5);
    let count = |x: &f64| (x * 37.0).round().min(250.0) as u8;
    dense.as_slice().iter().map(count).collect()
}

fn widened(counts: &[u8], rows: usize, cols: usize) -> Dense<f64> {
    let values = counts.iter().map(|&count| f64::from(count)).collect();
    Dense::from_rows(values, rows, cols).unwrap()
}

fn fit(nmf: &Nmf, v: Matrix<'_, f64>) -> Result<Factorization<f64>, Error> {
    let mut go_on = |_: &partwise::Progress| ControlFlow::Continue(());
    nmf.fit_with(&[v], Start::default(), &mut go_on)
}

fn solvers() -> impl Iterator<Item = Nmf> {
    let solvers = Solver::all().filter(|solver| solver.alike_in_blocks());
    let squared = solvers.filter(|solver| solver.resolve(Loss::FROBENIUS).is_ok());
    squared.map(|solver| short(3, solver, Loss::FROBENIUS, 4).init("random".parse().unwrap()))
}

#[test]
fn a_dense_matrix_gives_the_bits_of_its_floating_point() {
    let mut findings = Findings::default();
    let (rows, cols) = (300, 40);
    let counts = counts(rows, cols);
    let dense = widened(&counts, rows, cols);
    let turned: Vec<_> = (0..rows * cols)
        .map(|at| counts[at % rows * cols + at / rows])
        .collect();
    let columns = dense.transposed();
    let by_rows = MatRef::from_row_major_slice(&counts, rows, cols);
    let by_columns = MatRef::from_column_major_slice(&turned, rows, cols);
    let long: Vec<i64> = counts.iter().map(|&count| i64::from(count)).collect();
    // Every second column, and rows from the last to the first.
    let part = MatRef::from_row_major_slice(&counts, rows, cols / 2 * 2);
    let part = part.subcols(0, 20).reverse_rows();
    let reversed = (0..rows)
        .rev()
        .flat_map(|i| counts[i * cols..][..20].to_vec());
    let reversed = widened(&reversed.collect::<Vec<_>>(), rows, 20);
    for nmf in solvers() {
        let what = format!("{nmf:?}");
        let held = fit(&nmf, Matrix::from(&dense)).unwrap();
        let whole = fit(&nmf, WholeDense::new(by_rows).matrix()).unwrap();
        findings.check(bits(&held) == bits(&whole), || format!("{what} by rows"));
        let long = WholeDense::new(MatRef::from_row_major_slice(&long, rows, cols));
        let whole = fit(&nmf, long.matrix()).unwrap();
        findings.check(bits(&held) == bits(&whole), || format!("{what} of i64"));
        let held = Matrix::column_major(columns.as_slice(), rows, cols).unwrap();
        let held = fit(&nmf, held).unwrap();
        let whole = fit(&nmf, WholeDense::new(by_columns).matrix()).unwrap();
        findings.check(bits(&held) == bits(&whole), || format!("{what} by columns"));
        let held = fit(&nmf, Matrix::from(&reversed)).unwrap();
        let whole = fit(&nmf, WholeDense::new(part).matrix()).unwrap();
        findings.check(bits(&held) == bits(&whole), || format!("{what} in part"));
    }
    findings.finish();
}

#[test]
fn a_sparse_matrix_gives_the_bits_of_its_floating_point() {
    let mut findings = Findings::default();
    let (rows, cols) = (700, 30);
    let dense = widened(&counts(rows, cols), rows, cols);
    let turned = dense.transposed();
    for nmf in solvers() {
        for by_columns in [false, true] {
            let lines = Stored::of(if by_columns { &turned } else { &dense }, Storage::Csr);
            let values: Vec<_> = lines.values.iter().map(|&x| x as u16).collect();
            let (count, length) = (lines.rows, lines.cols);
            let (offsets, indices) = (&lines.offsets, &lines.indices);
            let part = Compressed::new("V", count, length, offsets, indices, &values).unwrap();
            let make = if by_columns {
                WholeSparse::csc
            } else {
                WholeSparse::csr
            };
            // As the lines of a stream: the columns of a CSC matrix lead there.
            let held = lines.matrix().lean();
            let held = if by_columns { held.transpose() } else { held };
            let held = fit(&nmf, held).unwrap();
            for whole in [make(part), make(part).lean()] {
                let found = fit(&nmf, whole.matrix().unwrap()).unwrap();
                findings.check(bits(&held) == bits(&found), || {
                    format!("{nmf:?}, by columns: {by_columns}")
                });
            }
        }
    }
    findings.finish();
}

#[test]
fn a_copy_by_the_other_axis_is_counted_unless_lean() {
    let dense = widened(&counts(700, 30), 700, 30);
    let held = Stored::of(&dense, Storage::Csr);
    let values: Vec<_> = held.values.iter().map(|&x| x as i32).collect();
    let part = Compressed::new("V", 700, 30, &held.offsets, &held.indices, &values).unwrap();
    let needed = |whole: WholeSparse<'_, i32>| {
        Nmf::new(3).memory_needed(&whole.matrix::<f64>().unwrap()) as usize
    };
    let entries = values.len() * (size_of::<f64>() + size_of::<u32>());
    let (kept, lean) = (WholeSparse::csr(part), WholeSparse::csr(part).lean());
    assert_eq!(
        needed(kept),
        needed(lean) + entries + 30 * size_of::<usize>()
    );
}

#[test]
fn what_is_below_zero_is_named() {
    let values = [1i8, 2, 3, -4, 5, 6];
    let whole = WholeDense::new(MatRef::from_row_major_slice(&values, 2, 3));
    let error = fit(&Nmf::new(1), whole.matrix()).unwrap_err().to_string();
    assert!(error.contains("-4") && error.contains("row 1"), "{error}");
    let sparse =
        Compressed::new("V", 2, 3, &[0usize, 1, 2][..], &[0u32, 2][..], &[1i16, -7]).unwrap();
    let whole = WholeSparse::csc(sparse);
    let error = fit(&Nmf::new(1), whole.matrix().unwrap()).unwrap_err();
    assert!(
        matches!(error, Error::Negative { row: 2, col: 1, .. }),
        "{error}"
    );
}
