// SPDX-License-Identifier: MIT
// How large the next thread's AUX buffer is.
#include "core/buffer_share.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;

TEST_CASE("buffers share what total leaves, and none is larger than the plan's") {
  constexpr uint64_t kKiB = 1 << 10, kMiB = 1 << 20;
  struct Row {
    uint64_t size, total, used, wanted;
  };
  const Row rows[] = {
      {4 * kMiB, 256 * kMiB, 0, 4 * kMiB},            // the first has what the plan says
      {256 * kMiB, 256 * kMiB, 0, 256 * kMiB},        // all of it, if it says so
      {4 * kMiB, 256 * kMiB, 4 * kMiB, 4 * kMiB},     // plenty is left
      {4 * kMiB, 256 * kMiB, 192 * kMiB, 2 * kMiB},   // a share, a power of two
      {4 * kMiB, 256 * kMiB, 255 * kMiB, 64 * kKiB},  // the smallest
      {4 * kMiB, 256 * kMiB, 300 * kMiB, 64 * kKiB},  // also when nothing is left
      {8 * kKiB, 256 * kMiB, 8 * kKiB, 8 * kKiB},     // a plan's size below the smallest stays
      {8 * kKiB, 64 * kKiB, 64 * kKiB, 8 * kKiB},
  };
  for (const auto& row : rows) {
    BufferPlan plan;
    plan.aux_size = row.size;
    plan.total = row.total;
    CAPTURE(row.size, row.total, row.used);
    CHECK(next_aux_size(plan, row.used) == row.wanted);
  }
}

TEST_CASE("only probes and breakpoints of the program are looked for in its files") {
  ResolvedTrigger t;
  t.where.symbol = "vfs_read";
  for (const auto kind : {TriggerKind::kprobe, TriggerKind::kretprobe, TriggerKind::tracepoint, TriggerKind::event}) {
    t.kind = kind;
    CHECK_FALSE(sits_in_file(t));
  }
  for (const auto kind : {TriggerKind::breakpoint, TriggerKind::uprobe, TriggerKind::uretprobe}) {
    t.kind = kind;
    t.where.form = CodeLocation::Form::symbol;
    CHECK(sits_in_file(t));
    t.where.form = CodeLocation::Form::address;
    CHECK_FALSE(sits_in_file(t));
  }
}
