#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build-guest.sh DIR [amd64|arm64]: DIR/dist/vmlinuz and DIR/dist/guest.cpio.xz: kernel, perf, busybox, bash and a few
# programs, all from one Debian suite ($SUITE, sid), unpacked with dpkg -x and nothing installed. Code of the
# architecture is not run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
arch=${2:-amd64}
# What is not built into the kernel: the disks, and on arm64 the trace unit's drivers.
case $arch in
  amd64) modules=virtio_blk ;;
  arm64) modules="virtio_blk virtio_pci virtio_mmio coresight coresight-etm4x coresight-trbe" ;;
  *) echo "build-guest.sh: amd64 or arm64, not $arch" >&2; exit 2 ;;
esac
. "$here/mirror.sh"

fetch() {
  make_apt "$dir" "deb KEY MIRROR ${SUITE:-sid} main"
  : >apt/status
  cat >>apt/apt.conf <<TEXT
Dir::State::status "$dir/apt/status";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
TEXT
  export APT_CONFIG="$dir/apt/apt.conf"
  apt-get -q update
  apt-get -q install -y --download-only linux-perf busybox-static coreutils bash
  kernel=$(apt-cache depends "linux-image-cloud-$arch" | awk '/Depends: linux-image-/ {print $2; exit}')
  mkdir -p kernel
  (cd kernel && apt-get -q download "linux-binary-${kernel#linux-image-}" "linux-modules-${kernel#linux-image-}")
  unset APT_CONFIG
}

unpack() {
  for deb in apt/cache/archives/*.deb; do dpkg -x "$deb" root; done
  for deb in kernel/*.deb; do dpkg -x "$deb" kernel; done
}

# add_module NAME: it, behind what it depends on, in the usual tree, where perf looks for its text; its place in the order.
add_module() {
  pattern=$(echo "$1" | sed 's/[-_]/[-_]/g')
  ! grep -q "/$pattern\.ko$" initrd/lib/modules/order || return 0
  packed=$(cd kernel/usr && find lib/modules -name "$pattern.ko.xz" | head -1)
  [ -n "$packed" ] || return 0 # built in
  mkdir -p "initrd/$(dirname "$packed")"
  xz -dc "kernel/usr/$packed" >"initrd/${packed%.xz}"
  module=/${packed%.xz}
  for needed in $(tr '\0' '\n' <"initrd$module" | sed -n 's/^depends=//p' | tr , ' '); do (add_module "$needed"); done
  echo "$module" >>initrd/lib/modules/order
}

fill_initrd() {
  /usr/bin/python3 "$here/mkinitrd.py" root initrd \
    usr/bin/perf usr/bin/busybox usr/bin/bash usr/bin/uname usr/bin/true usr/bin/ls
  install -m 755 "$here/guest-init" initrd/init
  cp initrd/usr/bin/busybox initrd/bin/busybox
  for name in sh mount umount insmod tr cut sleep mkdir tar sync poweroff cat echo grep head tail dd; do
    ln -sf /bin/busybox "initrd/bin/$name"
  done
  : >initrd/lib/modules/order
  for name in $modules; do add_module "$name"; done
}

cd "$dir"
fetch
unpack
fill_initrd
mkdir -p dist
cp kernel/usr/lib/modules/*/vmlinuz dist/vmlinuz
(cd initrd && find . | cpio -o -H newc --quiet -R 0:0) | xz -T0 >dist/guest.cpio.xz.part
mv dist/guest.cpio.xz.part dist/guest.cpio.xz
