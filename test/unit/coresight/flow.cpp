// SPDX-License-Identifier: MIT
// The flow decoder of CoreSight: what it reads by itself, and how OpenCSD takes up what it does not.
#include <catch2/catch.hpp>
#include <map>

#include "backends/coresight/atoms.hpp"
#include "backends/coresight/flow_trace.hpp"
#include "backends/coresight/formatter.hpp"
#include "backends/coresight/packet_reader.hpp"
#include "test/unit/coresight/hand_made.hpp"

using namespace tracectl;
using namespace tracectl::coresight;
using namespace tracectl::coresight::hand_made;

namespace {

uint64_t left_of(const Trace& trace) {
  const CodeFile code;
  const auto images = code.images();
  uint64_t left = 99;
  const Log log = decode_all(trace, images, raw_stream(), 7, &left);
  CHECK_FALSE(log.blocks.empty());
  return left;
}

// How often each block ran, for who asks no more.
struct Counts final : decode::ItemSink {
  explicit Counts(bool only) : only_(only) {}
  std::map<uint64_t, uint64_t> blocks;
  uint64_t counted = 0;
  [[nodiscard]] bool counts_only() const override { return only_; }
  bool on_block(const decode::Stamp&, const Block& b) override {
    ++blocks[b.ip];
    return true;
  }
  void on_counted(const decode::Stamp&, std::span<const Block> path, uint64_t times) override {
    counted += path.size() * times;
    for (const Block& b : path) blocks[b.ip] += times;
  }
  bool on_event(const decode::Stamp&, const Event&) override { return true; }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return true; }

 private:
  bool only_;
};

// 04: bl, 10: ret, back to 08: cbz taken to 00, and so on.
Trace loop(unsigned passes) {
  Trace out;
  out.start().address(kBase);
  for (unsigned i = 0; i < passes; ++i) out.taken().taken().address(kBase + 8).taken();
  return out;
}

}  // namespace

TEST_CASE("the flow decoder of CoreSight reads plain trace by itself") {
  CHECK(left_of(Trace().pass()) == 0);
  CHECK(left_of(Trace().pass().pass()) == 0);
  CHECK(left_of(Trace().pass().put({0x02, 0x05, 0x71, 0x07}).pass()) == 0);  // time, event, exception return
}

TEST_CASE("exceptions, discards and overflows are read by the flow decoder itself") {
  const auto exception = [](int type, uint64_t ret) {
    Trace t;
    t.start().address(kBase).put({0x06, type << 1 | 1}).address(ret);
    return t;
  };
  CHECK(left_of(exception(14, kBase + 4).start().address(kBase).taken()) == 0);  // an interrupt behind the first instruction
  CHECK(left_of(exception(2, kBase + 4).start().address(kBase).taken()) == 0);   // a system call
  Trace target;
  target.start().address(kBase).taken().taken().put({0x06, 14 << 1 | 0x40}).address(kBase + 8).address(kBase).taken();
  CHECK(left_of(target) == 0);
  CHECK(left_of(Trace().pass().put({0x00, 0x03}).pass()) == 0);
  CHECK(left_of(Trace().pass().put({0x02, 0x11, 0x00, 0x05}).pass()) == 0);
}

TEST_CASE("what the flow decoder of CoreSight does not know is OpenCSD's, up to a synchronization point behind it") {
  CHECK(left_of(Trace().pass().put({0x8f}).pass().pass().pass()) == 1);
  CHECK(left_of(Trace().pass().put({0x04}).not_taken().pass().pass()) == 1);  // N of a call: it does not branch
  CHECK(left_of(Trace().pass().put({0x8f}).pass().pass().put({0x8f}).pass()) == 2);
  CHECK(left_of(Trace().pass().put({0x06})) == 1);  // cut short
  // A context with a VMID, which the unit has none of: of OpenCSD's packet the next byte is a part.
  CHECK(left_of(Trace().pass().put({0x81, 0x70, 0xf7}).not_taken().pass().pass()) == 1);
}

TEST_CASE("the flow decoder of CoreSight gives a sink that counts what it gives any other") {
  const CodeFile code;
  const auto images = code.images();
  Trace trace = loop(50);
  trace.put({0x8f});
  for (int i = 0; i < 3; ++i) trace.pass();
  Counts ordered(false), counted(true);
  decode_by(*make_flow_decoder(facts()), trace, images, raw_stream(), 0, ordered);
  decode_by(*make_flow_decoder(facts()), trace, images, raw_stream(), 0, counted);
  CHECK(ordered.counted == 0);
  CHECK(counted.counted > 50);
  CHECK(counted.blocks == ordered.blocks);
}

TEST_CASE("each packet of atoms is read as it is written") {
  std::vector<std::byte> memory(size_t{1} << 12);
  for (unsigned bits = 0; bits < 1u << 12; ++bits) {
    unsigned left = 12;
    const uint64_t atoms = uint64_t{1} << 12 | bits;
    unsigned read = 0, count = 0;
    while (left != 0 && left <= 12) {
      const Atoms& one = kAtoms[detail::atom_packet(atoms, left)];
      REQUIRE(one.count != 0);
      read = read << one.count | one.bits;
      count += one.count;
    }
    CHECK(count == 12);
    CHECK(read == bits);
  }
  for (unsigned run = 4; run <= 24; ++run) {
    unsigned left = run;
    const Atoms& one = kAtoms[detail::atom_packet(~uint64_t{0} >> (63 - run), left)];
    CHECK(one.count == run);
    CHECK(one.bits == (1u << run) - 1);
  }
}

TEST_CASE("bytes are taken out of frames with their places") {
  std::vector<std::byte> bytes;
  for (unsigned i = 0; i < 500; ++i) bytes.push_back(static_cast<std::byte>(i * 37));
  std::vector<std::byte> frames;
  append_frames(frames, 0x10, bytes);
  TraceIds ids;
  ids.set(0x10);
  const auto trace = FlowTrace::of_frames(frames, ids);
  REQUIRE(trace);
  CHECK(trace->id() == 0x10);
  REQUIRE(trace->bytes().size() == bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    REQUIRE(trace->bytes()[i] == static_cast<uint8_t>(bytes[i]));
    REQUIRE(trace->offset(i) / kFrameSize >= i / kFrameSize);
  }
  ids.set(0x11);
  std::vector<std::byte> two = frames;
  append_frames(two, 0x11, bytes);
  CHECK_FALSE(FlowTrace::of_frames(two, ids));
  ids.reset(0x11);
  CHECK(FlowTrace::of_frames(two, ids)->bytes().size() == bytes.size());
  two.insert(two.begin(), kFrameSync.begin(), kFrameSync.end());
  CHECK_FALSE(FlowTrace::of_frames(two, ids));
}
