#!/bin/sh
# SPDX-License-Identifier: MIT
# autofdo.sh DIRECTORY [aarch64]: AutoFDO from end to end, without trace hardware. Debian's Lua, compiled by clang -O2; a
# trace of it under load; the profile; Lua compiled again with it; both run, in turn. aarch64: the program is an AArch64
# one, its trace ETE, and what is compared is how many instructions it executes. Needs clang-14 and tracectl in PATH.
set -eu
work=$1 machine=${2:-x86_64}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work/plain" "$work/again"
work=$(cd "$work" && pwd)
say() { printf '\n== %s\n' "$*"; }

flags="-fdebug-info-for-profiling -gdwarf-5"
if [ "$machine" = aarch64 ]; then flags="$flags --target=aarch64-linux-gnu -static"; fi

# build PLACE [OPTIONS]: PLACE/lua.
build() {
  place=$1
  shift
  CC="clang-14 $flags $*" sh "$here/make_lua.sh" "$work/$place"
}

build plain
cp -n "$work"/plain/lua5.4_* "$work/again"

say "a trace of it under load"
rm -rf "$work/load.data"
tracectl run -o "$work/load.data" -- "$work/plain/lua" "$here/autofdo.lua" 3

say "the profile"
tracectl export --to llvm-prof --binary "$work/plain/lua" -o "$work/lua.prof" "$work/load.data"
head -n 3 "$work/lua.prof"

build again "-fprofile-sample-use=$work/lua.prof"

instructions() {
  rm -rf "$work/count.data"
  tracectl run -q -o "$work/count.data" -- "$work/$1/lua" "$here/autofdo.lua" 3 >"$work/$1.out" &&
    tracectl info --json "$work/count.data" | python3 -c 'import json, sys; print(json.load(sys.stdin)["instructions"])'
}

say "the two, in turn"
if [ "$machine" = aarch64 ]; then
  plain=$(instructions plain) again=$(instructions again)
  cmp "$work/plain.out" "$work/again.out"
  awk -v a="$plain" -v b="$again" 'BEGIN { printf "instructions: %d, with the profile %d: %.1f %% fewer\n", a, b, 100 - 100 * b / a }'
else
  python3 "$here/in_turn.py" "$work/plain/lua $here/autofdo.lua 400" "$work/again/lua $here/autofdo.lua 400"
fi
