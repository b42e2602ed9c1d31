#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Formats the C and C++ files of the repository with clang-format of LLVM 22, which alone decides (other versions differ).
#   tools/dev/format.sh [FILE...]            formats them (all that git knows, without FILE)
#   tools/dev/format.sh --check [FILE...]    changes nothing; lists what is not formatted and fails when there is any
#   tools/dev/format.sh --check --warn       the same, and never fails
#   --since=COMMIT                           only files that differ from that commit
# The last line is "N passed, N failed" after --check, and "0 passed, 0 failed, 1 skipped" where clang-format 22 is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
check= warn= since= files=()
for argument in "$@"; do
  case $argument in
  --check) check=1 ;;
  --warn) warn=1 ;;
  --since=*) since=${argument#*=} ;;
  -*) sed -n '3,8s/^# //p' "$0" >&2 && exit 2 ;;
  *) files+=("$argument") ;;
  esac
done

format=$(command -v clang-format-22 || true)
[[ -n $format ]] || format=/usr/lib/llvm-22/bin/clang-format
if [[ ! -x $format ]]; then
  echo "SKIP: format: clang-format-22 is not installed"
  [[ -z $check ]] || echo "0 passed, 0 failed, 1 skipped"
  [[ -n $check ]]
  exit
fi

sources=('*.c' '*.h' '*.cpp')
if [[ ${#files[@]} -eq 0 && -n $since ]]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$since" -- "${sources[@]}")
elif [[ ${#files[@]} -eq 0 ]]; then
  mapfile -t files < <(git ls-files -- "${sources[@]}")
fi
if [[ -z $check ]]; then
  [[ ${#files[@]} -eq 0 ]] || "$format" -i "${files[@]}"
  exit
fi

# One process for all files; it names each place that it would change.
wrong=0
if [[ ${#files[@]} -gt 0 ]]; then
  mapfile -t offenders < <("$format" --dry-run "${files[@]}" 2>&1 | sed -nE 's/^([^:]+):[0-9]+:[0-9]+: (warning|error): .*/\1/p' | sort -u)
  wrong=${#offenders[@]}
  [[ $wrong -eq 0 ]] || printf 'not formatted: %s\n' "${offenders[@]}"
fi
if [[ -n $warn ]]; then
  echo "warning: $wrong of ${#files[@]} files are not formatted; tools/dev/format.sh formats them"
  wrong=0
fi
echo "$((wrong == 0)) passed, $wrong failed"
[[ $wrong -eq 0 ]]
