// SPDX-License-Identifier: MIT
// Runs code that it made itself: jit CASE... Each case prints what its code returned.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Made)(int);
enum { kPage = 4096, kAll = PROT_READ | PROT_WRITE | PROT_EXEC };

static unsigned char* pages(int count) {
  void* p = mmap(NULL, (size_t)count * kPage, kAll, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exit(9);
  return p;
}

static Made made(void* at) {
  Made f;
  memcpy(&f, &at, sizeof f);
  return f;
}

// What was written is code from now on.
static unsigned char* finished(unsigned char* begin, unsigned char* end) {
  __builtin___clear_cache((char*)begin, (char*)end);
  return end;
}

#if defined(__x86_64__)
enum { kUnit = 1 };  // bytes of the smallest instruction
#define PAUSE() __builtin_ia32_pause()

// int f(int n) { for (sum = 0; n > 0; --n) sum += k; return sum; }
static unsigned char* put_loop(unsigned char* at, int k) {
  unsigned char code[] = {0x31, 0xc0, 0x85, 0xff, 0x7e, 0x09, 0x05, 0, 0, 0, 0, 0xff, 0xcf, 0x75, 0xf7, 0xc3};
  memcpy(code + 7, &k, 4);
  memcpy(at, code, sizeof code);
  return finished(at, at + sizeof code);
}

// In a loop that put_loop() made: to another one.
static void change_constant(unsigned char* at) { at[9] = 1; }

// int f(int n) { return k; }, with `pad` instructions that do nothing before it.
static unsigned char* put_constant(unsigned char* at, int k, int pad) {
  memset(at, 0x90, (size_t)pad);
  at[pad] = 0xb8;
  memcpy(at + pad + 1, &k, 4);
  at[pad + 5] = 0xc3;
  return finished(at, at + pad + 6);
}

// Uses the stack: push %rdi; pop %rdi; call 1f; 1: pop %rax.
static unsigned char* put_stack_use(unsigned char* at) {
  static const unsigned char kStack[] = {0x57, 0x5f, 0xe8, 0, 0, 0, 0, 0x58};
  memcpy(at, kStack, sizeof kStack);
  return at + sizeof kStack;
}
#else
enum { kUnit = 4 };
#define PAUSE() __asm__ volatile("yield")

static unsigned movz(unsigned reg, int k) { return 0x52800000u | (unsigned)k << 5 | reg; }

// mov w1, wzr; mov w2, #k; cbz w0, 2f; 1: add w1, w1, w2; subs w0, w0, #1; b.ne 1b; 2: mov w0, w1; ret.
static unsigned char* put_loop(unsigned char* at, int k) {
  const unsigned code[] = {0x2a1f03e1, movz(2, k), 0x34000080, 0x0b020021, 0x71000400, 0x54ffffc1, 0x2a0103e0, 0xd65f03c0};
  memcpy(at, code, sizeof code);
  return finished(at, at + sizeof code);
}

static void change_constant(unsigned char* at) {
  const unsigned word = movz(2, 1);
  memcpy(at + 4, &word, sizeof word);
  finished(at + 4, at + 8);
}

static unsigned char* put_constant(unsigned char* at, int k, int pad) {
  const unsigned nop = 0xd503201f, code[] = {movz(0, k), 0xd65f03c0};
  for (int i = 0; i < pad; ++i) memcpy(at + 4 * i, &nop, sizeof nop);
  memcpy(at + 4 * pad, code, sizeof code);
  return finished(at, at + 4 * pad + sizeof code);
}

// stp x29, x30, [sp, #-16]!; bl 1f; 1: ldp x29, x30, [sp], #16.
static unsigned char* put_stack_use(unsigned char* at) {
  static const unsigned kStack[] = {0xa9bf7bfd, 0x94000001, 0xa8c17bfd};
  memcpy(at, kStack, sizeof kStack);
  return finished(at, at + sizeof kStack);
}
#endif

// Many functions one behind the other, each called as soon as it is there, and again later.
static int grow(void) {
  unsigned char *p = pages(5), *at = p, *begin[600];
  int sum = 0;
  for (int i = 0; i < 600; ++i) {
    begin[i] = at;
    at = put_loop(at, i);
    sum += made(begin[i])(3) + made(begin[i / 2])(2);
  }
  return sum;
}

// The same address, other code each time; of odd and even ones there are two in turn.
static int rewrite(void) {
  unsigned char* p = pages(1);
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    put_constant(p, i, i % 7);
    sum += made(p)(0);
  }
  for (int i = 0; i < 200; ++i) {
    if (i % 2)
      put_loop(p, 5);
    else
      put_constant(p, 7, 3);
    sum += made(p)(4);
  }
  return sum;
}

