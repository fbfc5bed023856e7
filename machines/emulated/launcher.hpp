// SPDX-License-Identifier: MIT
// The emulated machine: runs a command under QEMU user mode with tracectl's plugin as its
// trace unit, and drains what the plugin writes into a capture.
//
// Errors: run_emulated() fails before the command starts (no QEMU, no such program, a
// program of another architecture), or when the capture cannot be written: then the program
// runs on untraced to its end, and run_emulated() returns the error after that.
#pragma once

#include <string>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/run_outcome.hpp"
#include "core/symbol_finder.hpp"

namespace tracectl::emulated {

using Outcome = RunOutcome;

Result<Outcome> run_emulated(const ResolvedPlan& plan, const HostFacts& host, const ModuleFinder& modules,
                             capture::Writer& writer, const RunOptions& options);

// What would stop this command from running under the emulated machine; nothing when it can.
// 126 and 127 follow the shell's convention.
struct CannotStart {
  int status = 0;  // 126: found, not executable; 127: not found; 3: not on this machine
  std::string why, hint;
};
bool can_start(const std::vector<std::string>& command, BackendKind backend, const HostFacts& host, CannotStart& out);

}  // namespace tracectl::emulated
