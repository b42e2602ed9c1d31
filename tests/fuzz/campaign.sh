#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Gives every fuzz target mutated inputs and prints a table: target, inputs, seconds, findings. The last line is
# "N passed, N failed": a target passes when it ran and found nothing.
#   tests/fuzz/campaign.sh                   100,000 inputs for each target (minutes to an hour on two cores)
#   --runs=N         that many inputs        --seconds=N   so many seconds for each target, whatever it gets done in them
#   --jobs=N         targets at a time (default: all cores)
#   --build=FOLDER   a sanitizer build (default: build/sanitize), which tests/run.sh --only build,sanitize-build makes
#   --keep=FOLDER    logs and inputs with findings (default: BUILD/fuzz); the corpora stay there too, and the next run goes on
#                    from them
#   --seed=N         another sequence of inputs (default: 1)
#   NAME...          some targets: gguf, mlir, bytecode, ...
# Inputs to begin with are tests/fuzz/corpus/NAME, and what is too large for the repository is made here.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
build=$root/build/sanitize runs=100000 seconds= jobs=$(nproc) keep= seed=1 names=()
for argument in "$@"; do
  case $argument in
  --runs=*) runs=${argument#*=} ;;
  --seconds=*) seconds=${argument#*=} ;;
  --jobs=*) jobs=${argument#*=} ;;
  --build=*) build=$(realpath "${argument#*=}") ;;
  --keep=*) keep=${argument#*=} ;;
  --seed=*) seed=${argument#*=} ;;
  --* | -*) sed -n '3,14s/^# //p' "$0" >&2 && exit 2 ;;
  *) names+=("$argument") ;;
  esac
done
python=/usr/bin/python3
[[ -x $python ]] || python=python3
keep=$(realpath -m "${keep:-$build/fuzz}")
mkdir -p "$keep/corpus" "$keep/findings"
# As in tests/run.sh, which says why; and what is freed is kept for less long, and where it was allocated is reported with
# fewer frames, because MLIR allocates so much that this is a third of the time of an input.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:abort_on_error=0:exitcode=99:allocator_may_return_null=1:allow_user_poisoning=0}
ASAN_OPTIONS+=:quarantine_size_mb=16:malloc_context_size=8
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

all=
if [[ ${#names[@]} -eq 0 ]]; then
  all=1
  for target in "$build"/bin/fuzz/*_fuzz; do
    [[ -x $target ]] && name=$(basename "$target") && names+=("${name%_fuzz}")
  done
fi
# A target without an executable would silently not run: where all are asked for, it fails.
for source in tests/fuzz/*_fuzz.c; do
  name=$(basename "$source" _fuzz.c)
  [[ -n $all && ! -x $build/bin/fuzz/${name}_fuzz ]] && names+=("$name")
done
mapfile -t names < <(printf '%s\n' "${names[@]}" | sort -u)

# prepare NAME FOLDER: inputs to begin with.
prepare() {
  [[ ! -d tests/fuzz/corpus/$1 ]] || cp tests/fuzz/corpus/"$1"/* "$2/"
  case $1 in
  gguf)
    for architecture in llama qwen2; do
      "$python" tests/tools/make_tiny_gguf.py "$2/$architecture" --architecture $architecture --width 32 --heads 2 \
        --kv-heads 1 --layers 1 --intermediate 32 --vocabulary 260
    done
    ;;
  mlir) cp tests/dialect/ops.mlir tests/fuzz/pipeline_model.mlir "$2/" ;;
  bytecode) "$build/bin/resq-opt" --emit-bytecode tests/fuzz/pipeline_model.mlir -o "$2/model" ;;
  chat_template) cp tests/unit/chat/*.jinja "$2/" ;;
  esac
}

# fuzz NAME: one target; leaves a line "inputs seconds findings" in NAME.result.
fuzz() {
  local name=$1 target=$build/bin/fuzz/$1_fuzz corpus=$keep/corpus/$1 findings=$keep/findings/$1 log=$keep/$1.log status=1
  local started=$SECONDS options=(-timeout=20 -rss_limit_mb=4096 -seed="$seed" -max_len=16384 -report_slow_units=1000 -print_final_stats=1)
  mkdir -p "$corpus" "$findings"
  if [[ -x $target ]] && prepare "$name" "$corpus"; then
    [[ $name != gguf ]] || options+=(-max_len=131072)
    # Two processes in turn may each take two seconds of processor time: more where the machine is busy.
    [[ $name != bytecode ]] || options+=(-timeout=120)
    # Passes of the compiler over a module: seconds where the machine is busy. Pipelines are short.
    [[ $name != pipeline ]] || options+=(-timeout=600 -max_len=256)
    [[ ! -r tests/fuzz/$name.dict ]] || options+=(-dict="tests/fuzz/$name.dict")
    if [[ -n $seconds ]]; then options+=(-max_total_time="$seconds"); else options+=(-runs="$runs"); fi
    "$target" "${options[@]}" -artifact_prefix="$findings/" "$corpus" >"$log" 2>&1
    status=$?
  else
    echo "there is no $target, or its inputs could not be made" >"$log"
  fi
  local inputs found
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  found=$(find "$findings" -type f ! -name 'slow-unit-*' -newer "$keep/started" | wc -l)
  [[ $status -eq 0 || $found -gt 0 ]] || found=1
  echo "${inputs:-0} $((SECONDS - started)) $found" >"$keep/$name.result"
}
export -f prepare fuzz
export root build runs seconds keep seed python

rm -f "$keep"/*.result
touch "$keep/started"
printf '%s\n' "${names[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz {}'

good=0 bad=0
printf '%-16s %10s %8s %9s\n' target inputs seconds findings
for name in "${names[@]}"; do
  read -r inputs took found <"$keep/$name.result"
  printf '%-16s %10d %8d %9d\n' "$name" "$inputs" "$took" "$found"
  if [[ $found -eq 0 && $inputs -gt 0 ]]; then
    good=$((good + 1))
  else
    bad=$((bad + 1))
    failed+=("$name")
  fi
done
for name in ${failed[@]+"${failed[@]}"}; do
  echo "FAIL: $name: $keep/$name.log, inputs in $keep/findings/$name"
  grep -E 'ERROR: |runtime error: |SUMMARY: |^ *#[0-6] ' "$keep/$name.log" | head -n 12
done
echo "$good passed, $bad failed"
[[ $bad -eq 0 ]]
