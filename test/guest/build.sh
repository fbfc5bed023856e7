#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build.sh DIR: the instrument in DIR (qemu-system-x86_64, bios/, vmlinuz, guest.cpio.xz); what is there already is
# not built again unless its scripts or the patch are newer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir"

# stale TARGET SOURCES...: the target is missing or older than one of them.
stale() {
  target=$1
  shift
  [ -e "$target" ] || return 0
  for source in "$@"; do [ ! "$source" -nt "$target" ] || return 0; done
  return 1
}

if stale "$dir/qemu-system-x86_64" "$here/intel-pt.patch" "$here/build-qemu.sh"; then
  sh "$here/build-qemu.sh" "$dir/qemu"
  cp -r "$dir/qemu/dist/bios" "$dir/"
  cp "$dir/qemu/dist/qemu-system-x86_64" "$dir/qemu-system-x86_64.part"
  mv "$dir/qemu-system-x86_64.part" "$dir/qemu-system-x86_64"
fi
if stale "$dir/guest.cpio.xz" "$here/build-guest.sh" "$here/mkinitrd.py" "$here/guest-init"; then
  sh "$here/build-guest.sh" "$dir/system"
  cp "$dir/system/dist/vmlinuz" "$dir/"
  cp "$dir/system/dist/guest.cpio.xz" "$dir/guest.cpio.xz.part"
  mv "$dir/guest.cpio.xz.part" "$dir/guest.cpio.xz"
fi
