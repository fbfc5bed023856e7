// SPDX-License-Identifier: MIT
// Touches variables an exact number of times. usage: watch CASE N
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
volatile long counter;
volatile unsigned char bytes[64] __attribute__((aligned(64)));
volatile int begun = 1, ended = 1;  // in .data
volatile long sink;
static sigjmp_buf back;

// One write and two reads.
static void reads(long n) {
  for (long i = 0; i < n; ++i) {
    counter = i;
    sink = counter;
    sink = counter;
  }
}

// Read and written by one instruction.
static void adds(long n) {
  for (long i = 0; i < n; ++i) __asm__ volatile("addq $1, %0" : "+m"(counter) : : "cc");
}

static void atomics(long n) {
  for (long i = 0; i < n; ++i) {
    long old = i;
    __asm__ volatile("lock xaddq %1, %0" : "+m"(counter), "+r"(old) : : "cc");
    __asm__ volatile("xchgq %1, %0" : "+m"(counter), "+r"(old));
  }
}

#define STORE(suffix, reg, at) __asm__ volatile("mov" suffix " %%" reg ", %0" : "=m"(bytes[at]) : "a"(i) : "memory")

// Bytes 8 to 15: before, over the begin, inside, over the end, behind, over all of it.
static void partial(long n) {
  for (long i = 0; i < n; ++i) {
    STORE("b", "al", 7);
    STORE("l", "eax", 4);
    STORE("q", "rax", 1);   // touches 8
    STORE("w", "ax", 7);    // touches 8
    STORE("b", "al", 8);    // touches 8
    STORE("l", "eax", 10);  // touches 10 to 13
    STORE("q", "rax", 12);  // touches 12 to 19
    STORE("b", "al", 15);   // touches 15
    STORE("b", "al", 16);
    STORE("q", "rax", 16);
    STORE("q", "rax", 8);  // touches all
  }
}

// 16 bytes at once: before, from an odd address into it, over it, behind it.
static void wide(long n) {
  for (long i = 0; i < n; ++i) {
    __asm__ volatile("movups %%xmm0, %0" : "=m"(bytes[17]) : : "memory");
    __asm__ volatile("movups %%xmm0, %0" : "=m"(bytes[1]) : : "memory");
    __asm__ volatile("movaps %%xmm0, %0" : "=m"(bytes[0]) : : "memory");
    __asm__ volatile("movaps %%xmm0, %0" : "=m"(bytes[32]) : : "memory");
    __asm__ volatile("movups %0, %%xmm0" : : "m"(bytes[3]) : "xmm0");
  }
}

// Each repetition is an access: single bytes 4 to 19, words of 8 from 0 to 23, a copy that reads 8 to 11.
static void repeated(long n) {
  for (long i = 0; i < n; ++i) {
    void *to = (void*)(uintptr_t)&bytes[4], *from = (void*)(uintptr_t)&bytes[8];
    long count = 16;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    to = (void*)(uintptr_t)&bytes[0];
    count = 3;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    to = (void*)(uintptr_t)&bytes[32];
    count = 4;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  }
}

// The kernel's writes into a program's memory are not the program's.
static void kernel(long n) {
  const int fd = open("/dev/zero", O_RDONLY);
  for (long i = 0; i < n; ++i)
    if (read(fd, (void*)(uintptr_t)bytes, sizeof bytes) != sizeof bytes) exit(9);
  close(fd);
}

static void on_fault(int number) {
  (void)number;
  siglongjmp(back, 1);
}

// Reads the variable, and faults where it would write: not completed.
static void faults(long n) {
  void* none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  signal(SIGSEGV, on_fault);
  for (volatile long i = 0; i < n; ++i) {
    void *to = none, *from = (void*)(uintptr_t)&counter;
    if (sigsetjmp(back, 1) == 0) __asm__ volatile("movsq" : "+D"(to), "+S"(from) : : "memory");
  }
}

static void* thread(void* n) {
  adds((long)n);
  return NULL;
}

static void threads(long n) {
  pthread_t ids[4];
  for (int i = 0; i < 4; ++i) pthread_create(&ids[i], NULL, thread, (void*)n);
  for (int i = 0; i < 4; ++i) pthread_join(ids[i], NULL);
}

// A stretch of code between two writes; the labels stand behind each.
NOINLINE void between(long n) {
  for (long i = 0; i < n; ++i) {
    sink = i;
    __asm__ volatile("movl $2, %0\n.globl behind_begun\nbehind_begun:" : "=m"(begun));
    for (long k = 0; k < i % 5; ++k) sink += k;
    __asm__ volatile("movl $3, %0\n.globl behind_ended\nbehind_ended:" : "=m"(ended));
    sink = -i;
  }
}

// The access is the block's last instruction: a call through memory, and a return from it.
static void called(void) { sink += 1; }
static void (*volatile pointer)(void) = called;
static void calls(long n) {
  for (long i = 0; i < n; ++i) __asm__ volatile("call *%0" : : "m"(pointer) : "memory", "rax", "rcx", "rdx", "cc");
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(long);
  } kCases[] = {{"reads", reads}, {"adds", adds},       {"atomics", atomics}, {"partial", partial},
                {"wide", wide},   {"rep", repeated},    {"kernel", kernel},   {"faults", faults},
                {"calls", calls}, {"between", between}, {"threads", threads}};
  if (argc < 3) return 2;
  for (size_t i = 0; i < sizeof kCases / sizeof *kCases; ++i)
    if (strcmp(argv[1], kCases[i].name) == 0) kCases[i].run(atol(argv[2]));
  if (argc > 3) printf("%p\n", (void*)(uintptr_t)&counter);
  return 0;
}
