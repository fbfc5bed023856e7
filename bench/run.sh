#!/bin/sh
# SPDX-License-Identifier: MIT
# The figures of docs/performance.md: measures and rewrites its tables. `./dev bench` builds and runs this.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/build:$PATH"
cmake -E make_directory build/bench
g++ -O2 -std=c++20 -o build/bench/libipt_walk bench/libipt_walk.cpp -lipt
g++ -O2 -std=c++20 -o build/bench/opencsd_walk bench/opencsd_walk.cpp -lopencsd_c_api -lopencsd
gcc -O2 -g -o build/bench/load bench/load.c
exec python3 bench/bench.py --work build/bench --document docs/performance.md "$@"
