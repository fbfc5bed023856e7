// SPDX-License-Identifier: MIT
// Hand-made packets of an ETMv4 (ARM IHI 0064, chapter 6) over a few A64 instructions.
#include "backends/coresight/decoder.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "backends/coresight/snapshot_capture.hpp"

using namespace tracectl;
using namespace tracectl::coresight;
using decode::Block;
using decode::BranchKind;
using decode::Event;

namespace {

constexpr uint64_t kBase = 0x401000;
// 00: nop · 04: bl 10 · 08: cbz x0, 00 · 0c: nop · 10: ret
constexpr uint32_t kCode[] = {0xd503201f, 0x94000003, 0xb4ffffc0, 0xd503201f, 0xd65f03c0};

class CodeFile {
 public:
  CodeFile() {
    REQUIRE(::mkstemp(path_) >= 0);
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(kCode), sizeof kCode);
  }
  ~CodeFile() { ::unlink(path_); }
  CodeFile(const CodeFile&) = delete;
  CodeFile& operator=(const CodeFile&) = delete;
  [[nodiscard]] decode::ImageTimeline images() const {
    decode::ImageTimeline out;
    out.sections.push_back({0, kBase, sizeof kCode, 0, path_, path_, ""});
    return out;
  }

 private:
  char path_[32] = "/tmp/tracectl-code-XXXXXX";
};

struct Trace {
  std::vector<std::byte> bytes;
  Trace& put(std::initializer_list<int> list) {
    for (const int b : list) bytes.push_back(static_cast<std::byte>(b));
    return *this;
  }
  Trace& start() {
    put({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80});  // A-sync
    return put({0x01, 0x00, 0x04, 0x81, 0x30});    // Trace Info, Trace On, Context: EL0, not secure, 64 bits
  }
  Trace& address(uint64_t a) {  // Address, long, 64 bits
    put({0x9d, static_cast<int>(a >> 2 & 0x7f), static_cast<int>(a >> 9 & 0x7f)});
    for (int shift = 16; shift < 64; shift += 8) put({static_cast<int>(a >> shift & 0xff)});
    return *this;
  }
  Trace& taken() { return put({0xf7}); }
  Trace& not_taken() { return put({0xf6}); }
  // Call, return, and a branch that is not taken.
  Trace& pass() { return start().address(kBase).taken().taken().address(kBase + 8).not_taken(); }
  // As CoreSight's frames of this id, filled up with id 0.
  [[nodiscard]] Trace framed(int id) const {
    Trace out;
    for (size_t at = 0; at < bytes.size(); at += 14) {
      int flags = 0;
      const auto byte = [this, at](size_t i) { return at + i < bytes.size() ? static_cast<int>(bytes[at + i]) : 0; };
      out.put({id << 1 | 1});  // takes effect at once
      for (size_t i = 0; i < 14; ++i) {
        const bool even = i % 2 == 1;  // in the frame
        if (at + i == bytes.size() && !even) break;
        if (even) flags |= (byte(i) & 1) << ((i + 1) / 2);
        out.put({even ? byte(i) & 0xfe : byte(i)});
      }
      while (out.bytes.size() % 16 != 15) out.put({0});
      out.put({flags});
    }
    return out;
  }
};

struct Log final : decode::ItemSink {
  std::vector<Block> blocks;
  std::vector<Event> events;
  std::vector<decode::Loss> losses;
  std::vector<uint64_t> times;
  bool on_block(const decode::Stamp& s, const Block& b) override {
    blocks.push_back(b);
    times.push_back(s.time);
    return true;
  }
  bool on_event(const decode::Stamp&, const Event& e) override {
    events.push_back(e);
    return true;
  }
  bool on_loss(const decode::Stamp&, const decode::Loss& l) override {
    losses.push_back(l);
    return true;
  }
};

Facts facts() {
  TraceUnit unit;
  unit.architecture = Architecture::etmv4;
  unit.cpu = 2;
  unit.trace_id = 0x14;
  unit.idr0 = 0x28000ea1, unit.idr1 = 0x4100f403, unit.idr2 = 0x488;
  Facts out;
  out.info.units = {unit};
  return out;
}

capture::AuxStream raw_stream() {
  capture::AuxStream out;
  out.cpu = 2;
  out.raw = true;
  return out;
}

Log decode_all(const Trace& trace, const decode::ImageTimeline& images, const capture::AuxStream& stream = raw_stream(),
               uint64_t time = 0) {
  Log log;
  const std::vector<decode::Turn> turns{{0, 0, 1, 1, &images}};
  REQUIRE(make_decoder(facts())->decode(stream, {trace.bytes, time}, turns, log));
  return log;
}

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
