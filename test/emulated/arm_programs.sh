#!/bin/sh
# SPDX-License-Identifier: MIT
# arm_programs.sh DIRECTORY: leaves xz, sqlite3 and the libraries of C and C++ there as Debian has them for arm64, unpacked:
# what -L of qemu-aarch64 takes. A directory that is there is complete.
set -eu
[ ! -d "$1" ] || exit 0
made=$1.$$
mkdir -p "$made"
trap 'rm -rf "$made"' EXIT
sh "$(dirname "$0")/../../examples/from_debian.sh" "$made" arm64 \
  xz-utils liblzma5 sqlite3 libsqlite3-0 libreadline8 libtinfo6 zlib1g libc6 libgcc-s1 libstdc++6
for package in "$made"/*.deb; do
  dpkg-deb -x "$package" "$made"
  rm "$package"
done
mv -T "$made" "$1" || [ -d "$1" ] # another test was first
