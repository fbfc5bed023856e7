// SPDX-License-Identifier: MIT
// The kernel machine: runs a command under a plan with Linux's perf events and the processor's own
// trace unit.
//
// Shape: events of the capture: 0 the leader, 1 the sideband, 2 + i trigger i. Ids come as threads do.
// Errors: run_kernel() fails before the command has run an instruction (a refusal of the kernel, no
//         such program), or when the capture cannot be written: then the program runs on untraced to
//         its end, and run_kernel() returns the error after that.
// Source: perf_event_open(2), ptrace(2).
#pragma once

#include <string>

#include "core/capture/writer.hpp"
#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/run_outcome.hpp"
#include "core/symbol_finder.hpp"

namespace tracectl::kernel {

// The head of the capture: events without ids, metadata of this processor.
[[nodiscard]] Result<capture::WriterSetup> capture_setup(const ResolvedPlan& plan, const HostFacts& host,
                                                         const std::string& directory);

Result<RunOutcome> run_kernel(const ResolvedPlan& plan, const HostFacts& host, const ModuleFinder& modules,
                              capture::Writer& writer, const RunOptions& options);

}  // namespace tracectl::kernel
