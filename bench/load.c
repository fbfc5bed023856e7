// SPDX-License-Identifier: MIT
// Programs to measure with.
//   load qsort N          sorts N numbers: a branch that nobody can foretell every few instructions
//   load windows N WORK   N calls of window(), WORK rounds of work in front of each
//   load long N           N times: 100 parts of work, one of them inside window()
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned sink;

__attribute__((noinline)) static unsigned work(unsigned rounds) {
  unsigned x = 12345;
  for (unsigned i = 0; i < rounds; ++i) {
    x = x * 1103515245u + 12345u;
    if ((x >> 16 & 7) == 0) sink += x;
  }
  return x;
}

__attribute__((noinline)) unsigned window(unsigned rounds) { return work(rounds) ^ 1; }

static int compare(const void* a, const void* b) {
  const unsigned x = *(const unsigned*)a, y = *(const unsigned*)b;
  return x < y ? -1 : x > y;
}

static void sort(unsigned n) {
  unsigned* numbers = malloc(n * sizeof *numbers);
  unsigned x = 7;
  for (unsigned i = 0; i < n; ++i) numbers[i] = x = x * 1664525u + 1013904223u;
  qsort(numbers, n, sizeof *numbers, compare);
  sink += numbers[n / 2];
  free(numbers);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const unsigned n = (unsigned)atoi(argv[2]), rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
  if (strcmp(argv[1], "qsort") == 0) sort(n);
  if (strcmp(argv[1], "windows") == 0)
    for (unsigned i = 0; i < n; ++i) sink += work(rounds) + window(3);
  if (strcmp(argv[1], "long") == 0)
    for (unsigned i = 0; i < n; ++i) {
      for (int part = 0; part < 99; ++part) sink += work(1000000);
      sink += window(1000000);
    }
  return sink == 1;
}
