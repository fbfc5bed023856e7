// SPDX-License-Identifier: MIT
#include "machines/kernel/tracees.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>

#include "machines/kernel/attrs.hpp"
#include "machines/kernel/running.hpp"

namespace tracectl::kernel {
namespace {

constexpr long kThreads = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
constexpr long kChildren = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
constexpr int kReleaseTries = 1000;
constexpr timespec kReleaseWait{0, 2 * 1000 * 1000};

// The processor's breakpoint, and where the pc stands behind it. Sources: SDM vol. 2, INT3; Arm ARM, BRK (the exception
// returns to the instruction itself).
#if defined(__x86_64__)
using Registers = user_regs_struct;
constexpr uint64_t kBreakpoint = 0xcc, kBreakpointMask = 0xff, kBehind = 1;
auto& pc_of(Registers& r) { return r.rip; }
#elif defined(__aarch64__)
using Registers = user_regs_struct;
constexpr uint64_t kBreakpoint = 0xd4200000, kBreakpointMask = 0xffffffff, kBehind = 0;
auto& pc_of(Registers& r) { return r.pc; }
#else
#error "the kernel machine knows x86-64 and AArch64"
#endif

// The signal of a perf event. Source: include/uapi/asm-generic/siginfo.h (TRAP_PERF, _sigfault._perf).
constexpr int kTrapPerf = 6;
constexpr size_t kPerfDataOffset = 24;

void* as_data(uint64_t value) { return std::bit_cast<void*>(static_cast<uintptr_t>(value)); }

bool signal_waits(pid_t tid, int signal) {
  std::ifstream in(fmt::format("/proc/{}/status", tid));
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("SigPnd:")) return (std::strtoull(line.c_str() + 7, nullptr, 16) >> (signal - 1) & 1) != 0;
  return false;
}

// A value of the auxiliary vector; 0 when it is not there. Source: getauxval(3), proc(5).
uint64_t auxiliary(pid_t pid, uint64_t which) {
  std::ifstream in(fmt::format("/proc/{}/auxv", pid), std::ios::binary);
  uint64_t pair[2] = {};
  while (in.read(reinterpret_cast<char*>(pair), sizeof pair))
    if (pair[0] == which) return pair[1];
  return 0;
}

struct Identity {
  bool change = false;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Between fork and exec: what is async-signal-safe, and initgroups(3), which has been called before in the parent.
[[noreturn]] void become(const Identity& who, char* const* words, int gate, int failure) {
  char go = 0;
  while (read(gate, &go, 1) < 0 && errno == EINTR) {
  }
  if (go != 1) _exit(127);
  if (!who.change || (setgid(who.gid) == 0 && setuid(who.uid) == 0)) execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const ssize_t n = write(failure, &error, sizeof error);
  _exit(error == ENOENT ? 127 : 126);
}

Result<Identity> identity_of(const std::string& user) {
  if (user.empty()) return Identity{};
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) return fail_usage(fmt::format("there is no user '{}'", user), "getent passwd lists them");
  if (geteuid() != 0 && entry->pw_uid != geteuid())
    return fail_unsupported(fmt::format("only root can start a command as user {}", user),
                            "run tracectl as root, or leave user out of [target]");
  return Identity{true, entry->pw_uid, entry->pw_gid};
}

}  // namespace

Tracees::~Tracees() { release(); }

Result<pid_t> Tracees::start(const Command& command, bool hold) {
  const auto who = identity_of(command.user);
  if (!who) return tl::unexpected<Error>(who.error());
  int gate[2], failure[2];
  if (pipe2(gate, O_CLOEXEC) != 0 || pipe2(failure, O_CLOEXEC) != 0) return fail_errno("making a pipe");
  std::vector<char*> words;
  for (const auto& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) return fail_errno("forking");
  if (child == 0) {
    close(gate[1]);
    if (who->change && geteuid() == 0) initgroups(command.user.c_str(), who->gid);
    become(*who, words.data(), gate[0], failure[1]);
  }
  close(gate[0]);
  close(failure[1]);
  gate_ = Fd(gate[1]);
  failure_ = Fd(failure[0]);
  if (!hold) return child;
  if (ptrace(PTRACE_SEIZE, child, nullptr, as_data(static_cast<uint64_t>(kThreads | (follow_ ? kChildren : 0)))) != 0)
    return fail_errno(fmt::format("holding process {}", child),
                      "another tracer, or kernel.yama.ptrace_scope = 3: threads = \"per-cpu\" needs no ptrace for long");
  known_[child] = child;
  return child;
}

