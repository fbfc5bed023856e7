// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "lines.h"

static KEPT unsigned own(unsigned x) {
  if (x % 5 == 0)
    return mix(x);
  return x + 3;
}

KEPT unsigned by_case(unsigned x, unsigned what) {
  switch (what) {
    case 0: return x + 1;
    case 1: return x * 3;
    case 2: x = own(x);  // fall through
    case 3: return mix_some(x, 4);
    case 4:
      while (x > 1000) x /= 3;
      return x;
    default: return CLAMP(x, 10, 1u << 20);
  }
}

static unsigned add(unsigned x) { return x + own(x); }
static unsigned turn(unsigned x) { return x << 3 | x >> 29; }
static unsigned drop(unsigned x) {
  for (unsigned i = 0; i < x % 9; ++i) x -= mix(i) % 5;
  return x;
}

KEPT unsigned by_pointer(unsigned x, unsigned which) {
  static unsigned (*volatile const table[])(unsigned) = {add, turn, drop};
  return table[which](x) + 1;
}

__attribute__((disable_tail_calls)) KEPT unsigned long fibonacci(unsigned n) {
  if (n < 2) return n;
  unsigned long a = fibonacci(n - 1);
  return a + fibonacci(n - 2);
}

static int compare(const void* a, const void* b) {
  int x = *(const int*)a, y = *(const int*)b;
  return x < y ? -1 : x > y;
}

KEPT void sort_numbers(int* numbers, int count) { qsort(numbers, count, sizeof *numbers, compare); }

KEPT const char* skip_until(const char* text, char end) {
  while (*text != end) ++text;
  return text;
}
