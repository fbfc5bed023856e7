// SPDX-License-Identifier: MIT
// Hand-made packets of an ETMv4 (ARM IHI 0064, chapter 6) over a few A64 instructions, and both decoders over them.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "backends/coresight/decoder.hpp"
#include "backends/coresight/flow_decoder.hpp"

namespace tracectl::coresight::hand_made {

using decode::Block;
using decode::BranchKind;
using decode::Event;

inline constexpr uint64_t kBase = 0x401000;
// 00: nop · 04: bl 10 · 08: cbz x0, 00 · 0c: nop · 10: ret
inline constexpr uint32_t kCode[] = {0xd503201f, 0x94000003, 0xb4ffffc0, 0xd503201f, 0xd65f03c0};

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
  std::vector<std::string> all;  // each item as text, with time, place and thread
  bool on_block(const decode::Stamp& s, const Block& b) override {
    blocks.push_back(b);
    times.push_back(s.time);
    const auto kind = static_cast<uint64_t>(b.kind);
    return add(s, {b.ip, b.last, b.insns, b.last_size, kind, b.taken ? 1u : 0u, b.to, static_cast<uint64_t>(b.isa)},
               "block");
  }
  bool on_event(const decode::Stamp& s, const Event& e) override {
    events.push_back(e);
    return add(s, {static_cast<uint64_t>(e.kind), e.ip, e.to}, e.name);
  }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override {
    losses.push_back(l);
    return add(s, {l.ip, l.bytes}, l.what);
  }

 private:
  bool add(const decode::Stamp& s, std::initializer_list<uint64_t> values, const std::string& words) {
    std::string text = words;
    for (const uint64_t v : values) text += " " + std::to_string(v);
    for (const int64_t v : {static_cast<int64_t>(s.time), static_cast<int64_t>(s.offset), int64_t{s.pid}, int64_t{s.tid}})
      text += " " + std::to_string(v);
    all.push_back(text);
    return true;
  }
};

inline Facts facts() {
  TraceUnit unit;
  unit.architecture = Architecture::etmv4;
  unit.cpu = 2;
  unit.trace_id = 0x14;
  unit.idr0 = 0x28000ea1, unit.idr1 = 0x4100f403, unit.idr2 = 0x488;
  Facts out;
  out.info.units = {unit};
  return out;
}

inline capture::AuxStream raw_stream() {
  capture::AuxStream out;
  out.cpu = 2;
  out.raw = true;
  return out;
}

inline void decode_by(decode::Decoder& decoder, const Trace& trace, const decode::ImageTimeline& images,
                      const capture::AuxStream& stream, uint64_t time, decode::ItemSink& log) {
  const std::vector<decode::Turn> turns{{0, 0, 1, 1, &images}};
  REQUIRE(decoder.decode(stream, {trace.bytes, time}, turns, log));
}

// By both decoders, which must agree. `left`: how often the flow decoder asked OpenCSD. OpenCSD keeps its last error, which
// gives some later ones their words, so that it goes over the trace once before.
inline Log decode_all(const Trace& trace, const decode::ImageTimeline& images,
                      const capture::AuxStream& stream = raw_stream(), uint64_t time = 0, uint64_t* left = nullptr) {
  Log first, log, by_flow;
  decode_by(*make_decoder(facts()), trace, images, stream, time, first);
  decode_by(*make_decoder(facts()), trace, images, stream, time, log);
  const auto flow = make_flow_decoder(facts());
  decode_by(*flow, trace, images, stream, time, by_flow);
  CHECK(by_flow.all == log.all);
  if (left != nullptr) *left = segments_by_opencsd(*flow);
  return log;
}

}  // namespace tracectl::coresight::hand_made
