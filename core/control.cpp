// SPDX-License-Identifier: MIT
#include "core/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace tracectl {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTraceStates[] = {"running", "window", "paused"};
constexpr const char* kHint = "one of: status, pause, resume, snapshot, stop";

std::string line_of(const Json& json) { return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n"; }

// For an error message: what is no plain text is shown as a dot, and the end of much is left out.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, kLongestRequest));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '.';
  return text.size() > out.size() ? out + "..." : out;
}

// Of the session: that of the thread that does most.
const char* state_of(const std::vector<ThreadStatus>& threads) {
  const auto any = [&](TraceState s) {
    return std::any_of(threads.begin(), threads.end(), [s](const auto& t) { return t.state == s; });
  };
  if (threads.empty()) return "idle";
  if (any(TraceState::window)) return "window";
  return any(TraceState::running) ? "running" : "paused";
}

}  // namespace

Result<ControlCommand> parse_request(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  for (size_t i = 0; i < std::size(kControlCommands); ++i)
    if (line == kControlCommands[i]) return static_cast<ControlCommand>(i);
  return fail_usage(fmt::format("'{}' is no request", shown(line)), kHint);
}

std::string status_answer(const SessionStatus& s) {
  Json threads = Json::array(), loss = Json::object();
  for (const auto& t : s.threads)
    threads.push_back({{"pid", t.pid},
                       {"tid", t.tid},
                       {"cpu", t.cpu},
                       {"state", kTraceStates[static_cast<size_t>(t.state)]},
                       {"bytes", t.bytes},
                       {"windows", t.windows}});
  for (size_t i = 0; i < kLossKinds; ++i) loss[kLossNames[i]] = s.loss.count[i];
  Json out = {{"ok", true},
              {"state", state_of(s.threads)},
              {"machine", s.machine},
              {"mode", s.mode},
              {"time_ns", s.time},
              {"trace_bytes", s.trace_bytes},
              {"file_bytes", s.file_bytes},
              {"windows", s.windows},
              {"snapshots", s.snapshots}};
  out["by_hand"] = s.by_hand ? Json(name_of(*s.by_hand)) : Json(nullptr);
  out["threads"] = std::move(threads);
  out["threads_ended"] = s.threads_ended;
  out["loss"] = std::move(loss);
  return line_of(out);
}

std::string done_answer(ControlCommand command, const ControlDone& done) {
  Json out = {{"ok", true}, {"did", name_of(command)}};
  if (command == ControlCommand::snapshot || command == ControlCommand::stop) out["bytes"] = done.bytes;
  if (command != ControlCommand::stop) out["threads"] = done.threads;
  if (command != ControlCommand::stop) out["waiting"] = done.waiting;
  return line_of(out);
}

std::string error_answer(const Error& error) {
  return line_of({{"ok", false}, {"error", error.what}, {"hint", error.hint}, {"exit", static_cast<int>(error.kind)}});
}

}  // namespace tracectl
