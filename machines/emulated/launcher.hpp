// SPDX-License-Identifier: MIT
// The emulated machine: runs a command under QEMU user mode with tracectl's plugin as its
// trace unit, and drains what the plugin writes into a capture.
//
// Errors: run_emulated() fails before the command starts (no QEMU, no such program, a
// program of another architecture), or when the capture cannot be written: then the program
// runs on untraced to its end, and run_emulated() returns the error after that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/symbol_finder.hpp"

namespace tracectl::emulated {

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

struct Outcome {
  int wait_status = 0;  // of the command, as waitpid(2) gives it
  bool traced = false;  // the plugin reported at least once
  std::vector<ThreadFacts> threads;
  std::vector<uint64_t> hits;             // per trigger, those within its limit; only where it has one
  uint64_t snapshots = 0, overflows = 0;  // of all threads
  uint64_t untraced_execs = 0, untraced_threads = 0, missed_returns = 0, unexplained = 0;
  uint64_t split_windows = 0;    // open when the session ended, in programs that went on
  uint64_t translations = 0;     // times that QEMU threw its translated code away at our request
  uint64_t smaller_buffers = 0;  // threads whose AUX buffer is smaller than the plan's, for [buffer] total
  std::string stop_reason;       // a limit, or a signal; empty when the command ended by itself
  bool left_running = false;     // descendants of the command were still alive
};

struct RunOptions {
  std::string test_log;                                          // plugin digests, for tests
  std::optional<uint32_t> test_idle;                             // HelloReply::idle_blocks, for tests
  std::function<void(uint64_t bytes, size_t threads)> progress;  // after each drain; may be empty
  std::function<void(const std::string&)> say;                   // to the user; may be empty
  std::function<void(const Error&)> failed;                      // at once; the program still runs; may be empty
};

Result<Outcome> run_emulated(const ResolvedPlan& plan, const HostFacts& host, const ModuleFinder& modules,
                             capture::Writer& writer, const RunOptions& options);

// What would stop this command from running under the emulated machine; nothing when it can.
// 126 and 127 follow the shell's convention.
struct CannotStart {
  int status = 0;  // 126: found, not executable; 127: not found; 3: not on this machine
  std::string why, hint;
};
bool can_start(const std::vector<std::string>& command, CannotStart& out);

}  // namespace tracectl::emulated
