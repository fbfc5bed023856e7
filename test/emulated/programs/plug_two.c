// SPDX-License-Identifier: MIT
long plug_work(long n);
static volatile long before = 5;
long plug_work(long n) {
  long sum = before;
  for (long i = 0; i < n % 5; ++i) sum += i * before;
  return sum;
}
