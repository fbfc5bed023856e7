// SPDX-License-Identifier: MIT
// What examples/calls.toml traces: work() is called some twenty times, and does more each time.
#include <stdio.h>

__attribute__((noinline)) static unsigned work(unsigned rounds) {
  unsigned sum = 0;
  for (unsigned i = 0; i < rounds; ++i) sum = sum * 31 + i;
  return sum;
}

int main(void) {
  unsigned sum = 0;
  for (unsigned i = 1; i <= 20; ++i) sum ^= work(i * i);
  printf("%u\n", sum);
  return 0;
}
