#!/bin/sh
# SPDX-License-Identifier: MIT
# The demonstration: a real Debian program under two plans. `./dev demo` builds and runs this.
#
# The program is Debian's Lua interpreter, compiled here from Debian's source package with -g, for
# a shipped program has no source lines. Its source comes from Debian's main mirror
# (DEMO_MIRROR=URL: another one) and stays in build/demo. Without a network, Debian's own xz takes its place: functions
# of liblzma by name, without lines. Nothing outside build/demo is written.
set -eu
cd "$(dirname "$0")/.."
tracectl=${TRACECTL:-build/tracectl}
work=${DEMO_DIR:-build/demo}
mirror=${DEMO_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$work"
export PAGER=cat LC_ALL=C.UTF-8

say() { printf '\n== %s\n' "$*"; }

# Shows a command and runs it; tracectl as its reader would type it.
show() {
  printf '\n$ tracectl'
  printf ' %s' "$@"
  printf '\n'
  "$tracectl" "$@"
}

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

# Leaves $work/lua, with debug information.
make_lua() {
  [ ! -x "$work/lua" ] || return 0
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

# slowest CAPTURE: the number of its longest window.
slowest() {
  "$tracectl" report --json "$1" | sed -n 's/.*"max_window": \([0-9]*\).*/\1/p' | head -n 1
}

# demo NAME PLAN FUNCTION COMMAND...: hot functions first, then a function's calls one by one.
demo() {
  first=$work/whole.data
  second=$work/calls.data
  plan=$1
  shift

  say "1. Where does the time go, between reading the input and writing the answer?"
  echo
  cat examples/syscall_to_syscall.toml
  show run examples/syscall_to_syscall.toml -o "$first" -- "$@"
  show report "$first" --limit 12

  say "2. One function, call by call"
  echo
  cat "$plan"
  show run "$plan" -o "$second" -- "$@"
  show report "$second" --limit 8

  say "3. What the slowest of these calls did"
  window=$(slowest "$second")
  printf '\n$ tracectl script calls %s --window %s | head -40\n' "$second" "$window"
  "$tracectl" script calls "$second" --window "$window" | head -40
}

say "What this machine can do"
"$tracectl" doctor | sed -n '/^tracectl run /p' || true

if make_lua; then
  demo examples/table_growth.toml "$work/lua" examples/words.lua
else
  say "The source of lua5.4 could not be fetched: tracing Debian's xz instead, without source lines"
  seq 1 60000 >"$work/input"
  demo examples/xz_code.toml xz -1 -T1 -k -f "$work/input"
fi
say "The captures are in $work; perf reads them too: perf script -i $work/calls.data --itrace=i0ns | head"
