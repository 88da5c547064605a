//! Models, and what the program makes of one: the product of its factors and weights of new samples.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partwise_fuzz::{checked, file};
use partwise_io::read_model;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    if let Some(model) = checked(read_model(file("model.npz", data))) {
        let ((m, k), (h_rows, n)) = (model.w.shape(), model.h.shape());
        assert_eq!(k, h_rows);
        assert!(model.row_names.is_none_or(|names| names.len() == m));
        assert!(model.col_names.is_none_or(|names| names.len() == n));
    }
});
