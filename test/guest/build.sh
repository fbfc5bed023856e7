#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build.sh DIR: the instruments: in DIR of Intel PT (qemu-system-x86_64, bios/, vmlinuz, guest.cpio.xz), in DIR/aarch64
# of ETE with TRBE (qemu-system-aarch64, vmlinuz, guest.cpio.xz). What is there already is not built again unless its
# scripts or a patch are newer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir/aarch64"

# stale TARGET SOURCES...: the target is missing or older than one of them.
stale() {
  target=$1
  shift
  [ -e "$target" ] || return 0
  for source in "$@"; do [ ! "$source" -nt "$target" ] || return 0; done
  return 1
}

# place FROM TO: whole or not at all.
place() {
  cp "$1" "$2.part"
  mv "$2.part" "$2"
}

# build_guest ARCHITECTURE WORK TO
build_guest() {
  stale "$3/guest.cpio.xz" "$here/build-guest.sh" "$here/mkinitrd.py" "$here/guest-init" || return 0
  sh "$here/build-guest.sh" "$2" "$1"
  cp "$2/dist/vmlinuz" "$3/"
  place "$2/dist/guest.cpio.xz" "$3/guest.cpio.xz"
}

if stale "$dir/aarch64/qemu-system-aarch64" "$here/intel-pt.patch" "$here/ete-trbe.patch" "$here/build-qemu.sh"; then
  sh "$here/build-qemu.sh" "$dir/qemu"
  cp -r "$dir/qemu/dist/bios" "$dir/"
  place "$dir/qemu/dist/qemu-system-x86_64" "$dir/qemu-system-x86_64"
  place "$dir/qemu/dist/qemu-system-aarch64" "$dir/aarch64/qemu-system-aarch64"
fi
build_guest amd64 "$dir/system" "$dir"
build_guest arm64 "$dir/system-arm64" "$dir/aarch64"
