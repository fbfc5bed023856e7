// SPDX-License-Identifier: MIT
// ReturnStack: the addresses behind calls, for branches that a trace gives no address. The oldest is dropped when it is
// full.
//
// Source: ARM IHI 0064, "Return stack"; decoders keep 16.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace tracectl::coresight {

class ReturnStack {
 public:
  void push(uint64_t ip) {
    ips_[++top_ % kSize] = ip;
    depth_ = std::min(depth_ + 1, kSize);
  }
  [[nodiscard]] bool pop(uint64_t& ip) {
    if (depth_ == 0) return false;
    --depth_;
    ip = ips_[top_-- % kSize];
    return true;
  }
  void clear() { depth_ = 0; }
  [[nodiscard]] uint32_t depth() const { return depth_; }

 private:
  static constexpr uint32_t kSize = 16;
  std::array<uint64_t, kSize> ips_{};
  uint32_t top_ = 0, depth_ = 0;
};

}  // namespace tracectl::coresight
