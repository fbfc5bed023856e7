// SPDX-License-Identifier: MIT
// resolve: a Plan meets one machine. A pure function: the machine's facts and the program's
// are arguments; nothing is opened, read or run.
//
// Errors: all of them, at their places. Kind usage: the plan contradicts itself or the
//         kernel would refuse or ignore it. Kind unsupported: this machine, or this version
//         of tracectl, cannot do it.
#pragma once

#include <optional>
#include <string>

#include "core/diagnostics.hpp"
#include "core/elf_machine.hpp"
#include "core/host.hpp"
#include "core/plan.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl {

// nullopt exactly when `diagnostics` has errors afterwards.
[[nodiscard]] std::optional<ResolvedPlan> resolve(const Plan& plan, const HostFacts& host, const ProgramFacts& program,
                                                  Diagnostics& diagnostics);

struct MachineChoice {
  MachineKind machine = MachineKind::emulated;
  std::string why;
};
// What machine = "auto" means on this host.
[[nodiscard]] MachineChoice choose_machine(BackendKind backend, const HostFacts& host);
// Why the kernel machine cannot be used for `backend` here; empty when it could.
[[nodiscard]] std::string kernel_machine_lacks(BackendKind backend, const HostFacts& host);

}  // namespace tracectl
