// SPDX-License-Identifier: MIT
// Metadata of a CoreSight capture: AUXTRACE_INFO, which tells a decoder (ours, perf) of each cpu's trace unit what
// it is and how it was set.
//
// Versions: 0 has no count of parameters; 1 has it; 2 says that trace ids are in AUX_OUTPUT_HW_ID records. Ours are
//           version 1 with the ids filled in, which every perf reads (perf 6.1 refuses 2), unless the plan says 2.
// Errors:   parse_info refuses a record that is cut short or of an unknown unit, with its position.
// Source:   tools/perf/util/cs-etm.h; Arm ARM, "ETE and trace unit registers"; ARM IHI 0064, chapter 7; ARM IHI 0014.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/capture/reader.hpp"
#include "core/result.hpp"

namespace tracectl::coresight {

enum class Architecture : uint8_t { etmv3, etmv4, ete };  // etmv3: PTM too, see etmidr

// One cpu's trace unit: its registers as AUXTRACE_INFO keeps them.
struct TraceUnit {
  Architecture architecture = Architecture::ete;
  int cpu = 0;
  // ETMv3: ETMCR; else TRCCONFIGR (coresight::trcconfigr).
  uint64_t config = 0;
  // ETMTRACEIDR, TRCTRACEIDR: bits 6:0. perf sets bit 31 where it does not know the id yet (version 2).
  uint64_t trace_id = 0;
  uint64_t etmccer = 0, etmidr = 0;  // ETMv3
  uint64_t idr0 = 0, idr1 = 0, idr2 = 0, idr8 = 0, authstatus = 0;
  uint64_t devarch = 0;               // ETE
  std::optional<uint64_t> ts_source;  // newer recorders: 1: the timestamps are the cpu's own counter
};

inline constexpr uint64_t kTraceIdUnknown = uint64_t{1} << 31, kTraceIdMask = 0x7f;

// A program flow trace macrocell: ETMIDR's major architecture version (bits 11:8) is 3.
[[nodiscard]] inline bool is_ptm(const TraceUnit& u) {
  return u.architecture == Architecture::etmv3 && (u.etmidr & 0xf00) == 0x300;
}

// TRCIDR1: from version 4.4 on an ETMv4 may trace cores with instructions of Armv8.3 and later, as an ETE does.
[[nodiscard]] inline bool is_before_armv8_3(const TraceUnit& u) {
  const uint64_t major = u.idr1 >> 8 & 0xf, minor = u.idr1 >> 4 & 0xf;
  return u.architecture == Architecture::etmv4 && major == 4 && minor < 4;
}

struct TraceInfo {
  unsigned version = 1;
  uint32_t pmu_type = 0;
  bool snapshot = false;  // fragments may overlap
  std::vector<TraceUnit> units;
};

[[nodiscard]] capture::AuxInfo build_info(const TraceInfo&);
[[nodiscard]] Result<TraceInfo> parse_info(const capture::AuxInfo&);

}  // namespace tracectl::coresight
