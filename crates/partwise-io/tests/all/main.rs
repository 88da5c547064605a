//! The readers' and writers' tests.
//!
//! One program, so that the engine is compiled into it once.

mod bad_input;
mod common;
mod formats;
mod garbage;
mod oracle;
mod round_trip;
mod store;
