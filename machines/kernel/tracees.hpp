// SPDX-License-Identifier: MIT
// Tracees: the command and all that comes of it, held by ptrace(2), so that a new thread stands
// still until it has its event group, and a new program until its breakpoints are placed.
//
// What it does not change: signals are delivered as they come, job control stops stay stops
// (PTRACE_LISTEN). What it costs: a stop for each signal, new thread, exec and exit; a program
// that traces itself is refused by the kernel (EPERM), and a set-user-ID program run by an
// ordinary user runs without its privilege. `threads = "per-cpu"` does without from the first
// instruction of the program on.
// Order: every call in the thread that called start(): ptrace is the thread's, not the process'.
// Errors: start() says why the command cannot be started; later a tracee that is gone is no error.
// Source: ptrace(2), "PTRACE_SEIZE", "Group-stop".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/fd.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

struct Command {
  std::vector<std::string> words;
  std::string user;  // become this user first; empty: stay
};

// Each is called while the thread stands still.
struct TraceeEvents {
  std::function<void(pid_t pid, pid_t tid)> began;  // a new thread, or a new process' first; has run nothing
  // exec: the program is mapped, and has run nothing. `former` is what its thread was called before.
  std::function<void(pid_t pid, pid_t former)> replaced;
  std::function<void(pid_t pid)> loaded;                 // its libraries are mapped too (asked for by stop_at_entry)
  std::function<void()> snapshot;                        // a snapshot's hit stopped the thread
  std::function<void(pid_t tid, int wait_status)> gone;  // the thread is no more (not called while it stands still)
};

class Tracees {
 public:
  explicit Tracees(bool follow) : follow_(follow) {}
  ~Tracees();
  Tracees(const Tracees&) = delete;
  Tracees& operator=(const Tracees&) = delete;

  // Before start() and attach(). What it tells must live until release().
  void tell(TraceeEvents events) { events_ = std::move(events); }
  // Forks; the child waits until go(). Its pid. `hold`: it is one of us; else it only runs beside.
  Result<pid_t> start(const Command& command, bool hold = true);
  // Holds a running process with all its threads (`whole`), or one thread; `began` is told of each, which runs on.
  Result<> attach(pid_t pid, bool whole);
  // Lets the child exec. 0, or the errno of its exec.
  void go();
  [[nodiscard]] int exec_error();

  // In `replaced`: stop again at the program's own entry, when the dynamic linker is done.
  void stop_at_entry(pid_t pid);
  // Takes in what happened; to be called on SIGCHLD.
  void collect();
  // Lets everything go on without us.
  void release();

 private:
  void stopped(pid_t tid, int status);
  void signalled(pid_t tid, int signal);
  void first_stop(pid_t tid);
  bool at_entry(pid_t tid);
  bool at_snapshot(pid_t tid);
  bool let_go(pid_t tid, int status);  // false: it has to stop once more
  void go_on(pid_t tid, int signal = 0);
  void go_on_behind_hit(pid_t tid);
  bool stepped(pid_t tid);
  void replaced(pid_t tid);

  struct Entry {
    uint64_t address = 0;
    long word = 0;  // what was there
  };
  TraceeEvents events_;
  bool follow_;
  Fd gate_, failure_;
  std::map<pid_t, pid_t> known_;    // process by thread
  std::map<pid_t, Entry> entries_;  // by process
  std::set<pid_t> stepping_;        // AArch64: threads behind a hit
};

}  // namespace tracectl::kernel
