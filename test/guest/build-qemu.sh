#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build-qemu.sh DIR: QEMU's source from Debian, with intel-pt.patch and ete-trbe.patch, as
# DIR/dist/qemu-system-x86_64, DIR/dist/qemu-system-aarch64 and DIR/dist/bios. Needs a Debian mirror; the packages it is built with are in `dev`. The computer's own apt
# sources stay as they are: an apt configuration in DIR/apt fetches the source and meson from trixie.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
version=1:10.0.13+ds-0+deb13u1
source=qemu-10.0.13+ds
. "$here/mirror.sh"

fetch() {
  make_apt "$dir" "deb KEY MIRROR trixie main" "deb-src KEY MIRROR trixie main"
  export APT_CONFIG="$dir/apt/apt.conf"
  apt-get -q update
  apt-get -q --download-only source "qemu=$version"
  apt-get -q download meson/trixie seabios/trixie
  unset APT_CONFIG
}

# A meson newer than Debian 12's, in an environment of its own.
unpack_tools() {
  dpkg -x meson_*.deb meson
  dpkg -x seabios_*.deb seabios
  /usr/bin/python3 -m venv venv
  cp -r meson/usr/lib/python3/dist-packages/* venv/lib/python3*/site-packages/
  sed "1s,.*,#!$dir/venv/bin/python3," meson/usr/bin/meson >venv/bin/meson
  chmod +x venv/bin/meson
}

# Other patches than those that are in, or one that failed half way, want the source afresh. The second is made on top
# of the first.
apply_patches() {
  cat "$here/intel-pt.patch" "$here/ete-trbe.patch" >wanted.patch
  if [ -e "$source.patched" ] && cmp -s "$source.patched" wanted.patch; then return 0; fi
  rm -rf "$source"
  dpkg-source -x --no-check ./*.dsc "$source"
  for patch in intel-pt ete-trbe; do patch -s -d "$source" -p1 <"$here/$patch.patch"; done
  mv wanted.patch "$source.patched"
}

build_qemu() {
  mkdir -p build dist/bios
  [ -e build/aarch64-softmmu-config-target.h ] || (cd build && "../$source/configure" --python="$dir/venv/bin/python3" \
    --target-list=x86_64-softmmu,aarch64-softmmu --without-default-features --enable-tcg --disable-docs --disable-tools \
    --disable-werror --disable-install-blobs --disable-guest-agent --disable-download)
  ninja -C build -j "${JOBS:-$(nproc)}" qemu-system-x86_64 qemu-system-aarch64
}

# The two option ROMs that -kernel and -M pc want.
build_roms() {
  mkdir -p build/rom
  printf 'TOPSRC_DIR=%s\nCC=gcc\nAS=as\nLD=ld\nOBJCOPY=objcopy\nNM=nm\n' "$dir/$source" >build/rom/config.mak
  : >build/rom/config-cc.mak
  cp "$source/pc-bios/optionrom/Makefile" build/rom/
  make -s -C build/rom linuxboot_dma.bin kvmvapic.bin
  cp build/rom/linuxboot_dma.bin build/rom/kvmvapic.bin seabios/usr/share/seabios/bios-256k.bin dist/bios/
}

cd "$dir"
fetch
unpack_tools
apply_patches
build_qemu
build_roms
for program in qemu-system-x86_64 qemu-system-aarch64; do strip -o "dist/$program" "build/$program"; done
