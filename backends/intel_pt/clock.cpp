// SPDX-License-Identifier: MIT
#include "backends/intel_pt/clock.hpp"

#include <cstdio>
#include <cstring>

#include "core/clock.hpp"

namespace tracectl::intel_pt {

CpuId parse_cpuid(const std::string& text) {
  char vendor[32] = {};
  unsigned family = 0, model = 0, stepping = 0;
  if (std::sscanf(text.c_str(), "%31[^,],%u,%u,%u", vendor, &family, &model, &stepping) != 4) return {};
  if (std::strcmp(vendor, "GenuineIntel") != 0) return {};
  return {true, static_cast<uint16_t>(family), static_cast<uint8_t>(model), static_cast<uint8_t>(stepping)};
}

TimeFacts TraceFacts::time(bool lost_cycles) const {
  constexpr uint64_t kMostFreq = 0xf;  // a field of four bits
  TimeFacts out;
  out.ctc_n = static_cast<uint32_t>(priv(Priv::kTscCtcN));
  out.ctc_d = static_cast<uint32_t>(priv(Priv::kTscCtcD));
  out.nominal = static_cast<uint8_t>(priv(Priv::kMaxNonturboRatio));
  if (const uint64_t mask = priv(Priv::kMtcFreqBits); mask != 0)
    out.mtc_freq = static_cast<uint8_t>((config & mask) >> __builtin_ctzll(mask) & kMostFreq);
  out.lost_cycles = lost_cycles;
  out.between_branches = fine_time();
  return out;
}

uint64_t TraceFacts::perf_time(uint64_t tsc) const {
  const uint64_t shift = priv(Priv::kTimeShift), mult = priv(Priv::kTimeMult);
  if (mult == 0 || shift > 63) return tsc;
  return ClockRate{shift, mult, priv(Priv::kCapUserTimeZero) != 0 ? priv(Priv::kTimeZero) : 0}.ns_of(tsc);
}

}  // namespace tracectl::intel_pt
