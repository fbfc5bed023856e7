// SPDX-License-Identifier: MIT
// What is said on a session's control socket: text, and nothing of sockets. One line asks, one
// line of JSON answers. docs/control.md has the protocol for other clients.
//
// Units: bytes; times in ns.
// Errors: a line that is no request, with what is one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/loss.hpp"
#include "core/result.hpp"

namespace tracectl {

inline constexpr const char* kControlName = "control";  // in the capture directory
inline constexpr size_t kLongestRequest = 64;           // bytes, its newline included

enum class ControlCommand : uint8_t { status, pause, resume, snapshot, stop };
inline constexpr const char* kControlCommands[] = {"status", "pause", "resume", "snapshot", "stop"};

[[nodiscard]] inline const char* name_of(ControlCommand c) { return kControlCommands[static_cast<size_t>(c)]; }
// `line` without its newline.
[[nodiscard]] Result<ControlCommand> parse_request(std::string_view line);

enum class TraceState : uint8_t { running, window, paused };  // running: traced, and no window's

struct ThreadStatus {
  int32_t pid = 0, tid = 0, cpu = -1;  // cpu: where events sit on cpus; pid and tid are -1 then
  TraceState state = TraceState::running;
  uint64_t bytes = 0, windows = 0;
};

struct SessionStatus {
  std::string machine, mode;
  uint64_t time = 0;                         // since the session began
  uint64_t trace_bytes = 0, file_bytes = 0;  // written
  uint64_t windows = 0, snapshots = 0;       // of all threads, ended ones too
  std::optional<ControlCommand> by_hand;     // the last pause or resume that came by this socket
  std::vector<ThreadStatus> threads;         // that live
  uint64_t threads_ended = 0;
  LossTotals loss;
};

// What pause, resume and snapshot did.
struct ControlDone {
  uint64_t threads = 0;  // that were told
  uint64_t waiting = 0;  // of those: had not done it yet
  uint64_t bytes = 0;    // of trace, kept
};

// Each ends with its newline.
[[nodiscard]] std::string status_answer(const SessionStatus& status);
[[nodiscard]] std::string done_answer(ControlCommand command, const ControlDone& done);
[[nodiscard]] std::string error_answer(const Error& error);

}  // namespace tracectl
