//! The tests of figures, pages and records of a run.
//!
//! One program, so that the engine is compiled into it once.

mod figures;
mod page;
mod run;
