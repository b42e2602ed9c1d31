#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Makes a folder to compile for and to run 64-bit Arm with, of Debian's own packages: the C library and the libraries that
# compiled models contain, for arm64, and QEMU. Needs apt-get, dpkg-deb and the network, about 10 seconds and 30 MB; no root,
# and nothing outside the folder changes. Uses clang-22 and lld-22 of this machine.
#   tools/dev/aarch64_sysroot.sh FOLDER
# Afterwards FOLDER/cc compiles and links, FOLDER/run PROGRAM runs, and cmake/aarch64.cmake is the toolchain for CMake.
set -euo pipefail
[[ $# -eq 1 ]] || { sed -n '3,7s/^# //p' "$0" >&2 && exit 2; }
[[ ! -e $1/complete ]] || exit 0
mkdir -p "$1"
root=$(cd "$1" && pwd)
work=$root/apt
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/packages"
: >"$work/status"
. /etc/os-release
suite=${VERSION_CODENAME:?the release of Debian has no name}
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $suite" 'Component: main' | head -n 1)

# fetch ARCHITECTURE PACKAGE...: downloads with an apt state of its own.
fetch() {
  local architecture=$1
  shift
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  local options=(-qq -o "Dir::State=$work/state" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache"
    -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "APT::Architecture=$architecture"
    -o "APT::Architectures=$architecture" -o APT::Sandbox::User= -o Acquire::Languages=none)
  apt-get "${options[@]}" update
  (cd "$work/packages" && apt-get "${options[@]}" download "$@")
}
fetch arm64 libc6 libc6-dev linux-libc-dev libgcc-s1 libgcc-12-dev libpcre2-dev libutf8proc-dev libxxhash-dev libjansson-dev
for package in "$work"/packages/*.deb; do
  dpkg-deb -x "$package" "$root"
done
rm -f "$work"/packages/*
if command -v qemu-aarch64-static >/dev/null; then
  qemu=$(command -v qemu-aarch64-static)
else
  fetch amd64 qemu-user-static
  dpkg-deb --fsys-tarfile "$work"/packages/qemu-user-static_*.deb | tar -x -C "$root" ./usr/bin/qemu-aarch64-static
  qemu=$root/usr/bin/qemu-aarch64-static
fi
rm -rf "$work"

# lld is named by its path: it need not be in PATH.
lld=$(command -v ld.lld || echo /usr/lib/llvm-22/bin/ld.lld)
printf '#!/bin/sh\nexec clang-22 --target=aarch64-linux-gnu --sysroot=%q -fuse-ld=%q "$@"\n' "$root" "$lld" >"$root/cc"
printf '#!/bin/sh\nexec %q -L %q "$@"\n' "$qemu" "$root" >"$root/run"
chmod +x "$root/cc" "$root/run"
touch "$root/complete"