Result<> Tracees::attach(pid_t pid, bool whole) {
  constexpr long kExec = PTRACE_O_TRACEEXEC;
  const auto options = static_cast<uint64_t>(whole ? kThreads | (follow_ ? kChildren : 0) : kExec);
  const char* hint =
      "another tracer (a debugger, strace), another user's process, or kernel.yama.ptrace_scope: run as root, or "
      "threads = \"per-cpu\", which holds nobody";
  // New threads may come while we seize: until a look finds none that is not ours.
  for (bool fresh = true; std::exchange(fresh, false);)
    for (const pid_t tid : whole ? threads_of(pid) : std::vector<pid_t>{pid}) {
      if (known_.count(tid) != 0) continue;
      if (ptrace(PTRACE_SEIZE, tid, nullptr, as_data(options)) != 0) {
        if (errno == ESRCH && whole) continue;
        if (errno == EPERM && tracer_of(tid) == gettid()) continue;  // it came by itself, and will stop
        return fail_errno(fmt::format("holding thread {}", tid), hint);
      }
      fresh = whole;
      known_[tid] = process_of(tid);
      if (events_.began) events_.began(known_[tid], tid);
    }
  return {};
}

void Tracees::go() {
  const char go = 1;
  [[maybe_unused]] const ssize_t n = write(gate_.get(), &go, 1);
  gate_.reset();
}

int Tracees::exec_error() {
  int error = 0;
  return read(failure_.get(), &error, sizeof error) == sizeof error ? error : 0;
}

void Tracees::go_on(pid_t tid, int signal) { ptrace(PTRACE_CONT, tid, nullptr, as_data(static_cast<uint64_t>(signal))); }

void Tracees::collect() {
  int status = 0;
  for (pid_t tid = 0; (tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0;) {
    if (WIFSTOPPED(status)) {
      stopped(tid, status);
      continue;
    }
    known_.erase(tid);
    entries_.erase(tid);
    stepping_.erase(tid);
    if (events_.gone) events_.gone(tid, status);
  }
}

void Tracees::first_stop(pid_t tid) {
  const pid_t pid = process_of(tid);
  known_[tid] = pid;
  // A forked child has its parent's memory, the entry's breakpoint too.
  if (events_.began) events_.began(pid, tid);
  go_on(tid);
}

void Tracees::replaced(pid_t tid) {
  unsigned long former = 0;
  ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &former);
  // All other threads are gone; the one that called exec has the process' number now.
  const pid_t pid = tid;
  std::erase_if(known_, [&](const auto& k) { return k.second == pid && k.first != tid; });
  known_[tid] = pid;
  entries_.erase(pid);
  if (events_.replaced) events_.replaced(pid, static_cast<pid_t>(former));
  go_on(tid);
}

void Tracees::stopped(pid_t tid, int status) {
  const int event = status >> 16, signal = WSTOPSIG(status);
  if (known_.find(tid) == known_.end()) return first_stop(tid);
  switch (event) {
    case PTRACE_EVENT_EXEC:
      return replaced(tid);
    case PTRACE_EVENT_STOP:
      // A job control stop stays one: the thread waits for SIGCONT, and tells us.
      if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
        ptrace(PTRACE_LISTEN, tid, nullptr, nullptr);
        return;
      }
      return go_on(tid);
    case 0:
      return signalled(tid, signal);
    default:  // clone, fork, vfork: the new one stops by itself
      return go_on(tid);
  }
}

void Tracees::signalled(pid_t tid, int signal) {
  if (signal == SIGTRAP && at_snapshot(tid)) return go_on_behind_hit(tid);
  const bool ours = signal == SIGTRAP && (at_entry(tid) || stepped(tid));
  go_on(tid, ours ? 0 : signal);
}

