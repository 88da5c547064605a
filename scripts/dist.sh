#!/bin/sh
# Everything of a release, into dist/: the crates as packages, the wheel, the program with its completions, its manual page and the
# licences of what is linked into it, as an archive and as a Debian package, and the checksums of all of them. `make dist` has built the program and the wheel before.
#
# PROGRAM names another program, WHEELS another folder of wheels.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
program=${PROGRAM:-target/release/partwise}
wheels=${WHEELS:-target/wheels}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
machine=$(rustc -vV | sed -n 's/^host: //p')
name=partwise-$version-$machine
stage=target/dist
for file in CITATION.cff CHANGELOG.md; do
    grep -Eq "^(version: \"?|## )$version" "$file" || { echo "dist: $file is not of version $version, that of Cargo.toml" >&2; exit 1; }
done
rm -rf dist "$stage"
mkdir -p dist "$stage/$name"

# The crates: what is in each package, which versions it asks for. Building each of them again is left to `cargo publish`.
"$cargo" fetch --locked --quiet
"$cargo" package --workspace --exclude partwise-python --locked --offline --no-verify ${ALLOW_DIRTY:+--allow-dirty} --target-dir "$stage/crates"
cp "$stage"/crates/package/*.crate dist/

# The wheel, as `make wheel` left it.
for wheel in "$wheels"/*.whl; do
    test -e "$wheel" || { echo "dist: no wheel in $wheels; run make wheel" >&2; exit 1; }
    cp "$wheel" dist/
done

# The program, for systems with this or a newer C library.
tree=$stage/$name
mkdir -p "$tree/completions" "$tree/man"
cp "$program" "$tree/partwise"
strip "$tree/partwise" 2>/dev/null || true
while read -r shell file; do "$program" completions "$shell" >"$tree/completions/$file"; done <<COMPLETIONS
bash partwise.bash
zsh _partwise
fish partwise.fish
elvish partwise.elv
powershell _partwise.ps1
COMPLETIONS
"$program" man >"$tree/man/partwise.1"
"$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p' | grep -vx help | while read -r command; do
    "$program" man "$command" >"$tree/man/partwise-$command.1"
done
"${PYTHON:-python3}" scripts/licences.py partwise-cli >"$tree/THIRD-PARTY-LICENSES"
git archive HEAD README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md SECURITY.md assets/README.md LICENSE-MIT LICENSE-APACHE CITATION.cff docs | tar -C "$tree" -xf -
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
tar --owner=0 --group=0 --sort=name --mtime="@$SOURCE_DATE_EPOCH" -C "$stage" -cf - "$name" | gzip -9n >"dist/$name.tar.gz"

# The same as a Debian package, where there is what makes one.
if command -v dpkg-deb >/dev/null 2>&1; then
    deb=$stage/deb
    mkdir -p "$deb/DEBIAN" "$deb/usr/bin" "$deb/usr/share/doc/partwise" "$deb/usr/share/man/man1" \
        "$deb/usr/share/bash-completion/completions" "$deb/usr/share/zsh/vendor-completions" "$deb/usr/share/fish/vendor_completions.d"
    cp "$tree/partwise" "$deb/usr/bin/"
    for page in "$tree"/man/*.1; do gzip -9nc "$page" >"$deb/usr/share/man/man1/${page##*/}.gz"; done
    cp "$tree/completions/partwise.bash" "$deb/usr/share/bash-completion/completions/partwise"
    cp "$tree/completions/_partwise" "$deb/usr/share/zsh/vendor-completions/_partwise"
    cp "$tree/completions/partwise.fish" "$deb/usr/share/fish/vendor_completions.d/partwise.fish"
    { cat LICENSE-MIT; echo; cat LICENSE-APACHE; } >"$deb/usr/share/doc/partwise/copyright"
    gzip -9nc "$tree/THIRD-PARTY-LICENSES" >"$deb/usr/share/doc/partwise/THIRD-PARTY-LICENSES.gz"
    gzip -9nc CHANGELOG.md >"$deb/usr/share/doc/partwise/changelog.gz"
    # The newest symbol of the C library that the program asks for.
    command -v objdump >/dev/null 2>&1 || { echo "dist: no objdump; install the package binutils" >&2; exit 1; }
    libc=$(objdump -T "$tree/partwise" 2>/dev/null | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -uV | tail -n 1)
    cat >"$deb/DEBIAN/control" <<CONTROL
Package: partwise
Version: $version-1
Section: science
Priority: optional
Architecture: $(dpkg --print-architecture)
Depends: libc6 (>= ${libc:?}), libgcc-s1
Installed-Size: $(du -sk "$deb/usr" | cut -f1)
Maintainer: The partwise developers <noreply@partwise.invalid>
Description: fast non-negative matrix factorisation
 Factors non-negative matrices, dense and sparse, in memory and on disk, and
 takes pictures, texts and sounds apart into their parts.
CONTROL
    find "$deb" -type d -exec chmod 755 {} +
    dpkg-deb --root-owner-group --build "$deb" "dist/partwise_$version-1_$(dpkg --print-architecture).deb" >/dev/null
fi

# What is in the archive, tried with nothing else at hand: a factorisation, and no library but those of every system.
try=$stage/try
mkdir -p "$try"
tar -C "$try" -xzf "dist/$name.tar.gz"
printf '1 0 2\n0 3 0\n2 0 4\n' >"$try/v.txt"
(cd "$try" && env -i "./$name/partwise" fit v.txt -k 2 -o out -q && test -s out/model.npz)
extra=$(ldd "$try/$name/partwise" | sed 's/^[[:space:]]*//; s/ .*//' | grep -Ev '^((linux-vdso|libc|libm|libgcc_s|libpthread|libdl)\.so|/lib.*ld-linux)' || true)
test -z "$extra" || { echo "dist: the program needs libraries that a bare system has not: $extra" >&2; exit 1; }

(cd dist && sha256sum -- * >SHA256SUMS)
echo "dist: $(ls dist | wc -l) files in dist/"
