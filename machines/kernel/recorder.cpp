// SPDX-License-Identifier: MIT
#include "machines/kernel/recorder.hpp"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "backends/intel_pt/metadata.hpp"
#include "machines/kernel/clock.hpp"
#include "machines/kernel/cpu_recorder.hpp"
#include "machines/kernel/etm_units.hpp"
#include "machines/kernel/exact_recorder.hpp"
#include "machines/kernel/trace_unit.hpp"

namespace tracectl::kernel {
namespace {

constexpr uint64_t kRoomForIds = 64;

capture::EventSetup setup_of(const perf_event_attr& attr, const std::string& name) {
  capture::EventSetup out;
  std::memcpy(out.attr.data(), &attr, out.attr.size());
  out.name = name;
  return out;
}

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
  setup.events.push_back(
      setup_of(leader_attr(plan, shared->pmu_type, placing), fmt::format("{}//{}", unit_of(plan.backend).pmu, scope)));
  setup.events.push_back(setup_of(sideband_attr(plan, placing), fmt::format("dummy:{}", scope)));
  // Stored as perf prints them without tracing data: see intel_pt::trigger.
  for (const auto& t : plan.triggers) {
    setup.events.push_back(intel_pt::trigger(t.name, t.action, 0));
    setup.events.back().ids.clear();
  }
  auto info = unit_of(plan.backend).aux_info(plan, host);
  if (!info) return tl::unexpected<Error>(info.error());
  setup.aux_info = std::move(*info);
  if (plan.backend == BackendKind::coresight) {
    setup.first_records = time_conv_record(host.page_size);
    const auto units = etm_units(plan, host);
    setup.aux_without_cpu = !by_cpu && units && all_alike(*units);
  }
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
