// SPDX-License-Identifier: MIT
#include "machines/kernel/attrs.hpp"

#include <fmt/format.h>
#include <linux/hw_breakpoint.h>

#include <fstream>

#include "core/perf/record_build.hpp"
#include "machines/kernel/event_terms.hpp"
#include "machines/kernel/trace_unit.hpp"

namespace tracectl::kernel {
namespace {

perf_event_attr common_attr(const Placing& placing, uint32_t type, uint64_t config) {
  perf_event_attr attr = perf::recorded_attr(type, config);
  attr.inherit = placing.inherit ? 1 : 0;
  attr.inherit_thread = placing.inherit && placing.only_threads ? 1 : 0;
  return attr;
}

uint32_t breakpoint_type(BreakAccess access) {
  switch (access) {
    case BreakAccess::execute:
      return HW_BREAKPOINT_X;
    case BreakAccess::write:
      return HW_BREAKPOINT_W;
    case BreakAccess::read_write:
      return HW_BREAKPOINT_RW;
  }
  return HW_BREAKPOINT_EMPTY;
}

// x86 wants sizeof(long); AArch64 the length of an instruction.
// Source: arch/x86/kernel/hw_breakpoint.c, arch/arm64/kernel/hw_breakpoint.c, arch_build_bp_info.
uint32_t code_length(BackendKind backend) { return backend == BackendKind::intel_pt ? 8 : 4; }

uint32_t action_bits(Action action, bool snapshot_pauses) {
  switch (action) {
    case Action::resume:
      return perf::kAuxResume;
    case Action::pause:
      return perf::kAuxPause;
    case Action::snapshot:  // the trace ends here until it is kept
      return snapshot_pauses ? perf::kAuxPause : 0;
  }
  return 0;
}

void stop_thread(perf_event_attr& attr) {
  attr.sigtrap = 1;
  attr.remove_on_exec = 1;  // the kernel has no sigtrap without
  attr.sig_data = kSnapshotSignal;
}

Result<uint64_t> tracepoint_id(const ResolvedTrigger& t, const HostFacts& host) {
  for (const char* where : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    const std::string path = host.path(fmt::format("{}/events/{}/{}/id", where, t.tp_group, t.tp_name));
    uint64_t id = 0;
    if (std::ifstream in(path); in >> id) return id;
  }
  if (!host.tracefs)
    return fail_unsupported(
        fmt::format("reading the id of tracepoint {}:{}: tracefs is not readable", t.tp_group, t.tp_name),
        fmt::format("{}; or run tracectl as root", kTracefsMend));
  return fail_unsupported(fmt::format("this kernel has no tracepoint {}:{}", t.tp_group, t.tp_name),
                          fmt::format("tracectl list tracepoints '{}:*' shows those that it has", t.tp_group));
}

Result<uint32_t> pmu_type(const char* name, const HostFacts& host) {
  const std::string path = host.path(fmt::format("/sys/bus/event_source/devices/{}/type", name));
  uint32_t type = 0;
  if (std::ifstream in(path); in >> type) return type;
  return fail_unsupported(fmt::format("this kernel has no {} PMU ({} is not there)", name, path),
                          "Linux has it since 4.17, with CONFIG_KPROBES and CONFIG_UPROBES");
}

struct NamedEvent {
  const char* name;
  uint32_t type;
  uint64_t config;
};
// perf's names of the generic events. Source: perf-list(1); include/uapi/linux/perf_event.h.
constexpr NamedEvent kEvents[] = {
    {"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    {"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
    {"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    {"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"alignment-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
};

Result<EventSource> named_event(const std::string& name, const HostFacts& host) {
  for (const auto& e : kEvents)
    if (name == e.name) return EventSource{e.type, e.config};
  const auto terms = find_event_terms(name, host);
  if (!terms) return tl::unexpected<Error>(terms.error());
  if (*terms) return EventSource{(*terms)->type, (*terms)->config[0], (*terms)->config[1], (*terms)->config[2]};
  return fail_unsupported(fmt::format("event '{}' is not one that the kernel machine knows", name),
                          "page-faults, context-switches, branch-misses, cycles: perf's names of generic events; or "
                          "PMU/TERM=VALUE,.../ or rNNN");
}

Result<EventSource> find_event(const ResolvedTrigger& t, const HostFacts& host) {
  switch (t.kind) {
    case TriggerKind::tracepoint: {
      const auto id = tracepoint_id(t, host);
      if (!id) return tl::unexpected<Error>(id.error());
      return EventSource{PERF_TYPE_TRACEPOINT, *id};
    }
    case TriggerKind::breakpoint:
      return EventSource{PERF_TYPE_BREAKPOINT, 0};
    case TriggerKind::event:
      return named_event(t.event, host);
    default:
      break;
  }
  const auto type = pmu_type(is_kernel_probe(t.kind) ? "kprobe" : "uprobe", host);
  if (!type) return tl::unexpected<Error>(type.error());
  return EventSource{*type, is_return(t.kind) ? 1u : 0u};
}

}  // namespace

Result<std::vector<EventSource>> find_events(const ResolvedPlan& plan, const HostFacts& host) {
  std::vector<EventSource> out;
  for (const auto& t : plan.triggers) {
    auto found = find_event(t, host);
    if (!found) return tl::unexpected<Error>(found.error());
    out.push_back(*found);
  }
  return out;
}

perf_event_attr leader_attr(const ResolvedPlan& plan, uint32_t pmu_type, const Placing& placing) {
  perf_event_attr attr = common_attr(placing, pmu_type, unit_of(plan.backend).config(plan));
  attr.config2 = plan.backend == BackendKind::coresight ? plan.coresight.config2 : 0;
  attr.exclude_kernel = plan.scope == Scope::user ? 1 : 0;
  attr.exclude_user = plan.scope == Scope::kernel ? 1 : 0;
  attr.disabled = 1;
  attr.enable_on_exec = placing.on_exec && !placing.held_off ? 1 : 0;
  attr.aux_watermark = static_cast<uint32_t>(plan.buffer.wakeup);
  perf::set_aux_action(attr, placing.start_paused.value_or(plan.start_paused) ? perf::kAuxStartPaused : 0);
  return attr;
}

perf_event_attr sideband_attr(const ResolvedPlan& plan, const Placing& placing) {
  perf_event_attr attr = common_attr(placing, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY);
  attr.exclude_kernel = plan.scope == Scope::user ? 1 : 0;
  attr.mmap = attr.mmap2 = attr.comm = attr.comm_exec = attr.task = attr.build_id = 1;
  attr.context_switch = placing.switches ? 1 : 0;
  attr.disabled = 1;
  attr.enable_on_exec = placing.on_exec ? 1 : 0;
  return attr;
}

perf_event_attr member_attr(const ResolvedPlan& plan, const ResolvedTrigger& trigger, const EventSource& source,
                            const Placing& placing, const char* text, uint64_t place) {
  perf_event_attr attr = common_attr(placing, source.type, source.config);
  attr.sample_period = trigger.period;
  attr.exclude_kernel = plan.scope == Scope::user && !hits_in_kernel(trigger) ? 1 : 0;
  if (trigger.kind == TriggerKind::breakpoint) {
    attr.bp_type = breakpoint_type(trigger.access);
    attr.bp_addr = place;
    attr.bp_len = trigger.access == BreakAccess::execute ? code_length(plan.backend) : trigger.len;
  } else if (trigger.kind == TriggerKind::event) {
    attr.config1 = source.config1;
    attr.config2 = source.config2;
  } else if (trigger.kind != TriggerKind::tracepoint) {
    attr.config1 = reinterpret_cast<uintptr_t>(text);  // uprobe_path, kprobe_func
    attr.config2 = place;                              // probe_offset, kprobe_addr
  }
  attr.wakeup_events = trigger.action == Action::snapshot ? 1 : 0;
  if (trigger.action == Action::snapshot && placing.held) stop_thread(attr);
  perf::set_aux_action(attr, action_bits(trigger.action, snapshot_pauses(plan, placing)));
  return attr;
}

bool snapshot_pauses(const ResolvedPlan& plan, const Placing& placing) { return placing.held && plan.scope != Scope::user; }

bool ends_at_exec(const ResolvedTrigger& trigger) {
  return trigger.kind == TriggerKind::breakpoint || trigger.action == Action::snapshot;
}

}  // namespace tracectl::kernel