// AArch64's kernel takes a thread's breakpoints away at a hit, and puts them back when it has stepped over the place. A
// tracer that says PTRACE_CONT ends that step before it began, and no breakpoint hits again; PTRACE_SINGLESTEP keeps it,
// and where it was the kernel's own, nobody is told of it.
// Source: arch/arm64/kernel/hw_breakpoint.c (do_breakpoint, try_step_suspended_breakpoints), ptrace_disable.
void Tracees::go_on_behind_hit(pid_t tid) {
#if defined(__aarch64__)
  if (ptrace(PTRACE_SINGLESTEP, tid, nullptr, nullptr) == 0) return void(stepping_.insert(tid));
#endif
  go_on(tid);
}

// Of a hit that was no breakpoint's: the step is ours, and told.
bool Tracees::stepped(pid_t tid) {
  siginfo_t info{};
  if (stepping_.count(tid) == 0 || ptrace(PTRACE_GETSIGINFO, tid, nullptr, &info) != 0 || info.si_code != TRAP_TRACE)
    return false;
  stepping_.erase(tid);
  return true;
}

bool Tracees::at_snapshot(pid_t tid) {
  siginfo_t info{};
  if (ptrace(PTRACE_GETSIGINFO, tid, nullptr, &info) != 0 || info.si_code != kTrapPerf) return false;
  uint64_t data = 0;
  std::memcpy(&data, reinterpret_cast<const char*>(&info) + kPerfDataOffset, sizeof data);
  if (data != kSnapshotSignal) return false;
  if (events_.snapshot) events_.snapshot();
  return true;
}

void Tracees::stop_at_entry(pid_t pid) {
  const uint64_t entry = auxiliary(pid, AT_ENTRY);
  if (entry == 0) return;
  errno = 0;
  const long word = ptrace(PTRACE_PEEKTEXT, pid, as_data(entry), nullptr);
  if (errno != 0) return;
  const uint64_t trapped = (static_cast<uint64_t>(word) & ~kBreakpointMask) | kBreakpoint;
  if (ptrace(PTRACE_POKETEXT, pid, as_data(entry), as_data(trapped)) != 0) return;
  entries_[pid] = {entry, word};
}

bool Tracees::at_entry(pid_t tid) {
  const auto it = entries_.find(known_[tid]);
  if (it == entries_.end()) return false;
  Registers regs{};
  iovec all{&regs, sizeof regs};
  if (ptrace(PTRACE_GETREGSET, tid, as_data(NT_PRSTATUS), &all) != 0) return false;
  if (pc_of(regs) != it->second.address + kBehind) return false;
  const pid_t pid = it->first;
  ptrace(PTRACE_POKETEXT, tid, as_data(it->second.address), as_data(static_cast<uint64_t>(it->second.word)));
  pc_of(regs) = it->second.address;
  ptrace(PTRACE_SETREGSET, tid, as_data(NT_PRSTATUS), &all);
  entries_.erase(it);
  if (events_.loaded) events_.loaded(pid);
  return true;
}

bool Tracees::let_go(pid_t tid, int status) {
  const int event = status >> 16, signal = WSTOPSIG(status);
  // A snapshot's signal that is still on its way would kill the program when we are gone.
  if (event != 0 && signal_waits(tid, SIGTRAP)) {
    go_on(tid);
    return false;
  }
  const bool ours = signal == SIGTRAP && (event != 0 || at_entry(tid) || at_snapshot(tid) || stepped(tid));
  ptrace(PTRACE_DETACH, tid, nullptr, as_data(static_cast<uint64_t>(event == 0 && !ours ? signal : 0)));
  return true;
}

void Tracees::release() {
  gate_.reset();  // a child that was never let go ends
  for (const auto& [tid, pid] : known_) ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  // What does not stop in time (it sleeps in the kernel) goes on when we end: the kernel lets it go then.
  for (int tries = 0; !known_.empty() && tries < kReleaseTries; ++tries) {
    int status = 0;
    const pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
    if (tid < 0) break;
    if (tid == 0) {
      nanosleep(&kReleaseWait, nullptr);
      continue;
    }
    if (WIFSTOPPED(status) && !let_go(tid, status)) continue;
    known_.erase(tid);
    if (!WIFSTOPPED(status) && events_.gone) events_.gone(tid, status);
  }
  known_.clear();
}

}  // namespace tracectl::kernel
