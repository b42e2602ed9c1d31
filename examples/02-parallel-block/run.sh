#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# run.sh [FOLDER]: compiles block.mlir to a shared library in FOLDER, runs it from C token by token and from Python in mixed
# batches, compares both with numpy. RESQ_BUILD, PYTHON and CC as in 01-mlp-split.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=$(cd "${RESQ_BUILD:-$root/build}" && pwd)
python=${PYTHON:-python3}
out=${1:-$(mktemp -d)}
mkdir -p "$out"
cd "$out"
"$python" "$here/check.py" weights
# The caches stay in f32: numpy has no other.
"$build/bin/resqc" "$here/block.mlir" -o block.so --emit=shared --scheme=none --kv=f32
"${CC:-cc}" -O1 -Wall -I "$root/runtime/include" -I . "$here/main.c" ./block.so -Wl,-rpath,"$PWD" -o block
./block < x.f32 > y.f32
"$python" "$here/check.py" compare
