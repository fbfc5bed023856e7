// SPDX-License-Identifier: MIT
// Calls functions an exact number of times. usage: windows CASE N
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
volatile long sink;
static jmp_buf back;

NOINLINE long leaf(long n) {
  sink += n;
  return n & 1 ? sink : n;
}

NOINLINE long recursive(long n) {
  sink += n;
  if (n == 0) return 0;
  const long rest = recursive(n - 1);
  return rest + sink;
}

NOINLINE long target(long n) {
  sink ^= n;
  return sink;
}

NOINLINE long tail(long n) {
  sink += n;
  return target(n + 1);
}

NOINLINE long jumper(long n) {
  sink += n;
  if (n % 2 == 0) longjmp(back, 1);
  return n;
}

NOINLINE void begin_work(void) { sink += 3; }
NOINLINE void end_work(void) { sink -= 3; }

static void calls(long count) {
  for (long i = 0; i < count; ++i) leaf(i);
}

static void* thread(void* count) {
  calls((long)count);
  return NULL;
}

static void threads(long count) {
  pthread_t ids[4];
  for (int i = 0; i < 4; ++i) pthread_create(&ids[i], NULL, thread, (void*)count);
  for (int i = 0; i < 4; ++i) pthread_join(ids[i], NULL);
}

static void recursion(long count) {
  for (long i = 0; i < count; ++i) recursive(7);
}

static void tails(long count) {
  for (long i = 0; i < count; ++i) tail(i);
}

// Half of the calls leave by longjmp.
static void jumps(long count) {
  for (volatile long i = 0; i < count; ++i)
    if (setjmp(back) == 0) jumper(i);
}

static void spans(long count) {
  for (long i = 0; i < count; ++i) {
    begin_work();
    leaf(i);
    end_work();
  }
}

static void on_signal(int number) { sink += number; }

// `count` of close(900+i) fail; as many getppid; as many opens of one name; a signal each.
static void syscalls(long count) {
  signal(SIGUSR1, on_signal);
  for (long i = 0; i < count; ++i) {
    syscall(SYS_close, 900 + i);
    syscall(SYS_getppid);
    const int fd = open("/dev/null", O_RDONLY);
    if (fd >= 0) close(fd);
    raise(SIGUSR1);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  static const struct {
    const char* name;
    void (*run)(long);
  } cases[] = {{"calls", calls}, {"threads", threads}, {"recursion", recursion}, {"tails", tails},
               {"jumps", jumps}, {"spans", spans},     {"syscalls", syscalls}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c)
    if (strcmp(argv[1], cases[c].name) == 0) cases[c].run(atol(argv[2]));
  return 0;
}
