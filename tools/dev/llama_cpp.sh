#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Prints the path of a Python that has llama-cpp-python, built from source for this processor once and kept in
# ${XDG_CACHE_HOME:-~/.cache}/resq: what tests/accuracy/run.py and tests/bench/compare_llama_cpp.py measure as a peer.
#   tools/dev/llama_cpp.sh           RESQ_LLAMA_CPP_PYTHON=FILE names another Python that has it; RESQ_JOBS=N compilers at a time
#   tools/dev/llama_cpp.sh --find    builds nothing: exit 1, without a word, where there is none yet
set -euo pipefail

version=0.3.36
python=${RESQ_LLAMA_CPP_PYTHON:-}
if [[ -n $python ]]; then
  if ! "$python" -c 'import llama_cpp' 2>/dev/null; then
    echo "resq: RESQ_LLAMA_CPP_PYTHON=$python has no llama_cpp" >&2
    exit 1
  fi
  echo "$python"
  exit 0
fi

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/resq
venv=$cache/llama-cpp-python-$version
if [[ -x $venv/bin/python && -e $venv/complete ]]; then
  echo "$venv/bin/python"
  exit 0
fi
if [[ ${1:-} == --find ]]; then
  exit 1
fi

mkdir -p "$cache"
log=$cache/llama-cpp-python.log
echo "resq: building llama-cpp-python $version in $venv: some minutes; $log" >&2
rm -rf "$venv"
python3 -m venv "$venv"
# Vision (mtmd) isn't needed, and it is a third of the build.
if ! CMAKE_BUILD_PARALLEL_LEVEL=${RESQ_JOBS:-$(nproc)} CMAKE_ARGS="-DGGML_NATIVE=ON -DMTMD_BUILD=OFF -DLLAVA_BUILD=OFF" \
  "$venv/bin/python" -m pip --disable-pip-version-check install --no-binary llama-cpp-python "llama-cpp-python==$version" gguf \
  >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "resq: llama-cpp-python could not be built; RESQ_LLAMA_CPP_PYTHON=FILE uses a Python that has it" >&2
  exit 1
fi
touch "$venv/complete"
echo "$venv/bin/python"
