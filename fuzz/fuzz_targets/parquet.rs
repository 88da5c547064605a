//! Readers of Parquet.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// What pages of two columns may say of their length, for which the reader reserves room before it looks at them.
const PAGES: usize = 2 * i32::MAX as usize;

fuzz_target!(init: partwise_fuzz::begin_with(PAGES), |data: &[u8]| {
    partwise_fuzz::matrix(&["parquet"], "parquet", data);
});
