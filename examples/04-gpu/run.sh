#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# run.sh [FOLDER]: how the MLP of example 01 becomes GPU kernels and a list of their launches, step by step, in files of FOLDER.
# Needs no GPU; where there is one, the MLP runs on it at the end. RESQ_BUILD, PYTHON and CC as in 01-mlp-split.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mlp=$here/../01-mlp-split
root=$here/../..
build=$(cd "${RESQ_BUILD:-$root/build}" && pwd)
python=${PYTHON:-python3}
out=${1:-$(mktemp -d)}
mkdir -p "$out"
cd "$out" # the module names its checkpoint weights.gguf: found from here
"$python" "$mlp/check.py" weights

# 1. The module is quantized as on the way to any device: integer products, activations in 8 bits, weights in 4.
method="resq-fold-norm,resq-split{basis=random},resq-quantize{weights=4 activations=8},resq-fuse"
"$build/bin/resqc" "$mlp/mlp.mlir" --scheme=none --passes="$method" --emit=resq -o 1-quantized.mlir

# 2. Its recipes are evaluated: the file params holds what kernels read, and params become offsets into it.
"$build/bin/resq-opt" --resq-materialize="output=params" 1-quantized.mlir -o 2-materialized.mlir

# 3. A call of a kernel for each op, for entries of up to 16 rows. Neighboring calls that depend on each other only within a row
# become one launch. What a launch runs is a GPU function in a gpu.module, with the shapes of its calls in it; the function that is
# lowered becomes the list of its launches, with grids for this chip and byte offsets of a workspace.
"$build/bin/resq-opt" --resq-lower-gpu="chip=sm_90a rows=16" 2-materialized.mlir -o 3-launches.mlir
echo "the launches of a call of up to 16 rows:"
sed -n '/func.func @mlp__cuda/,/^ *}/s/^ *\(resq.launch.*\)/  \1/p' 3-launches.mlir

# 4. The same from resqc, which does all of it in memory.
"$build/bin/resqc" "$mlp/mlp.mlir" --scheme=none --passes="$method" --levels=cuda --chip=sm_90a --emit=lowered -o 4-lowered.mlir

# 5. Kernels linked, inlined and translated: PTX, which the driver makes code of when it first sees the program. It has the kernels of
# entries for many rows, too, for which plans choose other grids and, where it pays, another code of a kernel (v1).
"$build/bin/resqc" "$mlp/mlp.mlir" --scheme=none --passes="$method" --levels=cuda --chip=sm_90a --emit=ptx -o 5-kernels.ptx
echo "their code, and that of calls of many rows:"
sed -n 's/^\.visible \(\.entry [a-z0-9_]*\)(.*/  \1/p' 5-kernels.ptx

# 6. A library for CPUs and GPUs: the same calls, the same bits.
"$build/bin/resqc" "$mlp/mlp.mlir" -o mlp.so --emit=shared --scheme=none --passes="$method" --levels=generic,cuda
"${CC:-cc}" -O1 -Wall -I "$root/runtime/include" -I . "$mlp/main.c" ./mlp.so -Wl,-rpath,"$PWD" -o mlp
RESQ_DEVICE=cpu ./mlp < x.f32 > y.cpu
if RESQ_DEVICE=cuda ./mlp < x.f32 > y.gpu 2> why; then
  cmp y.cpu y.gpu
  echo "the GPU gives what level generic gives, bit for bit"
else
  echo "only on the CPU: $(cat why)"
fi
