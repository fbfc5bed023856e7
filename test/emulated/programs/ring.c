// SPDX-License-Identifier: MIT
// Much work, and now and then an error: what a flight recorder is for.
//   ring ERRORS BETWEEN [END]   END: exit, crash (SIGSEGV), group (exit from a second thread), wait (for a
//                               signal), abort, term, kill (SIGABRT, SIGTERM, SIGKILL to itself)
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile unsigned sink;

__attribute__((noinline)) static void work(unsigned n) {
  for (unsigned i = 0, x = 12345; i < n; ++i) {
    x = x * 1103515245 + 12345;
    if (x & 0x10000) sink += x;
    if (x & 0x40000) sink ^= i;
  }
}

__attribute__((noinline)) void report_error(int code) { printf("error %d\n", code); }
__attribute__((noinline)) int check_value(int value) {
  if (value % 3 == 0) return -value;
  sink += (unsigned)value;
  return value;
}
__attribute__((noinline)) void parse_value(int value) {
  const int result = check_value(value);
  if (result < 0) report_error(-result);
}

static void* leave(void* unused) {
  (void)unused;
  exit(7);
}

int main(int argc, char** argv) {
  const int errors = argc > 1 ? atoi(argv[1]) : 1;
  const unsigned between = argc > 2 ? (unsigned)atoi(argv[2]) : 100000;
  const char* end = argc > 3 ? argv[3] : "exit";
  for (int i = 1; i <= errors; ++i) {
    work(between);
    parse_value(3 * i - 1);
    parse_value(3 * i);
  }
  work(1000);
  fflush(stdout);
  if (strcmp(end, "crash") == 0) *(volatile int*)8 = 1;
  if (strcmp(end, "abort") == 0) abort();
  if (strcmp(end, "term") == 0) raise(SIGTERM);
  if (strcmp(end, "kill") == 0) raise(SIGKILL);
  if (strcmp(end, "wait") == 0) {
    puts("waiting");
    fflush(stdout);
    char c;
    while (read(0, &c, 1) > 0 && c != 'x') work(2000);
  }
  if (strcmp(end, "group") == 0) {
    pthread_t other;
    pthread_create(&other, NULL, leave, NULL);
    pause();
  }
  return 0;
}
