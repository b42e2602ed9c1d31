#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs the Debian (12 or later) packages that resq needs and this machine lacks; lists them first.
#   tools/dev/install_packages.sh            what building and using resq needs
#   tools/dev/install_packages.sh --tests    what tests/run.sh needs, too
#   tools/dev/install_packages.sh --list     prints what is missing and installs nothing
set -euo pipefail

# Builds the compiler: LLVM and MLIR, what their CMake files look for (edit, ffi, zlib, zstd, xml2),
# OpenBLAS with LAPACK for calibration, and the libraries that compiled models carry inside.
packages=(
  cmake ninja-build pkg-config gcc g++ libc6-dev
  llvm-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools clang-22 lld-22
  libedit-dev libffi-dev zlib1g-dev libzstd-dev libxml2-dev
  libopenblas-pthread-dev libpcre2-dev libutf8proc-dev libjansson-dev libxxhash-dev
  ca-certificates python3 python3-pip unzip
)
# Unit tests; sanitizers and fuzzers; scripts that compare numbers.
test_packages=(libcmocka-dev libclang-rt-22-dev clang-format-22 python3-numpy binutils)

list_only=
for argument in "$@"; do
  case $argument in
  --tests) packages+=("${test_packages[@]}") ;;
  --list) list_only=1 ;;
  *)
    echo "usage: $0 [--tests] [--list]" >&2
    exit 2
    ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "resq: no dpkg here: install what Debian calls ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [[ $status == 'install ok installed' ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  [[ -n $list_only ]] || echo "resq: all ${#packages[@]} Debian packages are installed"
  exit 0
fi
if [[ -n $list_only ]]; then
  printf '%s\n' "${missing[@]}"
  exit 0
fi
echo "resq: Debian packages to install: ${missing[*]}"

root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "resq: neither root nor sudo here; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi
# The lists of a fresh machine are empty, those of an old one name versions that are gone.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}
update() {
  "${root[@]}" apt-get update -q
}
if ! apt-cache show "${missing[@]}" >/dev/null 2>&1; then
  update >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
if ! install >"$log" 2>&1; then
  update >>"$log" 2>&1 || true
  if ! install >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "resq: apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
echo "resq: ${#missing[@]} packages installed"
