// SPDX-License-Identifier: MIT
// FlowSink: what both decoders of one piece give, once. Where OpenCSD takes up what the flow decoder has given already,
// that is left out; both must agree in it.
#pragma once

#include <cstdint>
#include <span>

#include "decode/flow_paths.hpp"
#include "decode/item.hpp"

namespace tracectl::coresight {

class FlowSink final : public decode::ItemSink {
 public:
  explicit FlowSink(decode::ItemSink& next) : next_(next), counting_(next.counts_only()) {}

  struct Given {
    uint64_t items = 0, insns = 0;
  };
  [[nodiscard]] Given given() const { return given_; }
  // What was given since then comes again.
  void go_back(const Given& to) {
    again_.items += given_.items - to.items;
    again_.insns += given_.insns - to.insns;
    given_ = to;
  }
  // It has come. False: not as it was.
  [[nodiscard]] bool settle() {
    const bool agree = again_.items == 0 && again_.insns == 0;
    again_ = {};
    return agree;
  }

  [[nodiscard]] bool counts_only() const override { return counting_; }
  // The same as on_blocks() of the path, for a sink that counts; nothing comes again.
  void count(const decode::Stamp& stamp, const decode::FlowPath& path) {
    given_.items += path.size;
    given_.insns += path.insns;
    counted_ = stamp;
  }
  void give_counted(std::span<const decode::Block> blocks, uint64_t times) { next_.on_counted(counted_, blocks, times); }

  bool on_block(const decode::Stamp& s, const decode::Block& b) override { return !fresh(b.insns) || next_.on_block(s, b); }
  bool on_blocks(const decode::Stamp& s, std::span<const decode::Block> blocks) override {
    if (again_.items != 0) return decode::ItemSink::on_blocks(s, blocks);
    given_.items += blocks.size();
    for (const decode::Block& b : blocks) given_.insns += b.insns;
    return next_.on_blocks(s, blocks);
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override { return !fresh(0) || next_.on_event(s, e); }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override { return !fresh(0) || next_.on_loss(s, l); }

 private:
  bool fresh(uint64_t insns) {
    ++given_.items;
    given_.insns += insns;
    if (again_.items == 0) return true;
    --again_.items;
    again_.insns -= insns;
    return false;
  }

  decode::ItemSink& next_;
  const bool counting_;
  decode::Stamp counted_;
  Given given_, again_;
};

}  // namespace tracectl::coresight
