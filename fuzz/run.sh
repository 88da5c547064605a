#!/bin/sh
# Builds the fuzz targets with coverage counters and gives each a turn, as many at a time as there are processors:
#
#     sh fuzz/run.sh 30              30 seconds each
#     sh fuzz/run.sh 600 npz pwz     10 minutes for each of these
#     SANITIZER=address sh fuzz/run.sh 30 engine
#     SEED=1 RUNS=5000 sh fuzz/run.sh 300      5000 inputs each, that begin as the last time
#
# They do not stay the same: what is new to a target is seen by counters, which threads, names of files and the seeds of hash tables
# change from run to run.
#
# What is found is in fuzz/artifacts, to be tried again by the program with that file as its argument; what teaches a target something
# new in target/fuzz/corpus. cargo-fuzz works as well (`RUSTC_BOOTSTRAP=1 cargo fuzz run npz`), and is not needed.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
test $# -eq 0 || shift
targets=${*:-$(cd fuzz/fuzz_targets && ls -- *.rs | sed 's/\.rs$//')}

# libFuzzer is C++.
if ! command -v c++ >/dev/null 2>&1; then
    if command -v apt-get >/dev/null 2>&1 && test "$(id -u)" = 0; then
        echo "fuzz: installing a C++ compiler" >&2
        apt-get update -qq >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++ >/dev/null
    else
        echo "fuzz: no C++ compiler was found; install the package g++" >&2
        exit 1
    fi
fi

machine=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
if test -n "${SANITIZER:-}"; then
    flags="$flags -Zsanitizer=$SANITIZER"
    export RUSTC_BOOTSTRAP=1
fi
bins=
for target in $targets; do bins="$bins --bin $target"; done
# shellcheck disable=SC2086
RUSTFLAGS=$flags CARGO_INCREMENTAL=0 ${CARGO:-cargo} build --release --locked --manifest-path fuzz/Cargo.toml \
    --target "$machine" --target-dir target/fuzz $bins

turn() {
    target=$1
    mkdir -p "target/fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=target/fuzz/$target.log
    if "target/fuzz/$machine/release/$target" "target/fuzz/corpus/$target" "fuzz/corpus/$target" \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
        ${SEED:+-seed="$SEED"} ${RUNS:+-runs="$RUNS"} -artifact_prefix="fuzz/artifacts/$target/" >"$log" 2>&1; then
        echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, nothing found"
    else
        tail -n 40 "$log" >&2
        echo "fuzz: $target: found something; see $log and fuzz/artifacts/$target" >&2
        return 1
    fi
}

at_once=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
failed=0
waiting=
count=0
for target in $targets; do
    turn "$target" &
    waiting="$waiting $!"
    count=$((count + 1))
    if test "$count" -ge "$at_once"; then
        for process in $waiting; do wait "$process" || failed=1; done
        waiting=
        count=0
    fi
done
for process in $waiting; do wait "$process" || failed=1; done
exit $failed
