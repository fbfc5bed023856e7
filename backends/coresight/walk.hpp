// SPDX-License-Identifier: MIT
// Walk: the elements of one piece of trace as Items. A block is held back until what follows tells where it went.
// They come from OpenCSD, or from the flow decoder, which gives blocks as such.
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

  // Code is read next, at `address`: behind a start that may tell whose it is.
  void reads(uint64_t address);
  // A block; only what follows tells where it went.
  void hold(const decode::Block& block, uint64_t offset);
  // Blocks in a row, of which each tells where it went.
  void on_blocks(std::span<const decode::Block> blocks, uint64_t offset) {
    const decode::Stamp& stamp = follows(blocks.front().ip, offset);
    if (state_.go) state_.go = sink_.on_blocks(stamp, blocks);
  }
  // Blocks from `ip` on follow, which are not given but counted: theirs.
  const decode::Stamp& follows(uint64_t ip, uint64_t offset) {
    state_.stamp.offset = offset;
    state_.tracing = true;
    if (state_.exception || state_.start || state_.holding) lead_to(ip);
    return state_.stamp;
  }
  // Whose code runs, and when.
  [[nodiscard]] const decode::Turn& turn() const { return *state_.stamp.turn; }
  [[nodiscard]] uint64_t time() const { return state_.stamp.time; }
  // False: the sink wants no more.
  [[nodiscard]] bool go() const { return state_.go; }
  // Items wait for their time.
  [[nodiscard]] bool waits() const { return sink_.waits(); }

  // The piece is over. `trace`: what it was. `synced`: it has a synchronization packet.
  void finish(std::span<const std::byte> trace, bool synced);
  // No element came that tells of one.
  [[nodiscard]] bool silent() const { return !state_.synced; }

 private:
  struct State {
    decode::Stamp stamp, held_stamp;
    decode::Block held;
    size_t at = 0;  // of turns_
    bool holding = false, go = true;
    bool tracing = false;                                                     // something was traced since the last start
    bool fresh = true;                                                        // no code was read since the last start
    bool named = false;                                                       // the trace itself told the thread
    bool timed = false;                                                       // and its time
    std::optional<decode::Event::Kind> start = decode::Event::Kind::enabled;  // to be told with the next instruction
    std::optional<uint64_t> exception;                                        // came behind what was traced; where from
    bool synced = false;                                                      // had any element but of waiting
  };

 public:
  // For another decoder to go on from: while nothing waits for its time but for what begins.
  struct Mark {
    State state;
    bool waits = false;
  };
  [[nodiscard]] bool may_mark() const { return sink_.empty(); }
  [[nodiscard]] Mark mark() const { return {state_, sink_.waits()}; }
  void go_back(const Mark& mark);

 private:
  void on_range(const Element& e);
  void on_start(const Element& e);
  void on_exception(const Element& e);
  void on_time(uint64_t timestamp);
  void on_context(const Element& e);
  void lose(const Element& e, uint64_t ip, uint64_t bytes, std::string what);
  [[nodiscard]] std::string no_memory(uint64_t address) const;
  void event(decode::Event::Kind kind, const char* name, uint64_t ip, uint64_t to = 0);
  void flush(uint64_t to, bool known);
  void lead_to(uint64_t ip);
  void interrupted(uint64_t to, bool known);
  void stop_tracing();
  void take(const decode::Turn& turn);
  void take_turn(size_t at);

  const Clock* clock_;
  Code& code_;
  std::span<const decode::Turn> turns_;
  decode::ThreadTurns* threads_;
  TimeHold sink_;
  State state_;
};

}  // namespace tracectl::coresight
