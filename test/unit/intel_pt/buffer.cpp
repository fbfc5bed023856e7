// SPDX-License-Identifier: MIT
// Which blocks the kernel takes for an AUX buffer: a table of what rb_alloc_aux does.
#include "backends/intel_pt/buffer.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using namespace tracectl::intel_pt;

TEST_CASE("blocks of an AUX buffer") {
  constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB;
  struct Row {
    BufferMode mode;
    uint64_t size, wakeup;
    bool single_range;
    unsigned order;
    bool one_block, possible;
  };
  constexpr Row rows[] = {
      {BufferMode::full, 4 * kMiB, 1 * kMiB, false, 8, false, true},
      {BufferMode::full, 4 * kMiB, 4 * kKiB, false, 0, false, true},     // woken at every page: page by page
      {BufferMode::full, 64 * kMiB, 16 * kMiB, false, 10, false, true},  // never above the allocator's largest
      {BufferMode::full, 1 * kMiB, 5 * kKiB, false, 1, false, true},     // get_order rounds up
      {BufferMode::full, 4 * kMiB, 1 * kMiB, true, 8, false, true},
      {BufferMode::ring, 4 * kMiB, 1 * kMiB, false, 10, false, true},  // no watermark in a ring
      {BufferMode::ring, 4 * kMiB, 1 * kMiB, true, 10, true, true},
      {BufferMode::ring, 8 * kMiB, 2 * kMiB, true, 10, true, false},
      {BufferMode::ring, 8 * kMiB, 2 * kMiB, false, 10, false, true},
      {BufferMode::ring, 4 * kKiB, 4 * kKiB, true, 0, true, true},
  };
  for (const Row& row : rows) {
    BufferPlan plan;
    plan.mode = row.mode;
    plan.aux_size = row.size;
    plan.wakeup = row.wakeup;
    const AuxPages pages = aux_pages(plan, row.single_range, 4 * kKiB);
    INFO(row.size << " bytes, wakeup " << row.wakeup << (row.mode == BufferMode::ring ? ", ring" : ", full"));
    CHECK(pages.order == row.order);
    CHECK(pages.one_block == row.one_block);
    CHECK(pages.possible == row.possible);
    CHECK_FALSE(pages.why.empty());
  }
}
