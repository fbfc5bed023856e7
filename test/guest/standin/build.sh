#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build.sh DIR KERNEL: DIR/cs_etm_standin.ko for KERNEL (7.2.13+deb14-cloud-arm64), with that kernel's own headers and
# the cross compiler that it wants, both from Debian sid: they are unpacked in DIR/root, nothing is installed. Root, for
# the chroot in which they run. What is there already is not built again unless the source is newer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
kernel=$2
. "$here/../mirror.sh"

fetch() {
  make_apt "$dir" "deb KEY MIRROR ${SUITE:-sid} main"
  : >apt/status
  cat >>apt/apt.conf <<TEXT
Dir::State::status "$dir/apt/status";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
TEXT
  export APT_CONFIG="$dir/apt/apt.conf"
  apt-get -q update
  apt-cache show "linux-headers-$kernel:arm64" >/dev/null 2>&1 || { echo "no linux-headers-$kernel in the mirror" >&2; exit 77; }
  apt-get -q install -y --download-only "linux-headers-$kernel:arm64" make dash coreutils sed grep mawk findutils
  unset APT_CONFIG
}

# As dpkg --root would, but without running anything: bin, lib and so on are links to usr/.
unpack() {
  rm -rf root
  mkdir -p root/usr/bin root/usr/sbin root/usr/lib root/usr/lib64 root/dev root/proc root/tmp
  for name in bin sbin lib lib64; do ln -s "usr/$name" "root/$name"; done
  for deb in apt/cache/archives/*.deb; do
    dpkg --fsys-tarfile "$deb" | tar -x -C root --keep-directory-symlink --exclude=./usr/share/doc --exclude=./usr/share/man
  done
  ln -sf mawk root/usr/bin/awk
  ln -sf dash root/usr/bin/sh
  mknod -m 666 root/dev/null c 1 3
  echo "$kernel" >root.kernel
}

compile() {
  rm -rf root/build
  mkdir root/build
  cp "$here/cs_etm_standin.c" root/build/
  echo 'obj-m := cs_etm_standin.o' >root/build/Makefile
  unshare -m sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" make -s -C "/usr/lib/modules/$2/build" M=/build \
    ARCH=arm64 modules' _ "$dir/root" "$kernel"
  cp root/build/cs_etm_standin.ko cs_etm_standin.ko
}

cd "$dir"
[ "$(cat root.kernel 2>/dev/null)" = "$kernel" ] || { fetch; unpack; rm -f cs_etm_standin.ko; }
[ cs_etm_standin.ko -nt "$here/cs_etm_standin.c" ] || compile
