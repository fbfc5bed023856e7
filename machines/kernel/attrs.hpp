// SPDX-License-Identifier: MIT
// Attrs: a resolved plan as the perf_event_attr of its events. Pure: what the machine is comes
// as an argument.
//
// Shape: the leader first, then the sideband, then one member for each trigger. Every event has
//        sample_type perf::kSampleType and sample_id_all, so that records of all of them can lie
//        in one ring and name their event. Members never exclude user mode (an excluded mode drops
//        the trigger's own hit), and exclude the kernel in user scope only, which needs less right.
// Units: aux_watermark and lengths in bytes.
// Source: include/uapi/linux/perf_event.h; kernel/events/core.c (perf_exclude_event, perf_tp_event_match,
//         perf_event_alloc); kernel commit 18d92bb57c39 (aux_action); perf_event_open(2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/host.hpp"
#include "core/perf/uapi.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

// What members need beyond the plan, in the order of the plan's triggers.
struct EventSource {
  uint32_t type = 0;                  // perf_event_attr.type
  uint64_t config = 0;                // tracepoint: its id; probes: bit 0, return; event: what names it
  uint64_t config1 = 0, config2 = 0;  // event
};

// Reads ids and types under `host.root`: tracefs for tracepoints, the PMUs' `type` for probes.
// Errors: an event that this kernel does not have, with where it was looked for.
[[nodiscard]] Result<std::vector<EventSource>> find_events(const ResolvedPlan& plan, const HostFacts& host);

// How the group sits: on one thread wherever it runs (cpu = -1), or on a cpu with what it inherits.
struct Placing {
  bool on_exec = false;                             // starts at the target's next exec
  bool inherit = false;                             // children and new threads
  bool only_threads = false;                        // of these, new threads only
  std::optional<bool> start_paused = std::nullopt;  // else the plan's
  bool switches = false;                            // context-switch records: who ran when
  bool cgroup = false;                              // the seat's tid is a cgroup's descriptor
  bool held_off = false;                            // [collect]: a pause now, which an exec does not end
  bool held = false;  // we are the thread's tracer: a snapshot's hit stops it (SIGTRAP, which we take)
};

// What the SIGTRAP of a snapshot's hit carries (siginfo si_perf_data), to know it from the program's own.
inline constexpr uint64_t kSnapshotSignal = 0x74726163'65637401;

// The hit also pauses, so that what the kernel does behind it is not in the trace. Where the thread stops at
// the hit and only its user mode is traced, there is nothing behind it.
[[nodiscard]] bool snapshot_pauses(const ResolvedPlan& plan, const Placing& placing);
// An exec ends it: addresses were the former program's, and what stops its thread is removed by the kernel.
[[nodiscard]] bool ends_at_exec(const ResolvedTrigger& trigger);

[[nodiscard]] perf_event_attr leader_attr(const ResolvedPlan& plan, uint32_t pmu_type, const Placing& placing);
[[nodiscard]] perf_event_attr sideband_attr(const ResolvedPlan& plan, const Placing& placing);
// `text` is where the symbol's or path's text of a probe stands; `place` its offset, or a
// breakpoint's address. Both stay the caller's.
[[nodiscard]] perf_event_attr member_attr(const ResolvedPlan& plan, const ResolvedTrigger& trigger,
                                          const EventSource& source, const Placing& placing, const char* text,
                                          uint64_t place);

}  // namespace tracectl::kernel
