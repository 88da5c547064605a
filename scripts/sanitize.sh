#!/bin/sh
# Runs the engine's tests under AddressSanitizer: `sanitize.sh [FILTER]`. Without a filter those of the kernels, the only room
# of `unsafe`, and some that walk V in every storage.
#
# The compiler of the toolchain has it behind a flag that RUSTC_BOOTSTRAP=1 opens. Only the engine and its tests are
# instrumented: cargo calls this script in place of the compiler for crates of the workspace, so that dependencies are built as
# ever. Memory that they hand out is watched all the same, since the allocator is the sanitizer's.
set -eu

case "${1-}" in
*rustc*)
    # As cargo's wrapper.
    export RUSTC_BOOTSTRAP=1
    exec "$@" -Zsanitizer=address
    ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
export RUSTC_WORKSPACE_WRAPPER="$root/scripts/sanitize.sh"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/sanitize}"
# Pools of threads live as long as the process: what they hold at the end is no leak.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0:detect_stack_use_after_return=1}"
if [ $# -gt 0 ]; then
    exec ${CARGO:-cargo} test -p partwise --all-features --locked --lib --test all "$@"
fi
${CARGO:-cargo} test -p partwise --all-features --locked --lib
${CARGO:-cargo} test -p partwise --all-features --locked --test all -- layouts invariance vast streamed half_steps
