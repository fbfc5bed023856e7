// SPDX-License-Identifier: MIT
// Traces made with libipt's own encoder, decoded by both decoders.
#pragma once

#include <fmt/format.h>
#include <intel-pt.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "backends/intel_pt/decoder.hpp"
#include "backends/intel_pt/flow_decoder.hpp"

namespace decoding {

using namespace tracectl;
using namespace tracectl::decode;

// Code as a file.
class CodeFile {
 public:
  explicit CodeFile(std::span<const unsigned char> code) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() / fmt::format("tracectl-code-{}-{}", ::getpid(), count++);
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(code.data()), static_cast<long>(code.size()));
  }
  CodeFile(const CodeFile&) = delete;
  CodeFile& operator=(const CodeFile&) = delete;
  ~CodeFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline ImageTimeline image_of(const std::string& file, uint64_t address, uint64_t size, uint64_t offset = 0,
                              uint64_t time = 0) {
  ImageTimeline images;
  images.sections.push_back({time, address, size, offset, file, file, ""});
  return images;
}

// Writes packets one after the other.
class Trace {
 public:
  Trace() : bytes_(1 << 16) {
    pt_config config;
    pt_config_init(&config);
    config.begin = reinterpret_cast<uint8_t*>(bytes_.data());
    config.end = config.begin + bytes_.size();
    encoder_ = pt_alloc_encoder(&config);
  }
  ~Trace() { pt_free_encoder(encoder_); }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  Trace& plain(pt_packet_type type) {
    pt_packet p{};
    p.type = type;
    return put(p);
  }
  Trace& ip(pt_packet_type type, uint64_t address) {
    pt_packet p{};
    p.type = type;
    p.payload.ip.ipc = address == 0 ? pt_ipc_suppressed : pt_ipc_sext_48;
    p.payload.ip.ip = address;
    return put(p);
  }
  Trace& tnt(const std::string& bits) {
    pt_packet p{};
    p.type = ppt_tnt_8;
    p.payload.tnt.bit_size = static_cast<uint8_t>(bits.size());
    for (const char c : bits) p.payload.tnt.payload = p.payload.tnt.payload << 1 | (c == '!' ? 1 : 0);
    return put(p);
  }
  Trace& tsc(uint64_t value) {
    pt_packet p{};
    p.type = ppt_tsc;
    p.payload.tsc.tsc = value;
    return put(p);
  }
  Trace& mode64() {
    pt_packet p{};
    p.type = ppt_mode;
    p.payload.mode.leaf = pt_mol_exec;
    p.payload.mode.bits.exec = pt_set_exec_mode(ptem_64bit);
    return put(p);
  }
  // PSB+ with tracing off, or on at `address`.
  Trace& psb(uint64_t time, uint64_t address = 0) {
    plain(ppt_psb).tsc(time).mode64();
    if (address != 0) ip(ppt_fup, address);
    return plain(ppt_psbend);
  }
  Trace& put(const pt_packet& p) {
    REQUIRE(pt_enc_next(encoder_, &p) > 0);
    return *this;
  }
  [[nodiscard]] uint64_t size() const {
    uint64_t at = 0;
    pt_enc_get_offset(encoder_, &at);
    return at;
  }
  [[nodiscard]] std::vector<std::byte> bytes() const { return {bytes_.begin(), bytes_.begin() + static_cast<long>(size())}; }

 private:
  std::vector<std::byte> bytes_;
  pt_encoder* encoder_ = nullptr;
};

struct Log final : ItemSink {
  std::vector<Block> blocks;
  std::vector<uint64_t> times, offsets;
  std::vector<Stamp> event_stamps;
  std::vector<Event> events;
  std::vector<Loss> losses;
  uint64_t insns = 0, by_libipt = 0;  // by_libipt: sync segments that the flow decoder left to it
  size_t stop_after = ~size_t{0};
  bool on_block(const Stamp& s, const Block& b) override {
    blocks.push_back(b);
    times.push_back(s.time);
    offsets.push_back(s.offset);
    insns += b.insns;
    return blocks.size() < stop_after;
  }
  bool on_event(const Stamp& s, const Event& e) override {
    events.push_back(e);
    event_stamps.push_back(s);
    return true;
  }
  bool on_loss(const Stamp&, const Loss& l) override {
    losses.push_back(l);
    return true;
  }
};

inline capture::AuxInfo emulated_info() { return {1, {8, 0, 1, 0, 1}}; }

// All of it as text. Blocks between which nothing branches are joined: libipt may cut anywhere.
inline std::vector<std::string> told(const Log& log) {
  std::vector<std::string> out;
  std::vector<Block> joined;
  for (size_t i = 0; i < log.blocks.size(); ++i) {
    const Block& b = log.blocks[i];
    if (!joined.empty() && joined.back().kind == BranchKind::none && !joined.back().taken && joined.back().to == b.ip) {
      const Block first = joined.back();
      joined.back() = b;
      joined.back().ip = first.ip;
      joined.back().insns += first.insns;
    } else {
      joined.push_back(b);
      out.emplace_back();
    }
    const Block& j = joined.back();
    out.back() = fmt::format("{:x} {:x} {} {} {} {} {:x} at {} {}", j.ip, j.last, j.insns, j.last_size,
                             static_cast<int>(j.kind), j.taken, j.to, log.times[i], log.offsets[i]);
  }
  for (size_t i = 0; i < log.events.size(); ++i)
    out.push_back(fmt::format("{} {:x} {:x} at {} {}", log.events[i].name, log.events[i].ip, log.events[i].to,
                              log.event_stamps[i].time, log.event_stamps[i].offset));
  for (const Loss& l : log.losses) out.push_back(fmt::format("{} {:x} {}", l.what, l.ip, l.bytes));
  return out;
}

// The packets as text.
inline std::string packets_of(std::span<const std::byte> trace) {
  std::string out;
  (void)intel_pt::make_decoder(emulated_info(), "")->packets({}, trace, [&out](const PacketText& p) {
    out += fmt::format("{} {} {}\n", p.offset, p.name, p.payload);
    return true;
  });
  return out;
}

// By both decoders, which must agree.
inline Log decode_all(std::span<const std::byte> trace, const ImageTimeline& images,
                      const capture::AuxInfo& info = emulated_info(), const std::string& cpuid = {}, uint64_t config = 0) {
  Log log;
  const auto decoder = intel_pt::make_decoder(info, cpuid, config);
  REQUIRE(decoder->decode({}, trace, std::vector<Turn>{{0, 0, 1, 1, &images}}, log));
  if (const auto flow = intel_pt::make_flow_decoder(info, cpuid, config)) {
    Log other;
    REQUIRE((*flow)->decode({}, trace, std::vector<Turn>{{0, 0, 1, 1, &images}}, other));
    const bool same = told(other) == told(log);
    if (!same) WARN(packets_of(trace) << " fine " << config << " cpu " << cpuid);
    REQUIRE(told(other) == told(log));
    log.by_libipt = intel_pt::segments_by_libipt(**flow);
  }
  return log;
}

}  // namespace decoding
