// SPDX-License-Identifier: MIT
// Sinks that stand before a view: only one window, only the last blocks, progress.
#pragma once

#include <deque>
#include <functional>

#include "decode/item.hpp"
#include "views/context.hpp"

namespace tracectl::views {

// Passes what lies in window `number` (from 1); stops the decoder behind it, and at once in
// a stream of another thread.
class OnlyWindow final : public decode::ItemSink {
 public:
  OnlyWindow(const StreamContext& context, uint64_t number, decode::ItemSink& next)
      : context_(context), cursor_(context), number_(number), next_(next) {
    const auto& all = context.windows->all();
    if (number >= 1 && number <= all.size()) window_ = &all[number - 1];
  }
  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    return inside(s) ? next_.on_block(s, b) : !behind(s);
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override {
    return inside(s) ? next_.on_event(s, e) : !behind(s);
  }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override {
    return inside(s) ? next_.on_loss(s, l) : !behind(s);
  }

 private:
  bool inside(const decode::Stamp& s) {
    const decode::Window* w = cursor_.at(s.time);
    return w != nullptr && w->number == number_;
  }
  [[nodiscard]] bool behind(const decode::Stamp& s) const {
    if (window_ == nullptr) return true;
    if (context_.cpu < 0 && context_.tid >= 0 && window_->tid != context_.tid) return true;
    return !window_->open && s.time > window_->end;
  }
  const StreamContext& context_;
  WindowCursor cursor_;
  uint64_t number_;
  decode::ItemSink& next_;
  const decode::Window* window_ = nullptr;
};

// Keeps the last blocks of a stream; replay() hands them on.
class LastBlocks final : public decode::ItemSink {
 public:
  LastBlocks(uint64_t keep, decode::ItemSink& next) : keep_(keep), next_(next) {}
  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    if (kept_.size() == keep_) kept_.pop_front();
    kept_.push_back({s, b});
    return true;
  }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return true; }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override { return next_.on_loss(s, l); }
  void replay() {
    for (const auto& [stamp, block] : kept_)
      if (!next_.on_block(stamp, block)) break;
    kept_.clear();
  }

 private:
  uint64_t keep_;
  decode::ItemSink& next_;
  std::deque<std::pair<decode::Stamp, decode::Block>> kept_;
};

}  // namespace tracectl::views