// Written when it may be written, run when it may be run.
static int flip(void) {
  unsigned char* p = pages(2);
  int sum = 0;
  for (int i = 0; i < 60; ++i) {
    mprotect(p, 2 * kPage, PROT_READ | PROT_WRITE);
    put_constant(p + (i % 3) * 64, i, 0);
    put_loop(p + kPage + (i % 5) * 64, i);
    mprotect(p, 2 * kPage, PROT_READ | PROT_EXEC);
    sum += made(p + (i % 3) * 64)(0) + made(p + kPage + (i % 5) * 64)(i);
  }
  return sum;
}

__attribute__((noinline)) static int on_stack(void) {
  unsigned char code[64] __attribute__((aligned(4)));
  const uintptr_t page = (uintptr_t)code & ~(uintptr_t)(kPage - 1);
  mprotect((void*)page, 2 * kPage, kAll);
  put_loop(code, 11);
  int sum = made(code)(9);
  put_loop(put_stack_use(code), 12);  // its own stack is on its page
  for (int i = 0; i < 5; ++i) sum += made(code)(i);
  return sum;
}

static int on_heap(void) {
  unsigned char* p = aligned_alloc(kPage, 2 * kPage);
  mprotect(p, 2 * kPage, kAll);
  put_loop(p + 100, 13);
  return made(p + 100)(9);
}

