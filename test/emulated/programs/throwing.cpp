// SPDX-License-Identifier: MIT
// A function that half of its calls leave by an exception. usage: throwing N
#include <cstdlib>

volatile long sink;

extern "C" [[gnu::noinline]] long thrower(long n) {
  sink = sink + n;
  if (n % 2 == 0) throw n;
  return sink;
}

int main(int argc, char** argv) {
  const long count = argc > 1 ? std::atol(argv[1]) : 0;
  for (long i = 0; i < count; ++i) {
    try {
      thrower(i);
    } catch (long) {
      sink = sink + 1;
    }
  }
  return 0;
}
