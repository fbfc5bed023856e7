// SPDX-License-Identifier: MIT
// RingArea: what a ring that the kernel writes over and over (mode = ring) holds, oldest byte first.
//
// The driver tells the place of the newest byte in the area, not how often it went round: whether
// it did is seen from what lies behind that place, which is zero until then. What an earlier look
// has kept is left out when its last bytes still stand where they stood.
// CoreSight's drivers count all bytes instead: there nothing needs to be guessed, and a position in the stream is the
// kernel's own, which its AUX records name.
// Shape: `a` lies in front of `b` in time; both point into the area.
// Order: the event must be stopped; it writes nothing meanwhile.
// Units: bytes.
// Source: arch/x86/events/intel/pt.c (pt_event_stop, pt_update_head: buf->snapshot); drivers/hwtracing/coresight/
//         coresight-trbe.c (arm_trbe_update_buffer), coresight-tmc-etr.c (tmc_update_etr_buffer): handle->head += size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tracectl::kernel {

class RingArea {
 public:
  struct Content {
    std::span<const std::byte> a, b;
    uint64_t offset = 0;  // stream position of the first byte
    [[nodiscard]] uint64_t size() const { return a.size() + b.size(); }
  };

  explicit RingArea(bool head_counts = false) : head_counts_(head_counts) {}

  // The newest `most` bytes that were not kept before. `head`: perf_event_mmap_page.aux_head.
  [[nodiscard]] Content newest(std::span<const std::byte> area, uint64_t head, uint64_t most);

 private:
  [[nodiscard]] Content counted(std::span<const std::byte> area, uint64_t head, uint64_t most);

  bool head_counts_;
  bool went_round_ = false;
  uint64_t position_ = 0;        // stream position behind what was kept
  uint64_t last_at_ = 0;         // where in the area that was
  std::vector<std::byte> last_;  // its last bytes
};

}  // namespace tracectl::kernel
