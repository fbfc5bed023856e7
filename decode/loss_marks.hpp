// SPDX-License-Identifier: MIT
// LossMarks: the losses that a capture's records tell of (AUX flags, LOST), by stream, so that a
// view can show each where it happened. What decoding meets is not among them.
//
// Units: ns of the perf clock; ascending within a stream.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/capture/reader.hpp"
#include "decode/item.hpp"

namespace tracectl::decode {

struct LossMark {
  uint64_t time = 0;  // 0: in front of all trace
  LossKind kind = LossKind::truncated;
  uint64_t count = 1;  // records, for lost_records
};

class LossMarks {
 public:
  static LossMarks from_capture(const capture::Reader& reader);
  [[nodiscard]] const std::vector<LossMark>& of(const capture::AuxStream& stream) const;

 private:
  std::map<int32_t, std::vector<LossMark>> by_tid_, by_cpu_;
};

// Passes items on, with each mark as a loss in front of the first item behind it.
class MarkSink final : public ItemSink {
 public:
  MarkSink(ItemSink& next, const std::vector<LossMark>& marks) : next_(next), marks_(marks) {}
  bool on_block(const Stamp& s, const Block& b) override { return marks_until(s, s.time) && next_.on_block(s, b); }
  bool on_blocks(const Stamp& s, std::span<const Block> b) override {
    return marks_until(s, s.time) && next_.on_blocks(s, b);
  }
  [[nodiscard]] bool counts_only() const override { return next_.counts_only(); }
  void on_counted(const Stamp& s, std::span<const Block> b, uint64_t times) override { next_.on_counted(s, b, times); }
  bool on_event(const Stamp& s, const Event& e) override { return marks_until(s, s.time) && next_.on_event(s, e); }
  bool on_loss(const Stamp& s, const Loss& l) override { return marks_until(s, s.time) && next_.on_loss(s, l); }
  // The stream is over: what is left.
  bool finish(const Stamp& s) { return marks_until(s, ~uint64_t{0}); }

 private:
  bool marks_until(Stamp s, uint64_t time);
  ItemSink& next_;
  const std::vector<LossMark>& marks_;
  size_t said_ = 0;
};

}  // namespace tracectl::decode
