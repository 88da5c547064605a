//! Non-negative matrix factorisation: V ≈ W H with nothing below zero.
//!
//! partwise takes a non-negative matrix V (m × n: samples in rows, features in columns) and approximates it as the
//! product of two: W (m × k) says how much of each component each sample holds, and each row of H (k × n) is a component.
//! Since nothing can cancel, components are parts that add up: strokes of digits, topics of texts, notes of a recording.
//!
//! ```
//! use partwise::{Loss, Matrix, Nmf};
//!
//! // Four documents over five words: two about rivers, two about ships.
//! let counts: [f64; 20] = [
//!     3.0, 2.0, 1.0, 0.0, 0.0, //
//!     2.0, 3.0, 0.0, 0.0, 0.0, //
//!     0.0, 0.0, 1.0, 2.0, 4.0, //
//!     0.0, 0.0, 2.0, 3.0, 3.0,
//! ];
//! let v = Matrix::row_major(&counts, 4, 5)?;
//! let model = Nmf::new(2).loss(Loss::KULLBACK_LEIBLER).fit(&v)?;
//! println!("relative error {:.3} after {} iterations", model.relative_error, model.iterations);
//!
//! // New documents in terms of the same components.
//! let new = [1.0, 1.0, 0.0, 0.0, 0.0];
//! let seen = Nmf::new(2)
//!     .loss(Loss::KULLBACK_LEIBLER)
//!     .transform(&Matrix::row_major(&new, 1, 5)?, &model.h)?;
//! assert!(seen.w.get(0, 0).max(seen.w.get(0, 1)) > 0.1);
//! # Ok::<(), partwise::Error>(())
//! ```
//!
//! # Examples
//!
//! Short programs in `examples/`, each run by `cargo run --release -p partwise --example NAME`: `factor` (every solver), `counts` (a sparse
//! matrix of counts and the Kullback–Leibler divergence), `missing` (entries that are not known), `transform` (new rows), `stream` (rows that
//! come once, in batches), `disk` (a matrix that stays in its file), `remote` (blocks of rows that are elsewhere), `constraints`, `held`
//! (components that are known), `joint` (several matrices), `convolutive` (components that last several rows), `consensus`, `tree`, `resume`
//! (a fit that goes on from its state), and `rank` (how often each method finds a rank).
//!
//! # How it works
//!
//! The objective D(V, WH) plus penalties is minimised by turns: one factor stands still while the other improves.
//! A **pass** is one walk over V, a block of rows at a time. It improves the block's rows of W, each alone, and while
//! the block is still in cache adds to the small statistics from which H is improved afterwards. So V is read once an
//! iteration, and the same code serves a matrix in memory, in a mapped file, and in blocks.
//!
//! The answer has the same bits for any number of threads: work is cut by shape, and sums are taken in a fixed order.
//!
//! # The rooms
//!
//! `nmf` checks parameters and gives back results · `fit` is the only loop · `pass` and `shard` walk V · `update` holds
//! the solvers · `loss` the objective · `init` the starts · `matrix` the kinds of V · `kernel` the products.

mod archive;
mod consensus;
mod constraint;
mod convolutive;
mod counted;
mod course;
mod doors;
mod error;
mod fit;
mod float;
mod init;
mod joint;
mod kernel;
#[cfg(feature = "kernels")]
#[doc(hidden)]
pub mod kernels;
mod lead;
mod loss;
mod many;
mod matrix;
mod minibatch;
mod named;
mod nmf;
mod observe;
mod pass;
mod quality;
mod rank;
mod shard;
mod sketch;
mod stop;
mod stored;
mod svd;
mod threads;
mod tree;
mod update;

pub use consensus::{
    ConsensusMember, ConsensusModel, ConsensusNmf, ConsensusPart, ConsensusRun, Intervals,
};
pub use constraint::{Constraint, Graph, Labels};
pub use convolutive::ConvolutiveNmf;
pub use error::{Error, ReadError};
pub use float::Float;
pub use init::Init;
pub use joint::{JointModel, JointNmf, JointPart};
pub use loss::{Loss, Penalty};
pub use many::{SurveyObserver, SurveyProgress};
pub use matrix::{
    Compressed, Dense, Held, IndexSlice, Matrix, Missing, RowBlocks, RunSize, SparseRows,
    SparseRun, Streamed, Weighting, Whole, WholeDense, WholeSparse,
};
pub use minibatch::{MiniBatchFit, MiniBatchMemory, MiniBatchNmf};
pub use nmf::{Factor, Factorization, Nmf, Start, reconstruct};
pub use observe::{Observer, Progress, State, TracePoint};
pub use quality::{Duplicate, FitQuality, Flaws, Spread};
pub use rank::{
    Consensus, Criterion, Proposal, RankChoice, RankMethod, RankPart, RankPoint, RankSurvey, Survey,
};
pub use stop::StopReason;
pub use svd::{TruncatedSvd, truncated_svd};
pub use tree::{NmfTree, SplitRule, Tree, TreeModel, TreeNode};
pub use update::Solver;

/// A V whose blocks of rows are in other processes: see [`Nmf::fit_remote`].
pub mod remote {
    pub use crate::shard::remote::{FAN_IN, Partition, Slices, Transport, add, piece};
}

/// The matrix views that [`Matrix::Dense`] is made of.
pub use faer::MatRef;

/// The pages of the repository whose Rust is tested as that of this documentation is.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/consensus.md")]
#[doc = include_str!("../../../docs/rank.md")]
#[doc = include_str!("../../../docs/tree.md")]
mod pages {}
