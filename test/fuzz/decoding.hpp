// SPDX-License-Identifier: MIT
// What the decoders' fuzzers share: a sink that looks at each item, and a program of one section.
#pragma once

#include <cstdlib>

#include "decode/decoder.hpp"
#include "test/fuzz/memory_file.hpp"

namespace fuzz {

namespace decode = tracectl::decode;

class Counter final : public decode::ItemSink {
 public:
  bool on_block(const decode::Stamp&, const decode::Block& block) override {
    if (block.insns == 0) std::abort();
    return more();
  }
  bool on_event(const decode::Stamp&, const decode::Event&) override { return more(); }
  bool on_loss(const decode::Stamp&, const decode::Loss&) override { return more(); }

 private:
  // A loop of direct jumps never ends by itself.
  bool more() { return ++items_ < 20000; }
  size_t items_ = 0;
};

// `code` outlives it.
inline decode::ImageTimeline program_of(const MemoryFile& code, uint64_t address, uint64_t size) {
  decode::ImageTimeline out;
  out.sections.push_back({0, address, size, 0, code.path(), code.path(), ""});
  return out;
}

}  // namespace fuzz
