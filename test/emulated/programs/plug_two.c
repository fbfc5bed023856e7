// SPDX-License-Identifier: MIT
long plug_work(long n);
static volatile long before = 5;
volatile long plug_counter = 1;  // not among what the dynamic linker sets to zero
long plug_work(long n) {
  long sum = before;
  plug_counter = n;
  for (long i = 0; i < n % 5; ++i) sum += i * before;
  return sum;
}
