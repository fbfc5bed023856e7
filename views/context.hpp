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

// Length of the instruction at the begin of `bytes`; 0 when it is none. A backend gives it,
// so that views agree with its decoder on where instructions begin.
using InsnLength = std::function<uint8_t(std::span<const uint8_t> bytes, uint64_t ip)>;

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
