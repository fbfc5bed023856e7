// SPDX-License-Identifier: MIT
// How large the next thread's AUX buffer is. Pure, and the same on both machines.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/resolved_plan.hpp"

namespace tracectl {

// The plan's size while there is plenty; then a share of what `total` leaves, down to a smallest buffer
// that every thread gets. `used`: bytes of the buffers that are there. A power of two, as the plan's size is.
[[nodiscard]] inline uint64_t next_aux_size(const BufferPlan& plan, uint64_t used) {
  constexpr uint64_t kSmallest = 64 << 10, kShares = 32;
  if (used == 0) return plan.aux_size;
  const uint64_t left = plan.total > used ? plan.total - used : 0;
  return std::clamp(std::bit_floor(left / kShares), std::min(kSmallest, plan.aux_size), plan.aux_size);
}

}  // namespace tracectl
