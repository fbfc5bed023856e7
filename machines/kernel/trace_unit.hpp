// SPDX-License-Identifier: MIT
// TraceUnit: what the kernel machine must know of a backend's PMU: one row for each, all else is the same code.
//
// Source: backends/*/pmu.hpp, metadata.hpp; drivers/hwtracing/coresight/coresight-etm-perf.c (etm_setup_aux).
#pragma once

#include <cstdint>
#include <string>

#include "core/capture/writer.hpp"
#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

struct TraceUnit {
  const char* pmu;  // its name in sysfs
  uint64_t (*config)(const ResolvedPlan&);
  // What a capture says of the unit in its head: AUXTRACE_INFO, and what readers need beside it. Errors: what sysfs
  // lacks, with its path.
  Result<> (*describe)(const ResolvedPlan&, const HostFacts&, capture::WriterSetup&);
  // In ring mode AUX head counts all bytes ever written; else it is a place in the buffer.
  bool head_counts;
};

[[nodiscard]] const TraceUnit& unit_of(BackendKind backend);

}  // namespace tracectl::kernel
