// SPDX-License-Identifier: MIT
// Programs that are hard to hold: many threads at once, job control, tracers, set-user-ID, signals.
//   odd crowd N | ids | traceme | attach | jobs | threads_stop | handlers | exec | vfork [PROGRAM] | fork N | tick N | slow N
// What it prints is the same in every run.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
volatile long sink;
static const char* self;

NOINLINE long leaf(long n) {
  sink += n;
  return n & 1 ? sink : n;
}

NOINLINE void begin_work(void) { sink += 3; }
NOINLINE void end_work(void) { sink -= 3; }

static pthread_barrier_t all_here;

static void* one_of_many(void* number) {
  pthread_barrier_wait(&all_here);
  leaf((long)(intptr_t)number);
  end_work();
  pthread_barrier_wait(&all_here);
  return NULL;
}

// All threads live at once; each calls leaf one time.
static int crowd(long count) {
  pthread_t* ids = calloc((size_t)count, sizeof *ids);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  pthread_barrier_init(&all_here, NULL, (unsigned)count);
  for (long i = 0; i < count; ++i)
    if (pthread_create(&ids[i], &small, one_of_many, (void*)(intptr_t)i) != 0) return 3;
  for (long i = 0; i < count; ++i) pthread_join(ids[i], NULL);
  printf("%ld threads\n", count);
  free(ids);
  return 0;
}

static int ids(void) {
  uid_t real = 0, effective = 0, saved = 0;
  getresuid(&real, &effective, &saved);
  printf("uid %u %u %u gid %u %u groups %d\n", real, effective, saved, getgid(), getegid(), getgroups(0, NULL));
  leaf(1);
  return 0;
}

// A debugger's child: asks to be traced.
static int traceme(void) {
  const pid_t child = fork();
  if (child == 0) {
    errno = 0;
    const long done = ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    printf("traceme: %ld %s\n", done, strerror(errno));
    fflush(stdout);
    _exit(done == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

// A debugger: attaches to its child.
static int attach(void) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  errno = 0;
  const long done = ptrace(PTRACE_SEIZE, child, NULL, NULL);
  printf("seize: %ld %s\n", done, strerror(errno));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return done == 0 ? 0 : 1;
}

static void say_status(const char* who, int status) {
  if (WIFSTOPPED(status))
    printf("%s stopped by %d\n", who, WSTOPSIG(status));
  else if (WIFCONTINUED(status))
    printf("%s goes on\n", who);
  else if (WIFSIGNALED(status))
    printf("%s killed by %d\n", who, WTERMSIG(status));
  else
    printf("%s exits with %d\n", who, WEXITSTATUS(status));
  fflush(stdout);
}

static void wait_and_say(pid_t child, int options) {
  int status = 0;
  if (waitpid(child, &status, options) == child) say_status("child", status);
}

// What a shell does with its jobs.
static int jobs(void) {
  const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
  int gate[2];  // a child that stops again at once would hide that it went on
  char c = 0;
  if (pipe(gate) != 0) return 3;
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    for (int i = 0; i < 4; ++i) {
      leaf(i);
      raise(stops[i]);
      if (read(gate[0], &c, 1) != 1) _exit(1);
    }
    leaf(4);
    _exit(9);
  }
  for (int i = 0; i < 4; ++i) {
    wait_and_say(child, WUNTRACED);
    kill(child, SIGCONT);
    wait_and_say(child, WCONTINUED);
    if (write(gate[1], &c, 1) != 1) return 3;
  }
  wait_and_say(child, 0);
  return 0;
}

static void* count_up(void* unused) {
  for (long i = 0; i < 20000; ++i) sink += i;
  return unused;
}

// Stops a process of several threads, and another one that is killed while it stands.
static int threads_stop(void) {
  int gate[2];
  char c = 0;
  if (pipe(gate) != 0) return 3;
  for (int round = 0; round < 2; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      pthread_t ids[3];
      for (int i = 0; i < 3; ++i) pthread_create(&ids[i], NULL, count_up, NULL);
      raise(SIGSTOP);
      if (read(gate[0], &c, 1) != 1) _exit(1);
      for (int i = 0; i < 3; ++i) pthread_join(ids[i], NULL);
      leaf(round);
      _exit(5);
    }
    wait_and_say(child, WUNTRACED);
    kill(child, round == 0 ? SIGCONT : SIGKILL);
    if (round == 0) wait_and_say(child, WCONTINUED);
    if (round == 0 && write(gate[1], &c, 1) != 1) return 3;
    wait_and_say(child, 0);
  }
  return 0;
}

static sigjmp_buf back;
static volatile sig_atomic_t ticks, depth, deepest;

static void on_fault(int number, siginfo_t* info, void* context) {
  (void)context;
  siglongjmp(back, number * 1000 + (int)(intptr_t)info->si_addr % 1000);
}

