#!/bin/sh
# SPDX-License-Identifier: MIT
# make_lua.sh DIRECTORY: leaves Debian's Lua interpreter there as `lua`, compiled from Debian's source
# package with -O2 -g, for a shipped program has no source lines. The source comes from Debian's main
# mirror (DEMO_MIRROR=URL: another one) and stays there. Nothing else is written. CC: the compiler and its options.
set -eu
work=$1 CC=${CC:-cc}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"

say() { printf '\n== %s\n' "$*"; }

make_lua() {
  say "Debian's source of lua5.4, compiled with -O2 -g (once)"
  set -- "$work"/lua5.4_*.orig.tar.*
  [ -f "$1" ] || sh "$here/from_debian.sh" "$work" source lua5.4 || { tail -n 3 "$work/fetch.log"; return 1; }
  set -- "$work"/lua5.4_*.orig.tar.*
  [ -f "$1" ] || return 1
  tar -xf "$1" -C "$work" || return 1
  set -- "$work"/lua-5.4*/src
  (
    cd "$1"
    rm -f luac.c
    # shellcheck disable=SC2086
    printf '%s\n' *.c | xargs -P "$(nproc)" -n 1 $CC -O2 -g -DLUA_USE_POSIX -c
    # shellcheck disable=SC2086
    $CC -o ../../lua ./*.o -lm
  ) || return 1
  echo "$work/lua from $(cd "$work" && echo lua5.4_*.dsc | sed 's/_/ /; s/\.dsc//')"
}

make_lua
