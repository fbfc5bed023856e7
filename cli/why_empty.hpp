// SPDX-License-Identifier: MIT
// Why a capture holds no trace, in words: a line for each reason, for the end of `run`, `info` and `report`. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/placement.hpp"
#include "core/resolved_plan.hpp"
#include "core/run_outcome.hpp"

namespace tracectl::cli {

// Empty when the run was not. `trace_bytes`: in the capture.
[[nodiscard]] std::vector<std::string> why_empty(const ResolvedPlan& plan, const RunOutcome& outcome, uint64_t trace_bytes,
                                                 const std::vector<Placement>& placements);

}  // namespace tracectl::cli
