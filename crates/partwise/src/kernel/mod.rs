//! Products and element-wise loops: the innermost work, and the only room where `unsafe` may be.
//!
//! Factors are stored with k contiguous (W as m × k rows, H as n × k rows), because products with few columns run
//! fastest that way. Products are sequential: threads are spread over blocks of rows outside.

mod products;
mod sparse;
#[cfg(feature = "ndarray")]
pub(crate) mod view;

pub(crate) use products::{add_times, add_transposed_times, gram, outer, pack, times};
pub(crate) use sparse::{dot, for_each_entry, gather};

/// Runs `work` compiled for the widest instruction set of this machine.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
