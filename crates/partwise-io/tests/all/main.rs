//! The readers' and writers' tests.
//!
//! One program, so that the engine is compiled into it once.

mod bad_input;
mod common;
mod formats;
mod garbage;
#[cfg(all(feature = "hdf5", feature = "parquet"))]
mod larger;
mod oracle;
mod round_trip;
mod store;
