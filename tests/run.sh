#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs what is missing, builds, runs all tests and says in the last line how many passed, failed, and were skipped
# because they could not run here ("N passed, N failed", and ", N skipped" when there are any).
#   tests/run.sh              quick (default): everything, with few windows of the real model
#   tests/run.sh --full       quick, then every acceptance figure (tests/full.sh; hours)
#   tests/run.sh --sanitize   quick, and the lit and end-to-end tests under the sanitizers, too
#   tests/run.sh --only STEPS some steps: --only unit,lit (names: tests/run.sh --steps)
# Build folders: build/ (gcc, Release) and build/sanitize (clang, address and undefined-behaviour sanitizers).
# RESQ_BUILD=FOLDER puts them elsewhere. RESQ_TEST_MODEL=FILE names the real model, which PyPI gives otherwise;
# RESQ_TEST_MODEL_QWEN=FILE a larger one, which --full alone fetches. PTXAS=FILE names NVIDIA's assembler (tools/dev/fetch_ptxas.sh).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

all_steps="packages format model ptxas build unit lit e2e bad io-faults faults memory tsan-build tsan-unit sanitize-build sanitize-unit sanitize-bad fuzz"
full= sanitize= only=
while [[ $# -gt 0 ]]; do
  case $1 in
  --quick) ;;
  --full) full=1 ;;
  --sanitize) sanitize=1 ;;
  --only) only=,${2:?--only needs names}, && shift ;;
  --steps) echo "$all_steps" && exit 0 ;;
  *) sed -n '3,11s/^# //p' "$0" >&2 && exit 2 ;;
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
passed=0 failed=0 skipped=0 failures=() with_skips=()

# Debian's python3 has Debian's numpy; another in PATH may not.
python=/usr/bin/python3
[[ -x $python ]] || python=python3

#===-- Steps -----------------------------------------------------------------===#

# sum LOG REGEX [GROUP]: the numbers that the group (1) matched, over all lines of the log.
sum() { sed -nE "s/$2/\\${3:-1}/p" "$1" | awk '{ n += $1 } END { print n + 0 }'; }

# step NAME COUNT SECONDS COMMAND...: runs the command into a log. COUNT says how the log is read:
# one (the exit status is one test), lit, or summary (a line "N passed, N failed" or "N passed, N failed, N skipped").
# What could not run is counted as skipped, never as passed, and is listed at the end: lines "SKIP: NAME: why", and lit's.
step() {
  local name=$1 count=$2 limit=$3 log=$logs/$1.log started=$SECONDS status good=0 bad=0 skips=0
  shift 3
  [[ -z $only || $only == *,$name,* ]] || return 0
  timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
  status=$?
  case $count in
  lit)
    good=$(sum "$log" '^ *(Passed|Passed With Retry) *: *([0-9]+).*' 2)
    bad=$(sum "$log" '^ *(Failed|Unresolved|Timed Out|Unexpectedly Passed) *: *([0-9]+).*' 2)
    skips=$(sum "$log" '^ *(Unsupported|Skipped|Excluded|Expectedly Failed) *: *([0-9]+).*' 2)
    ;;
  summary)
    good=$(sum "$log" '^([0-9]+) passed, [0-9]+ failed(, [0-9]+ skipped)?$')
    bad=$(sum "$log" '^[0-9]+ passed, ([0-9]+) failed(, [0-9]+ skipped)?$')
    skips=$(sum "$log" '^[0-9]+ passed, [0-9]+ failed, ([0-9]+) skipped$')
    ;;
  one) [[ $status -ne 0 ]] || good=1 ;;
  esac
  # A failure that was not counted: a crash, a time-out, or nothing run at all.
  if [[ $bad -eq 0 ]] && [[ $status -ne 0 || $((good + skips)) -eq 0 ]]; then
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
  [[ $skips -eq 0 ]] || with_skips+=("$name")
  local note=
  [[ $status -ne 124 ]] || note=" (over $limit s)"
  printf '%-16s %5d passed %4d failed %4d skipped %6d s%s\n' "$name" "$good" "$bad" "$skips" $((SECONDS - started)) "$note"
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
    *build) grep -E 'error:|FAILED:|CMake Error' "$logs/$name.log" | head -n 10 | cut -c 1-200 | sed 's/^/  /' ;;
    *) grep -E '^(FAIL|ERROR)' "$logs/$name.log" | head -n 40 | cut -c 1-200 | sed 's/^/  /' ;;
    esac
  done
  for name in ${with_skips[@]+"${with_skips[@]}"}; do
    echo "skipped: $name"
    grep -E '^(SKIP|UNSUPPORTED|XFAIL|SKIPPED|EXCLUDED): ' "$logs/$name.log" | sort -u | head -n 40 | cut -c 1-200 | sed 's/^/  /'
  done
  local note=
  [[ $skipped -eq 0 ]] || note=", $skipped skipped"
  echo "$passed passed, $failed failed$note"
  [[ $failed -eq 0 ]]
  exit
}

