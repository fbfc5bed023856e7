// SPDX-License-Identifier: MIT
#include "core/capture/tally.hpp"

#include "core/perf/records.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::capture {

bool tells_loss(uint32_t type) {
  return type == PERF_RECORD_AUX || type == PERF_RECORD_LOST || type == PERF_RECORD_LOST_SAMPLES;
}

void tally(uint32_t type, std::span<const std::byte> body, LossTotals& loss) {
  if (type == PERF_RECORD_AUX) {
    const auto aux = perf::parse_aux(body);
    if (!aux) return;
    loss[LossKind::truncated] += (aux->flags & perf::kAuxFlagTruncated) != 0;
    // A ring of the kernel's always has OVERWRITE: that alone is its mode, and no loss.
    const bool partial = (aux->flags & perf::kAuxFlagPartial) != 0, ring = (aux->flags & perf::kAuxFlagOverwrite) != 0;
    loss[LossKind::overwritten] += partial && ring;
    loss[LossKind::partial] += partial && !ring;
    loss[LossKind::collision] += (aux->flags & perf::kAuxFlagCollision) != 0;
  } else if (tells_loss(type)) {
    loss[LossKind::lost_records] += perf::parse_lost(type, body).value_or(0);
  }
}

}  // namespace tracectl::capture
