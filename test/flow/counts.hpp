// SPDX-License-Identifier: MIT
// Counts: how often each branch went where, and how many instructions there were: the same whether blocks are told one by
// one or counted by the decoder.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <map>
#include <string>

#include "decode/decoder.hpp"

namespace tracectl {

class Counts final : public decode::ItemSink {
 public:
  explicit Counts(bool counted) : counted_(counted) {}
  [[nodiscard]] bool counts_only() const override { return counted_; }
  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    add(s, b, 1);
    return true;
  }
  bool on_event(const decode::Stamp&, const decode::Event&) override {
    ++events_;
    return true;
  }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override {
    ++losses_;
    return true;
  }
  void on_counted(const decode::Stamp& s, std::span<const decode::Block> blocks, uint64_t times) override {
    for (const auto& b : blocks) add(s, b, times);
  }
  // Of two, the first thing that differs; empty: nothing.
  [[nodiscard]] static std::string difference(const Counts& a, const Counts& b) {
    if (a.insns_ != b.insns_ || a.events_ != b.events_ || a.losses_ != b.losses_)
      return fmt::format("{} and {} instructions, {} and {} events, {} and {} losses", a.insns_, b.insns_, a.events_,
                         b.events_, a.losses_, b.losses_);
    auto i = a.branches_.begin(), j = b.branches_.begin();
    for (; i != a.branches_.end() && j != b.branches_.end(); ++i, ++j)
      if (*i != *j)
        return fmt::format("{} {:x}->{:x}: {}; {} {:x}->{:x}: {}", i->first.pid, i->first.from, i->first.to, i->second,
                           j->first.pid, j->first.from, j->first.to, j->second);
    return i == a.branches_.end() && j == b.branches_.end() ? "" : "one has more branches";
  }

 private:
  struct Branch {
    int32_t pid;
    uint64_t from, to;
    auto operator<=>(const Branch&) const = default;
  };
  void add(const decode::Stamp& s, const decode::Block& b, uint64_t times) {
    insns_ += b.insns * times;
    if (b.kind != decode::BranchKind::none) branches_[{s.pid, b.last, b.to}] += times;
  }
  bool counted_;
  uint64_t insns_ = 0, events_ = 0, losses_ = 0;
  std::map<Branch, uint64_t> branches_;
};

}  // namespace tracectl
