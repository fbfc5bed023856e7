// SPDX-License-Identifier: MIT
#include "core/perf/ring_records.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace tracectl::perf {

void RingRecords::copy(uint64_t at, std::byte* out, size_t size) const {
  const size_t first = at < a_.size() ? std::min<size_t>(size, a_.size() - at) : 0;
  if (first != 0) std::memcpy(out, a_.data() + at, first);
  if (size > first) std::memcpy(out + first, b_.data() + (at + first - a_.size()), size - first);
}

bool RingRecords::next() {
  at_ += header_.size;
  header_.size = 0;
  if (broken_ || at_ >= size()) return false;
  broken_ = size() - at_ < sizeof header_;
  if (broken_) return false;
  std::array<std::byte, sizeof header_> bytes{};
  copy(at_, bytes.data(), bytes.size());
  perf_event_header found;
  std::memcpy(&found, bytes.data(), sizeof found);
  broken_ = found.size < sizeof found || found.size % 8 != 0 || found.size > size() - at_;
  if (!broken_) header_ = found;
  return !broken_;
}

size_t RingRecords::body(std::span<std::byte> out) const {
  const size_t size = std::min(out.size(), header_.size - sizeof header_);
  copy(at_ + sizeof header_, out.data(), size);
  return size;
}

}  // namespace tracectl::perf
