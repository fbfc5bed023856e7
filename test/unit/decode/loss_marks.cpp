// SPDX-License-Identifier: MIT
// Pieces of a stream, and the losses that records tell of, in their place.
#include "decode/loss_marks.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "decode/stream_bytes.hpp"

using namespace tracectl;
using namespace tracectl::decode;

namespace {

capture::AuxStream stream_of(std::vector<capture::AuxFragment> fragments) {
  capture::AuxStream stream;
  stream.fragments = std::move(fragments);
  return stream;
}

struct Seen final : ItemSink {
  std::string text;
  bool on_block(const Stamp& s, const Block&) override { return add("b", s); }
  bool on_event(const Stamp& s, const Event&) override { return add("e", s); }
  bool on_loss(const Stamp& s, const Loss& l) override { return add(kLossNames[static_cast<size_t>(l.kind)], s); }
  bool add(const std::string& what, const Stamp& s) {
    text += what + std::to_string(s.time) + " ";
    return true;
  }
};

}  // namespace

TEST_CASE("fragments that follow each other are one run") {
  const auto runs = runs_of(stream_of({{100, 10, 0}, {200, 20, 10}, {300, 5, 30}}));
  REQUIRE(runs.size() == 1);
  CHECK((runs[0].begin == 0 && runs[0].size == 35 && runs[0].missing == 0));
}

TEST_CASE("a gap begins a new run and says what is missing") {
  const auto runs = runs_of(stream_of({{100, 10, 50}, {200, 20, 60}, {300, 5, 100}}));
  REQUIRE(runs.size() == 2);
  CHECK((runs[0].begin == 0 && runs[0].size == 30 && runs[0].missing == 50));
  CHECK((runs[1].begin == 30 && runs[1].size == 5 && runs[1].missing == 20));
}

TEST_CASE("where the buffer was full a new run begins, inside a fragment, between two, and not twice") {
  auto stream = stream_of({{100, 10, 0}, {200, 20, 10}, {300, 5, 30}});
  stream.cuts = {0, 4, 10, 10, 35};
  const auto runs = runs_of(stream);
  REQUIRE(runs.size() == 3);
  CHECK((runs[0].begin == 0 && runs[0].size == 4));
  CHECK((runs[1].begin == 4 && runs[1].size == 6));
  CHECK((runs[2].begin == 10 && runs[2].size == 25 && runs[2].missing == 0));
}

TEST_CASE("a stream without trace has no run") { CHECK(runs_of(stream_of({})).empty()); }

TEST_CASE("a recorded loss stands in front of the first item behind it, and none is forgotten") {
  Seen seen;
  const std::vector<LossMark> marks = {{5, LossKind::truncated, 1}, {20, LossKind::lost_records, 3}};
  MarkSink sink(seen, marks);
  for (const uint64_t time : {1u, 4u, 7u, 9u}) {
    Stamp stamp;
    stamp.time = time;
    CHECK(sink.on_block(stamp, {}));
  }
  CHECK(sink.finish({}));
  CHECK(seen.text == "b1 b4 truncated5 b7 b9 lost_records20 ");
}

TEST_CASE("an overflow that both the recorder and the decoder know counts once") {
  LossTotals recorded, decoded;
  recorded[LossKind::overflow] = 7;
  decoded[LossKind::overflow] = 7;
  decoded[LossKind::undecodable] = 2;
  recorded[LossKind::undecodable] = 1;
  const auto both = with_decoded(recorded, decoded);
  CHECK(both[LossKind::overflow] == 7);
  CHECK(both[LossKind::undecodable] == 3);
}

TEST_CASE("a missed trigger takes no trace away") {
  LossTotals loss;
  loss[LossKind::missed_trigger] = 2;
  CHECK(loss.any());
  CHECK_FALSE(loss.lost_trace());
  loss[LossKind::truncated] = 1;
  CHECK(loss.lost_trace());
}
