// SPDX-License-Identifier: MIT
#include "backends/intel_pt/clock.hpp"

#include <cstdio>
#include <cstring>

namespace tracectl::intel_pt {

CpuId parse_cpuid(const std::string& text) {
  char vendor[32] = {};
  unsigned family = 0, model = 0, stepping = 0;
  if (std::sscanf(text.c_str(), "%31[^,],%u,%u,%u", vendor, &family, &model, &stepping) != 4) return {};
  if (std::strcmp(vendor, "GenuineIntel") != 0) return {};
  return {true, static_cast<uint16_t>(family), static_cast<uint8_t>(model), static_cast<uint8_t>(stepping)};
}

uint64_t TraceFacts::perf_time(uint64_t tsc) const {
  const uint64_t shift = priv(Priv::kTimeShift), mult = priv(Priv::kTimeMult);
  if (mult == 0 || shift > 63) return tsc;
  const uint64_t whole = tsc >> shift, part = tsc & ((uint64_t{1} << shift) - 1);
  const uint64_t zero = priv(Priv::kCapUserTimeZero) != 0 ? priv(Priv::kTimeZero) : 0;
  return zero + whole * mult + ((part * mult) >> shift);
}

}  // namespace tracectl::intel_pt
