// SPDX-License-Identifier: MIT
// Refusals: what a "no" of the kernel means, in words, and what to do about it. Pure.
//
// Errors: this is where they are worded: doing what, with which value, what the kernel said, a hint.
// Source: kernel/events/core.c (perf_event_alloc, perf_get_aux_event, perf_mmap, exclusive_event_init),
//         kernel/events/hw_breakpoint.c, arch/x86/events/intel/pt.c; perf_event_open(2), "ERRORS".
#pragma once

#include <string>

#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

enum class Step : uint8_t { leader, sideband, member, filter, address_filter, output, map_data, map_aux, enable };

struct Refusal {
  Step step = Step::leader;
  int error = 0;                             // errno
  const ResolvedTrigger* trigger = nullptr;  // steps member and filter
  int tid = -1, cpu = -1;                    // where the event was to sit
  uint64_t size = 0;                         // steps map_*: bytes
  uint64_t place = 0;                        // member: address or offset
};

[[nodiscard]] Error explain(const Refusal& refusal, const ResolvedPlan& plan, const HostFacts& host);

}  // namespace tracectl::kernel
