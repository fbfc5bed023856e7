#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: run.sh SECONDS: each fuzzer for so long. What it finds stays in build-fuzz/NAME/; a
# crash's input belongs, made small, in test/fuzz/corpus/NAME.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
names="plan perf_data pt_decoder cs_decoder"

cmake -G Ninja -S . -B build-fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang-14 \
  -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link -DTRACECTL_SANITIZE=ON \
  -DTRACECTL_FUZZ=ON >/dev/null
# shellcheck disable=SC2046
cmake --build build-fuzz --target $(printf 'fuzz_%s ' $names)

failed=
for name in $names; do
  printf '\n== fuzzing %s for %s s\n' "$name" "$seconds"
  mkdir -p "build-fuzz/$name"
  seeds=test/fuzz/corpus/$name
  [ "$name" != plan ] || seeds="$seeds test/golden/plans/good test/golden/plans/bad"
  # shellcheck disable=SC2086
  UBSAN_OPTIONS=halt_on_error=1 build-fuzz/fuzz_"$name" -max_total_time="$seconds" -max_len=8192 -timeout=20 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="build-fuzz/$name-" \
    "build-fuzz/$name" $seeds || failed="$failed $name"
done
[ -z "$failed" ] || { echo "FAILED:$failed" >&2; exit 1; }
