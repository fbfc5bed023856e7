#!/bin/sh
# SPDX-License-Identifier: MIT
# make_lua.sh DIRECTORY: leaves Debian's Lua interpreter there as `lua`, compiled from Debian's source
# package with -O2 -g, for a shipped program has no source lines. The source comes from Debian's main
# mirror (DEMO_MIRROR=URL: another one) and stays there. Nothing else is written.
set -eu
work=$1
mirror=${DEMO_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$work"

say() { printf '\n== %s\n' "$*"; }

# fetch_source PACKAGE: its source archive, from lists of our own: the machine's sources are left as they are.
fetch_source() {
  (
    cd "$work"
    mkdir -p apt/lists/partial apt/cache/archives/partial
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb-src [signed-by=$keyring] $mirror bookworm main" >apt/sources.list
    set -- "$1" -q -o "Dir::Etc::SourceList=$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
      -o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User=root \
      -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o Acquire::Languages=none
    package=$1
    shift
    timeout 60 apt-get "$@" update && timeout 60 apt-get "$@" source --download-only "$package"
  ) </dev/null >"$work/fetch.log" 2>&1
}

make_lua() {
  say "Debian's source of lua5.4, compiled with -O2 -g (once)"
  set -- "$work"/lua5.4_*.orig.tar.*
  [ -f "$1" ] || fetch_source lua5.4 || { tail -n 3 "$work/fetch.log"; return 1; }
  set -- "$work"/lua5.4_*.orig.tar.*
  [ -f "$1" ] || return 1
  tar -xf "$1" -C "$work" || return 1
  set -- "$work"/lua-5.4*/src
  (
    cd "$1"
    rm -f luac.c
    # shellcheck disable=SC2046
    printf '%s\n' *.c | xargs -P "$(nproc)" -n 1 cc -O2 -g -DLUA_USE_POSIX -c
    cc -o ../../lua ./*.o -lm
  ) || return 1
  rm -rf "$work/apt"
  echo "$work/lua from $(cd "$work" && echo lua5.4_*.dsc | sed 's/_/ /; s/\.dsc//')"
}

make_lua
