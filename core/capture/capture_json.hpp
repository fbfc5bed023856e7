// SPDX-License-Identifier: MIT
// capture.json: the resolved plan, the machine and the losses of one run, beside `data`.
//
// Shape: one JSON object, keys in a fixed order, two spaces of indent, a newline at the end:
//   title backend machine machine_why start_paused command cpuid host translations windows
//   open_windows threads trace_bytes loss why_empty[] plan{collect, windows[], triggers[]} notes[]
// decode/capture_facts.hpp reads title, backend, machine, command, start_paused, plan, loss,
// open_windows, why_empty of it.
// Units: bytes; ns in keys that end in _ns.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/host.hpp"
#include "core/loss.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::capture {

struct ThreadSummary {
  uint32_t idx = 0;  // stream
  int32_t pid = -1, tid = -1;
  std::string comm;  // last one known
  uint64_t trace_bytes = 0;
};

struct CaptureSummary {
  const ResolvedPlan* plan = nullptr;
  const HostFacts* host = nullptr;
  std::vector<std::string> command;              // as it was run
  std::string cpuid;                             // that the trace unit stands for (HEADER_CPUID)
  std::vector<std::vector<uint64_t>> event_ids;  // of each trigger, by its index
  std::vector<ThreadSummary> threads;
  std::optional<uint64_t> translations;           // emulated machine: see emulated::Outcome
  std::optional<uint64_t> windows, open_windows;  // left out when nobody counted
  uint64_t trace_bytes = 0;
  std::optional<int> exit_status;  // of the command
  LossTotals loss;
  std::vector<std::string> why_empty;  // a line for each reason; empty when there is trace
};

// `plan` must be set. Text that is not UTF-8 (a command's argument) is written with
// replacement characters.
[[nodiscard]] std::string capture_json(const CaptureSummary&);

// What a capture.json tells of the feature sections of its data file. Every part may be missing.
struct JsonFacts {
  std::map<uint64_t, std::string> event_names;  // by id
  std::vector<std::string> command;
  std::string cpuid, kernel, cpu;
  uint32_t cpus = 0;
};
// Raises the counts of loss in directory/capture.json to `loss`, adds "repaired": true and gives back what it
// says. Keeps everything else of it; makes a new one where there is none (or none that is JSON).
Result<JsonFacts> mark_repaired(const std::string& directory, const LossTotals& loss);

}  // namespace tracectl::capture
