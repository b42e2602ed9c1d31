#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# run.sh [FOLDER]: stock mlir-opt loads resq as a plugin and runs its passes beside upstream ones, on the MLP of example 01.
# RESQ_BUILD is the build folder (default: build beside the sources); MLIR_OPT is mlir-opt of LLVM 22.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=$(cd "${RESQ_BUILD:-$root/build}" && pwd)
mlir_opt=${MLIR_OPT:-$(command -v mlir-opt-22 || echo /usr/lib/llvm-22/bin/mlir-opt)}
out=${1:-$(mktemp -d)}
mkdir -p "$out"
plugin="--load-dialect-plugin=$build/lib/libresq.so --load-pass-plugin=$build/lib/libresq.so"
module=$here/../01-mlp-split/mlp.mlir

# The gain goes into the weights, linears that are left get a random basis, all become integer products. (Pass options of plugins
# are known to --pass-pipeline; flags like --resq-split are resq-opt's.)
method="resq-fold-norm,resq-split{basis=random},resq-quantize{weights=4 activations=8},resq-fuse"
# shellcheck disable=SC2086 # two words
"$mlir_opt" $plugin --pass-pipeline="builtin.module($method,cse)" "$module" -o "$out/quantised.mlir" 2> "$out/remarks"
"$build/bin/resq-opt" --pass-pipeline="builtin.module($method,cse)" "$module" 2> /dev/null | cmp - "$out/quantised.mlir"
sed -n '/func.func/,$p' "$out/quantised.mlir"

# The definitions: no resq op is left, and any MLIR tool can read on.
# shellcheck disable=SC2086
"$mlir_opt" $plugin --pass-pipeline="builtin.module($method,resq-pack,resq-lower-generic,canonicalize,cse)" "$module" \
  -o "$out/generic.mlir" 2> "$out/remarks"
if grep -q '= resq\.' "$out/generic.mlir"; then
  echo "a resq op is left in $out/generic.mlir" >&2
  exit 1
fi
"$mlir_opt" "$out/generic.mlir" -o /dev/null --allow-unregistered-dialect 2> /dev/null &&
  echo "stock mlir-opt, without the plugin, reads $(grep -c linalg.generic "$out/generic.mlir") linalg ops of it"
