// SPDX-License-Identifier: MIT
// What every view of one stream is given: who ran, and the names of its code.
// On the stream of a cpu, tid, pid and comm follow who runs, and the locator his program: a view is
// told by Event::Kind::switched, just before they change (views/follow.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "decode/item.hpp"
#include "decode/locate.hpp"
#include "decode/window.hpp"

namespace tracectl::views {

struct StreamContext {
  int32_t pid = -1, tid = -1, cpu = -1;
  std::string comm;
  decode::Locator* locator = nullptr;
  const decode::WindowSet* windows = nullptr;
};

// Length of the x86-64 instruction at the begin of `bytes`; 0 when it is none. A backend gives it,
// so that views agree with its decoder on where instructions begin.
using InsnLength = std::function<uint8_t(std::span<const uint8_t> bytes, uint64_t ip)>;
// The same of any instruction set. Arm's tell it by their first two bytes (Arm ARM, "Top level T32 encodings").
[[nodiscard]] inline uint8_t length_of(const InsnLength& x86, std::span<const uint8_t> bytes, uint64_t ip, decode::Isa isa) {
  constexpr size_t kLongestX86 = 15;
  if (isa == decode::Isa::x86_64) return x86(bytes.subspan(0, bytes.size() < kLongestX86 ? bytes.size() : kLongestX86), ip);
  const bool half = isa == decode::Isa::t32 && bytes.size() >= 2 && (bytes[1] >> 3) < 0x1d;
  const size_t length = half ? 2 : 4;
  return bytes.size() < length ? 0 : static_cast<uint8_t>(length);
}

// Follows the window that a stream is in; asks again only when time moves.
class WindowCursor {
 public:
  explicit WindowCursor(const StreamContext& context) : context_(context) {}
  const decode::Window* at(uint64_t time) {
    if (time == time_ && context_.tid == tid_ && known_) return window_;
    known_ = true;
    tid_ = context_.tid;
    time_ = time;
    window_ = context_.windows == nullptr ? nullptr : context_.windows->at(context_.tid, context_.cpu, time);
    return window_;
  }

 private:
  const StreamContext& context_;
  uint64_t time_ = 0;
  int32_t tid_ = -1;
  bool known_ = false;
  const decode::Window* window_ = nullptr;
};

}  // namespace tracectl::views
