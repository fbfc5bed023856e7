// SPDX-License-Identifier: MIT
// Metadata: what a capture of Intel PT must say so that a decoder (ours, perf) understands
// it: the leader of the group as perf_event_attr, and AUXTRACE_INFO.
//
// Source: tools/perf/util/intel-pt.c (intel_pt_process_auxtrace_info),
// tools/perf/util/intel-pt.h (enum of the u64 words).
#pragma once

#include <cstdint>

#include "backends/intel_pt/pmu.hpp"
#include "core/capture/event_setups.hpp"
#include "core/capture/writer.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl::intel_pt {

using capture::kEmulatedPmuType;

// The processor that the emulated trace unit stands for (HEADER_CPUID): one without errata, for its packets have none.
inline constexpr const char* kEmulatedCpuId = "GenuineIntel,6,183,1";

// The AUX-area event: user space only, on exec'd children too.
[[nodiscard]] capture::EventSetup leader(const IntelPtConfig&, bool start_paused, uint64_t id,
                                         uint32_t pmu_type = kEmulatedPmuType);

// How the trace's time relates to the perf clock: ns = zero + (tsc * mult >> shift).
struct TimeConversion {
  uint16_t shift = 0;
  uint32_t mult = 1;
  uint64_t zero = 0;
};
// Whose SWITCH records the capture has: nobody's, its own threads', everybody's.
// Source: tools/perf/util/intel-pt.c, have_sched_switch.
enum class Switches : uint8_t { none = 0, own = 2, all = 3 };
struct AuxInfoSetup {
  uint32_t pmu_type = kEmulatedPmuType;
  TimeConversion time;           // default: the trace counts ns itself
  bool per_cpu_buffers = false;  // AUXTRACE by cpu, not by thread
  Switches switches = Switches::none;
  bool snapshot = false;                  // fragments may overlap
  uint32_t tsc_ctc_n = 0, tsc_ctc_d = 0;  // MTC only: TSC ticks per CTC tick, as a fraction
  uint64_t max_nonturbo_ratio = 0;        // CBR, CYC: 0 when unknown
};
[[nodiscard]] capture::AuxInfo aux_info(const AuxInfoSetup& = {});

}  // namespace tracectl::intel_pt
