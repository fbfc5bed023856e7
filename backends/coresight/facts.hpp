// SPDX-License-Identifier: MIT
// Facts: what a capture's records tell of its trace units beside AUXTRACE_INFO: their trace ids, their clock.
//
// Source: include/linux/coresight-pmu.h, CS_AUX_HW_ID_*; tools/perf/util/tsc.c, tsc_to_perf_time();
//         tools/perf/util/cs-etm.c.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/coresight/metadata.hpp"
#include "core/capture/reader.hpp"
#include "core/result.hpp"

namespace tracectl::coresight {

// How the cpus' counter, which the trace's timestamps are of, relates to the perf clock. The default: it counts ns.
struct Clock {
  uint64_t shift = 0, mult = 1, zero = 0;
  uint64_t cycles = 0, mask = ~uint64_t{0};  // for a counter of fewer than 64 bits
  bool shortened = false;
  [[nodiscard]] uint64_t perf_time(uint64_t timestamp) const;
};

// A PERF_RECORD_AUX_OUTPUT_HW_ID: a cpu's trace id. `sink`: where the record tells it; ids differ only within one.
struct HardwareId {
  int32_t cpu = -1;
  uint8_t id = 0;
  std::optional<uint32_t> sink;
};

// nullopt: of a newer kind. Bits 7:0 the trace id, 63:60 the version's major, 59:56 its minor; from 0.1 on 39:8 the sink.
[[nodiscard]] std::optional<HardwareId> hardware_id(int32_t cpu, uint64_t value);

struct Facts {
  TraceInfo info;
  std::vector<HardwareId> ids;  // none: info has them
  std::optional<Clock> clock;   // none: the timestamps are no perf time

  // The units whose trace may be in a stream, with their ids; ids of 0 are not known.
  [[nodiscard]] std::vector<TraceUnit> units_of(const capture::AuxStream& stream) const;
};

[[nodiscard]] Result<Facts> facts_of(const capture::Reader& reader);

}  // namespace tracectl::coresight
