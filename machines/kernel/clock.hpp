// SPDX-License-Identifier: MIT
// How this processor's counter (TSC, CNTVCT_EL0) relates to the perf clock, and what else a decoder of Intel PT needs to
// know of it for times.
//
// Units: ns = zero + (tsc * mult >> shift).
// Errors: none; what the kernel or the processor does not tell stays at 0, and the trace has no times.
// Source: perf_event_open(2), cap_user_time_zero; SDM vol. 2, CPUID leaf 15H; sysfs
//         caps/ and max_nonturbo_ratio of the intel_pt PMU.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "backends/intel_pt/metadata.hpp"
#include "core/host.hpp"

namespace tracectl::kernel {

[[nodiscard]] intel_pt::AuxInfoSetup aux_info_of(const HostFacts& host);
// PERF_RECORD_TIME_CONV: the same conversion, for readers whose AUXTRACE_INFO has no room for it (CoreSight). Empty
// where the kernel tells none.
[[nodiscard]] std::vector<std::byte> time_conv_record(uint64_t page_size);
// HEADER_CPUID of this processor: "GenuineIntel,6,85,4"; of `cpuinfo`, the text of /proc/cpuinfo.
[[nodiscard]] std::string cpuid_text(const std::string& cpuinfo);
// The counter now, as AUXTRACE records refer to it; 0 where there is none.
[[nodiscard]] uint64_t trace_clock();
// perf's own clock now, in ns, as records carry it; 0 where the counter does not tell it.
// Source: include/uapi/linux/perf_event.h, time_shift of perf_event_mmap_page.
[[nodiscard]] uint64_t record_clock(uint64_t page_size);

}  // namespace tracectl::kernel
