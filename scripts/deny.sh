#!/bin/sh
# Holds the trees of dependencies, that of the fuzz targets too, to deny.toml: licences, versions that come twice, build scripts, sources.
# Takes cargo-deny as it is installed, or builds it. The database of advisories is on the network: `cargo deny check advisories`.
set -eu
cd "$(dirname "$0")/.."
tools=target/tools
deny=cargo-deny
if ! command -v cargo-deny >/dev/null 2>&1; then
    deny=$tools/bin/cargo-deny
    test -x "$deny" || cargo install --locked --root "$tools" --version 0.20.2 cargo-deny
fi
check() {
    tree=$1
    shift
    "$deny" --locked --manifest-path "$tree" --config deny.toml check --hide-inclusion-graph "$@" bans licenses sources
}
check Cargo.toml
# Of what is let in twice, only some is there.
check fuzz/Cargo.toml --allow unmatched-skip
