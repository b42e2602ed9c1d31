#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# run.sh [FOLDER]: compiles mlp.mlir to a shared library in FOLDER, calls it from C and from Python, compares both with numpy.
# RESQ_BUILD is the build folder (default: build beside the sources); PYTHON has numpy; CC is the C compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=$(cd "${RESQ_BUILD:-$root/build}" && pwd)
python=${PYTHON:-python3}
out=${1:-$(mktemp -d)}
mkdir -p "$out"
cd "$out" # the module names its checkpoint weights.gguf: found from here
"$python" "$here/check.py" weights
"$build/bin/resqc" "$here/mlp.mlir" -o mlp.so --emit=shared --scheme=none
"${CC:-cc}" -O1 -Wall -I "$root/runtime/include" -I . "$here/main.c" ./mlp.so -Wl,-rpath,"$PWD" -o mlp
./mlp < x.f32 > y.f32
"$python" "$here/check.py" compare
