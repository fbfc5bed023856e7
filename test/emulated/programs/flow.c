// SPDX-License-Identifier: MIT
// Ordinary control flow, a case for each word of the command line.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile long sink;

static void loop(void) {
  for (long i = 0; i < 100000; ++i)
    if (i % 3 == 0) sink += i;
}

__attribute__((noinline)) static long fibonacci(long n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

// Deeper than any return stack.
__attribute__((noinline)) static long deep(long n) {
  sink += n;
  return n == 0 ? 0 : 1 + deep(n - 1);
}

static void recursion(void) { sink = fibonacci(18) + deep(500); }

__attribute__((noinline)) static long choose(long n) {
  switch (n % 11) {
    case 0: return sink;
    case 1: return n * 3;
    case 2: return n ^ sink;
    case 3: return n - 7;
    case 4: return n >> 1;
    case 5: return n | 12;
    case 6: return sink - n;
    case 7: return n & 255;
    case 8: return n + sink;
    case 9: return ~n;
    default: return 1;
  }
}

static void table(void) {
  for (long i = 0; i < 5000; ++i) sink += choose(i * 7 + (sink & 3));
}

static long twice(long n) { return 2 * n; }
static long minus(long n) { return -n; }
static long square(long n) { return n * n; }
static long (*volatile functions[])(long) = {twice, minus, square};

static void pointers(void) {
  for (long i = 0; i < 3000; ++i) sink += functions[i % 3](i);
}

static int compare(const void* a, const void* b) { return *(const int*)a - *(const int*)b; }

static void sort(void) {
  int values[500];
  unsigned seed = 1;
  for (int i = 0; i < 500; ++i) values[i] = (int)((seed = seed * 1103515245 + 12345) >> 16);
  qsort(values, 500, sizeof values[0], compare);
  sink = values[250];
}

static jmp_buf back;

__attribute__((noinline)) static void jump_out(int depth) {
  sink += depth;
  if (depth == 0) longjmp(back, 1);
  if (sink != -1) jump_out(depth - 1);
  ++sink;
}

static void longjump(void) {
  for (volatile int i = 0; i < 50; ++i)
    if (setjmp(back) == 0) jump_out(i);
}

static void text(void) {
  char line[256];
  for (int i = 0; i < 200; ++i) {
    snprintf(line, sizeof line, "%d %s %.3f", i, "words", i / 7.0);
    sink += (long)strlen(line) + (strchr(line, 'w') != NULL);
    char* copy = strdup(line);
    free(copy);
  }
  puts(line);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } cases[] = {{"loop", loop},         {"recursion", recursion}, {"table", table}, {"pointers", pointers},
               {"sort", sort},         {"longjump", longjump},   {"text", text}};
  for (int i = 1; i < argc; ++i)
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; ++c)
      if (strcmp(argv[i], cases[c].name) == 0) cases[c].run();
  return (int)(sink & 1);
}
