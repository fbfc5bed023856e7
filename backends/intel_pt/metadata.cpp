// SPDX-License-Identifier: MIT
#include "backends/intel_pt/metadata.hpp"

#include "core/perf/uapi.hpp"

namespace tracectl::intel_pt {
capture::EventSetup leader(const IntelPtConfig& config, bool start_paused, uint64_t id, uint32_t pmu_type) {
  return capture::leader_event({pmu_type, config_bits(config), start_paused}, "intel_pt//u", id);
}

capture::AuxInfo aux_info(const AuxInfoSetup& s) {
  const uint64_t time_known = s.time.mult != 0;
  constexpr uint64_t kNoFilter = 0, kNoEventTrace = 0;
  return {perf::kAuxtraceIntelPt,
          {s.pmu_type, s.time.shift, s.time.mult, s.time.zero, time_known, kTsc, kNoRetComp,
           static_cast<uint64_t>(s.switches), s.snapshot, s.per_cpu_buffers, kMtc, kMtcPeriodMask, s.tsc_ctc_n, s.tsc_ctc_d,
           kCyc, s.max_nonturbo_ratio, kNoFilter, kNoEventTrace}};
}

}  // namespace tracectl::intel_pt
