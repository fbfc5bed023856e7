#!/bin/sh
# SPDX-License-Identifier: MIT
# from_debian.sh DIRECTORY source|ARCHITECTURE PACKAGE...: leaves Debian's source archives of the packages there, or
# the packages as they are for that architecture. They come from Debian's main mirror (DEMO_MIRROR=URL: another one) by lists
# of our own: the machine's sources are left as they are. Says nothing; fetch.log in the directory says why it failed.
set -eu
cd "$1"
what=$2
shift 2
mkdir -p apt/lists/partial apt/cache/archives/partial
exec >fetch.log 2>&1 </dev/null
sign="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
main="${DEMO_MIRROR:-http://deb.debian.org/debian} bookworm main"
apt() {
  timeout 60 apt-get -q -o "Dir::Etc::SourceList=$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User=root \
    -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o Acquire::Languages=none "$@"
}
of_architecture() {
  apt -o "APT::Architecture=$what" -o "APT::Architectures=$what" -o Dir::State::Status=/dev/null "$@"
}
if [ "$what" = source ]; then
  echo "deb-src $sign $main" >apt/sources.list
  apt update
  apt source --download-only "$@"
else
  echo "deb $sign $main" >apt/sources.list
  of_architecture update
  of_architecture download "$@"
fi
rm -rf apt
