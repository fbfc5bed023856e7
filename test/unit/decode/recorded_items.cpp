// SPDX-License-Identifier: MIT
#include "decode/recorded_items.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace tracectl;
using decode::Block;
using decode::Stamp;

namespace {

// What it is told, as words.
struct Told final : decode::ItemSink {
  explicit Told(size_t most = ~size_t{0}) : most_(most) {}
  std::vector<std::string> words;
  bool add(const Stamp& s, const std::string& what) {
    words.push_back(fmt::format("{} at {} of {} time {}", what, s.offset, s.tid, s.time));
    return words.size() < most_;
  }
  bool on_block(const Stamp& s, const Block& b) override { return add(s, fmt::format("{:x}", b.ip)); }
  void on_counted(const Stamp& s, std::span<const Block> blocks, uint64_t times) override {
    for (const Block& b : blocks) (void)add(s, fmt::format("{} times {:x}", times, b.ip));
  }
  bool on_event(const Stamp& s, const decode::Event& e) override { return add(s, e.name); }
  bool on_loss(const Stamp& s, const decode::Loss& l) override { return add(s, l.what); }

 private:
  size_t most_;
};

Block at(uint64_t ip) {
  Block out;
  out.ip = ip;
  return out;
}

Stamp stamp(uint64_t time, uint64_t offset) { return {time, 1, 7, 0, offset, nullptr}; }

// The same calls for any sink. `lasting` outlives it.
template <class Sink>
void play(Sink& sink, const std::vector<Block>& lasting) {
  (void)sink.on_event(stamp(5, 1), {decode::Event::Kind::enabled, 0x10, 0, "enabled"});
  {
    const Block gone = at(0x10);
    (void)sink.on_block(stamp(5, 2), gone);
  }
  (void)sink.on_lasting(stamp(5, 3), lasting);
  {
    const std::vector<Block> gone = {at(0x50), at(0x60)};
    (void)sink.on_blocks(stamp(6, 3), gone);
    sink.on_counted(stamp(6, 4), std::span(gone).first(1), 9);
  }
  sink.on_counted(stamp(6, 4), lasting, 3);
  (void)sink.on_loss(stamp(6, 9), {LossKind::undecodable, 0, 0, "lost"});
}

bool nothing(const Stamp&, uint64_t, bool) { return true; }

}  // namespace

TEST_CASE("recorded items are told as they were, in their order") {
  const std::vector<Block> lasting = {at(0x20), at(0x30), at(0x40)};
  Told told, again;
  play(told, lasting);
  decode::RecordedItems recorded(true);
  play(recorded, lasting);
  CHECK(recorded.replay(again, nothing));
  CHECK(again.words == told.words);
  REQUIRE(told.words.size() == 12);
  CHECK(told.words.back() == "lost at 9 of 7 time 6");
}

TEST_CASE("who wants no more is not told more") {
  const std::vector<Block> lasting = {at(0x20), at(0x30), at(0x40)};
  decode::RecordedItems recorded(false);
  play(recorded, lasting);
  Told few(2);
  CHECK_FALSE(recorded.replay(few, nothing));
  CHECK(few.words.size() == 2);
}

TEST_CASE("the block in front of a recording gets its end where that became known") {
  decode::RecordedItems recorded(false);
  (void)recorded.on_event(stamp(1, 1), {decode::Event::Kind::exec_mode, 0, 0, "exec_mode"});
  recorded.on_before(stamp(2, 2), 0x77, true);
  (void)recorded.on_block(stamp(2, 2), at(0x77));
  Told told;
  CHECK(recorded.replay(told, [&told](const Stamp& s, uint64_t to, bool known) {
    return told.add(s, fmt::format("before to {:x} {}", to, known));
  }));
  CHECK(told.words ==
        std::vector<std::string>{"exec_mode at 1 of 7 time 1", "before to 77 true at 2 of 7 time 2", "77 at 2 of 7 time 2"});
}

TEST_CASE("a recording is used again") {
  const std::vector<Block> lasting = {at(0x20)};
  decode::RecordedItems recorded(false);
  for (int i = 0; i < 3000; ++i) (void)recorded.on_block(stamp(1, 1), at(0x99));
  recorded.clear();
  play(recorded, lasting);
  Told told, again;
  play(told, lasting);
  CHECK(recorded.replay(again, nothing));
  CHECK(again.words == told.words);
}
