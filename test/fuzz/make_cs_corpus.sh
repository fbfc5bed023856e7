#!/bin/sh
# SPDX-License-Identifier: MIT
# make_cs_corpus.sh TRACECTL: writes corpus/cs_decoder anew: the trace of cs_program.S by the emulated machine (behind a byte
# that says how it is decoded), and a whole perf.data of it. Prints the program's words, which cs_decoder.cpp has.
set -eu
tracectl=$(realpath "$1")
cd "$(dirname "$0")"
work=/var/tmp/cs_corpus # stands in the perf.data
mkdir "$work"
trap 'rm -rf "$work"' EXIT
aarch64-linux-gnu-gcc -nostdlib -static -Wl,--build-id=none -Wl,-Ttext=0x401000 -o "$work/cs_program" cs_program.S
aarch64-linux-gnu-objcopy -O binary -j .text "$work/cs_program" "$work/code"
od -An -v -tx4 -w32 "$work/code"
# trace NAME FIRST-BYTE OPTIONS...
trace() {
  name=$1 first=$2
  shift 2
  "$tracectl" run -q -o "$work/$name" "$@" -- "$work/cs_program"
  { printf '%b' "$first" && python3 -c '
import struct, sys
data = open(sys.argv[1], "rb").read()
at, size = struct.unpack_from("<QQ", data, 40)
end, out = at + size, b""
while at < end:
    kind, _, length = struct.unpack_from("<IHH", data, at)
    payload = struct.unpack_from("<Q", data, at + 8)[0] if kind == 71 else 0
    out += data[at + length:at + length + payload]
    at += length + payload
sys.stdout.buffer.write(out)' "$work/$name/data"; } >"corpus/cs_decoder/$name"
}
trace whole '\0'
trace windows '\0' --window "function=cs_program:work"
{ printf '\1' && tail -c +2 corpus/cs_decoder/whole; } >corpus/cs_decoder/as_etmv4
{ printf '\2' && tail -c +2 corpus/cs_decoder/whole; } >corpus/cs_decoder/as_frames
cp "$work/whole/data" corpus/cs_decoder/perf_data
chmod 644 corpus/cs_decoder/perf_data
