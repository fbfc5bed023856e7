// SPDX-License-Identifier: MIT
// TimedCalls: the call tree of one stream as calls that begin and end at times, for timeline
// formats. The calls are those of `script calls`: a window starts from an empty stack, and
// where a window's function returned to is no call when nothing ran there.
//
// Units: ns of the perf clock. Order: times never decrease; begin and end nest.
// A trace tells the time now and then only. What lies between two times that it tells is
// dated by instructions: after half of them, half of the time has passed. So are the calls
// that a window's end cuts off; those cut off by a loss or the end of the stream end at the
// last time told.
// Memory: what waits for its time is bounded; beyond that it gets the last time told.
#pragma once

#include <cstdint>
#include <vector>

#include "views/call_stack.hpp"

namespace tracectl::views {

class TimedCalls : public decode::ItemSink, private CallListener {
 public:
  static constexpr size_t kMostWaiting = 1 << 18;  // begins and ends

  explicit TimedCalls(const StreamContext& context) : context_(context), stack_(*context.locator, *this), cursor_(context) {}
  bool on_block(const decode::Stamp& stamp, const decode::Block& block) final;
  bool on_event(const decode::Stamp& stamp, const decode::Event& event) final;
  bool on_loss(const decode::Stamp& stamp, const decode::Loss& loss) final;
  // Ends what is open; call it once, behind the stream.
  void finish();
  [[nodiscard]] uint64_t losses() const { return losses_; }

 protected:
  [[nodiscard]] const StreamContext& context() const { return context_; }

  virtual void begin_call(uint64_t time, const decode::Place& place, uint64_t entry) = 0;
  // Of the call that began last and has not ended: its instructions, callees included.
  virtual void end_call(uint64_t time, uint64_t insns) = 0;
  // Another thread runs from now on (the stream of a cpu); every call has ended.
  virtual void left_thread() {}
  virtual void lost(uint64_t, const decode::Stamp&, const decode::Loss&) {}
  // False stops the decoder.
  [[nodiscard]] virtual bool wants_more() const { return true; }

 private:
  struct Step {
    bool begins = false;
    uint64_t at = 0;     // CallStack::insns()
    uint64_t value = 0;  // entry of a call that begins, instructions of one that ends
    decode::Place place;
  };
  void on_enter(Frame& frame, size_t depth) final;
  void on_leave(const Frame& frame, size_t depth) final;
  void on_run(const Frame&, uint64_t) final { keep_first(); }
  void add(const Step& step);
  void keep_first();
  void change_window(const decode::Window* now, uint64_t time);
  // It is `time` now: what waits is dated.
  void date(uint64_t time);

  const StreamContext& context_;
  CallStack stack_;
  WindowCursor cursor_;
  const decode::Window* window_ = nullptr;
  uint64_t time_ = 0;  // the last one told
  uint64_t at_ = 0;    // stack_.insns() then
  uint64_t losses_ = 0;
  bool first_waits_ = false;  // the outermost call, until something runs in it
  Step first_;
  std::vector<Step> steps_;
};

}  // namespace tracectl::views
