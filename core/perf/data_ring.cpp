// SPDX-License-Identifier: MIT
#include "core/perf/data_ring.hpp"

#include <algorithm>

#include "core/perf/uapi.hpp"

namespace tracectl::perf {

DataRing::Chunk DataRing::readable() const {
  if (page_ == nullptr || size_ == 0) return {};
  // Acquire: pairs with the writer's release store of data_head behind the records
  // (the kernel's perf_output_put_handle, the plugin's publish).
  const uint64_t head = __atomic_load_n(&page_->data_head, __ATOMIC_ACQUIRE);
  const uint64_t tail = page_->data_tail;  // only this side stores it
  // The page is shared with a program that may scribble over it: never look outside the ring.
  const uint64_t length = std::min<uint64_t>(head - tail, size_);
  const uint64_t start = tail % size_;
  const uint64_t first = std::min(length, size_ - start);
  return {{base_ + start, first}, {base_, length - first}};
}

void DataRing::consume(uint64_t bytes) {
  if (page_ == nullptr) return;
  // Release: pairs with the writer's acquire load of data_tail before it reuses the space;
  // our reads of the records are over before it can see the new tail.
  __atomic_store_n(&page_->data_tail, page_->data_tail + bytes, __ATOMIC_RELEASE);
}

}  // namespace tracectl::perf
