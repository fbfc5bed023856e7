#!/bin/sh
# SPDX-License-Identifier: MIT
# The demonstration: a real Debian program under two plans. `./dev demo` builds and runs this.
#
# The program is Debian's Lua interpreter with source lines (make_lua.sh). Without a network,
# Debian's own xz takes its place: functions of liblzma by name, without lines. Nothing outside
# build/demo is written.
set -eu
cd "$(dirname "$0")/.."
tracectl=${TRACECTL:-build/tracectl}
work=${DEMO_DIR:-build/demo}
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

# A flight recorder: Lua reads a broken program; only the trace in front of its error message is kept.
error_path() {
  third=$work/error.data
  say "4. A flight recorder: what led to the syntax error?"
  echo
  cat examples/lua_error.toml
  show run examples/lua_error.toml -o "$third" -- "$work/lua" examples/broken.lua || true
  show script branches "$third" --last 8
}

say "What this machine can do"
"$tracectl" doctor | sed -n '/^tracectl run /p' || true

if [ -x "$work/lua" ] || sh examples/make_lua.sh "$work"; then
  demo examples/table_growth.toml "$work/lua" examples/words.lua
  error_path
else
  say "The source of lua5.4 could not be fetched: tracing Debian's xz instead, without source lines"
  seq 1 60000 >"$work/input"
  demo examples/xz_code.toml xz -1 -T1 -k -f "$work/input"
fi
say "The captures are in $work; perf reads them too: perf script -i $work/calls.data --itrace=i0ns | head"
