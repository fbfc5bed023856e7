// SPDX-License-Identifier: MIT
// The emulated machine's perf clock, which is also what its trace's time stamps count; and how a processor's counter
// relates to perf's clock elsewhere.
// Units: nanoseconds, the emulated machine's of CLOCK_MONOTONIC.
// Source: include/uapi/linux/perf_event.h, time_shift of perf_event_mmap_page.
#pragma once

#include <time.h>

#include <cstdint>

namespace tracectl {

inline uint64_t monotonic_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

// ns = zero + (ticks * mult >> shift), without the overflow. shift is below 64.
struct ClockRate {
  uint64_t shift = 0, mult = 1, zero = 0;
  [[nodiscard]] uint64_t ns_of(uint64_t ticks) const {
    const uint64_t whole = ticks >> shift, part = ticks & ((uint64_t{1} << shift) - 1);
    return zero + whole * mult + (part * mult >> shift);
  }
};

}  // namespace tracectl
