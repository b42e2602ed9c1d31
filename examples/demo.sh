#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# From nothing to an answer: installs what is missing (Debian 12), builds the compiler, compiles SmolLM2-135M to one file with
# 4-bit weights and cache (ResQ), and asks it a question. Some ten minutes the first time, seconds the next.
#   examples/demo.sh [QUESTION]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
question=${1:-What is the capital of France, and what is it known for?}
build=${RESQ_BUILD:-build}
program=$build/smollm2-resq

say() { printf '\n== %s\n' "$*"; }

say "1/4 Packages"
tools/dev/install_packages.sh

say "2/4 The compiler (gcc, LLVM 22; some minutes the first time)"
if [[ ! -f $build/CMakeCache.txt ]]; then
  cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc \
    -DRESQ_TESTS=OFF >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
  mv "$build.log" "$build/cmake.log"
fi
# What was built already stays; a failure shows what the compiler said.
ninja -C "$build" resqc resq-opt resq_runtime resq_command_line >"$build/demo-build.log" 2>&1 ||
  { tail -n 40 "$build/demo-build.log" >&2; exit 1; }
echo "$build/bin/resqc and $build/bin/resq-opt"

say "3/4 SmolLM2-135M-Instruct to one executable file, 4-bit"
model=$(tools/dev/fetch_model.sh)
if [[ $program -nt $build/bin/resqc && $program -nt $build/lib/libresq.so ]]; then
  echo "$program is up to date"
else
  # Calibrated on a little text that the model makes itself; more windows, or a text of your own, are better.
  command=("$build/bin/resqc" "$model" -o "$program" --calibration-windows=2)
  echo "\$ ${command[*]}"
  started=$SECONDS
  "${command[@]}"
  echo "compiled in $((SECONDS - started)) s: $(stat -c %s "$program" | awk '{ printf "%.0f", $1 / 1e6 }') MB" \
    "with parameters and tokenizer, from $(stat -L -c %s "$model" | awk '{ printf "%.0f", $1 / 1e6 }') MB of checkpoint"
fi

say "4/4 A question"
echo "\$ $program generate --greedy -p \"$question\""
echo
"$program" generate --greedy -n 120 --stats -p "$question"

cat <<TEXT

== Next
  $program generate -p "Write a haiku about rain." --temperature 0.7 --seed 1
  $program bench                      # tokens a second
  $program info                       # bits per weight, levels, cache
  $program --help
  $build/bin/resqc --help            # other schemes, calibration on your own text
  $build/bin/resqc $model --emit=import -o - | less
  docs/ explains the dialect and the method; tests/run.sh tests it all
TEXT
