#!/bin/sh
# Makes sure that there is what the feature `mpi` needs: an MPI library with its headers and launcher, and libclang, which reads
# the headers. What is there, else Debian's Open MPI.
set -eu
has_clang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang-[0-9]*.so* /usr/lib/*/libclang.so* /usr/lib64/libclang.so*; do
        case $file in
            *libclang-cpp*) ;;
            *) [ -e "$file" ] && return 0 ;;
        esac
    done
    return 1
}
if command -v mpicc >/dev/null 2>&1 && command -v mpirun >/dev/null 2>&1 && has_clang; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "mpi: installing Open MPI and libclang" >&2
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        libopenmpi-dev openmpi-bin libclang-dev >/dev/null
    exit 0
fi
echo "mpi: no MPI library or no libclang was found; install the packages libopenmpi-dev, openmpi-bin and libclang-dev" >&2
exit 1
