// SPDX-License-Identifier: MIT
// `script branches` and `script instructions`: one line for each taken branch, one for each
// instruction. Text is made once for each block of code, so that long traces list fast.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "views/context.hpp"
#include "views/disassembly.hpp"
#include "views/out.hpp"

namespace tracectl::views {

// A line for an event that interrupts the trace (trace not kept, an overflow); nothing for others.
bool event_line(Out& out, int32_t tid, const decode::Event& event);

bool loss_line(Out& out, int32_t tid, const decode::Stamp& stamp, const decode::Loss& loss);

// A loss that no place in a stream stands for.
bool unplaced_loss_line(Out& out, LossKind kind, uint64_t count);

class Branches final : public decode::ItemSink {
 public:
  Branches(const StreamContext& context, Out& out) : context_(context), out_(out) {}
  bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
  bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
  bool on_loss(const decode::Stamp& stamp, const decode::Loss& loss) override;

 private:
  const StreamContext& context_;
  Out& out_;
};

class Instructions final : public decode::ItemSink {
 public:
  // Raw: only "TID ADDRESS".
  Instructions(const StreamContext& context, InsnLength length, bool raw, Out& out)
      : context_(context), length_(std::move(length)), raw_(raw), out_(out) {}
  bool on_block(const decode::Stamp& stamp, const decode::Block& block) override;
  bool on_event(const decode::Stamp& stamp, const decode::Event& event) override;
  bool on_loss(const decode::Stamp& stamp, const decode::Loss& loss) override;

 private:
  struct Text {
    uint64_t last = 0;
    uint32_t insns = 0;
    std::string lines;                 // raw: ready; else unused
    std::vector<std::string> each;     // not raw: without the source line
    std::vector<std::string> sources;  // not raw: "file.c:12" or ""
  };
  const Text& text_of(const decode::Stamp& stamp, const decode::Block& block);
  void fill(Text& text, const decode::Stamp& stamp, const decode::Block& block);

  const StreamContext& context_;
  InsnLength length_;
  bool raw_;
  Out& out_;
  Disassembler disassembler_;
  std::unordered_map<uint64_t, Text> texts_;  // by the block's first address
  std::string source_;
};

}  // namespace tracectl::views
