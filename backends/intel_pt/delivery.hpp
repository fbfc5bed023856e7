// SPDX-License-Identifier: MIT
// Delivery: from a decoder's blocks and events to Items: the same for libipt and for the flow decoder. A block is held
// back until what follows tells where it went. It knows time, and whose code runs (Programs).
//
// A decoder that takes up the work of another one at a sync point goes back to a Mark; what was delivered since is then
// not delivered again.
#pragma once

#include <cstdint>
#include <optional>

#include "backends/intel_pt/clock.hpp"
#include "backends/intel_pt/programs.hpp"
#include "decode/item.hpp"
#include "decode/recorded_items.hpp"

namespace tracectl::intel_pt {

// An event as packets tell it.
struct TraceEvent {
  enum class Type : uint8_t { enabled, disabled, async_disabled, async_branch, overflow, exec_mode, tick, cbr, other };
  Type type = Type::other;
  bool status_update = false;  // of a PSB+
  bool ip_suppressed = false;
  bool has_tsc = false;
  uint64_t tsc = 0;
  uint64_t ip = 0, to = 0;  // as decode::Event has them; 0 when suppressed
};

class Delivery {
 public:
  Delivery(const TraceFacts& facts, int32_t cpu, decode::ItemSink& sink)
      : facts_(facts), sink_(&sink), counting_(sink.counts_only()) {
    stamp_.cpu = cpu;
  }

  struct Mark {
    decode::Stamp stamp;
    decode::Block held;
    bool holding = false;
    Programs::Position position;
    uint64_t insns = 0, events = 0;  // delivered by then
  };
  [[nodiscard]] Mark mark() const { return {stamp_, held_, holding_, programs_->position(), insns_, events_}; }
  // `programs`: those of the decoder that goes on from here.
  void go_back(const Mark& mark, Programs& programs);
  // `programs` are brought to where the other decoder's are.
  void hand_over(Programs& programs);
  void use(Programs& programs);
  // What was counted, for a sink that counts only.
  void on_counted(std::span<const decode::Block> blocks, uint64_t times) { sink_->on_counted(stamp_, blocks, times); }
  // A part of a trace is decoded by itself: nothing is known of what was in front.
  struct Part {
    explicit Part(bool counted) : items(counted) {}
    decode::RecordedItems items;
    std::optional<Mark> begin;      // at its first event
    Mark end;                       // with the instructions and events of this part only
    bool held_from_before = false;  // at the end: no block of its own yet
    bool in_order = true;
  };
  void begin_part(Part& part, Programs& programs);
  void end_part(Part& part);
  // Does it go on from here as it was decoded?
  [[nodiscard]] bool fits(const Part& part) const;
  // Delivers it.
  void adopt(const Part& part);
  // What the other decoder had delivered is still to be met again.
  [[nodiscard]] bool owes() const { return skip_insns_ != 0 || skip_events_ != 0; }
  // Done with that. False: the decoders did not agree.
  [[nodiscard]] bool settle();

  // False: the sink wants no more.
  [[nodiscard]] bool go() const { return go_; }
  // Only what the block itself tells: not `to`, not `taken`. `offset`: how far the packets are read.
  void on_block(const decode::Block& block, uint64_t offset) {
    flush(block.ip, true);
    hold(block, offset);
  }
  // Blocks in a row, whose `to` and `taken` are known but for the last one's.
  void on_blocks(std::span<const decode::Block> blocks, uint64_t offset) {
    if (blocks.empty()) return;
    flush(blocks.front().ip, true);
    hold(blocks.back(), offset);
    if (blocks.size() > 1) deliver(blocks.first(blocks.size() - 1));
  }
  // Blocks whose `to` and `taken` are all known: begin_known() with the first one's address, then on_known() for
  // them, or count_known() for so many instructions that are counted elsewhere.
  void begin_known(uint64_t ip) { flush(ip, true); }
  void on_known(std::span<const decode::Block> blocks, uint32_t insns, uint64_t offset) {
    stamp_.offset = offset;
    in_order_ = false;
    if (skip_insns_ != 0) return deliver(blocks);
    insns_ += insns;
    if (go_) go_ = blocks.size() == 1 ? sink_->on_block(stamp_, blocks[0]) : sink_->on_lasting(stamp_, blocks);
  }
  void count_known(uint64_t insns) { insns_ += insns; }
  // The sink only counts; and blocks that are known need only be counted now: not behind an event, nor behind a cut, where
  // a sink may look at the next block.
  [[nodiscard]] bool counts() const { return counting_; }
  [[nodiscard]] bool counting() const { return counting_ && !in_order_ && skip_insns_ == 0; }
  void on_event(const TraceEvent& event, uint64_t offset);
  // Delivers the held block; `to` is where control went, when `known`.
  void flush(uint64_t to, bool known) {
    if (!holding_) return;
    holding_ = false;
    if (recording_ != nullptr && !begun_block_) return flush_before(to, known);
    const bool may_fall = held_.kind == decode::BranchKind::none || held_.kind == decode::BranchKind::cond;
    held_.to = known ? to : 0;
    held_.taken = may_fall ? known && to != held_.last + held_.last_size : true;
    if (skip_insns_ != 0) return skip_block(held_);
    insns_ += held_.insns;
    if (go_) go_ = sink_->on_block(stamp_, held_);
  }
  void lose(uint64_t offset, uint64_t bytes, const char* what);

 private:
  void flush_before(uint64_t to, bool known);
  void hold(const decode::Block& block, uint64_t offset) {
    held_ = block;
    holding_ = true;
    stamp_.offset = offset;
    in_order_ = block.kind == decode::BranchKind::none;
  }
  void set_time(const TraceEvent& event);
  void set_turn();
  void deliver(std::span<const decode::Block> blocks);
  void skip_block(const decode::Block& block);

  const TraceFacts& facts_;
  decode::ItemSink* sink_;
  Programs* programs_ = nullptr;
  decode::Stamp stamp_;
  decode::Block held_;
  bool holding_ = false, go_ = true, disagrees_ = false;
  bool counting_;
  Part* recording_ = nullptr;
  bool begun_block_ = false;  // of the part: what was held in front of it is done with
  bool in_order_ = true;      // the next block is not to be counted
  uint64_t next_change_ = 0;
  uint64_t insns_ = 0, events_ = 0;            // delivered
  uint64_t skip_insns_ = 0, skip_events_ = 0;  // still to come again
};

}  // namespace tracectl::intel_pt
