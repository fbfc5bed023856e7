// SPDX-License-Identifier: MIT
// Metadata: what a capture of Intel PT must say so that a decoder (ours, perf) understands
// it: the events of the group as perf_event_attr, and AUXTRACE_INFO.
//
// All events share one sample_type (core/perf/record_build.hpp, kSampleType) and
// sample_id_all, so that every record and sample names its event by id.
// Source: tools/perf/util/intel-pt.c (intel_pt_process_auxtrace_info),
// tools/perf/util/intel-pt.h (enum of the u64 words).
#pragma once

#include <cstdint>
#include <string>

#include "backends/intel_pt/pmu.hpp"
#include "core/capture/writer.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl::intel_pt {

// The PMU type that captures of the emulated machine carry. A real machine's comes from
// /sys/bus/event_source/devices/intel_pt/type; it means nothing outside one capture.
inline constexpr uint32_t kEmulatedPmuType = 8;

// The AUX-area event: user space only, on exec'd children too.
[[nodiscard]] capture::EventSetup leader(const IntelPtConfig&, bool start_paused, uint64_t id,
                                         uint32_t pmu_type = kEmulatedPmuType);
// The dummy event that carries COMM, MMAP2 and task records.
[[nodiscard]] capture::EventSetup sideband(uint64_t id);
// One trigger; its hits are samples with this id. Whatever its kind, it is stored as an
// execution breakpoint under its own name: perf 6.1 then prints a line with name and address
// for each hit. (A tracepoint would need tracing data; a dummy event hides the address.)
[[nodiscard]] capture::EventSetup trigger(const std::string& name, Action, uint64_t id);

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