static void on_value(int number, siginfo_t* info, void* context) {
  (void)context;
  if (++depth > deepest) deepest = depth;
  if (number == SIGUSR1) raise(SIGUSR2);
  printf("signal %d code %d value %d\n", number, info->si_code, info->si_code == SI_QUEUE ? info->si_value.sival_int : -1);
  --depth;
}

static void on_tick(int number) {
  (void)number;
  ++ticks;
}

static void handle(int number, void (*with)(int, siginfo_t*, void*), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = with;
  action.sa_flags = SA_SIGINFO | flags;
  sigaction(number, &action, NULL);
}

static void faults(void) {
  handle(SIGSEGV, on_fault, SA_ONSTACK);
  handle(SIGTRAP, on_fault, 0);
  handle(SIGILL, on_fault, 0);
  for (volatile int i = 0; i < 3; ++i) {
    const int what = sigsetjmp(back, 1);
    if (what == 0) {
      if (i == 0) *(volatile int*)8 = 1;
      if (i == 1) __asm__ volatile("int3");
      if (i == 2) __asm__ volatile("ud2");
    }
    printf("fault %d: signal %d\n", i, what / 1000);
  }
}

static int handlers(void) {
  static char other_stack[64 << 10];
  const stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
  sigaltstack(&stack, NULL);
  faults();
  handle(SIGUSR1, on_value, 0);
  handle(SIGUSR2, on_value, 0);
  handle(SIGTRAP, on_value, 0);
  handle(SIGRTMIN, on_value, 0);
  raise(SIGUSR1);
  raise(SIGTRAP);
  sigqueue(getpid(), SIGTRAP, (union sigval){.sival_int = 77});
  for (int i = 0; i < 3; ++i) sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
  signal(SIGALRM, on_tick);
  const struct itimerval often = {{0, 10000}, {0, 10000}};
  setitimer(ITIMER_REAL, &often, NULL);
  while (ticks < 5) leaf(ticks);
  setitimer(ITIMER_REAL, &(const struct itimerval){{0, 0}, {0, 0}}, NULL);
  printf("deepest %d\n", (int)deepest);
  fflush(stdout);
  signal(SIGTERM, SIG_DFL);
  raise(SIGTERM);
  return 0;
}

static void* become(void* unused) {
  execl(self, self, "ids", (char*)NULL);
  return unused;
}

// A thread that is not the first becomes another program.
static int exec_in_thread(void) {
  pthread_t other;
  pthread_create(&other, NULL, become, NULL);
  pthread_join(other, NULL);
  return 4;
}

static int with_vfork(const char* program) {
  const pid_t child = vfork();
  if (child == 0) {
    execl(program, program, "ids", (char*)NULL);
    _exit(4);
  }
  wait_and_say(child, 0);
  return 0;
}

static int forks(long count) {
  for (long i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit((int)leaf(2 * i) & 0x7f);
    wait_and_say(child, 0);
  }
  return 0;
}

// A window, and a little sleep, each time.
static int tick(long count) {
  for (long i = 0; i < count; ++i) {
    begin_work();
    for (long k = 0; k < 50; ++k) leaf(k);
    end_work();
    nanosleep(&(const struct timespec){0, 2000000}, NULL);
    if (i % 50 == 0) printf("at %ld\n", i);
    fflush(stdout);
  }
  printf("done %ld\n", count);
  return 42;
}

static void work(unsigned n) {
  for (unsigned i = 0, x = 12345; i < n; ++i) {
    x = x * 1103515245 + 12345;
    if (x & 0x10000) sink += x;
    if (x & 0x40000) sink ^= i;
  }
}

NOINLINE void before(unsigned n) { work(n); }
NOINLINE void meanwhile(unsigned n) { work(n); }
NOINLINE void after(unsigned n) { work(n); }

// Its parent stands still while most of the work is done.
static int slow(long count) {
  before((unsigned)count);
  kill(getppid(), SIGSTOP);
  meanwhile((unsigned)(20 * count));
  kill(getppid(), SIGCONT);
  nanosleep(&(const struct timespec){0, 300000000}, NULL);
  after((unsigned)count);
  puts("worked");
  return 6;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  self = argv[0];
  const char* what = argv[1];
  const long count = argc > 2 ? atol(argv[2]) : 1;
  if (strcmp(what, "crowd") == 0) return crowd(count);
  if (strcmp(what, "ids") == 0) return ids();
  if (strcmp(what, "traceme") == 0) return traceme();
  if (strcmp(what, "attach") == 0) return attach();
  if (strcmp(what, "jobs") == 0) return jobs();
  if (strcmp(what, "threads_stop") == 0) return threads_stop();
  if (strcmp(what, "handlers") == 0) return handlers();
  if (strcmp(what, "exec") == 0) return exec_in_thread();
  if (strcmp(what, "vfork") == 0) return with_vfork(argc > 2 ? argv[2] : self);
  if (strcmp(what, "fork") == 0) return forks(count);
  if (strcmp(what, "tick") == 0) return tick(count);
  if (strcmp(what, "slow") == 0) return slow(count);
  return 2;
}
