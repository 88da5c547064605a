#!/bin/sh
# Builds the fuzz targets with coverage counters and gives each a turn, as many at a time as there are processors:
#
#     sh fuzz/run.sh 30              30 seconds each
#     sh fuzz/run.sh 600 npz pwz     10 minutes for each of these
#     SANITIZER=address sh fuzz/run.sh 30 engine
#     SEED=1 RUNS=5000 sh fuzz/run.sh 300      5000 inputs each, that begin as the last time
#     INPUT=file sh fuzz/run.sh 0 npz          that input alone
#
# A turn does not stay the same: what is new to a target is seen by counters, which threads, names of files and the seeds of hash tables
# change from run to run. So what is found is printed as well, with the command that tries it again, and lies in fuzz/artifacts. An input
# that takes more than a minute, or more memory than a target may have, is found, too.
#
# What teaches a target something new is kept in target/fuzz/corpus. cargo-fuzz works as well (`RUSTC_BOOTSTRAP=1 cargo fuzz run npz`), and
# is not needed.
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
# Counters of what a target cannot reach are left out of it, too: all are cleared and looked at for every input.
flags="$flags -Clink-arg=-Wl,-z,start-stop-gc"
if test -n "${SANITIZER:-}"; then
    flags="$flags -Zsanitizer=$SANITIZER"
    export RUSTC_BOOTSTRAP=1
fi
bins=
for target in $targets; do bins="$bins --bin $target"; done
# shellcheck disable=SC2086
RUSTFLAGS=$flags CARGO_INCREMENTAL=0 ${CARGO:-cargo} build --release --locked --manifest-path fuzz/Cargo.toml \
    --target "$machine" --target-dir target/fuzz $bins

# Files of the targets lie in memory, where there is such a place, and go with this script.
place=/dev/shm
test -d "$place" && test -w "$place" || place=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$place/partwise-fuzz.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' HUP INT TERM

# The input that ended a target, in letters that can be copied, and what to do with them. What is too long for that is left in its file.
show() {
    target=$1 input=$2
    again="sh fuzz/run.sh 0 $target"
    test -z "${SANITIZER:-}" || again="SANITIZER=$SANITIZER $again"
    echo "fuzz: $target: to try $input again, in the root of the project:"
    if test "$(wc -c <"$input")" -le 16384; then
        echo "base64 -d >input <<'.'"
        base64 "$input"
        echo "."
        input=input
    fi
    echo "INPUT=$input $again"
}

turn() {
    target=$1
    mkdir -p "target/fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=target/fuzz/$target.log
    begun=target/fuzz/$target.begun
    : >"$begun"
    if "target/fuzz/$machine/release/$target" ${INPUT:-"target/fuzz/corpus/$target" "fuzz/corpus/$target"} \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
        ${SEED:+-seed="$SEED"} ${RUNS:+-runs="$RUNS"} -artifact_prefix="fuzz/artifacts/$target/" >"$log" 2>&1; then
        count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "fuzz: $target: ${count:-1} executions, nothing found"
    else
        tail -n 40 "$log"
        find "fuzz/artifacts/$target" -type f -newer "$begun" | while read -r input; do show "$target" "$input"; done
        echo "fuzz: $target: found something; see $log and fuzz/artifacts/$target"
        return 1
    fi
}

# Waits for the targets that have their turn, and says what came of each.
finish() {
    for pair in $waiting; do
        wait "${pair#*:}" || failed=1
        cat "target/fuzz/${pair%:*}.said"
    done
    waiting=
    count=0
}

at_once=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
failed=0
waiting=
count=0
for target in $targets; do
    turn "$target" >"target/fuzz/$target.said" &
    waiting="$waiting $target:$!"
    count=$((count + 1))
    test "$count" -lt "$at_once" || finish
done
finish
exit $failed
