// SPDX-License-Identifier: MIT
// The events of a capture by the emulated machine as perf_event_attr: what every backend's have alike.
//
// All events share one sample_type (core/perf/record_build.hpp, kSampleType) and
// sample_id_all, so that every record and sample names its event by id.
#pragma once

#include <cstdint>
#include <string>

#include "core/capture/writer.hpp"
#include "core/perf/uapi.hpp"
#include "core/resolved_plan.hpp"

namespace tracectl::capture {

// An event as it was opened; its ids are added later.
[[nodiscard]] EventSetup event_setup(const perf_event_attr& attr, std::string name);

// The PMU type that captures of the emulated machine carry. A real machine's comes from
// /sys/bus/event_source/devices/PMU/type; it means nothing outside one capture.
inline constexpr uint32_t kEmulatedPmuType = 8;

// The AUX-area event: user space only, on exec'd children too.
struct Leader {
  uint32_t pmu_type = kEmulatedPmuType;
  uint64_t config = 0;
  bool start_paused = false;
};
[[nodiscard]] EventSetup leader_event(const Leader&, std::string name, uint64_t id);
// The dummy event that carries COMM, MMAP2 and task records.
[[nodiscard]] EventSetup sideband_event(uint64_t id);
// One trigger; its hits are samples with this id. Whatever its kind, it is stored as an
// execution breakpoint under its own name: perf 6.1 then prints a line with name and address
// for each hit. (A tracepoint would need tracing data; a dummy event hides the address.)
[[nodiscard]] EventSetup trigger_event(const std::string& name, Action, uint64_t id);

}  // namespace tracectl::capture
