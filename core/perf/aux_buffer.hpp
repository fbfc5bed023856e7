// SPDX-License-Identifier: MIT
// AuxBuffer: the AUX ring of one event, seen from the draining side. Kernel and emulated
// machine alike: struct perf_event_mmap_page with aux_head, aux_tail.
//
// Order: aux_head is loaded with acquire (pairs with the writer's release store: the
// kernel's perf_aux_output_end, or the plugin's publish); aux_tail is stored with release
// (pairs with the writer's acquire load before it writes over the space).
// Units: bytes. head and tail count from 0 and never wrap; the ring index is modulo size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct perf_event_mmap_page;

namespace tracectl::perf {

class AuxBuffer {
 public:
  AuxBuffer() = default;
  AuxBuffer(perf_event_mmap_page* page, const std::byte* base, uint64_t size) : page_(page), base_(base), size_(size) {}

  struct Chunk {
    uint64_t offset = 0;              // stream position of the first byte
    std::span<const std::byte> a, b;  // b: behind the wrap; may be empty
    [[nodiscard]] uint64_t size() const { return a.size() + b.size(); }
  };
  // What lies between tail and head now. In full mode never more than size().
  [[nodiscard]] Chunk readable() const;
  // Gives `bytes` back to the writer.
  void consume(uint64_t bytes);
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  perf_event_mmap_page* page_ = nullptr;
  const std::byte* base_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace tracectl::perf
