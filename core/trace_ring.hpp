// SPDX-License-Identifier: MIT
// Where an emulated trace unit writes its packets: a ring that is mapped twice in a row, so that no packet ever
// needs to be split at the wrap. Plain data in memory shared with the launcher; the encoders of the backends
// (backends/*/encoder.hpp) add what their packets need.
//
// Order: `pos` is advanced behind the bytes of a whole packet; the launcher reads it only
// once the writing process is dead, or through aux_head, which the plugin publishes.
// Units: bytes. `pos` counts from 0 and never wraps; the ring index is pos & mask.
#pragma once

#include <cstdint>

namespace tracectl {

struct TraceRing {
  uint8_t* base = nullptr;  // mapped twice in a row
  uint64_t mask = 0;        // ring size - 1
  uint64_t pos = 0;
  uint64_t limit = 0;  // at or beyond it the owner must look (sync due, wakeup, full)

  [[nodiscard]] uint8_t* at() const { return base + (pos & mask); }
};

// The largest run of bytes written between two looks at `limit`.
inline constexpr uint64_t kWriteMargin = 128;

}  // namespace tracectl
