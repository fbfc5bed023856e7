// SPDX-License-Identifier: MIT
// Instructions that a trace unit tells of although they do not branch: ISB, alone, in a row and behind a branch. AArch64.
int main(void) {
  volatile long sum = 0;
  for (long i = 0; i < 500; ++i) {
    sum += i;
    __asm__ volatile("isb" ::: "memory");
    if (sum & 1) sum ^= i;
    __asm__ volatile("isb\n\tisb" ::: "memory");
  }
  return 0;
}
