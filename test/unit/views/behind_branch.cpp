// SPDX-License-Identifier: MIT
#include "views/behind_branch.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

using namespace tracectl;
using decode::Block;
using decode::BranchKind;

namespace {

struct Seen final : decode::ItemSink {
  std::vector<uint64_t> blocks;
  int events = 0, losses = 0;
  uint64_t counted = 0;
  bool go = true;
  bool on_block(const decode::Stamp&, const Block& b) override {
    blocks.push_back(b.ip);
    return go;
  }
  void on_counted(const decode::Stamp&, std::span<const Block> b, uint64_t times) override { counted += b.size() * times; }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return ++events, go; }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return ++losses, go; }
};

Block block(uint64_t ip, BranchKind kind) { return {ip, ip + 3, 4, 1, kind, true, 0}; }

}  // namespace

TEST_CASE("nothing passes up to the first branch, all behind it") {
  Seen seen;
  seen.go = false;
  views::BehindBranch sink(seen);
  const std::array counted = {block(9, BranchKind::jump)};
  CHECK(sink.on_event({}, {}));
  CHECK(sink.on_loss({}, {}));
  CHECK(sink.on_block({}, block(1, BranchKind::none)));
  sink.on_counted({}, counted, 3);
  CHECK_FALSE(sink.past());
  CHECK(sink.on_block({}, block(2, BranchKind::cond)));
  CHECK(sink.past());
  CHECK(seen.blocks.empty());
  CHECK(seen.events + seen.losses == 0);
  CHECK_FALSE(sink.on_block({}, block(3, BranchKind::none)));
  CHECK_FALSE(sink.on_event({}, {}));
  CHECK_FALSE(sink.on_loss({}, {}));
  sink.on_counted({}, counted, 3);
  CHECK(seen.blocks == std::vector<uint64_t>{3});
  CHECK(seen.events == 1);
  CHECK(seen.losses == 1);
  CHECK(seen.counted == 3);
}

TEST_CASE("of blocks in a row those behind the first branch pass") {
  Seen seen;
  views::BehindBranch sink(seen);
  const std::array blocks = {block(1, BranchKind::none), block(2, BranchKind::ret), block(3, BranchKind::call),
                             block(4, BranchKind::none)};
  CHECK(sink.on_blocks({}, std::span(blocks).first(1)));
  CHECK(sink.on_blocks({}, blocks));
  CHECK(sink.on_blocks({}, std::span(blocks).first(2)));
  CHECK(seen.blocks == std::vector<uint64_t>{3, 4, 1, 2});
}
