// SPDX-License-Identifier: MIT
// FlowTrace: one unit's bytes, out of frames or as they are, and where each lies in the stream as OpenCSD tells it.
//
// Errors: frames of several units that are to be decoded as one, frame synchronization, or more than kMostFrames: nullopt,
//         which leaves them to OpenCSD.
// Source: ARM IHI 0029, "Trace formatter".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "backends/coresight/frames.hpp"

namespace tracectl::coresight {

class FlowTrace {
 public:
  static constexpr uint64_t kMostFrames = uint64_t{256} << 20;  // bytes: the unit's are copied out of them

  FlowTrace(FlowTrace&&) = default;
  FlowTrace& operator=(FlowTrace&&) = default;

  static FlowTrace raw(std::span<const std::byte> trace);
  // `ids`: of units that are decoded. What is of others is left out, as is what no id tells of.
  static std::optional<FlowTrace> of_frames(std::span<const std::byte> frames, const TraceIds& ids);

  [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] bool framed() const { return framed_; }
  // Whose; 0: nobody's.
  [[nodiscard]] uint8_t id() const { return id_; }
  // Where the byte at `at` lies in the stream. Best asked in ascending order.
  [[nodiscard]] uint64_t offset(uint64_t at) const {
    if (!framed_) return at;
    if (at < from_ || at >= to_) find(at);
    return at + ahead_;
  }

 private:
  FlowTrace() = default;
  // Bytes of one frame in a row.
  struct Part {
    uint64_t begin = 0;   // in bytes_
    uint64_t offset = 0;  // in the stream
  };
  void find(uint64_t at) const;
  [[nodiscard]] bool add_frame(std::span<const std::byte> frame, uint64_t offset, const TraceIds& ids);
  [[nodiscard]] bool add(uint8_t byte, uint64_t offset, const TraceIds& ids);

  std::vector<uint8_t> copy_;
  std::vector<Part> parts_;
  std::span<const uint8_t> bytes_;
  bool framed_ = false;
  uint8_t id_ = 0, now_ = 0;  // now_: whose bytes come
  mutable uint64_t from_ = 0, to_ = 0, ahead_ = 0;
};

}  // namespace tracectl::coresight
