//! MPI as the transport of a fit whose blocks of rows are in several processes.
//!
//! Nothing here knows how a factorisation is made. The engine asks partitions of V by a
//! [`Transport`](partwise::remote::Transport), in bytes; this crate carries the bytes:
//!
//! - V is cut into pieces of rows, by its shape alone, and each process holds a run of pieces ([`share`]);
//! - the process of rank 0 leads ([`Lead`]): it broadcasts each question, and the others answer for their pieces ([`serve`]);
//! - answers are added on the way to it, in the order of the engine's tree over **pieces** and not over processes: so the
//!   bits of a fit do not depend on the number of processes.
//!
//! A question of a pass holds H, an answer WᵀV and WᵀW: with p processes each sends about k·n + k² numbers an iteration, and the
//! busiest gets as many log p times. Where H is large ([`Slices`](partwise::remote::Slices)) every process gets them once: all
//! exchange what they have of a slice of columns, each takes the step of its own slice, and the lead gathers H.
//!
//! **Failure.** An error in any process comes to the lead as the answer to its question and ends the fit there. A process
//! that dies ends the job: its launcher sees to that.
//!
//! The feature `mpi` needs an MPI library. Without it there is only [`launched`].

#[cfg(feature = "mpi")]
mod job;
#[cfg(feature = "mpi")]
mod lead;
#[cfg(feature = "mpi")]
mod tree;

#[cfg(feature = "mpi")]
pub use job::{Disagreement, Figures, Job};
#[cfg(feature = "mpi")]
pub use lead::{Answers, Held, Lead, serve, share};

/// What launchers tell a process of MPI: its rank, and the number of processes. Open MPI; PMIx and PMI under Slurm; PMI of MPICH
/// and Intel MPI.
const SIGNS: [(&str, &str); 4] = [
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),
    ("PMI_RANK", "PMI_SIZE"),
    ("PMI_RANK", "SLURM_STEP_NUM_TASKS"),
];

/// The number of processes that a launcher of MPI, such as `mpirun` or `srun`, started together with this one; `None` if it was
/// started alone.
pub fn launched() -> Option<usize> {
    let value = |name: &str| std::env::var(name).ok();
    SIGNS.iter().find_map(|(rank, size)| {
        value(rank)?;
        value(size)?.parse().ok()
    })
}