# configure_and_build FOLDER CMAKE-OPTIONS...: with ccache where that is installed.
configure_and_build() {
  local folder=$1 launchers=()
  shift
  ! command -v ccache >/dev/null || launchers=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake -G Ninja -S "$root" -B "$folder" ${launchers[@]+"${launchers[@]}"} "$@" && ninja -C "$folder" -j "$jobs" -k 0
}

# run_unit FOLDER SECONDS: the unit tests of a build, counted one by one (ctest counts executables). A test that skips
# itself is counted as skipped; an executable that crashes or hangs is one failure beside those that it had counted.
run_unit() {
  local log=$1/Testing/Temporary/LastTest.log status
  rm -f "$log"
  ctest --test-dir "$1" -E '^lit$' -j "$jobs" --timeout "$2" --output-on-failure
  status=$?
  awk -f tests/tools/count_cmocka.awk "$log"
  return $status
}

run_lit() { "$python" /usr/lib/llvm-22/bin/lit -v -j "$jobs" "$1/tests"; }

# Where ptxas can be neither found nor fetched, the tests that need it are skipped.
fetch_ptxas() {
  local status=0
  tools/dev/fetch_ptxas.sh || status=$?
  case $status in
  0) echo "1 passed, 0 failed" ;;
  1) echo "SKIP: ptxas: there is none here, and none could be fetched" && echo "0 passed, 0 failed, 1 skipped" ;;
  *) echo "0 passed, 1 failed" && return 1 ;;
  esac
}

# What a step runs must be a command of its own for `timeout`.
export -f configure_and_build run_unit run_lit fetch_ptxas
export root build logs scratch jobs python

#===-- Set-up and the main configuration -------------------------------------===#

step packages one 1800 tools/dev/install_packages.sh --tests || finish
step format summary 120 tools/dev/format.sh --check
if ! step model one 600 tools/dev/fetch_model.sh && [[ -z $only ]]; then
  echo "  without the model, tests that need it fail"
fi
# The last line of what it prints is the path; asked again when the step was left out.
RESQ_TEST_MODEL=$(tools/dev/fetch_model.sh 2>/dev/null | tail -n 1)
export RESQ_TEST_MODEL
[[ -n $RESQ_TEST_MODEL ]] || unset RESQ_TEST_MODEL
step ptxas summary 300 bash -c fetch_ptxas
if found=$(tools/dev/fetch_ptxas.sh --find); then
  export PTXAS=$found
fi

step build one 1500 bash -c 'configure_and_build "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc'
if [[ ! -x $build/bin/resqc ]]; then
  echo "  no $build/bin/resqc: nothing more can be tested"
  finish
fi
step unit summary 900 bash -c 'run_unit "$build" 300'
step lit lit 900 bash -c 'run_lit "$build"'
step e2e summary 900 "$python" tests/e2e/run.py --build "$build"
step bad summary 600 "$python" tests/bad/run.py --build "$build"
step io-faults summary 600 "$python" tests/bad/io_faults.py --build "$build"
step faults summary 300 "$python" tests/bad/faults.py --build "$build"
step memory summary 300 "$python" tests/bad/memory.py --build "$build"

#===-- The programs in which threads meet, under the thread sanitizer --------===#

# A configuration without the compiler.
build_tsan() {
  configure_and_build "$build/tsan" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER=clang-22 -DRESQ_TSAN=ON \
    -DCMAKE_C_FLAGS="-O1 -g1" -DRESQ_COMPILER=OFF
}
export -f build_tsan
step tsan-build one 300 bash -c build_tsan
step tsan-unit summary 300 bash -c 'run_unit "$build/tsan" 120'

#===-- The second compiler, with sanitizers ----------------------------------===#

# Leaks are not looked for: memory of LLVM's own registries is never freed.
# allow_user_poisoning=0: LLVM headers in our C++ files poison pools that the uninstrumented libMLIR fills.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=99:allocator_may_return_null=1:allow_user_poisoning=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# Artifacts are linked with the runtime as it is shipped, and contain the same kernels: their bitcode is not made again.
export RESQ_LIBRARY_PATH=$build/lib
step sanitize-build one 1500 bash -c 'configure_and_build "$build/sanitize" -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_C_COMPILER=clang-22 -DRESQ_SANITIZE=ON -DRESQ_BITCODE_FOLDER="$build/kernels" -DCMAKE_C_FLAGS="-O1 -g1" -DCMAKE_CXX_FLAGS="-O1 -g1"'
step sanitize-unit summary 900 bash -c 'run_unit "$build/sanitize" 600'
step sanitize-bad summary 900 "$python" tests/bad/run.py --build "$build/sanitize"
# Each parser some seconds of mutated inputs; docs/reliability.md has the command for 100,000 of each.
step fuzz summary 600 tests/fuzz/campaign.sh --build="$build/sanitize" --keep="$logs/fuzz" --seconds=3
if [[ -n $sanitize ]]; then
  step sanitize-lit lit 1800 bash -c 'run_lit "$build/sanitize"'
  step sanitize-e2e summary 3600 "$python" tests/e2e/run.py --build "$build/sanitize" --tiny
fi
unset ASAN_OPTIONS UBSAN_OPTIONS RESQ_LIBRARY_PATH

if [[ -n $full ]]; then
  step full summary 86400 tests/full.sh "$build"
fi
finish
