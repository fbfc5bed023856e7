// SPDX-License-Identifier: MIT
#include "views/timed_calls.hpp"

#include <algorithm>
#include <utility>

namespace tracectl::views {

bool TimedCalls::on_block(const decode::Stamp& stamp, const decode::Block& block) {
  if (const decode::Window* now = cursor_.at(stamp.time); now != window_) change_window(now, stamp.time);
  if (stamp.time > time_) date(stamp.time);
  stack_.block(stamp, block);
  return wants_more();
}

bool TimedCalls::on_event(const decode::Stamp& stamp, const decode::Event& event) {
  if (event.kind == decode::Event::Kind::overflow) {
    ++losses_;
    date(stamp.time);
    decode::Loss loss;
    loss.kind = LossKind::overflow;
    loss.ip = event.ip;
    loss.what = "overflow inside the trace unit";
    lost(time_, stamp, loss);
    stack_.gap();
  } else if (stack_.event(event)) {
    date(stamp.time);
    if (event.kind == decode::Event::Kind::switched) left_thread();
  }
  return wants_more();
}

bool TimedCalls::on_loss(const decode::Stamp& stamp, const decode::Loss& loss) {
  ++losses_;
  stack_.reset();
  date(stamp.time);
  lost(time_, stamp, loss);
  return wants_more();
}

void TimedCalls::finish() {
  change_window(nullptr, time_);
  date(time_);
}

void TimedCalls::change_window(const decode::Window* now, uint64_t time) {
  stack_.reset();
  if (window_ != nullptr && !window_->open)
    date(now == nullptr ? window_->end : std::min(window_->end, time));
  else
    date(time_);  // no end is known
  window_ = now;
}

void TimedCalls::date(uint64_t time) {
  time = std::max(time, time_);
  const uint64_t all = stack_.insns() - at_;
  const double rate = all == 0 ? 0 : static_cast<double>(time - time_) / static_cast<double>(all);
  for (const Step& step : steps_) {
    const auto passed = static_cast<uint64_t>(rate * static_cast<double>(std::max(step.at, at_) - at_));
    const uint64_t when = std::min(time, time_ + passed);
    step.begins ? begin_call(when, step.place, step.value) : end_call(when, step.value);
  }
  steps_.clear();
  time_ = time;
  at_ = stack_.insns();
}

void TimedCalls::add(const Step& step) {
  if (steps_.size() >= kMostWaiting) date(time_);
  steps_.push_back(step);
}

void TimedCalls::on_enter(Frame& frame, size_t depth) {
  keep_first();
  const Step step{true, frame.since, frame.entry, frame.place};
  first_waits_ = depth == 0 && frame.insns == 0 && !frame.place.at_entry();
  if (first_waits_)
    first_ = step;
  else
    add(step);
}

void TimedCalls::on_leave(const Frame& frame, size_t) {
  if (std::exchange(first_waits_, false)) return;
  add({false, stack_.insns(), frame.insns, {}});
}

void TimedCalls::keep_first() {
  if (std::exchange(first_waits_, false)) add(first_);
}

}  // namespace tracectl::views
