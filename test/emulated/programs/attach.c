// SPDX-License-Identifier: MIT
// Runs already when a recorder comes. usage: attach ROUNDS [loop]
// Starts two threads, prints "ready PID TID TID", and works in rounds, in all three threads, each time that it reads a
// byte from its input, until the input ends. loop: works for ever instead.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
enum { kThreads = 2 };
static volatile long sink;
static long rounds;
static sem_t go[kThreads], done;
static volatile int tids[kThreads];

NOINLINE void begin_work(void) { sink += 3; }
NOINLINE void end_work(void) { sink -= 3; }
NOINLINE long leaf(long n) {
  for (int i = 0; i < 5; ++i) sink += i & 1 ? n : -n;
  return sink;
}

NOINLINE void work(void) {
  for (long i = 0; i < rounds; ++i) {
    begin_work();
    leaf(i);
    end_work();
  }
}

static void* thread(void* number) {
  const long me = (long)number;
  tids[me] = (int)syscall(SYS_gettid);
  sem_post(&done);
  for (;;) {
    sem_wait(&go[me]);
    work();
    sem_post(&done);
  }
  return NULL;
}

int main(int argc, char** argv) {
  rounds = argc > 1 ? atol(argv[1]) : 10;
  sem_init(&done, 0, 0);
  for (long i = 0; i < kThreads; ++i) {
    pthread_t id;
    sem_init(&go[i], 0, 0);
    if (pthread_create(&id, NULL, thread, (void*)i) != 0) return 1;
    sem_wait(&done);
  }
  printf("ready %d %d %d\n", getpid(), tids[0], tids[1]);
  fflush(stdout);
  char byte;
  while (argc > 2 || read(0, &byte, 1) == 1) {
    for (int i = 0; i < kThreads; ++i) sem_post(&go[i]);
    work();
    for (int i = 0; i < kThreads; ++i) sem_wait(&done);
  }
  return 0;
}
