// SPDX-License-Identifier: MIT
#include "core/perf/aux_buffer.hpp"

#include <algorithm>

#include "core/perf/uapi.hpp"

namespace tracectl::perf {

AuxBuffer::Chunk AuxBuffer::readable() const {
  if (page_ == nullptr || size_ == 0) return {};
  // Acquire: pairs with the writer's release store of aux_head behind the trace bytes
  // (the kernel's perf_aux_output_end, the plugin's publish).
  const uint64_t head = __atomic_load_n(&page_->aux_head, __ATOMIC_ACQUIRE);
  // Only this side stores it, but in the emulated machine's ring mode, where the writer sets both at a
  // snapshot, the tail first: an old head with a new tail is nothing to read yet.
  const uint64_t tail = __atomic_load_n(&page_->aux_tail, __ATOMIC_RELAXED);
  if (head < tail) return {};
  // Ring mode: the head may have lapped the tail; only the last size_ bytes are still there.
  const uint64_t length = std::min<uint64_t>(head - tail, size_);
  const uint64_t offset = head - length;
  const uint64_t start = offset % size_;
  const uint64_t first = std::min(length, size_ - start);
  return {offset, {base_ + start, first}, {base_, length - first}};
}

void AuxBuffer::consume(uint64_t bytes) {
  if (page_ == nullptr) return;
  // Release: pairs with the writer's acquire load of aux_tail before it writes over the
  // space; our reads of the trace are over before it can see the new tail.
  __atomic_store_n(&page_->aux_tail, page_->aux_tail + bytes, __ATOMIC_RELEASE);
}

}  // namespace tracectl::perf
