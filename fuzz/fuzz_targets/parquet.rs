//! Readers of Parquet.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    partwise_fuzz::matrix(&["parquet"], "parquet", data);
});
