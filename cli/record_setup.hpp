// SPDX-License-Identifier: MIT
// What a resolved plan becomes on the recording side: the events of the capture file, the
// answers to "which triggers sit in this file?", the summary that capture.json keeps.
#pragma once

#include <string>
#include <vector>

#include "cli/placement.hpp"
#include "cli/plan_options.hpp"
#include "core/capture/capture_json.hpp"
#include "core/capture/writer.hpp"
#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/symbol_finder.hpp"
#include "machines/emulated/launcher.hpp"

namespace tracectl::cli {

// Events, AUXTRACE_INFO, command line of an Intel PT capture in `directory`, by the plan's machine.
[[nodiscard]] Result<capture::WriterSetup> capture_setup(const LoadedPlan& loaded, const std::string& directory);

// Finds the plan's triggers on code and data in files as they are mapped; symbols come from
// decode/. `placements`: one per trigger.
[[nodiscard]] ModuleFinder module_finder(const ResolvedPlan& plan, std::vector<Placement>& placements);

// `outcome` null: the capture is being made.
[[nodiscard]] capture::CaptureSummary summarize(const ResolvedPlan& plan, const HostFacts& host,
                                                const capture::Writer& writer, const std::string& cpuid,
                                                const RunOutcome* outcome);

}  // namespace tracectl::cli
