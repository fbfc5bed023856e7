// SPDX-License-Identifier: MIT
// CaptureFacts: what capture.json beside `data` tells of the plan and the run. Every key is
// optional, so that the captures of other recorders work too; unknown keys are ignored.
//
// Shape (capture.json):
//   { "title": "...", "backend": "intel_pt", "machine": "emulated", "command": ["./app", ...],
//     "start_paused": true,                       also accepted inside "plan", as title, backend, machine, command are
//     "plan": {
//       "windows":  [{"name": "...", "resume": 0, "pause": 1, "longer_than_ns": 1000000}],  indices into triggers
//       "triggers": [{"name": "...", "on": "breakpoint:app:f", "action": "resume|pause|snapshot",
//                     "event_id": 7, "event_ids": [7, 8]}] },       ids that samples carry (PERF_SAMPLE_IDENTIFIER)
//       ("collect": {"every_ns": 1000000000, "for_ns": 100000000} beside them, where the plan has it)
//     "loss": {"truncated": 0, ...},              by the names of core/loss.hpp
//     "why_empty": ["..."],                       where there is no trace
//     "open_windows": 0 }
// Errors: a capture.json that is no JSON object. A missing one gives empty facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/loss.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::decode {

struct TriggerFacts {
  std::string name, on;
  Action action = Action::resume;
  std::vector<uint64_t> event_ids;
};

struct WindowFacts {
  std::string name;
  int resume = -1, pause = -1;  // indices into CaptureFacts::triggers
  uint64_t longer_than = 0;     // ns; 0: show all
};

struct CollectFacts {
  uint64_t every = 0, length = 0;  // ns
};

struct CaptureFacts {
  std::string title, backend, machine;
  std::vector<std::string> command;
  std::optional<bool> start_paused;
  std::vector<TriggerFacts> triggers;
  std::vector<WindowFacts> windows;
  std::optional<CollectFacts> collect;
  LossTotals loss;
  std::optional<uint64_t> open_windows;
  std::vector<std::string> why_empty;
};

// `directory`: of the capture; "" for a single file.
[[nodiscard]] Result<CaptureFacts> read_capture_facts(const std::string& directory);
[[nodiscard]] Result<CaptureFacts> parse_capture_facts(const std::string& json);

}  // namespace tracectl::decode
