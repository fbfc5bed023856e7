// SPDX-License-Identifier: MIT
// Follow: stands between the decoder and the views of one stream. When another thread or program
// runs, it tells the views (Event::Kind::switched), and then changes the context that they share.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "decode/schedule.hpp"
#include "views/context.hpp"

namespace tracectl::views {

class Follow final : public decode::ItemSink {
 public:
  // `comm`: the name of a process at a time. `only`: passes only items of this thread; -1: all.
  using Comm = std::function<std::string(int32_t pid, uint64_t time)>;
  Follow(Comm comm, int32_t only, StreamContext& context, decode::ItemSink& next)
      : comm_(std::move(comm)), only_(only), context_(context), next_(next) {}
  bool on_block(const decode::Stamp& s, const decode::Block& b) override { return !passes(s) || next_.on_block(s, b); }
  bool on_blocks(const decode::Stamp& s, std::span<const decode::Block> b) override {
    return !passes(s) || next_.on_blocks(s, b);
  }
  [[nodiscard]] bool counts_only() const override { return next_.counts_only(); }
  void on_counted(const decode::Stamp& s, std::span<const decode::Block> b, uint64_t times) override {
    if (passes(s)) next_.on_counted(s, b, times);
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override { return !passes(s) || next_.on_event(s, e); }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override { return !passes(s) || next_.on_loss(s, l); }

 private:
  bool passes(const decode::Stamp& s) {
    if (s.turn != now_ && s.turn != nullptr) turn_to(s);
    return only_ < 0 || context_.tid == only_;
  }
  void turn_to(const decode::Stamp& s);

  Comm comm_;
  int32_t only_;
  StreamContext& context_;
  decode::ItemSink& next_;
  const decode::Turn* now_ = nullptr;  // nothing before the first item
};

// Sets a context to a turn.
void set_turn(StreamContext& context, const decode::Turn& turn, const std::string& comm);

}  // namespace tracectl::views
