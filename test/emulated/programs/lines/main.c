// SPDX-License-Identifier: MIT
#include "lines.h"

#include <stdio.h>

// steps.c has one of this name too.
static KEPT unsigned own(unsigned x) {
  return mix_some(x, 2) | 1;
}

static unsigned whole(unsigned begin, unsigned end) {
  unsigned sum = 0;
  for (unsigned i = begin; i < end; ++i) {
    sum += by_case(mix(i), i % 7);
    if (i % 16 == 0) sum += by_pointer(i, i / 16 % 3); else sum += CLAMP(i % 100, 20, 70);
    sum ^= own(sum);
  }
  return sum;
}

int main(void) {
  static int numbers[200];
  static char text[300];
  unsigned sum = 0;
  for (int round = 0; round < 20; ++round) sum += whole(round, 400 + round);
  for (int i = 0; i < 200; ++i) numbers[i] = (int)mix_some(i, 3) % 1000;
  sort_numbers(numbers, 200);
  for (int i = 0; i < 299; ++i) text[i] = 'a';
  text[299] = '.';
  for (int i = 0; i < 30; ++i) sum += skip_until(text, '.') - text;
  printf("%u %lu %d %u\n", sum, fibonacci(14), numbers[100], of_shapes(300));
  return 0;
}
