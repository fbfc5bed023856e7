// SPDX-License-Identifier: MIT
// The trace units of this machine's cpus (ETMv3, ETMv4, ETE), as the cs_etm PMU shows them in sysfs: what AUXTRACE_INFO
// must say of them.
//
// Errors: no unit at all, or a register file that is not there, with its path.
// Source: Documentation/ABI/testing/sysfs-bus-coresight-devices-etm4x, -etm3x; tools/perf/arch/arm/util/cs-etm.c
//         (which files tell ETMv4 from ETE); Arm ARM, TRCDEVARCH (ARCHPART 0xA13, ARCHVER).
#pragma once

#include "backends/coresight/metadata.hpp"
#include "core/host.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"

namespace tracectl::kernel {

// Of all cpus that have one, by number. Trace ids are those that drivers before Linux 6.10 gave (0x10 + 2 * cpu); where
// the kernel tells others, TraceIds puts them in.
[[nodiscard]] Result<coresight::TraceInfo> etm_units(const ResolvedPlan& plan, const HostFacts& host);

// But for their cpus: then a thread's trace is read alike wherever it ran.
[[nodiscard]] bool all_alike(const coresight::TraceInfo& info);

}  // namespace tracectl::kernel
