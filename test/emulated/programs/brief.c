// SPDX-License-Identifier: MIT
// Threads that end at once, and nobody waits for: while the next is made, while the first one works on, at the program's
// end. usage: brief N
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))
volatile long sink;

NOINLINE long leaf(long n) {
  sink += n;
  return n & 1 ? sink : n;
}

static void* thread(void* n) {
  leaf((long)n);
  return NULL;
}

// Many blocks, none of them in a window.
NOINLINE void work(void) {
  for (int i = 0; i < 100000; ++i) sink ^= i;
}

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 1;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  for (long i = 0; i < count; ++i) {
    pthread_t id;
    if (pthread_create(&id, &attr, thread, (void*)i) != 0) return 1;
    if (i + 1 < count) work();
  }
  return 0;
}
