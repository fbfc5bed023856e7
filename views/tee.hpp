// SPDX-License-Identifier: MIT
// Tee: one decoder for two views.
#pragma once

#include "decode/item.hpp"

namespace tracectl::views {

class Tee final : public decode::ItemSink {
 public:
  Tee(decode::ItemSink& first, decode::ItemSink& second) : first_(first), second_(second) {}
  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    const bool first = first_.on_block(s, b);
    return second_.on_block(s, b) && first;
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override {
    const bool first = first_.on_event(s, e);
    return second_.on_event(s, e) && first;
  }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override {
    const bool first = first_.on_loss(s, l);
    return second_.on_loss(s, l) && first;
  }

 private:
  decode::ItemSink& first_;
  decode::ItemSink& second_;
};

}  // namespace tracectl::views
