// SPDX-License-Identifier: MIT
// CallStack: the functions that a thread is in, rebuilt from its blocks.
//
// A return is matched by its address, so that longjmp and exceptions drop the frames that
// they leave. A jump to the first byte of another function replaces the frame (tail call).
// After a gap (system call, signal, pause) the frame is found again by its function; a gap
// that ends at a function's first byte enters it (a signal handler).
// The kernel's frames stand above those of the program that called or was interrupted: a system
// call is left where the program goes on, an interrupt where it came; when the kernel returns
// elsewhere (a signal handler, a new program), all of its frames are left.
#pragma once

#include <cstdint>
#include <vector>

#include "views/context.hpp"

namespace tracectl::views {

struct Frame {
  decode::Place place;          // of its first instruction
  uint64_t entry = 0, ret = 0;  // ret: where it returns to; 0 when unknown
  uint64_t insns = 0;           // inclusive, once the frame is left; own and of frames left so far before
  uint64_t since = 0;           // CallStack::insns() when it was found
  uint64_t tag = 0;             // the listener's
  bool entered = false;         // the listener knows of it (stubs of the PLT are passed over)
};

class CallListener {
 public:
  virtual ~CallListener() = default;
  virtual void on_enter(Frame& frame, size_t depth) = 0;  // depth: 0 for the outermost
  virtual void on_leave(const Frame& frame, size_t depth) = 0;
  // Instructions of the innermost frame itself.
  virtual void on_run(const Frame&, uint64_t) {}
};

class CallStack {
 public:
  CallStack(decode::Locator& locator, CallListener& listener) : locator_(locator), listener_(listener) {}
  void block(const decode::Stamp& stamp, const decode::Block& block);
  // What comes next does not follow from what came before.
  void gap() { expected_ = 0; }
  // What an event of the trace means to the frames; true when all were left.
  bool event(const decode::Event& event);
  // Leaves every frame: a window or the stream ends.
  void reset();
  [[nodiscard]] size_t depth() const { return frames_.size(); }
  // Instructions of all blocks so far.
  [[nodiscard]] uint64_t insns() const { return insns_; }

 private:
  void push(uint64_t entry, uint64_t ret);
  void pop();
  void enter(Frame& frame, size_t depth);
  void enter_top();
  void find_again(uint64_t ip);
  void on_return(uint64_t to);
  void on_jump(uint64_t to);
  void on_far(const decode::Block& block);
  void leave_kernel();
  // Index of the innermost frame of the same function, or -1.
  [[nodiscard]] long frame_of(const decode::Place& place) const;

  decode::Locator& locator_;
  CallListener& listener_;
  std::vector<Frame> frames_;
  uint64_t expected_ = 0, time_ = 0, insns_ = 0;
};

}  // namespace tracectl::views
