// SPDX-License-Identifier: MIT
// The decoders of CoreSight over hand-made packets.
#include "backends/coresight/decoder.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "backends/coresight/snapshot_capture.hpp"
#include "decode/thread_turns.hpp"
#include "test/unit/coresight/hand_made.hpp"

using namespace tracectl;
using namespace tracectl::coresight;
using namespace tracectl::coresight::hand_made;

namespace {

void check_pass(const Log& log) {
  REQUIRE(log.blocks.size() == 3);
  CHECK(log.losses.empty());
  const Block &call = log.blocks[0], &ret = log.blocks[1], &cond = log.blocks[2];
  CHECK((call.ip == kBase && call.last == kBase + 4 && call.insns == 2 && call.kind == BranchKind::call && call.taken));
  CHECK(call.to == kBase + 0x10);
  CHECK(call.isa == decode::Isa::a64);
  CHECK((ret.ip == kBase + 0x10 && ret.insns == 1 && ret.kind == BranchKind::ret && ret.to == kBase + 8));
  CHECK((cond.ip == kBase + 8 && cond.kind == BranchKind::cond && !cond.taken && cond.to == kBase + 0xc));
}

}  // namespace

TEST_CASE("a call, a return and a branch not taken are three blocks") {
  const CodeFile code;
  const auto images = code.images();
  const Log log = decode_all(Trace().pass(), images);
  check_pass(log);
  REQUIRE(log.events.size() == 2);
  CHECK((log.events[0].kind == Event::Kind::enabled && log.events[0].ip == kBase));
  CHECK(log.events[1].kind == Event::Kind::disabled);
}

TEST_CASE("frames hold the trace of the unit whose id they name") {
  const CodeFile code;
  const auto images = code.images();
  const Trace frames = Trace().pass().framed(0x14);
  capture::AuxStream stream;
  stream.cpu = -1;
  stream.fragments = {{0, frames.bytes.size(), 0}};
  const auto sources = make_decoder(facts())->sources(stream, frames.bytes);
  REQUIRE(sources.size() == 1);
  CHECK((sources[0].id == 0x14 && sources[0].cpu == 2));
  stream.source = 0x14;
  check_pass(decode_all(frames, images, stream));
}

TEST_CASE("frames of an id that nobody knows have no instruction, and are a loss") {
  const CodeFile code;
  const auto images = code.images();
  capture::AuxStream stream;
  stream.cpu = -1;
  const Log log = decode_all(Trace().pass().framed(0x22), images, stream);
  CHECK(log.blocks.empty());
  CHECK(log.losses.size() == 1);
}

TEST_CASE("without code there is a loss that names the address, and no block") {
  const decode::ImageTimeline none;
  const Log log = decode_all(Trace().pass(), none);
  CHECK(log.blocks.empty());
  REQUIRE(!log.losses.empty());
  CHECK(log.losses[0].ip == kBase);
  CHECK(log.losses[0].what == "no memory mapped at this address");
}

TEST_CASE("code of a file that is not here is told by the file's name") {
  decode::ImageTimeline images;
  images.sections.push_back({0, kBase, 0x1000, 0, "/not/here", "/usr/bin/there", ""});
  const Log log = decode_all(Trace{}.pass(), images);
  REQUIRE_FALSE(log.losses.empty());
  CHECK(log.losses[0].what == "no memory mapped at this address: /usr/bin/there is not here");
}

TEST_CASE("trace without a synchronization packet is a loss, padding is none, nothing is nothing") {
  const CodeFile code;
  const auto images = code.images();
  CHECK(decode_all(Trace().address(kBase).taken().taken(), images).losses.size() == 1);
  CHECK(decode_all(Trace().put({0x70, 0x70, 0x70, 0, 0}), images).losses.empty());
  CHECK(decode_all(Trace(), images).losses.empty());
}

TEST_CASE("behind a bad packet decoding goes on at the next synchronization packet") {
  const CodeFile code;
  const auto images = code.images();
  const Log log = decode_all(Trace().pass().put({0x8f}).pass(), images);
  CHECK(log.losses.size() == 1);
  CHECK(log.blocks.size() == 6);
}

TEST_CASE("the time of a piece without timestamps is its record's") {
  const CodeFile code;
  const auto images = code.images();
  const Log log = decode_all(Trace().pass(), images, raw_stream(), 1234);
  CHECK(log.times == std::vector<uint64_t>{1234, 1234, 1234});
}

TEST_CASE("trace that is cut anywhere, or has any byte changed, ends, and makes up no code") {
  const CodeFile code;
  const auto images = code.images();
  const Trace whole = Trace().pass().pass();
  const auto inside = [](const Log& log) {
    for (const Block& b : log.blocks)
      if (b.ip < kBase || b.last + b.last_size > kBase + sizeof kCode || b.insns == 0) return false;
    return true;
  };
  for (size_t size = 0; size < whole.bytes.size(); ++size) {
    Trace cut = whole;
    cut.bytes.resize(size);
    REQUIRE(inside(decode_all(cut, images)));
    Trace changed = whole;
    changed.bytes[size] ^= std::byte{0xff};
    REQUIRE(inside(decode_all(changed, images)));
  }
}

