#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Tries README's commands on a machine that has nothing: a clean clone of HEAD in a bare Debian 12 of its own (debootstrap and chroot).
#   tools/dev/fresh_machine.sh FOLDER                    makes FOLDER when it is not there, then runs examples/demo.sh and tests/run.sh in it
#   tools/dev/fresh_machine.sh FOLDER COMMAND...         runs another command in the clone
# Needs root and debootstrap. What the commands install stays in FOLDER: delete it for the next try. Certificates of this machine are
# taken along, for networks behind a proxy that signs with its own.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(realpath -m "${1:?usage: tools/dev/fresh_machine.sh FOLDER [COMMAND...]}")
shift
command=("$@")
[[ ${#command[@]} -gt 0 ]] || command=(sh -c 'examples/demo.sh && tests/run.sh')
mirror=${RESQ_DEBIAN_MIRROR:-http://deb.debian.org}

if [[ ! -e $folder/etc/debian_version ]]; then
  command -v debootstrap >/dev/null || { echo "resq: debootstrap is not installed" >&2; exit 1; }
  debootstrap --variant=minbase bookworm "$folder" "$mirror/debian" >&2
  cat >"$folder/etc/apt/sources.list" <<LIST
deb $mirror/debian bookworm main
deb $mirror/debian bookworm-updates main
deb $mirror/debian-security bookworm-security main
LIST
fi
mkdir -p "$folder/etc/ssl/certs" "$folder/work"
cp /etc/resolv.conf "$folder/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/work/certificates.crt"

mounted=()
finish() {
  for at in ${mounted[@]+"${mounted[@]}"}; do umount -l "$at" || true; done
}
trap finish EXIT
for at in proc dev; do
  mount --rbind "/$at" "$folder/$at" && mounted+=("$folder/$at")
done

rm -rf "$folder/work/resq"
git clone -q --no-hardlinks "$root" "$folder/work/resq"
certificates=/work/certificates.crt
chroot "$folder" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${CI:+CI=$CI} \
  PIP_CERT=$certificates SSL_CERT_FILE=$certificates REQUESTS_CA_BUNDLE=$certificates \
  sh -c 'cd /work/resq && exec "$@"' sh "${command[@]}"
