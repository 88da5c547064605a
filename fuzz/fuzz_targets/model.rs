//! Models, and what the program makes of one: the product of its factors, and weights of new samples.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partwise::{Dense, Float, Matrix, Nmf, reconstruct};
use partwise_fuzz::{checked, file};
use partwise_io::{AnyDense, Order, read_model};

/// Rows, columns and components at most, of what is worked on: a small file may unpack to much.
const MOST: usize = 64;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    if let Some(model) = checked(read_model(file("model.npz", data))) {
        let ((m, k), (h_rows, n)) = (model.w.shape(), model.h.shape());
        assert_eq!(k, h_rows);
        assert!(model.row_names.is_none_or(|names| names.len() == m));
        assert!(model.col_names.is_none_or(|names| names.len() == n));
        if m.max(n).max(k) <= MOST {
            match (model.w, model.h) {
                (AnyDense::F32(w), AnyDense::F32(h)) => used(w, h),
                (AnyDense::F64(w), AnyDense::F64(h)) => used(w, h),
                _ => {}
            }
        }
    }
});

fn used<T: Float>(w: partwise_io::Dense<T>, h: partwise_io::Dense<T>) {
    let (Some(w), Some(h)) = (factor(w), factor(h)) else {
        return;
    };
    let product = reconstruct(&w, &h);
    assert_eq!((product.rows(), product.cols()), (w.rows(), h.cols()));
    let nmf = Nmf::new(h.rows())
        .max_iter(1)
        .threads(Some(std::num::NonZeroUsize::MIN));
    checked(nmf.transform(&Matrix::from(&product), &h));
}

fn factor<T: Float>(read: partwise_io::Dense<T>) -> Option<Dense<T>> {
    match read.order {
        Order::RowMajor => checked(Dense::from_rows(read.data, read.rows, read.cols)),
        Order::ColumnMajor => {
            checked(Dense::from_rows(read.data, read.cols, read.rows)).map(|x| x.transposed())
        }
    }
}
