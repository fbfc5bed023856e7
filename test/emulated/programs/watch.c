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

#if defined(__x86_64__)
#define ADD_ONE(to) __asm__ volatile("addq $1, %0" : "+m"(to) : : "cc")
#define FETCH_ADD(to, n) __asm__ volatile("lock xaddq %1, %0" : "+m"(to), "+r"(n) : : "cc")
#define EXCHANGE(to, n) __asm__ volatile("xchgq %1, %0" : "+m"(to), "+r"(n))
#define STORE1(at) __asm__ volatile("movb %%al, %0" : "=m"(bytes[at]) : "a"(i) : "memory")
#define STORE2(at) __asm__ volatile("movw %%ax, %0" : "=m"(bytes[at]) : "a"(i) : "memory")
#define STORE4(at) __asm__ volatile("movl %%eax, %0" : "=m"(bytes[at]) : "a"(i) : "memory")
#define STORE8(at) __asm__ volatile("movq %%rax, %0" : "=m"(bytes[at]) : "a"(i) : "memory")
#define STORE16(at) __asm__ volatile("movups %%xmm0, %0" : "=m"(bytes[at]) : : "memory")
#define LOAD16(at) __asm__ volatile("movups %0, %%xmm0" : : "m"(bytes[at]) : "xmm0")
#define SET(to, value, label) __asm__ volatile("movl $" #value ", %0\n.globl " label "\n" label ":" : "=m"(to))
#else
__asm__(".arch_extension lse");
#define ADD_ONE(to) __asm__ volatile("stadd %1, %0" : "+Q"(to) : "r"(1l))
#define FETCH_ADD(to, n) __asm__ volatile("ldaddal %1, %1, %0" : "+Q"(to), "+r"(n))
#define EXCHANGE(to, n) __asm__ volatile("swp %1, %1, %0" : "+Q"(to), "+r"(n))
#define STORE1(at) __asm__ volatile("strb %w1, %0" : "=Q"(bytes[at]) : "r"(i) : "memory")
#define STORE2(at) __asm__ volatile("strh %w1, %0" : "=Q"(bytes[at]) : "r"(i) : "memory")
#define STORE4(at) __asm__ volatile("str %w1, %0" : "=Q"(bytes[at]) : "r"(i) : "memory")
#define STORE8(at) __asm__ volatile("str %1, %0" : "=Q"(bytes[at]) : "r"(i) : "memory")
#define STORE16(at) __asm__ volatile("str q0, %0" : "=Q"(bytes[at]) : : "memory")
#define LOAD16(at) __asm__ volatile("ldr q0, %0" : : "Q"(bytes[at]) : "v0")
#define SET(to, value, label) __asm__ volatile("str %w1, %0\n.globl " label "\n" label ":" : "=Q"(to) : "r"(value))
#endif

// Read and written by one instruction.
static void adds(long n) {
  for (long i = 0; i < n; ++i) ADD_ONE(counter);
}

static void atomics(long n) {
  for (long i = 0; i < n; ++i) {
    long old = i;
    FETCH_ADD(counter, old);
    EXCHANGE(counter, old);
  }
}

// Bytes 8 to 15: before, over the begin, inside, over the end, behind, over all of it.
static void partial(long n) {
  for (long i = 0; i < n; ++i) {
    STORE1(7);
    STORE4(4);
    STORE8(1);   // touches 8
    STORE2(7);   // touches 8
    STORE1(8);   // touches 8
    STORE4(10);  // touches 10 to 13
    STORE8(12);  // touches 12 to 19
    STORE1(15);  // touches 15
    STORE1(16);
    STORE8(16);
    STORE8(8);  // touches all
  }
}

// 16 bytes at once: before, from an odd address into it, over it, behind it.
static void wide(long n) {
  for (long i = 0; i < n; ++i) {
    STORE16(17);
    STORE16(1);
    STORE16(0);
    STORE16(32);
    LOAD16(3);
  }
}

#if defined(__x86_64__)
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
#else
// One read and one write: a pair of exclusives, and one that stores nothing, for it comes without the read.
static void exclusive(long n) {
  for (long i = 0; i < n; ++i) {
    long old, again;
    __asm__ volatile("ldxr %0, %2\n\tstxr %w1, %0, %2\n\tstxr %w1, %0, %2" : "=&r"(old), "=&r"(again), "+Q"(counter));
  }
}

// Two registers at once: 0 to 15, then a read of 8 to 23.
static void pairs(long n) {
  for (long i = 0; i < n; ++i) {
    long a = i, b = i;
    __asm__ volatile("stp %1, %2, %0" : "=Q"(bytes[0]) : "r"(a), "r"(b) : "memory");
    __asm__ volatile("ldp %0, %1, %2" : "=&r"(a), "=&r"(b) : "Q"(bytes[8]));
  }
}
#endif

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

#if defined(__x86_64__)
// Reads the variable, and faults where it would write: not completed.
static void copy_to(void* none) {
  void *to = none, *from = (void*)(uintptr_t)&counter;
  __asm__ volatile("movsq" : "+D"(to), "+S"(from) : : "memory");
}
#else
// Writes the variable, and faults where it would write more: not completed.
volatile long edge[1024] __attribute__((aligned(4096)));  // its second page is taken away
static void copy_to(void* none) {
  (void)none;
  mprotect((void*)(uintptr_t)&edge[512], 4096, PROT_NONE);
  __asm__ volatile("stp xzr, xzr, %0" : "=Q"(edge[511]) : : "memory");
}
#endif

static void faults(long n) {
  void* none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  signal(SIGSEGV, on_fault);
  for (volatile long i = 0; i < n; ++i)
    if (sigsetjmp(back, 1) == 0) copy_to(none);
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
    SET(begun, 2, "behind_begun");
    for (long k = 0; k < i % 5; ++k) sink += k;
    SET(ended, 3, "behind_ended");
    sink = -i;
  }
}

#if defined(__x86_64__)
// The access is the block's last instruction: a call through memory, and a return from it.
static void called(void) { sink += 1; }
static void (*volatile pointer)(void) = called;
static void calls(long n) {
  for (long i = 0; i < n; ++i) __asm__ volatile("call *%0" : : "m"(pointer) : "memory", "rax", "rcx", "rdx", "cc");
}
#else
// The access is the block's last instruction: it is the page's last.
void store_at_end(volatile long* to);
__asm__(
    ".pushsection .text, \"ax\"\n.balign 4096\n.skip 4088\n.globl store_at_end\n.type store_at_end, %function\n"
    "store_at_end: nop\n\tstr x0, [x0]\n\tret\n.size store_at_end, . - store_at_end\n.popsection");
static volatile long pointer;
static void calls(long n) {
  for (long i = 0; i < n; ++i) store_at_end(&pointer);
}
#endif

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(long);
  } kCases[] = {
    {"reads", reads},
    {"adds", adds},
    {"atomics", atomics},
    {"partial", partial},
    {"wide", wide},
    {"kernel", kernel},
    {"faults", faults},
    {"calls", calls},
    {"between", between},
    {"threads", threads},
#if defined(__x86_64__)
    {"rep", repeated}
  };
#else
    {"exclusive", exclusive},
    {"pairs", pairs}
  };
#endif

  if (argc < 3) return 2;
  for (size_t i = 0; i < sizeof kCases / sizeof *kCases; ++i)
    if (strcmp(argv[1], kCases[i].name) == 0) kCases[i].run(atol(argv[2]));
  if (argc > 3) printf("%p\n", (void*)(uintptr_t)&counter);
  return 0;
}
