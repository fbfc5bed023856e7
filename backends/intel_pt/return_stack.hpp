// SPDX-License-Identifier: MIT
// ReturnStack: the return addresses of calls, for returns that a trace writes as one bit. The oldest is dropped when it
// is full, as in libipt, which keeps 64.
#pragma once

#include <array>
#include <cstdint>

namespace tracectl::intel_pt {

class ReturnStack {
 public:
  // `cut`: there may be more below, which is not known.
  void clear(bool cut) {
    depth_ = floor_ = 0;
    below_ = false;
    cut_ = cut;
  }
  void push(uint64_t ip) {
    ips_[top_++ % kSize] = ip;
    if (depth_ < kSize)
      ++depth_;
    else if (floor_ != 0)
      --floor_;  // the oldest is dropped
  }
  // False: it is empty.
  [[nodiscard]] bool pop(uint64_t& ip) {
    if (depth_ == 0) {
      below_ |= cut_;
      return false;
    }
    ip = ips_[(top_ - 1) % kSize];
    drop();
    return true;
  }
  // The address that pop() gives, and pop() when there is one.
  [[nodiscard]] bool peek(uint64_t& ip) const {
    if (depth_ != 0) ip = ips_[(top_ - 1) % kSize];
    return depth_ != 0;
  }
  void drop() {
    --top_;
    if (--depth_ >= floor_) return;
    below_ = true;
    floor_ = depth_;
  }
  // How many more it takes without dropping one.
  [[nodiscard]] uint32_t room() const { return kSize - depth_; }
  // From now on below() tells whether an address was popped that is on the stack now, or below it.
  void mark() {
    floor_ = depth_;
    below_ = false;
  }
  [[nodiscard]] bool below() const { return below_; }

 private:
  static constexpr uint32_t kSize = 64;
  std::array<uint64_t, kSize> ips_{};
  uint32_t top_ = 0, depth_ = 0, floor_ = 0;
  bool below_ = false, cut_ = false;
};

}  // namespace tracectl::intel_pt
