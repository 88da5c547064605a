//! The tests of the program, run as a user runs it.
//!
//! One program, so that the engine is compiled into it once.

mod audio;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(unix)]
mod checkpoint;
mod common;
mod compress;
mod consensus;
mod convert;
#[cfg(unix)]
mod faults;
mod fit;
#[cfg(all(feature = "hdf5", feature = "parquet", feature = "zarr"))]
mod formats;
mod help;
mod image;
#[cfg(unix)]
mod interrupt;
mod joint;
mod large;
mod missing;
#[cfg(all(feature = "mpi", target_os = "linux"))]
mod mpi;
mod parts;
mod quality;
mod rank;
mod refuse;
mod report;
mod stream;
mod topics;
mod tree;
