// SPDX-License-Identifier: MIT
#include "backends/intel_pt/metadata.hpp"

#include <linux/hw_breakpoint.h>

#include <cstring>

#include "core/perf/record_build.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::intel_pt {
namespace {

perf_event_attr common_attr(uint32_t type, uint64_t config = 0) {
  perf_event_attr attr = perf::recorded_attr(type, config);
  attr.exclude_kernel = 1;
  return attr;
}

capture::EventSetup setup_of(const perf_event_attr& attr, std::string name, uint64_t id) {
  capture::EventSetup out;
  std::memcpy(out.attr.data(), &attr, out.attr.size());
  out.name = std::move(name);
  out.ids = {id};
  return out;
}

}  // namespace

capture::EventSetup leader(const IntelPtConfig& config, bool start_paused, uint64_t id, uint32_t pmu_type) {
  perf_event_attr attr = common_attr(pmu_type, config_bits(config));
  attr.disabled = 1;
  attr.enable_on_exec = 1;
  perf::set_aux_action(attr, start_paused ? perf::kAuxStartPaused : 0);
  return setup_of(attr, "intel_pt//u", id);
}

capture::EventSetup sideband(uint64_t id) {
  perf_event_attr attr = common_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY);
  attr.mmap = attr.mmap2 = attr.comm = attr.comm_exec = attr.task = attr.build_id = 1;
  return setup_of(attr, "dummy:u", id);
}

capture::EventSetup trigger(const std::string& name, Action action, uint64_t id) {
  perf_event_attr attr = common_attr(PERF_TYPE_BREAKPOINT);
  attr.bp_type = HW_BREAKPOINT_X;
  attr.bp_len = sizeof(long);
  perf::set_aux_action(attr, action == Action::resume ? perf::kAuxResume : action == Action::pause ? perf::kAuxPause : 0);
  return setup_of(attr, name, id);
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
