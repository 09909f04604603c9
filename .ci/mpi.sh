#!/bin/sh
# mpi.sh COMMAND...: runs a build with the feature `mpi` where what it needs is there: the compiler and launcher of an MPI, and libclang,
# which reads its header. On Debian and its kin it installs what is missing; elsewhere it says what to install.
set -eu
cd "$(dirname "$0")/.."
. .ci/need.sh

# mpicc and mpirun of an MPI that is named by $MPICC or $MPI_PKG_CONFIG are for whoever names it.
if [ -z "${MPICC:-}${MPI_PKG_CONFIG:-}" ]; then
    { command -v mpicc && command -v mpirun; } >/dev/null ||
        need "MPI (mpicc, mpirun)" "libopenmpi-dev openmpi-bin" \
            "Open MPI or MPICH with its headers, and put mpicc and mpirun on the PATH (on a cluster: module load)."
fi

# As bindgen looks for it, without its folder for others.
libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] || command -v llvm-config >/dev/null || [ "$(uname -s)" != Linux ] ||
        ls /usr/lib*/libclang.so* /usr/lib/*/libclang.so* /usr/lib/*/libclang-*.so* /usr/lib/llvm*/lib/libclang.so* \
            /usr/local/lib/libclang.so* 2>/dev/null | grep -q .
}
libclang || need "libclang" "libclang1-14 libclang-common-14-dev" "LLVM's libclang, or set LIBCLANG_PATH to its folder."

# libclang without the headers of its own takes those of the C compiler.
if [ -z "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] && ! ls /usr/lib/llvm*/lib/clang/*/include/stddef.h /usr/lib*/clang/*/include/stddef.h >/dev/null 2>&1; then
    headers=$(cc -print-file-name=include 2>/dev/null) && [ -f "$headers/stddef.h" ] &&
        export BINDGEN_EXTRA_CLANG_ARGS="-I$headers"
fi
exec "$@"
