// SPDX-License-Identifier: MIT
// The parts of resolve, for config/ only. Order: machine and scope first (resolve.cpp), then
// buffer, backend options and triggers, which depend on them, then the lints over the whole.
#pragma once

#include "core/diagnostics.hpp"
#include "core/host.hpp"
#include "core/plan.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl {

struct ResolveContext {
  const Plan& plan;
  const HostFacts& host;
  Diagnostics& diagnostics;
  ResolvedPlan& out;

  [[nodiscard]] bool emulated() const { return out.machine == MachineKind::emulated; }
  void note(std::string text) { out.notes.push_back(std::move(text)); }
};

void resolve_target(ResolveContext& c);
void resolve_threads(ResolveContext& c);
void resolve_buffer(ResolveContext& c);
void resolve_intel_pt(ResolveContext& c);
void resolve_coresight(ResolveContext& c);
void resolve_collect(ResolveContext& c);
void resolve_triggers(ResolveContext& c);  // and windows, and start
void lint_actions(ResolveContext& c);      // resume and pause against start
void lint_target(ResolveContext& c);       // what events on cpus cannot do
void lint_duplicates(ResolveContext& c);
void lint_snapshots(ResolveContext& c);
void lint_breakpoints(ResolveContext& c);  // debug registers of the kernel machine

}  // namespace tracectl
