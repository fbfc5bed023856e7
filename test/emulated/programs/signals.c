// SPDX-License-Identifier: MIT
// Signals: from a timer in the middle of anything, by raise, by faults, nested.
// usage: signals CASE...; prints what it counted.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t ticks, raised, faults, nested;
static volatile long sink;
static sigjmp_buf back;

static void on_alarm(int number) { ticks += number == SIGALRM; }

static void handle(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  sigaction(number, &action, NULL);
}

static char text[100000], copy[100000];

// Ordinary branches, and rep where there is one, until the timer has fired often enough.
static void alarm_case(void) {
  handle(SIGALRM, on_alarm);
  const struct itimerval every = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &every, NULL);
  while (ticks < 5) {
    for (int i = 0; i < 50; ++i) sink += i & 3 ? i : -i;
#if defined(__x86_64__)
    void *from = text, *to = copy;
    unsigned long n = 2000;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
#else
    memcpy(copy, text, 2000);
#endif
  }
  setitimer(ITIMER_REAL, &never, NULL);
  printf("alarm %d\n", ticks >= 5);
}

static void on_usr1(int number) { raised += number == SIGUSR1; }

static void raise_case(void) {
  handle(SIGUSR1, on_usr1);
  for (int i = 0; i < 25; ++i) raise(SIGUSR1);
  printf("raise %d\n", raised);
}

// Skips the faulting instruction: mov (%rax),%rax is 3 bytes, ldr x0,[x0] is 4.
static void on_segv(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
#if defined(__x86_64__)
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] += 3;
#else
  ((ucontext_t*)context)->uc_mcontext.pc += 4;
#endif
  ++faults;
}

static void segv_case(int flags) {
  struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | flags};
  sigaction(SIGSEGV, &action, NULL);
  for (int i = 0; i < 10; ++i) {
    void* nowhere = NULL;
#if defined(__x86_64__)
    __asm__ volatile("nop\n\tmov (%%rax), %%rax\n\tnop" : "+a"(nowhere) : : "memory");
#else
    __asm__ volatile("nop\n\tldr %0, [%0]\n\tnop" : "+r"(nowhere) : : "memory");
#endif
  }
  printf("segv %d\n", faults);
}

static void on_usr2(int number) {
  ++nested;
  if (nested < 6) raise(number);
}

static void nested_case(void) {
  struct sigaction action = {.sa_handler = on_usr2, .sa_flags = SA_NODEFER};
  sigaction(SIGUSR2, &action, NULL);
  raise(SIGUSR2);
  printf("nested %d\n", nested);
}

static void jump_out(int number) { siglongjmp(back, number); }

// Leaves the handler by siglongjmp: no rt_sigreturn.
static void longjump_case(void) {
  volatile int left = 0;
  handle(SIGFPE, jump_out);
  for (volatile int i = 0; i < 5; ++i)
    if (sigsetjmp(back, 1) == 0)
      raise(SIGFPE);
    else
      ++left;
  printf("longjump %d\n", left);
}

// Handlers on a stack of their own, above the program's and below it, each interrupted once.
static void on_prof(int number) {
  ++nested;
  if (nested % 2 != 0) raise(number);
}

static void altstack_case(void) {
  static char low[65536];
  char* high = mmap(NULL, sizeof low, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction action = {.sa_handler = on_prof, .sa_flags = SA_ONSTACK | SA_NODEFER};
  sigaction(SIGPROF, &action, NULL);
  char* stacks[] = {low, high};
  for (int i = 0; i < 4; ++i) {
    const stack_t stack = {.ss_sp = stacks[i % 2], .ss_size = sizeof low};
    sigaltstack(&stack, NULL);
    raise(SIGPROF);
    segv_case(SA_ONSTACK);
  }
  const stack_t none = {.ss_flags = SS_DISABLE};
  sigaltstack(&none, NULL);
  printf("altstack %d\n", nested);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "alarm") == 0) alarm_case();
    if (strcmp(argv[i], "raise") == 0) raise_case();
    if (strcmp(argv[i], "segv") == 0) segv_case(0);
    if (strcmp(argv[i], "nested") == 0) nested_case();
    if (strcmp(argv[i], "longjump") == 0) longjump_case();
    if (strcmp(argv[i], "altstack") == 0) altstack_case();
  }
  return 0;
}
