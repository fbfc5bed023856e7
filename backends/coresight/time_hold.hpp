// SPDX-License-Identifier: MIT
// TimeHold: gives the items behind a start of trace the first time that the trace then tells, not the last one before:
// a timestamp comes behind what it is of, and a window may begin in between.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "decode/item.hpp"

namespace tracectl::coresight {

class TimeHold final : public decode::ItemSink {
 public:
  explicit TimeHold(decode::ItemSink& next) : next_(next) {}
  // What follows waits for a time.
  void begin() { holding_ = true; }
  [[nodiscard]] bool waits() const { return holding_; }
  // As it was when it had nothing that waited.
  void go_back(bool holding) {
    held_.clear();
    holding_ = holding;
  }
  [[nodiscard]] bool empty() const { return held_.empty(); }
  // Passes on what waits, with this time; 0: with the time it has.
  bool settle(uint64_t time) {
    holding_ = false;
    bool go = true;
    for (auto& [stamp, item] : std::exchange(held_, {})) {
      if (time != 0) stamp.time = time;
      go = go && std::visit([&stamp = stamp, this](const auto& x) { return pass(stamp, x); }, item);
    }
    return go;
  }
  bool on_block(const decode::Stamp& s, const decode::Block& b) override { return take(s, b); }
  bool on_blocks(const decode::Stamp& s, std::span<const decode::Block> b) override {
    return holding_ ? decode::ItemSink::on_blocks(s, b) : next_.on_blocks(s, b);
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override { return take(s, e); }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override { return take(s, l); }

 private:
  static constexpr size_t kMost = 4096;  // items; a unit writes a timestamp within a few packets
  template <class Item>
  bool take(const decode::Stamp& s, const Item& item) {
    if (!holding_) return pass(s, item);
    held_.emplace_back(s, item);
    return held_.size() < kMost || settle(0);
  }
  bool pass(const decode::Stamp& s, const decode::Block& b) { return next_.on_block(s, b); }
  bool pass(const decode::Stamp& s, const decode::Event& e) { return next_.on_event(s, e); }
  bool pass(const decode::Stamp& s, const decode::Loss& l) { return next_.on_loss(s, l); }

  decode::ItemSink& next_;
  bool holding_ = false;
  std::vector<std::pair<decode::Stamp, std::variant<decode::Block, decode::Event, decode::Loss>>> held_;
};

}  // namespace tracectl::coresight
