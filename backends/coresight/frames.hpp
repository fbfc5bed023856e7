// SPDX-License-Identifier: MIT
// CoreSight's frames: 16 bytes with the trace of several units, each part behind its trace id.
//
// Source: ARM IHI 0029, "Trace formatter": an even byte whose bit 0 is set holds an id in bits 7:1; 0x7fffffff is a
// synchronization word; ids 0 and 0x70 to 0x7f are no trace unit's.
#pragma once

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tracectl::coresight {

using TraceIds = std::bitset<128>;

inline constexpr size_t kFrameSize = 16;
inline constexpr std::array<std::byte, 4> kFrameSync = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0x7f}};

// The ids of the units that the frames name. A part of a frame at the end is left out.
[[nodiscard]] inline TraceIds ids_in_frames(std::span<const std::byte> frames) {
  constexpr uint8_t kFirstReserved = 0x70;
  TraceIds out;
  for (; frames.size() >= kFrameSize; frames = frames.subspan(kFrameSize)) {
    const auto byte = [frames](size_t i) { return static_cast<uint8_t>(frames[i]); };
    if (std::equal(kFrameSync.begin(), kFrameSync.end(), frames.begin())) continue;
    for (size_t i = 0; i < kFrameSize - 1; i += 2) {
      const uint8_t id = byte(i) >> 1;
      if ((byte(i) & 1) != 0 && id != 0 && id < kFirstReserved) out.set(id);
    }
  }
  return out;
}

}  // namespace tracectl::coresight