TEST_CASE("packets are listed with their place") {
  std::vector<decode::PacketText> list;
  const Trace trace = Trace().pass();
  REQUIRE(make_decoder(facts())->packets(raw_stream(), trace.bytes, [&list](const decode::PacketText& p) {
    list.push_back(p);
    return true;
  }));
  REQUIRE(list.size() >= 4);
  CHECK((list[0].name == "I_ASYNC" && list[0].offset == 0));
  CHECK((list[1].name == "I_TRACE_INFO" && list[1].offset == 12));
}

TEST_CASE("the thread that the trace names runs its next program behind an exec") {
  const CodeFile code;
  decode::ImageSet images;
  decode::Section section = code.images().sections.front();
  section.address = 0x7000'0000;
  images.add_section(7, section);
  images.add_exec(7, 1'000'000'900, "next");  // long behind what the old one tells: it slept
  section.address = kBase, section.time = 1'000'000'901;
  images.add_section(7, section);

  Facts known = facts();
  known.info.units.front().config = 1u << 6 | 1u << 11;  // context ids, timestamps
  known.clock = Clock{};
  known.clock->mult = 1;
  const auto time = [](Trace& t, uint64_t value) {
    for (t.put({0x02}); value > 0x7f; value >>= 7) t.put({static_cast<int>((value & 0x7f) | 0x80)});
    t.put({static_cast<int>(value)});
  };
  Trace trace;
  trace.put({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x01, 0x00, 0x04, 0x81, 0xb0, 7, 0, 0, 0});  // .. and its context id
  trace.address(0x7000'0000).taken();
  time(trace, 900);
  trace.put({0x04, 0x81, 0xb0, 7, 0, 0, 0}).address(kBase).taken();  // Trace On, behind the exec
  time(trace, 2'000'000'000);
  trace.taken();

  decode::ThreadTurns threads(images);
  const auto decoder = make_decoder(known), flow = make_flow_decoder(known);
  REQUIRE(decoder->use_threads(threads));
  REQUIRE(flow->use_threads(threads));
  Log log, by_flow;
  decode_by(*decoder, trace, images.at(1, 0), raw_stream(), 3'000'000'000, log);
  decode_by(*flow, trace, images.at(1, 0), raw_stream(), 3'000'000'000, by_flow);
  CHECK(by_flow.all == log.all);
  CHECK(segments_by_opencsd(*flow) == 0);
  CHECK(log.losses.empty());
  REQUIRE(log.blocks.size() == 3);
  CHECK(log.blocks[0].ip == 0x7000'0000);
  CHECK(log.blocks[1].ip == kBase);
  CHECK(log.blocks[2].ip == kBase + 0x10);
}

TEST_CASE("a counter becomes perf time as TIME_CONV says") {
  CHECK(Clock{}.perf_time(77) == 77);
  CHECK(Clock{1, 3, 1000}.perf_time(5) == 1000 + 2 * 3 + 1);
}

TEST_CASE("a hardware id names the unit's trace, within its sink") {
  Facts f = facts();
  f.info.units[0].trace_id = kTraceIdUnknown;
  capture::AuxStream stream;
  stream.cpu = 2;
  CHECK(f.units_of(stream).at(0).trace_id == 0);
  f.ids = {{2, 0x31, {}}};
  CHECK(f.units_of(stream).at(0).trace_id == 0x31);
}

TEST_CASE("an ini file: sections, remarks, notes in brackets; what is none of these is told with its line") {
  const auto good = capture::parse_ini("; x\n[regs]\r\nTRCIDR0(0x078)=0x28\r\n\n# y\nA = 7 \n", "f.ini");
  REQUIRE(good);
  REQUIRE(good->size() == 1);
  CHECK((*good)[0].text("TRCIDR0") == "0x28");
  CHECK((*good)[0].text("A") == "7");
  const auto bad = capture::parse_ini("[a]\nnonsense\n", "f.ini");
  REQUIRE(!bad);
  CHECK(bad.error().what.find("f.ini:2") != std::string::npos);
  CHECK(capture::parse_number("0x1f") == 0x1fu);
  CHECK(capture::parse_number("31") == 31u);
  CHECK(!capture::parse_number("0x"));
  CHECK(!capture::parse_number("12 apples"));
}

TEST_CASE("synchronization words between frames are taken out") {
  Trace t;
  t.put({1, 2, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f});
  for (int i = 0; i < 16; ++i) t.put({i});
  t.put({0xff, 0xff, 0xff, 0x7f, 9});
  const auto frames = frames_between_syncs(t.bytes);
  REQUIRE(frames.size() == 16);
  CHECK(frames[15] == std::byte{15});
  CHECK(frames_between_syncs({}).empty());
}
