// SPDX-License-Identifier: MIT
// RingRecords: the records in a drained piece of a data ring, one after the other. The piece lies in two
// spans where the ring wraps, and so may a record.
//
// Errors: a header that cannot be right (too short, not a multiple of 8, longer than what is left) ends the
//         walk; broken() tells, and at() where.
// Source: include/uapi/linux/perf_event.h, struct perf_event_header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/perf/uapi.hpp"

namespace tracectl::perf {

class RingRecords {
 public:
  RingRecords(std::span<const std::byte> a, std::span<const std::byte> b) : a_(a), b_(b) {}

  // The next record's header; false behind the last one, or when it is broken.
  bool next();
  [[nodiscard]] const perf_event_header& header() const { return header_; }
  // Copies of the body's first bytes as many as `out` has room for and the body has; their number.
  size_t body(std::span<std::byte> out) const;
  [[nodiscard]] uint64_t at() const { return at_; }  // bytes from the begin
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] uint64_t size() const { return a_.size() + b_.size(); }

 private:
  void copy(uint64_t at, std::byte* out, size_t size) const;

  std::span<const std::byte> a_, b_;
  uint64_t at_ = 0;
  perf_event_header header_{0, 0, 0};
  bool broken_ = false;
};

}  // namespace tracectl::perf
