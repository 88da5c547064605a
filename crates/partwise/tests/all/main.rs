//! The engine's tests, but for those of memory, which count what the whole process allocates.
//!
//! One program, so that the engine is compiled into it once.

mod approach;
mod bounds;
mod common;
mod consensus;
mod constraints;
#[cfg(all(feature = "ndarray", feature = "sprs"))]
mod conversions;
mod convolutive;
mod graph;
mod interruption;
mod invariance;
mod joint;
mod labels;
mod minibatch;
mod oracles;
mod precise;
mod promises;
mod properties;
mod quality;
mod rank;
mod refusals;
mod regressions;
mod remote;
mod remote_starts;
mod resume;
mod signed;
mod single;
mod sklearn;
mod streamed;
mod streamed_sparse;
mod symmetric;
mod tree;
mod vast;
mod whole;
