// SPDX-License-Identifier: MIT
// Four threads that share a lock; with a word, two rounds of them (thread ids are reused by QEMU).
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile long total;

static void* work(void* seed) {
  volatile long own = (long)seed;
  for (int i = 0; i < 2000; ++i) {
    own = own * 31 + (own & 1 ? i : -i);
    if (i % 100 == 0) {
      pthread_mutex_lock(&lock);
      total += own & 7;
      pthread_mutex_unlock(&lock);
    }
  }
  return NULL;
}

int main(int argc, char** argv) {
  (void)argv;
  for (int round = 0; round < (argc > 1 ? 2 : 1); ++round) {
    pthread_t threads[4];
    for (long i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, work, (void*)(i + 1));
    for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  }
  puts("joined");
  return 0;
}
