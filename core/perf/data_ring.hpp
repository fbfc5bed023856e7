// SPDX-License-Identifier: MIT
// DataRing: the record ring of one event, seen from the draining side.
//
// Order: data_head is loaded with acquire (pairs with the writer's release after the
// records); data_tail is stored with release (pairs with the writer's acquire before reuse).
// The head always stands at a record's end, so [tail, head) is whole records.
// Source: include/uapi/linux/perf_event.h, struct perf_event_mmap_page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct perf_event_mmap_page;

namespace tracectl::perf {

class DataRing {
 public:
  DataRing() = default;
  DataRing(perf_event_mmap_page* page, const std::byte* base, uint64_t size) : page_(page), base_(base), size_(size) {}

  struct Chunk {
    std::span<const std::byte> a, b;  // b: behind the wrap; a record may lie across
    [[nodiscard]] uint64_t size() const { return a.size() + b.size(); }
  };
  [[nodiscard]] Chunk readable() const;
  void consume(uint64_t bytes);
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  perf_event_mmap_page* page_ = nullptr;
  const std::byte* base_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace tracectl::perf
