// SPDX-License-Identifier: MIT
// Work that a hand pauses and resumes from outside.
//   hand FILE [threads]   works until FILE is gone; counts the rounds of its work, which its exit line tells
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile unsigned sink;
static const char* file;

__attribute__((noinline)) void step(unsigned n) {
  for (unsigned i = 0; i < n; ++i)
    if ((sink + i) & 1) sink += i;
}

// Nobody calls it: a trigger on it is never hit.
__attribute__((noinline, used)) void never(void) { ++sink; }

static void* work(void* rounds) {
  while (access(file, F_OK) == 0) {
    for (int i = 0; i < 20; ++i) step(500);
    ++*(unsigned long*)rounds;
    usleep(3000);
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  file = argv[1];
  unsigned long rounds[2] = {0, 0};
  pthread_t other;
  const int two = argc > 2 && strcmp(argv[2], "threads") == 0;
  if (two && pthread_create(&other, NULL, work, &rounds[1]) != 0) return 1;
  work(&rounds[0]);
  if (two) pthread_join(other, NULL);
  printf("rounds %lu %lu\n", rounds[0], rounds[1]);
  return 0;
}
