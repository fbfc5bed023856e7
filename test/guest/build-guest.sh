#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build-guest.sh DIR: DIR/dist/vmlinuz and DIR/dist/guest.cpio.xz: kernel, perf, busybox, bash and a few
# programs, all from one Debian suite ($SUITE, sid), unpacked with dpkg -x and nothing installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
. "$here/mirror.sh"

fetch() {
  make_apt "$dir" "deb KEY MIRROR ${SUITE:-sid} main"
  : >apt/status
  echo "Dir::State::status \"$dir/apt/status\";" >>apt/apt.conf
  export APT_CONFIG="$dir/apt/apt.conf"
  apt-get -q update
  apt-get -q install -y --download-only linux-perf busybox-static coreutils bash
  kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ {print $2; exit}')
  mkdir -p kernel
  (cd kernel && apt-get -q download "linux-binary-${kernel#linux-image-}" "linux-modules-${kernel#linux-image-}")
  unset APT_CONFIG
}

unpack() {
  for deb in apt/cache/archives/*.deb; do dpkg -x "$deb" root; done
  for deb in kernel/*.deb; do dpkg -x "$deb" kernel; done
}

fill_initrd() {
  /usr/bin/python3 "$here/mkinitrd.py" root initrd \
    usr/bin/perf usr/bin/busybox usr/bin/bash usr/bin/uname usr/bin/true usr/bin/ls
  install -m 755 "$here/guest-init" initrd/init
  cp initrd/usr/bin/busybox initrd/bin/busybox
  for name in sh mount umount insmod tr cut sleep mkdir tar sync poweroff cat echo grep head tail dd; do
    ln -sf /bin/busybox "initrd/bin/$name"
  done
  xz -dc kernel/usr/lib/modules/*/kernel/drivers/block/virtio_blk.ko.xz >initrd/lib/modules/virtio_blk.ko
}

cd "$dir"
fetch
unpack
fill_initrd
mkdir -p dist
cp kernel/usr/lib/modules/*/vmlinuz dist/vmlinuz
(cd initrd && find . | cpio -o -H newc --quiet -R 0:0) | xz -T0 >dist/guest.cpio.xz.part
mv dist/guest.cpio.xz.part dist/guest.cpio.xz
