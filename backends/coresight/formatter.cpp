// SPDX-License-Identifier: MIT
#include "backends/coresight/formatter.hpp"

#include <algorithm>
#include <array>

#include "backends/coresight/frames.hpp"

namespace tracectl::coresight {
namespace {

constexpr size_t kSlots = kFrameSize - 1;  // the last byte holds the bits
constexpr uint64_t kFramesPerId = 10, kBytesPerId = kFramesPerId * kSlots - 1;

constexpr std::byte id_byte(uint8_t id) { return static_cast<std::byte>(id << 1 | 1); }

class Frame {
 public:
  [[nodiscard]] bool full() const { return at_ == kSlots; }

  void put_id(uint8_t id) { bytes_[at_++] = id_byte(id); }

  void put(std::byte trace) {
    if (at_ % 2 == 0) {
      set_bit(trace & std::byte{1});
      trace &= std::byte{0xfe};
    }
    bytes_[at_++] = trace;
  }

  // The last byte of the trace, and nobody's bytes up to the frame's end. An id can only stand in an even place: behind
  // an even one it stands in front of the byte, and says that it is of what follows that.
  void put_last(std::byte trace) {
    if (at_ % 2 == 0 && at_ + 1 < kSlots) {
      set_bit(std::byte{1});
      put_id(0);
      bytes_[at_++] = trace;
    } else {
      put(trace);
      if (!full()) put_id(0);
    }
  }

  [[nodiscard]] const std::array<std::byte, kFrameSize>& bytes() const { return bytes_; }

 private:
  void set_bit(std::byte bit) { bytes_[kSlots] |= bit << (at_ / 2); }

  std::array<std::byte, kFrameSize> bytes_{};
  size_t at_ = 0;
};

}  // namespace

uint64_t size_in_frames(uint64_t bytes) {
  const uint64_t rest = bytes % kBytesPerId;
  const uint64_t frames = rest == 0 ? 0 : (rest + kSlots) / kSlots;  // one place of the first is the id's
  return (bytes / kBytesPerId * kFramesPerId + frames + (bytes != 0 ? 1 : 0)) * kFrameSize;
}

void append_frames(std::vector<std::byte>& out, uint8_t id, std::span<const std::byte> trace) {
  out.reserve(out.size() + size_in_frames(trace.size()));
  if (trace.empty()) return;
  for (uint64_t frames = 0; !trace.empty(); ++frames) {
    Frame frame;
    if (frames % kFramesPerId == 0) frame.put_id(id);
    for (; !frame.full() && trace.size() > 1; trace = trace.subspan(1)) frame.put(trace.front());
    if (!frame.full()) {
      frame.put_last(trace.front());
      trace = {};
    }
    out.insert(out.end(), frame.bytes().begin(), frame.bytes().end());
  }
  Frame last;
  last.put_id(0);
  out.insert(out.end(), last.bytes().begin(), last.bytes().end());
}

}  // namespace tracectl::coresight
