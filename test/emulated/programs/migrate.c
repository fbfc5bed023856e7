// SPDX-License-Identifier: MIT
// Windows that begin on one cpu and end on another. usage: migrate ROUNDS
// Between begin_work() and end_work() the thread moves; inside() is called there, outside() never is.
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))
static volatile long sink;

NOINLINE void begin_work(void) { sink += 3; }
NOINLINE void end_work(void) { sink -= 3; }
NOINLINE long inside(long n) {
  for (int i = 0; i < 10; ++i) sink += i & 1 ? n : -n;
  return sink;
}
NOINLINE long outside(long n) {
  for (int i = 0; i < 10; ++i) sink ^= i & 1 ? n : -n;
  return sink;
}

static int go_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 10;
  for (int i = 0; i < rounds; ++i) {
    if (go_to(0) != 0) return 1;
    outside(i);
    begin_work();
    inside(i);
    if (go_to(1) != 0) return 2;
    inside(i);
    end_work();
    outside(i);
  }
  printf("%d rounds\n", rounds);
  return 0;
}
