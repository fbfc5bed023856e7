// SPDX-License-Identifier: MIT
// Whose code is traced, and how the events sit on it.
#include <fmt/format.h>

#include "config/resolve_parts.hpp"

namespace tracectl {
namespace {

const char* option_of(TargetKind kind) {
  static constexpr const char* kOptions[] = {"", "--pid", "--tid", "--all-cpus", "--cgroup"};
  return kOptions[static_cast<int>(kind)];
}

// Source: kernel/events/core.c, perf_event_open: perf_allow_cpu for events without a task.
void check_cpu_rights(ResolveContext& c, const char* option) {
  const int paranoid = c.host.perf_event_paranoid.value_or(2);
  if (c.host.privileged || paranoid <= 0) return;
  c.diagnostics.unsupported({}, fmt::format("{} needs more rights: perf_event_paranoid is {}", option, paranoid),
                            "run as root, or sysctl kernel.perf_event_paranoid=0; --pid needs less");
}

void check_target(ResolveContext& c) {
  const TargetKind kind = c.out.target.kind;
  if (kind == TargetKind::command) return;
  const char* option = option_of(kind);
  if (c.emulated())
    return c.diagnostics.unsupported(
        {}, fmt::format("{}: the emulated machine runs a program from its first instruction on, it cannot join one", option),
        "give the command to run, or use a computer with Intel PT");
  if (c.plan.user)
    c.diagnostics.error(c.plan.user.at, fmt::format("user is for a command that tracectl starts, not for {}", option),
                        "leave it out");
  if (c.out.target.of_cpus()) check_cpu_rights(c, option);
}

}  // namespace

void resolve_target(ResolveContext& c) {
  const Plan& plan = c.plan;
  c.out.title = plan.title.value_or("");
  if (plan.source != nullptr) {
    c.out.source_path = plan.source->name;
    c.out.source_text = plan.source->text;
  }
  c.out.target = plan.target;
  c.out.command = plan.command.value_or({});
  if (plan.command && plan.command.value->empty())
    c.diagnostics.error(plan.command.at, "command is empty",
                        "write [\"./app\", \"argument\"], or leave it out and give -- ./app argument");
  c.out.user = plan.user.value_or("");
  if (plan.user && c.emulated())
    c.diagnostics.unsupported(plan.user.at, "user is not supported on the emulated machine",
                              "run tracectl itself as that user");
  c.out.follow = plan.follow.value_or(true);
  check_target(c);
}

void resolve_threads(ResolveContext& c) {
  c.out.threads = c.plan.threads.value_or(ThreadMode::exact);
  if (c.emulated() && c.plan.threads && *c.plan.threads == ThreadMode::per_cpu) {
    c.out.threads = ThreadMode::exact;
    c.note("threads = per-cpu has no effect on the emulated machine: every thread has its own buffer");
  }
  if (!c.out.target.of_cpus()) return;
  if (c.out.threads == ThreadMode::exact)
    c.note(
        fmt::format("{}: one group for each cpu; a window whose thread moves to another cpu is split, and counted as such",
                    option_of(c.out.target.kind)));
  c.out.threads = ThreadMode::per_cpu;
}

void lint_target(ResolveContext& c) {
  if (c.out.threads != ThreadMode::per_cpu) return;
  for (const auto& t : c.out.triggers) {
    if (t.limit)
      c.diagnostics.unsupported({}, fmt::format("trigger '{}': a limit of hits needs threads = \"exact\"", t.on),
                                "the kernel counts hits of one thread's event only; or [limits] windows");
    if (c.out.target.of_cpus() && t.kind == TriggerKind::breakpoint && sits_in_file(t))
      c.diagnostics.unsupported({},
                                fmt::format("trigger '{}': {} has no address for it, every process has its own", t.on,
                                            option_of(c.out.target.kind)),
                                "a uprobe at the same place hits in all of them; or --pid");
  }
}

}  // namespace tracectl
