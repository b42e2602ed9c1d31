#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Prints the path of ptxas, NVIDIA's assembler of PTX, with which tests check the code of level `cuda`: $PTXAS, that of
# PATH or of /usr/local/cuda, else one fetched from PyPI once and kept in ${XDG_CACHE_HOME:-~/.cache}/resq.
#   tools/dev/fetch_ptxas.sh           exit 1 where there is none and none can be fetched, 2 where what came is another file
#   tools/dev/fetch_ptxas.sh --find    fetches nothing: exit 1, without a word, where there is none yet
set -euo pipefail

version=13.0.88
sha256=daba837a68265cae38c832d13399b61dab811891de9b8914defddef143b849f2

if [[ -n ${PTXAS:-} ]]; then
  if [[ ! -x $PTXAS ]]; then
    echo "resq: PTXAS=$PTXAS is no program" >&2
    exit 1
  fi
  echo "$PTXAS"
  exit 0
fi
if found=$(PATH=$PATH:/usr/local/cuda/bin command -v ptxas); then
  echo "$found"
  exit 0
fi
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/resq
ptxas=$cache/ptxas-$version
if [[ -x $ptxas ]]; then
  echo "$ptxas"
  exit 0
fi
if [[ ${1:-} == --find ]]; then
  exit 1
fi
if [[ $(uname -m) != x86_64 ]]; then
  echo "resq: there is no ptxas here, and the one that this script fetches runs on x86-64 only" >&2
  exit 1
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "resq: fetching nvidia-cuda-nvcc $version from PyPI (37 MB), which holds ptxas" >&2
if ! python3 -m pip --disable-pip-version-check download -q --no-deps --no-cache-dir --dest "$work" "nvidia-cuda-nvcc==$version" >&2; then
  echo "resq: pip could not download nvidia-cuda-nvcc $version; PTXAS=FILE uses a ptxas that you have" >&2
  exit 1
fi
unzip -q -p "$work"/*.whl nvidia/cu13/bin/ptxas >"$work/ptxas"
found_sha256=$(sha256sum "$work/ptxas" | cut -d ' ' -f 1)
if [[ $found_sha256 != "$sha256" ]]; then
  echo "resq: the ptxas of nvidia-cuda-nvcc $version has sha256 $found_sha256; needed: $sha256" >&2
  exit 2
fi
chmod +x "$work/ptxas"
# Into place at once: two fetches at a time do no harm.
mv "$work/ptxas" "$ptxas"
echo "$ptxas"
