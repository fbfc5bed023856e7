// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/threads.hpp"

#include <sys/stat.h>
#include <time.h>

#include <atomic>
#include <cerrno>

namespace tracectl::plugin {
namespace {

constexpr int kWaits = 1000;  // of kWait each, at most: nothing waits for ever
constexpr timespec kWait{0, 1000 * 1000};

struct Threads {
  std::atomic<int> count{1};     // that have not begun to end
  std::atomic<bool> any{false};  // there was a second one
  long own = 0;                  // tasks of QEMU's own
  // Behind a process's first clone(2) QEMU throws all code away, before this thread's next block.
  std::atomic<const ThreadState*> cloner{nullptr};
  const void* cloner_block = nullptr;  // it was in
  std::atomic<bool> ending{false};     // the program
} t;

// Of this process, QEMU's own among them; 0 when it cannot be told.
long tasks() {
  struct stat s {};
  const int saved = errno;
  const bool known = stat("/proc/self/task", &s) == 0 && s.st_nlink > 2;
  errno = saved;
  return known ? static_cast<long>(s.st_nlink) - 2 : 0;
}

template <class Condition>
void wait_until(Condition done) {
  const int saved = errno;
  for (int i = 0; i < kWaits && !done(); ++i) nanosleep(&kWait, nullptr);
  errno = saved;
}

// The first clone(2)'s thread is in another block, so QEMU has thrown its code away.
bool cloner_went_on() {
  const ThreadState* s = t.cloner.load();
  return s == nullptr || __atomic_load_n(&s->previous, __ATOMIC_RELAXED) != t.cloner_block;
}

}  // namespace

void first_thread() {
  t.count = 1;
  t.any = t.ending = false;
  t.cloner = nullptr;
  t.own = tasks() - 1;
}

void thread_comes(const ThreadState* s) {
  if (!t.any.exchange(true)) {
    t.cloner_block = s->previous;
    t.cloner = s;
  }
  t.count.fetch_add(1);
}

void thread_did_not_come() { t.count.fetch_sub(1); }

void thread_goes() {
  if (t.cloner.load() != nullptr) wait_until(cloner_went_on);
  t.cloner = nullptr;
  t.count.fetch_sub(1);
  if (!t.ending.load()) return;  // else program_ends() has seen the new count, and waits until this thread is gone
  t.count.fetch_add(1);
  wait_until([] { return false; });  // the program's end is this thread's too
}

// QEMU throws all code away at its end.
void program_ends() {
  if (t.ending.exchange(true) || !t.any.load()) return;
  wait_until([] { return tasks() <= t.count.load() + t.own; });
}

bool is_only_thread() {
  if (t.count.load() != 1) return false;
  return !t.any.load() || (t.own > 0 && tasks() == t.own + 1);
}

}  // namespace tracectl::plugin
