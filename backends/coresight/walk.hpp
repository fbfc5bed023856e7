// SPDX-License-Identifier: MIT
// Walk: the elements of one piece of trace as Items. A block is held back until what follows tells where it went.
//
// What the trace has no element for, and how it is told all the same: docs/design/coresight-decoding.md.
// Order: as in the trace. Units: ns of the perf clock.
#pragma once

#include <optional>
#include <span>

#include "backends/coresight/code.hpp"
#include "backends/coresight/facts.hpp"
#include "backends/coresight/time_hold.hpp"
#include "backends/coresight/tree.hpp"
#include "decode/item.hpp"
#include "decode/schedule.hpp"
#include "decode/thread_turns.hpp"

namespace tracectl::coresight {

class Walk final : public TreeClient {
 public:
  // `clock`: how the timestamps tell the time; nullptr: they do not. `threads`: those that a context id may name;
  // nullptr: nobody asks the trace for its thread. `time`: until a timestamp tells it. `turns` is not empty.
  Walk(const Clock* clock, Code& code, int32_t cpu, uint64_t time, std::span<const decode::Turn> turns,
       decode::ThreadTurns* threads, decode::ItemSink& sink);
  bool on_element(const Element&) override;
  uint32_t read(uint64_t address, std::span<uint8_t> out) override;
  // The piece is over. `trace`: what it was.
  void finish(std::span<const std::byte> trace);

 private:
  void on_range(const Element& e);
  void on_start(const Element& e);
  void on_exception(const Element& e);
  void on_time(uint64_t timestamp);
  void on_context(const Element& e);
  void lose(const Element& e, uint64_t ip, uint64_t bytes, std::string what);
  void event(decode::Event::Kind kind, const char* name, uint64_t ip, uint64_t to = 0);
  void flush(uint64_t to, bool known);
  void interrupted(uint64_t to, bool known);
  void stop_tracing();
  void take(const decode::Turn& turn);
  void take_turn(size_t at);

  const Clock* clock_;
  Code& code_;
  std::span<const decode::Turn> turns_;
  size_t at_ = 0;  // of turns_
  decode::ThreadTurns* threads_;
  TimeHold sink_;
  decode::Stamp stamp_, held_stamp_;
  decode::Block held_;
  bool holding_ = false, go_ = true;
  bool tracing_ = false;                    // something was traced since the last start
  bool fresh_ = true;                       // no code was read since the last start
  std::optional<decode::Event::Kind> start_;  // to be told with the next instruction
  std::optional<uint64_t> exception_;         // came behind what was traced; where from
  bool synced_ = false;                       // had any element but of waiting
};

}  // namespace tracectl::coresight
