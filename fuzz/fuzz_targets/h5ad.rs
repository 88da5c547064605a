//! Readers of HDF5, with the groups of AnnData.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: partwise_fuzz::begin(), |data: &[u8]| {
    partwise_fuzz::matrix(&["hdf5"], "h5ad", data);
});
