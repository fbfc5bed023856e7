// SPDX-License-Identifier: MIT
// TraceFacts: what a capture tells of its Intel PT trace besides the bytes: AUXTRACE_INFO,
// the processor, the leader's config; and from these the time of a TSC.
//
// Source: tools/perf/util/intel-pt.h (order of priv); perf_event_mmap_page (time_zero).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "backends/intel_pt/trace_time.hpp"
#include "core/capture/reader.hpp"

namespace tracectl::intel_pt {

// Positions in AUXTRACE_INFO's priv.
enum class Priv : size_t {
  kTimeShift = 1,
  kTimeMult = 2,
  kTimeZero = 3,
  kCapUserTimeZero = 4,
  kMtcBit = 10,
  kMtcFreqBits = 11,
  kTscCtcN = 12,
  kTscCtcD = 13,
  kCycBit = 14,
  kMaxNonturboRatio = 15,
};

struct CpuId {
  bool known = false;  // an Intel processor
  uint16_t family = 0;
  uint8_t model = 0, stepping = 0;
};

// HEADER_CPUID: "GenuineIntel,6,85,4".
[[nodiscard]] CpuId parse_cpuid(const std::string& text);

struct TraceFacts {
  capture::AuxInfo info;
  CpuId cpu;
  uint64_t config = 0;  // the leader's attr.config

  [[nodiscard]] uint64_t priv(Priv at) const {
    const auto i = static_cast<size_t>(at);
    return i < info.priv.size() ? info.priv[i] : 0;
  }
  // MTC or CYC packets: time moves between branches.
  [[nodiscard]] bool fine_time() const { return (config & (priv(Priv::kMtcBit) | priv(Priv::kCycBit))) != 0; }
  // `lost_cycles`: an erratum of the processor's, as TimeFacts has it.
  [[nodiscard]] TimeFacts time(bool lost_cycles) const;
  // ns of the perf clock; the TSC itself when the capture cannot convert.
  [[nodiscard]] uint64_t perf_time(uint64_t tsc) const;
};

}  // namespace tracectl::intel_pt
