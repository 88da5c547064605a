//! Arrays of other libraries as matrices: no copy, no difference.

use ndarray::{Array2, ArrayView2, s};
use partwise::{Error, Loss, Matrix, Nmf, Solver};
use sprs::{CsMatI, TriMatI};

/// Values that no two entries share.
fn values(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(i, j)| {
        ((i * 31 + j * 17) % 43) as f64 / 7.0 + 0.1
    })
}

/// Fits with every solver and loss: the factors of `matrix` are those of the same values in plain rows, or where the
/// storage decides on the steps, about as good.
fn compare(matrix: Matrix<'_, f64>, array: ArrayView2<'_, f64>) {
    let (rows, cols) = array.dim();
    let plain: Vec<f64> = array.iter().copied().collect();
    let plain = Matrix::row_major(&plain, rows, cols).unwrap();
    assert_eq!((matrix.rows(), matrix.cols()), (rows, cols));
    for loss in [Loss::FROBENIUS, Loss::KULLBACK_LEIBLER] {
        for solver in Solver::all().filter(|solver| solver.handles(loss)) {
            let nmf = Nmf::new(2).loss(loss).solver(solver).max_iter(5);
            let (found, expected) = (nmf.fit(&matrix).unwrap(), nmf.fit(&plain).unwrap());
            if !solver.resolve(loss).unwrap().alike_in_storages() {
                assert!(
                    found.relative_error < 1.5 * expected.relative_error + 0.01,
                    "{solver} {loss}: {} {}",
                    found.relative_error,
                    expected.relative_error
                );
                continue;
            }
            let pairs = [(&found.w, &expected.w), (&found.h, &expected.h)];
            for (found, expected) in pairs {
                for (found, expected) in found.as_slice().iter().zip(expected.as_slice()) {
                    // A line search multiplies rounding.
                    let off = (found - expected).abs();
                    assert!(
                        off < 1e-4 * (1.0 + expected),
                        "{solver} {loss}: {found} {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn ndarray_views_of_any_strides() {
    let whole = values(24, 21);
    let columns = Array2::from_shape_vec(
        ndarray::ShapeBuilder::f((24, 21)),
        whole.t().iter().copied().collect(),
    )
    .unwrap();
    assert_eq!(columns, whole);
    for view in [
        whole.view(),
        whole.t(),
        columns.view(),
        columns.t(),
        whole.slice(s![..;2, ..;3]),
        whole.slice(s![..;-1, ..;-2]),
        whole.slice(s![2..;3, 1..;-1]),
        columns.slice(s![..;-2, 3..9]),
        whole.slice(s![4.., 5..6]),
    ] {
        if view.ncols() > 1 {
            compare(Matrix::from(view), view);
        }
        let Matrix::Dense(seen) = Matrix::from(view) else {
            panic!("an array is dense");
        };
        for ((i, j), value) in view.indexed_iter() {
            assert!(
                std::ptr::eq(&raw const seen[(i, j)], value),
                "({i}, {j}) was copied"
            );
        }
    }
}

fn sparse_of_every_kind<I: sprs::SpIndex>()
where
    for<'a> &'a [I]: Into<partwise::IndexSlice<'a>>,
{
    let mut array = values(17, 12);
    for ((i, j), value) in array.indexed_iter_mut() {
        if (i + 2 * j) % 3 == 0 {
            *value = 0.0;
        }
    }
    let mut entries = TriMatI::<f64, I>::new(array.dim());
    for ((i, j), &value) in array.indexed_iter().filter(|(_, value)| **value > 0.0) {
        entries.add_triplet(i, j, value);
    }
    let csr: CsMatI<f64, I> = entries.to_csr();
    let csc: CsMatI<f64, I> = entries.to_csc();
    for sparse in [csr.view(), csc.view()] {
        let matrix = Matrix::try_from(sparse).unwrap();
        assert_eq!(matrix.stored(), sparse.nnz());
        compare(matrix, array.view());
        let turned = Matrix::try_from(sparse.transpose_into()).unwrap();
        compare(turned, array.t());
    }
    // A cut-out keeps the offsets of the whole, which do not begin at zero: taken or refused, never misread.
    let cut = csr.slice_outer(5..11);
    match Matrix::try_from(cut) {
        Ok(matrix) => compare(matrix, array.slice(s![5..11, ..])),
        Err(error) => assert!(matches!(error, Error::Malformed { .. }), "{error}"),
    }
}

#[test]
fn sprs_views_of_every_kind() {
    sparse_of_every_kind::<i32>();
    sparse_of_every_kind::<i64>();
    sparse_of_every_kind::<u32>();
    sparse_of_every_kind::<usize>();
}
