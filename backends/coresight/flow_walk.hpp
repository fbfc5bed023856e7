// SPDX-License-Identifier: MIT
// FlowWalk: one unit's trace of A64 code walked over the flow graph: atoms tell the way, nodes what was executed. What it
// finds goes through the same Walk as OpenCSD's elements; docs/design/flow-decoder.md has the rules.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/coresight/flow_programs.hpp"
#include "backends/coresight/flow_sink.hpp"
#include "backends/coresight/flow_trace.hpp"
#include "backends/coresight/packet_reader.hpp"
#include "backends/coresight/return_stack.hpp"
#include "backends/coresight/walk.hpp"

namespace tracectl::coresight {

class FlowWalk {
 public:
  // All that is given outlives it. `returns`: the unit leaves out addresses that its return stack has.
  FlowWalk(const FlowTrace& trace, const PacketShape& shape, bool returns, FlowPrograms& programs, Walk& walk, FlowSink& out)
      : trace_(trace),
        bytes_(trace.bytes()),
        packets_(bytes_, shape),
        returns_(returns),
        programs_(programs),
        walk_(walk),
        out_(out) {}

  // Where OpenCSD may begin, and what had been given by then.
  struct Place {
    uint64_t at = 0;
    Walk::Mark walk;
    FlowSink::Given given;
  };
  enum class End : uint8_t { trace, sink, unsure };
  // From a synchronization packet on. unsure: OpenCSD must go on from last(); `at` is 0 for the begin of the piece.
  End run(uint64_t sync, uint64_t at);
  [[nodiscard]] const Place& last() const { return last_; }
  // How far it has come.
  [[nodiscard]] uint64_t at() const { return at_; }
  // Gives what was counted.
  void finish();

 private:
  // What is told with the next atom or exception.
  struct Waiting {
    TracePacket packet;
    uint64_t offset = 0;
  };
  // decoding; behind a synchronization packet; where there must be one.
  enum class Sync : uint8_t { done, info, none };
  static constexpr unsigned kMostBits = 57;  // atoms at once

  [[nodiscard]] Place here(uint64_t at) const { return {at, walk_.mark(), out_.given()}; }
  [[nodiscard]] bool take(const TracePacket& packet);
  [[nodiscard]] bool unsynced(const TracePacket& packet);
  [[nodiscard]] bool on_info();
  void on_sync();
  void on_address(const TracePacket& packet);
  void discard(bool overflow, uint64_t offset);
  [[nodiscard]] bool exception(const TracePacket& address);
  [[nodiscard]] bool up_to(uint64_t ret, uint64_t offset);
  [[nodiscard]] bool ready();
  void commit();
  void tell(const Waiting& waiting);
  [[nodiscard]] bool program(uint64_t ip);
  [[nodiscard]] bool atoms();
  struct Run;
  template <class Out>
  [[nodiscard]] bool follow(Run& run, Out& out);
  [[nodiscard]] bool returns_known(const Run& run, uint64_t at, unsigned packets);
  [[nodiscard]] bool stops_and_goes_on() const;
  void end_of_trace();

  const FlowTrace& trace_;
  std::span<const uint8_t> bytes_;
  PacketReader packets_;
  const bool returns_;
  FlowPrograms& programs_;
  Walk& walk_;
  FlowSink& out_;
  ReturnStack stack_;

  uint64_t at_ = 0, ip_ = 0;
  bool need_address_ = true, need_context_ = true;
  bool overflow_ = false;  // no Trace On since
  Sync sync_ = Sync::none;
  std::vector<Waiting> waiting_;
  std::optional<Waiting> exception_;  // its address follows
  Place last_;
  std::optional<Place> next_;  // becomes last_ when info, address and context follow
  bool info_ = false, address_ = false, context_ = false;

  decode::FlowCode* code_ = nullptr;
  const decode::Turn* turn_ = nullptr;
  uint64_t since_ = 0, until_ = 0;  // code_ is good for these times
};

}  // namespace tracectl::coresight
