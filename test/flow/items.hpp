// SPDX-License-Identifier: MIT
// Items: what a decoder tells, in a form in which two decoders can be held to each other. A cut between two blocks where
// nothing branches may lie elsewhere: such blocks are joined first.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "decode/item.hpp"

namespace flow {

namespace decode = tracectl::decode;

// Items as text, or as running hashes, one for each kChunk items.
class Items final : public decode::ItemSink {
 public:
  static constexpr size_t kChunk = 1024;
  explicit Items(size_t show = ~size_t{0}) : show_(show) {}

  bool on_block(const decode::Stamp& s, const decode::Block& b) override {
    insns_ += b.insns;
    if (is_cut() && block_.to == b.ip) {
      block_.last = b.last;
      block_.insns += b.insns;
      block_.last_size = b.last_size;
      block_.kind = b.kind;
      block_.taken = b.taken;
      block_.to = b.to;
      stamp_ = s;
      return true;
    }
    flush();
    held_ = true;
    block_ = b;
    stamp_ = s;
    return true;
  }
  bool on_event(const decode::Stamp& s, const decode::Event& e) override {
    // A mode or the like comes in front of the block that is held back then: of the whole of it, where it is only cut.
    if (!is_cut() || (e.kind != decode::Event::Kind::exec_mode && e.kind != decode::Event::Kind::other)) flush();
    add(s, {1, static_cast<uint64_t>(e.kind), e.ip, e.to}, e.name);
    return true;
  }
  bool on_loss(const decode::Stamp& s, const decode::Loss& l) override {
    flush();
    ++losses_;
    add(s, {2, l.ip, l.bytes, static_cast<uint64_t>(l.kind)}, l.what);
    return true;
  }
  void flush() {
    if (!held_) return;
    held_ = false;
    const auto& b = block_;
    add(stamp_, {0, b.ip, b.last, b.insns, b.last_size, static_cast<uint64_t>(b.kind), b.taken ? 1u : 0u, b.to}, "");
  }

  std::vector<uint64_t> chunks;
  std::vector<std::string> shown;
  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] uint64_t insns() const { return insns_; }
  [[nodiscard]] uint64_t losses() const { return losses_; }
  [[nodiscard]] uint64_t hash() const { return hash_; }

 private:
  // Nothing branches at its end. (Of a last instruction that only libipt takes for one, the size is not known.)
  [[nodiscard]] bool is_cut() const {
    const bool falls = !block_.taken || block_.last_size == 0;
    return held_ && block_.kind == decode::BranchKind::none && falls && block_.to != 0;
  }
  void mix(uint64_t value) { hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15u, hash_ ^= hash_ >> 29; }
  void add(const decode::Stamp& s, std::initializer_list<uint64_t> values, const std::string& words) {
    for (const uint64_t v : values) mix(v);
    for (const char c : words) mix(static_cast<unsigned char>(c));
    mix(s.time);
    mix(s.offset);
    mix(static_cast<uint64_t>(s.pid) << 32 | static_cast<uint32_t>(s.tid));
    mix(static_cast<uint32_t>(s.cpu));
    if (count_ / kChunk == show_)
      shown.push_back(fmt::format("{:x} {} | time {} offset {} {}/{} cpu {}", fmt::join(values, " "), words, s.time,
                                  s.offset, s.pid, s.tid, s.cpu));
    if (++count_ % kChunk == 0) chunks.push_back(hash_);
  }
  size_t show_;
  bool held_ = false;
  decode::Block block_;
  decode::Stamp stamp_;
  size_t count_ = 0;
  uint64_t insns_ = 0, losses_ = 0, hash_ = 0;
};

}  // namespace flow
