// SPDX-License-Identifier: MIT
// print: a ResolvedPlan as stable text or JSON: every value that was decided, windows as
// their triggers, the perf events of the kernel machine bit by bit, and the equal `perf
// record` line where there is one.
//
// Order: as in the plan language; triggers and windows in the order of their indices.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/host.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl {

[[nodiscard]] std::string print_plan(const ResolvedPlan& plan, const HostFacts& host);
[[nodiscard]] std::string print_plan_json(const ResolvedPlan& plan, const HostFacts& host);

// One perf_event_attr of the group, leader first: name, then the fields that are not 0.
struct AttrText {
  std::string name;
  std::vector<std::pair<std::string, std::string>> fields;
};
// The kernel machine's group for one thread or cpu; empty for the emulated machine.
[[nodiscard]] std::vector<AttrText> event_group(const ResolvedPlan& plan, const HostFacts& host);

struct PerfLine {
  std::vector<std::string> lines;    // commands, in order; empty when there is no equal
  std::vector<std::string> reasons;  // why there is none, or what differs
};
[[nodiscard]] PerfLine perf_line(const ResolvedPlan& plan);
// `text` as one word of a POSIX shell.
[[nodiscard]] std::string shell_quoted(const std::string& text);

}  // namespace tracectl
