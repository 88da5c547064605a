#!/bin/sh
# Holds the tree of dependencies to deny.toml: licences, versions that come twice, build scripts, sources. Takes cargo-deny as it is
# installed, or builds it. The database of advisories is on the network: `cargo deny check advisories`.
set -eu
cd "$(dirname "$0")/.."
tools=target/tools
deny=cargo-deny
if ! command -v cargo-deny >/dev/null 2>&1; then
    deny=$tools/bin/cargo-deny
    test -x "$deny" || cargo install --locked --root "$tools" cargo-deny
fi
"$deny" --locked check --hide-inclusion-graph bans licenses sources
