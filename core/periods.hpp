// SPDX-License-Identifier: MIT
// Periods: when [collect] traces and when it pauses. Pure: the time comes in, what is to be done comes out.
//
// Shape: `every` is a grid, laid from begin() on. Each cell is a period of `length`, traced, and then a pause; with
//        pause_first the pause comes first.
//        Who asks late moves a period, and never makes it shorter: it ends `length` behind its own begin. A cell whose
//        period has not begun when the next cell does is left out.
// Units: ns, of any clock that only goes forward.
#pragma once

#include <cstdint>
#include <optional>

#include "core/resolved_plan.hpp"

namespace tracectl {

class Periods {
 public:
  explicit Periods(const CollectPlan& plan)
      : every_(static_cast<uint64_t>(plan.every.count())),
        length_(static_cast<uint64_t>(plan.length.count())),
        pause_first_(plan.pause_first) {}

  void begin(uint64_t now) { grid_ = next_ = now + (pause_first_ ? every_ - length_ : 0); }
  // What to change now: true, trace; false, pause; nothing when it is too early. Ask again at next().
  std::optional<bool> due(uint64_t now) {
    if (now < next_) return std::nullopt;
    on_ = !on_;
    // Behind a period: the first line of the grid that has not passed.
    next_ = on_ ? now + length_ : grid_ + (now - grid_ + every_ - 1) / every_ * every_;
    return on_;
  }
  // Where it took until `now` to begin the period: it ends `length` behind that.
  void begun(uint64_t now) { next_ = now + length_; }
  [[nodiscard]] uint64_t next() const { return next_; }
  [[nodiscard]] bool on() const { return on_; }

 private:
  uint64_t every_, length_, grid_ = 0, next_ = 0;
  bool pause_first_, on_ = false;
};

}  // namespace tracectl
