#!/bin/sh
# Runs the engine's tests under a sanitizer of the compiler. Without a filter those of the kernels, the only room of `unsafe`, and
# some that walk V in every storage or share work among threads:
#
#     sh scripts/sanitize.sh [FILTER]                      AddressSanitizer
#     SANITIZER=thread sh scripts/sanitize.sh [FILTER]     ThreadSanitizer
#
# The compiler of the toolchain has them behind flags that RUSTC_BOOTSTRAP=1 opens.
#
# For addresses only the engine and its tests are instrumented: cargo calls this script in place of the compiler for crates of the
# workspace, so that dependencies are built as ever. Memory that they hand out is watched all the same, since the allocator is the
# sanitizer's.
#
# For threads all is instrumented, the standard library with it: one thread waits for another in its `Condvar`, and what a wait that is not
# seen orders would look like a race. So it is built, too, from its sources, the component rust-src, which is installed if rustup is there.
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
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/sanitize}"
case "${SANITIZER:-address}" in
address)
    export RUSTC_WORKSPACE_WRAPPER="$root/scripts/sanitize.sh"
    # Pools of threads live as long as the process: what they hold at the end is no leak.
    export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0:detect_stack_use_after_return=1}"
    build=
    filters="layouts invariance vast streamed half_steps"
    ;;
thread)
    if ! test -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library"; then
        if ! command -v rustup >/dev/null 2>&1; then
            echo "sanitize: the sources of the standard library were not found; install the toolchain's rust-src" >&2
            exit 1
        fi
        rustup component add rust-src
    fi
    # Loads and stores of more than 128 bits are not instrumented. So the standard library is built to deny the vectors that are named here,
    # and the kernels do without.
    export RUST_STD_DETECT_UNSTABLE="avx512f fma avx2 avx"
    export RUSTC_BOOTSTRAP=1
    export RUSTFLAGS='-Zsanitizer=thread --cfg=feature="std_detect_env_override"'
    build="-Zbuild-std --target $(rustc -vV | sed -n 's/^host: //p')"
    # Without `vast`, whose fits take one thread, and with what compares numbers of threads.
    filters="layouts invariance streamed half_steps threads"
    ;;
*)
    echo "sanitize: SANITIZER is address or thread, not $SANITIZER" >&2
    exit 1
    ;;
esac
tests="${CARGO:-cargo} test $build -p partwise --all-features --locked"
if [ $# -gt 0 ]; then
    # shellcheck disable=SC2086
    exec $tests --lib --test all "$@"
fi
# shellcheck disable=SC2086
$tests --lib
# shellcheck disable=SC2086
$tests --test all -- $filters
if [ "${SANITIZER:-address}" = thread ]; then
    # shellcheck disable=SC2086
    $tests --test memory -- sixty_four_threads
fi
