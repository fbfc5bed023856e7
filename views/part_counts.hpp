// SPDX-License-Identifier: MIT
// PartCounts: what a part of a trace says, so that two decoders can be compared: one that began at a place and one that
// came by it.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "decode/schedule.hpp"
#include "views/behind_branch.hpp"
#include "views/whole_ranges.hpp"

namespace tracectl::views {

class PartCounts final : public decode::ItemSink {
 public:
  bool on_block(const decode::Stamp& stamp, const decode::Block& block) override {
    stood(stamp);
    ranges_.add(block, edges_);
    insns_ += block.insns;
    return true;
  }
  [[nodiscard]] bool counts_only() const override { return true; }
  void on_counted(const decode::Stamp& stamp, std::span<const decode::Block> blocks, uint64_t times) override {
    stood(stamp);
    for (const auto& block : blocks) {
      edges_.add(block, times);
      insns_ += block.insns * times;
    }
  }
  bool on_event(const decode::Stamp& stamp, const decode::Event&) override {
    stood(stamp);
    ranges_.end(edges_);
    return true;
  }
  bool on_loss(const decode::Stamp&, const decode::Loss& loss) override {
    ranges_.end(edges_);
    damaged_ = damaged_ || loss.kind == LossKind::undecodable;
    return true;
  }
  void finish() { ranges_.end(edges_); }

  [[nodiscard]] bool damaged() const { return damaged_; }
  [[nodiscard]] uint64_t instructions() const { return insns_; }
  // Has all that the other has, and ends as it ends.
  [[nodiscard]] bool covers(const PartCounts& other) const {
    if (time_ != other.time_ || tid_ != other.tid_ || images_ != other.images_) return false;
    std::map<std::tuple<uint64_t, uint64_t, uint64_t>, uint64_t> mine;
    edges_.for_each([&](const Edge& e) { mine[{e.ip, e.last, e.to}] = e.count; });
    bool all = true;
    other.edges_.for_each([&](const Edge& e) {
      const auto found = mine.find({e.ip, e.last, e.to});
      all = all && found != mine.end() && found->second >= e.count;
    });
    return all;
  }

 private:
  void stood(const decode::Stamp& stamp) {
    time_ = stamp.time;
    tid_ = stamp.tid;
    images_ = stamp.turn == nullptr ? nullptr : stamp.turn->images;
  }
  EdgeTable edges_;
  WholeRanges ranges_;
  uint64_t insns_ = 0, time_ = 0;
  int32_t tid_ = -1;
  const decode::ImageTimeline* images_ = nullptr;
  bool damaged_ = false;
};

}  // namespace tracectl::views
