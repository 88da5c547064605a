//! Asking for memory before it is needed.
#![expect(unsafe_code, reason = "a hint to the processor is an intrinsic")]

/// Bytes in a line of cache.
const LINE: usize = 64;

/// Fetches the lines of cache of some bytes from an address on, which may lie anywhere.
#[inline(always)]
pub(super) fn prefetch<T>(start: *const T, bytes: usize) {
    let mut offset = 0;
    while offset < bytes {
        fetch_line(start.cast::<u8>().wrapping_add(offset));
        offset += LINE;
    }
}

/// Fetches the line of cache at an address, which may lie anywhere: it is a hint, and nothing is read.
#[inline(always)]
fn fetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor of this family has the instruction, and it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
