// SPDX-License-Identifier: MIT
// steps COUNT [threads|fork]: COUNT steps of about a millisecond, each a little work that makes
// much trace; prints "done" behind the last. For tests that kill at any moment.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned long seed = 1, sink;

static unsigned long add(unsigned long x) { return x + 3; }
static unsigned long flip(unsigned long x) { return x ^ 0x55; }
static unsigned long shift(unsigned long x) { return x << 1 | x >> 63; }
static unsigned long (*const volatile table[])(unsigned long) = {add, flip, shift, add};

__attribute__((noinline)) unsigned long work(unsigned long x) {
  for (int i = 0; i < 40; ++i) {
    x = x * 6364136223846793005ul + 1442695040888963407ul;
    if (x >> 62 & 1) sink += i;
    sink = table[x >> 60 & 3](sink);
  }
  return x;
}

static void *steps(void *count) {
  for (long i = 0; i < (long)count; ++i) {
    seed = work(seed);
    usleep(1000);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const long count = argc > 1 ? atol(argv[1]) : 100;
  pthread_t other;
  const int threads = argc > 2 && strcmp(argv[2], "threads") == 0;
  const int forks = argc > 2 && strcmp(argv[2], "fork") == 0;
  if (threads) pthread_create(&other, NULL, steps, (void *)count);
  const pid_t child = forks ? fork() : -1;
  steps((void *)count);
  if (threads) pthread_join(other, NULL);
  if (forks && child == 0) return 0;
  if (forks) waitpid(child, NULL, 0);
  puts("done");
  return 0;
}
