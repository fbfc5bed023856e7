// SPDX-License-Identifier: MIT
// BehindBranch: passes what comes behind the first branch. A decoder that begins in the midst of running trace may meet the
// end of a range whose begin it has not seen; who decodes what is in front of it goes on so far, and counts it.
#pragma once

#include "decode/item.hpp"

namespace tracectl::views {

class BehindBranch final : public decode::ItemSink {
 public:
  explicit BehindBranch(decode::ItemSink& next) : next_(next) {}
  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    if (past_) return next_.on_block(s, b);
    past_ = b.kind != decode::BranchKind::none;
    return true;
  }
  bool on_blocks(const decode::Stamp& s, std::span<const decode::Block> b) override {
    for (; !past_ && !b.empty(); b = b.subspan(1)) past_ = b.front().kind != decode::BranchKind::none;
    return b.empty() || next_.on_blocks(s, b);
  }
  [[nodiscard]] bool counts_only() const override { return next_.counts_only(); }
  // The first blocks are never among them: see Delivery.
  void on_counted(const decode::Stamp& s, std::span<const decode::Block> b, uint64_t times) override {
    if (past_) next_.on_counted(s, b, times);
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override { return !past_ || next_.on_event(s, e); }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override { return !past_ || next_.on_loss(s, l); }
  [[nodiscard]] bool past() const { return past_; }

 private:
  decode::ItemSink& next_;
  bool past_ = false;
};

}  // namespace tracectl::views
