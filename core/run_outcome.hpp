// SPDX-License-Identifier: MIT
// What a machine that ran a plan tells of the run, whichever machine it was.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace tracectl {

struct ThreadFacts {
  int32_t pid = 0, tid = 0;
  uint32_t idx = 0;
  uint64_t bytes = 0;    // of trace
  uint64_t windows = 0;  // resumes that found the event paused
  bool open_window = false;
  uint64_t overflows = 0;  // OVF packets
  uint64_t snapshots = 0;  // mode = ring: times that its buffer was kept
  bool completed = false;  // the thread died; the launcher wrote its last packets
};

struct RunOutcome {
  int wait_status = 0;      // of the command, as waitpid(2) gives it
  std::string not_started;  // why the command could not be run; empty when it was
  bool traced = false;      // at least one thread was under trace
  std::vector<ThreadFacts> threads;
  std::vector<std::vector<uint64_t>> event_ids;  // per trigger, under which its samples appear
  std::vector<uint64_t> hits;                    // per trigger, where somebody counted
  uint64_t snapshots = 0, overflows = 0;         // of all threads
  uint64_t untraced_execs = 0, untraced_threads = 0, missed_returns = 0, unexplained = 0;
  uint64_t split_windows = 0;    // open when the session ended, in programs that went on
  uint64_t translations = 0;     // emulated machine: times that QEMU threw its translated code away at our request
  uint64_t smaller_buffers = 0;  // threads whose AUX buffer is smaller than the plan's, for [buffer] total
  std::string stop_reason;       // a limit, or a signal; empty when the command ended by itself
  bool left_running = false;     // descendants of the command were still alive
};

struct RunOptions {
  std::string address_filters;                                   // the plan's, as the kernel takes them
  std::string test_log;                                          // plugin digests, for tests
  std::optional<uint32_t> test_idle;                             // HelloReply::idle_blocks, for tests
  std::function<void(uint64_t bytes, size_t threads)> progress;  // after each drain; may be empty
  std::function<void(const std::string&)> say;                   // to the user; may be empty
  std::function<void(const RunOutcome&)> over;                   // the session ended, its program runs on; may be empty
  std::function<void(const Error&)> failed;                      // at once; the program still runs; may be empty
};

}  // namespace tracectl
