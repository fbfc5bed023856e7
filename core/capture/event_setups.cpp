// SPDX-License-Identifier: MIT
#include "core/capture/event_setups.hpp"

#include <linux/hw_breakpoint.h>

#include <cstring>

#include "core/perf/record_build.hpp"

namespace tracectl::capture {
namespace {

perf_event_attr common_attr(uint32_t type, uint64_t config = 0) {
  perf_event_attr attr = perf::recorded_attr(type, config);
  attr.exclude_kernel = 1;
  return attr;
}

EventSetup setup_of(const perf_event_attr& attr, std::string name, uint64_t id) {
  EventSetup out = event_setup(attr, std::move(name));
  out.ids = {id};
  return out;
}

}  // namespace

EventSetup event_setup(const perf_event_attr& attr, std::string name) {
  EventSetup out;
  std::memcpy(out.attr.data(), &attr, out.attr.size());
  out.name = std::move(name);
  return out;
}

EventSetup leader_event(const Leader& leader, std::string name, uint64_t id) {
  perf_event_attr attr = common_attr(leader.pmu_type, leader.config);
  attr.disabled = 1;
  attr.enable_on_exec = 1;
  perf::set_aux_action(attr, leader.start_paused ? perf::kAuxStartPaused : 0);
  return setup_of(attr, std::move(name), id);
}

EventSetup sideband_event(uint64_t id) {
  perf_event_attr attr = common_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY);
  attr.mmap = attr.mmap2 = attr.comm = attr.comm_exec = attr.task = attr.build_id = 1;
  return setup_of(attr, "dummy:u", id);
}

EventSetup trigger_event(const std::string& name, Action action, uint64_t id) {
  perf_event_attr attr = common_attr(PERF_TYPE_BREAKPOINT);
  attr.bp_type = HW_BREAKPOINT_X;
  attr.bp_len = sizeof(long);
  perf::set_aux_action(attr, action == Action::resume ? perf::kAuxResume : action == Action::pause ? perf::kAuxPause : 0);
  return setup_of(attr, name, id);
}

}  // namespace tracectl::capture
