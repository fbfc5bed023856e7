// SPDX-License-Identifier: MIT
// `script instructions --digest`: one line for each stream, "TID COUNT HASH", for comparing
// traces too long to list. Equal to what the emulated machine's plugin logs of a full trace.
// Digest: h = (h xor address) * 0x100000001b3, from 0xcbf29ce484222325, instruction by
// instruction. Units: COUNT instructions; HASH 16 hexadecimal digits.
#pragma once

#include <unordered_map>
#include <vector>

#include "views/context.hpp"
#include "views/disassembly.hpp"
#include "views/out.hpp"

namespace tracectl::views {

class Digest final : public decode::ItemSink {
 public:
  Digest(const StreamContext& context, InsnLength length, Out& out)
      : context_(context), length_(std::move(length)), out_(out) {}
  bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
  bool on_event(const decode::Stamp&, const decode::Event& event) override {
    if (event.kind == decode::Event::Kind::switched) known_.clear();
    return true;
  }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return true; }
  // Writes the line; call it once, behind the stream.
  void finish();

 private:
  using Addresses = std::vector<uint64_t>;
  const Addresses& addresses_of(const decode::Stamp& stamp, const decode::Block& block);

  const StreamContext& context_;
  InsnLength length_;
  Out& out_;
  std::unordered_map<uint64_t, Addresses> known_;  // by the block's first address
  uint64_t hash_ = 0xcbf29ce484222325ull, count_ = 0;
};

}  // namespace tracectl::views