// One address, one mapping after the other: the same code, other code, a file's.
static int remap(void) {
  unsigned char* p = pages(1);
  int sum = 0;
  for (int i = 0; i < 12; ++i) {
    put_loop(p, i / 2);
    sum += made(p)(5);
    munmap(p, kPage);
    if (mmap(p, kPage, kAll, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p) exit(8);
  }
  put_loop(p, 21);
  unsigned char* moved = mremap(p, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, pages(1));
  return sum + made(moved)(5);
}

__attribute__((noinline, aligned(64))) static int patched(int n) {
  __asm__ volatile(".rept 8\n\tnop\n\t.endr" : "+r"(n));
  return n + 1;
}

// The program's own text: changed, run, and changed back.
static int patch(void) {
  unsigned char *at = (unsigned char*)(uintptr_t)&patched, old[8];
  void* page = (void*)((uintptr_t)at & ~(uintptr_t)(kPage - 1));
  int sum = patched(1);
  for (int i = 0; i < 4; ++i) {
    mprotect(page, 2 * kPage, kAll);
    memcpy(old, at, sizeof old);
    put_constant(at, 100 + i, 0);
    sum += patched(2);
    memcpy(at, old, sizeof old);
    finished(at, at + sizeof old);
    mprotect(page, 2 * kPage, PROT_READ | PROT_EXEC);
    sum += patched(3);
  }
  return sum;
}

#if defined(__x86_64__)
// Code that writes into itself: movb $imm8, 1(%rip); movl $0, %eax (its low byte is the target); ret.
static int self(void) {
  unsigned char* p = pages(1);
  int sum = 0;
  for (int i = 0; i < 20; ++i) {
    const unsigned char code[] = {0xc6, 0x05, 0x01, 0, 0, 0, (unsigned char)i, 0xb8, 0, 0, 0, 0, 0xc3};
    if (i % 5 == 0) memcpy(p, code, sizeof code);
    p[6] = (unsigned char)i;
    sum += made(p)(0);
  }
  // A loop that begins with a store into its own page: 1: movb $7, 0x100(%rip); dec %edi; jne 1b; mov %edi, %eax; ret.
  static const unsigned char kLoop[] = {0xc6, 0x05, 0, 1, 0, 0, 7, 0xff, 0xcf, 0x75, 0xf5, 0x89, 0xf8, 0xc3};
  memcpy(p + 64, kLoop, sizeof kLoop);
  return sum + made(p + 64)(9);
}
#else
// Code that writes into itself: adr x2, 1f; ldr w1, 2f; str w1, [x2]; dc cvau, x2; dsb ish; ic ivau, x2; dsb ish; isb;
// 1: mov w0, #0; ret; 2: the word that is written.
static int self(void) {
  static const unsigned kCode[] = {0x10000102, 0x18000121, 0xb9000041, 0xd50b7b22, 0xd5033b9f, 0xd50b7522,
                                   0xd5033b9f, 0xd5033fdf, 0x52800000, 0xd65f03c0, 0};
  unsigned char* p = pages(1);
  int sum = 0;
  for (int i = 0; i < 20; ++i) {
    const unsigned word = movz(0, i);
    if (i % 5 == 0) memcpy(p, kCode, sizeof kCode);
    memcpy(p + sizeof kCode - sizeof word, &word, sizeof word);
    finished(p, p + sizeof kCode);
    sum += made(p)(0);
  }
  return sum;
}
#endif

// Code across the end of a page, on x86 an instruction; either page changes without the other.
static int across(void) {
  unsigned char* p = pages(3);
  int sum = 0;
  for (int k = 1; k < 17; ++k) {
    unsigned char* at = p + kPage - k * kUnit;
    put_loop(at, k);
    sum += made(at)(6);
    p[kPage + 64] ^= 1;
    change_constant(at);  // on this page or the next
    sum += made(at)(6);
  }
  return sum;
}

// One memory, mapped for writing here and for running there.
static int twice_mapped(void) {
  const int fd = memfd_create("code", 0);
  if (fd < 0 || ftruncate(fd, 4 * kPage) != 0) exit(7);
  unsigned char* w = mmap(NULL, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  unsigned char* x = mmap(NULL, 4 * kPage, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  int sum = 0;
  for (int i = 0; i < 500; ++i) {
    put_loop(w + i * 32, i);
    finished(x + i * 32, x + i * 32 + 32);
    sum += made(x + i * 32)(2);
  }
  close(fd);
  return sum;
}

// A file's private pages, written before they become code.
static int written_file(void) {
  const int fd = open("jit-file", O_RDWR | O_CREAT | O_TRUNC, 0600);  // stays there: one page is decoded from it
  if (fd < 0 || ftruncate(fd, 3 * kPage) != 0) exit(6);
  unsigned char code[64];
  put_constant(code, 3, 2);
  if (pwrite(fd, code, 16, 2 * kPage) != 16) exit(6);
  unsigned char* p = mmap(NULL, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  put_loop(p + kPage, 17);
  mprotect(p, 3 * kPage, PROT_READ | PROT_EXEC);
  const int sum = made(p + kPage)(4) + made(p + 2 * kPage)(0);
  close(fd);
  return sum;
}

struct Shared {
  unsigned char *common, *own;
  sem_t written, run;
  int seed, sum;
} both;

static void* second(void* arg) {
  unsigned char* own = pages(2);
  (void)arg;
  for (int i = 0; i < 50; ++i) {
    sem_wait(&both.written);
    both.sum += made(both.common)(3);  // the other thread made it
    unsigned char* at = put_loop(own + 32 * i, i);
    both.sum += made(own + 32 * i)(i);
    (void)at;
    sem_post(&both.run);
  }
  return NULL;
}

// Two threads: each makes its own code, and one makes code for both.
static int two_threads(void) {
  pthread_t t;
  both.common = pages(1);
  sem_init(&both.written, 0, 0);
  sem_init(&both.run, 0, 0);
  pthread_create(&t, NULL, second, NULL);
  unsigned char* own = pages(2);
  int sum = 0;
  for (int i = 0; i < 50; ++i) {
    put_constant(both.common, i, i % 4);
    if (i % 3) sum += made(both.common)(0);
    sem_post(&both.written);
    sum += made((put_loop(own + 32 * i, i), own + 32 * i))(2);  // while the other runs
    sem_wait(&both.run);
  }
  pthread_join(t, NULL);
  return sum + both.sum;
}

// Waits without a system call, so that nothing but the code itself tells a decoder the time.
static void* spin(void* arg) {
  volatile int* turn = arg;
  for (int i = 0; i < 20; ++i) {
    while (*turn != 2 * i + 1) PAUSE();
    both.sum += made(both.common)(2);
    *turn = 2 * i + 2;
  }
  return NULL;
}

static int in_turns(void) {
  static volatile int turn;
  pthread_t t;
  both.common = pages(1);
  pthread_create(&t, NULL, spin, (void*)&turn);
  int sum = 0;
  for (int i = 0; i < 20; ++i) {
    if (i % 2)
      put_loop(both.common, i);
    else
      put_constant(both.common, i, 1 + i % 4);
    if (i % 3) sum += made(both.common)(1);
    turn = 2 * i + 1;
    while (turn != 2 * i + 2) PAUSE();
  }
  pthread_join(t, NULL);
  return sum + both.sum;
}

// Parent and child go on from the same code, each with its own.
static int fork_it(void) {
  unsigned char* p = pages(1);
  put_loop(p, 2);
  int sum = made(p)(3), status = 0;
  const pid_t child = fork();
  const int mine = child == 0 ? 50 : 60;
  for (int i = 0; i < 10; ++i) {
    put_loop(p + 64 + 32 * i, mine + i);
    sum += made(p + 64 + 32 * i)(2) + made(p)(1);
    if (i == 5) put_constant(p, mine, 1);
  }
  if (child == 0) _exit(sum & 63);
  waitpid(child, &status, 0);
  return sum + WEXITSTATUS(status);
}

static const struct {
  const char* name;
  int (*run)(void);
} kCases[] = {{"grow", grow},      {"rewrite", rewrite},    {"flip", flip},         {"stack", on_stack},
              {"heap", on_heap},   {"remap", remap},        {"patch", patch},       {"self", self},
              {"across", across},  {"memfd", twice_mapped}, {"file", written_file}, {"threads", two_threads},
              {"turns", in_turns}, {"fork", fork_it}};

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    for (size_t k = 0; k < sizeof kCases / sizeof *kCases; ++k)
      if (strcmp(argv[i], kCases[k].name) == 0) printf("%s %d\n", argv[i], kCases[k].run());
  return 0;
}
