// SPDX-License-Identifier: MIT
#include "machines/kernel/recorder.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "core/capture/event_setups.hpp"
#include "machines/kernel/clock.hpp"
#include "machines/kernel/cpu_recorder.hpp"
#include "machines/kernel/exact_recorder.hpp"
#include "machines/kernel/trace_unit.hpp"

namespace tracectl::kernel {
namespace {

constexpr uint64_t kRoomForIds = 64;

// What the language has and this machine does not do yet: refused, never left out in silence.
Result<> check_supported(const ResolvedPlan& plan) {
  const std::string machine = "the kernel machine cannot do ";
  if (plan.buffer.on_full == OnFull::drop)
    return fail_unsupported(machine + "on_full = \"drop\"",
                            "on_full = \"stop\": stop, drain, go on; what was cut is counted");
  return {};
}

Result<GroupPlan> group_plan(const ResolvedPlan& plan, const HostFacts& host) {
  if (auto ok = check_supported(plan); !ok) return tl::unexpected<Error>(ok.error());
  const char* name = unit_of(plan.backend).pmu;
  const auto pmu = host.pmus.find(name);
  if (pmu == host.pmus.end())
    return fail_unsupported(fmt::format("there is no {} PMU on this machine", name), "machine = \"emulated\" needs none");
  auto sources = find_events(plan, host);
  if (!sources) return tl::unexpected<Error>(sources.error());
  return GroupPlan{plan, host, pmu->second.type, std::move(*sources), ""};
}

}  // namespace

Result<capture::WriterSetup> capture_setup(const ResolvedPlan& plan, const HostFacts& host, const std::string& directory) {
  const auto shared = group_plan(plan, host);
  if (!shared) return tl::unexpected<Error>(shared.error());
  capture::WriterSetup setup;
  setup.directory = directory;
  const char* scope = plan.scope == Scope::user ? "u" : plan.scope == Scope::kernel ? "k" : "";
  const bool by_cpu = plan.threads == ThreadMode::per_cpu;
  Placing placing = by_cpu ? cpu_placing(plan) : Placing{};
  placing.on_exec = plan.target.kind == TargetKind::command;
  const TraceUnit& unit = unit_of(plan.backend);
  setup.events = {capture::event_setup(leader_attr(plan, shared->pmu_type, placing), fmt::format("{}//{}", unit.pmu, scope)),
                  capture::event_setup(sideband_attr(plan, placing), fmt::format("dummy:{}", scope))};
  // Stored as perf prints them without tracing data: see capture::trigger_event.
  for (const auto& t : plan.triggers) {
    setup.events.push_back(capture::trigger_event(t.name, t.action, 0));
    setup.events.back().ids.clear();
  }
  if (auto r = unit.describe(plan, host, setup); !r) return tl::unexpected<Error>(r.error());
  setup.trace_clock = trace_clock;
  setup.command_line = plan.command;
  setup.room_for_ids = kRoomForIds;
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::ostringstream text;
  text << cpuinfo.rdbuf();
  setup.cpuid = cpuid_text(text.str());
  setup.plan_text = plan.source_text;
  return setup;
}

Result<RunOutcome> run_kernel(const ResolvedPlan& plan, const HostFacts& host, const ModuleFinder& modules,
                              capture::Writer& writer, const RunOptions& options) {
  auto shared = group_plan(plan, host);
  if (!shared) return tl::unexpected<Error>(shared.error());
  shared->address_filters = options.address_filters;
  if (plan.threads == ThreadMode::per_cpu) return CpuRecorder(*shared, modules, writer, options).run();
  return ExactRecorder(*shared, modules, writer, options).run();
}

}  // namespace tracectl::kernel
