// SPDX-License-Identifier: MIT
// FlowWalk: one stream walked over the flow graph: packets tell the way, nodes what was executed. It does step by step
// what libipt's block decoder does, so that it may stop at any moment and leave the rest of a sync segment to libipt;
// docs/design/flow-decoder.md has the rules.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/intel_pt/delivery.hpp"
#include "backends/intel_pt/packet_walk.hpp"
#include "backends/intel_pt/return_stack.hpp"
#include "decode/flow_paths.hpp"

namespace tracectl::intel_pt {

// How one instruction is read for the graph; `special`: Insn::special.
[[nodiscard]] decode::FlowInsn read_flow_insn(const uint8_t* bytes, size_t size, uint64_t ip);

class FlowWalk {
 public:
  FlowWalk(std::span<const std::byte> trace, std::span<const decode::Turn> turns, decode::CodeFiles& files,
           const TraceFacts& facts, Delivery& delivery);
  ProgramsOf<decode::FlowCode>& programs() { return programs_; }

  enum class End : uint8_t { trace, sink, unsure, cut };
  // From a PSB on. unsure: libipt must go on from last(). `handed`: libipt has come here without an error, and
  // first() stays where it was.
  End run(uint64_t psb, bool handed);
  // Stops in front of the first PSB from here on where a decoder may begin (cut).
  void stop_at(uint64_t psb) { stop_ = psb; }
  [[nodiscard]] uint64_t cut() const { return cut_; }
  [[nodiscard]] bool time_adds_up() const { return packets_.time_adds_up(); }
  // What libipt would have decoded from `psb` on is decoded by others; first() is there.
  void begin(uint64_t psb) { first_ = last_ = {psb, delivery_.mark()}; }
  // As FlowPaths has it, for every program.
  void retire_to(const decode::FlowPaths::Retire& retire);
  // At the end, and before other code or another program: gives what was counted.
  void finish();
  // The last PSB where a decoder may begin, and the one where libipt itself would have begun.
  struct Place {
    uint64_t psb = 0;
    Delivery::Mark mark;
  };
  [[nodiscard]] const Place& first() const { return first_; }
  // Where time is measured between branches, a decoder must have seen all of it; and libipt walks code from where the
  // trace went off, although it is off.
  [[nodiscard]] const Place& last() const { return stack_.below() || off_ || packets_.time_adds_up() ? first_ : last_; }

 private:
  enum class Step : uint8_t { go, event, end, unsure, cut };
  static constexpr unsigned kMostDirect = 64;                // direct branches in a row; then libipt is asked
  static constexpr size_t kRun = 64 * (kMostDirect + 2);     // blocks: a packet's bits, and direct branches between them
  enum class Way : uint8_t { there, part, branch, unsure };  // there: at the address; part: not yet; branch: needs trace
  // An instruction that has been delivered, and that the walk still stands at, for events that belong to it.
  struct Postponed {
    bool is = false, far = false;
    uint8_t special = 0;
    uint64_t end = 0;   // behind it
    uint8_t bound = 0;  // events that have come, as bits of PacketEvent::What
  };

  std::unique_ptr<decode::FlowCode> new_code(decode::CodeFiles& files);
  End segment(Step step);
  Step take_event();
  bool apply_event();
  bool fetch_event();
  Step trailing();
  [[nodiscard]] bool binds_here() const;
  bool binds_to_postponed();
  bool disabled_at_postponed();
  [[nodiscard]] bool synchronous() const;
  bool pass_postponed();
  Step status();
  Step next();
  Step event_flow();
  Step to_disabled();
  Step to_address(uint64_t ip, bool with_trace);
  Step to_instruction(uint8_t special, bool or_far);
  Step to_ptwrite();
  Way way_to(uint64_t ip, decode::FlowNode*& node);
  Way past(const decode::FlowNode& node);
  bool to_special(const decode::FlowNode& node, uint8_t special, std::optional<uint64_t> where = {});
  Step blocks();
  std::optional<Step> by_bits(decode::FlowNode*& node);
  decode::FlowNode* by_paths(decode::FlowNode* node, bool stop);
  // Its calls onto the stack; false: the stack would overflow on the way.
  [[nodiscard]] bool push_all(const decode::FlowPath& path) {
    if (path.rise == 0) return true;
    if (path.rise > stack_.room()) return false;
    for (unsigned i = 0; i < path.pushes; ++i) stack_.push(path.stack[i]);
    return true;
  }
  bool plain(decode::FlowNode*& node);
  template <bool kCount>
  bool plain_by(decode::FlowNode*& node);
  template <bool kCount>
  friend class PlainWalk;
  Step stop_behind(const decode::FlowNode& from, uint64_t to);
  [[nodiscard]] bool tick_due() const { return ticks_ && packets_.branch_time() != event_time_; }
  void tick();
  std::optional<Step> tick_behind(const decode::FlowNode& from, decode::FlowNode*& node);
  std::optional<Step> tick_bit(decode::FlowNode*& node);
  bool leave(decode::FlowNode*& node);
  bool leave_by_tip(decode::FlowNode*& node);
  bool leave_by_bit(decode::FlowNode*& node);
  void deliver(const decode::FlowNode& node);
  void deliver(const decode::FlowNode& node, const decode::FlowPart& part);
  [[nodiscard]] decode::FlowGraph& graph() { return programs_.code().graph; }

  PacketWalk packets_;
  Delivery& delivery_;
  decode::FlowPaths::Retire retire_;  // in front of programs_, which are made with it
  ProgramsOf<decode::FlowCode> programs_;
  ReturnStack stack_;
  std::vector<decode::Block> run_ = std::vector<decode::Block>(kRun);
  PacketEvent event_;
  bool have_event_ = false;
  bool enabled_ = false, off_ = false;  // off_: code was to be walked without trace
  uint8_t mode_ = kNoMode;
  uint64_t ip_ = 0;
  unsigned direct_ = 0;  // direct branches towards the event
  Postponed postponed_;
  bool tick_waits_ = false;  // for the event that is being taken
  const bool ticks_;
  uint64_t event_time_ = 0;  // of the last event, ticks among them
  Place first_, last_;
  uint64_t stop_ = ~uint64_t{0}, cut_ = 0;
  uint64_t seen_psb_ = 0;  // whose first event has been taken
};

}  // namespace tracectl::intel_pt
