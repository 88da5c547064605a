//! Readers of archives of numpy arrays, and the sparse matrices of scipy in them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    partwise_fuzz::matrix(&["npz"], "npz", data);
});
