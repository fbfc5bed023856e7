// SPDX-License-Identifier: MIT
// A program for profiles by source line: inlining over several levels and files, several blocks a line, functions that are
// called by pointer, by name, from outside and from themselves. It does the same at every run.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define KEPT __attribute__((noinline))
// Three blocks on one line: discriminators tell them apart.
#define CLAMP(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))

static inline unsigned mix(unsigned x) {
  x ^= x << 13;
  x ^= x >> 17;
  return x ^ x << 5;
}

static inline unsigned mix_some(unsigned x, int times) {
  for (int i = 0; i < times; ++i) x = mix(x) + (x % 3 == 0 ? 7 : 1);
  return x;
}

unsigned by_case(unsigned x, unsigned what);
unsigned by_pointer(unsigned x, unsigned which);
unsigned long fibonacci(unsigned n);
void sort_numbers(int* numbers, int count);
const char* skip_until(const char* text, char end);
unsigned of_shapes(unsigned count);

#ifdef __cplusplus
}
#endif
