// SPDX-License-Identifier: MIT
#include "backends/coresight/walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tracectl::coresight {

using decode::BranchKind;
using decode::Event;

Walk::Walk(const Clock* clock, Code& code, int32_t cpu, uint64_t time, std::span<const decode::Turn> turns,
           decode::ThreadTurns* threads, decode::ItemSink& sink)
    : clock_(clock), code_(code), turns_(turns), threads_(threads), sink_(sink) {
  state_.stamp.cpu = cpu;
  state_.stamp.time = time;
  take(turns.front());
  if (clock_ != nullptr) sink_.begin();
}

bool Walk::on_element(const Element& e) {
  using Kind = Element::Kind;
  state_.stamp.offset = e.offset;
  state_.synced = state_.synced || e.kind != Kind::unsynced;
  switch (e.kind) {
    case Kind::range:
      on_range(e);
      break;
    case Kind::unclear:
      lose(e, e.address, 0, fmt::format("{} instructions by a way that the trace does not tell", e.insns));
      break;
    case Kind::on:
    case Kind::overflow:
      on_start(e);
      break;
    case Kind::exception:
      on_exception(e);
      break;
    case Kind::no_memory:
      lose(e, e.address, 0, no_memory(e.address));
      break;
    case Kind::context:
      on_context(e);
      break;
    case Kind::time:
      on_time(e.time);
      break;
    case Kind::unsynced:
      if (e.words.empty())
        stop_tracing();
      else
        lose(e, 0, 0, e.words);
      break;
    case Kind::error:
      lose(e, 0, e.end - e.offset, e.words);
      break;
  }
  return state_.go;
}

std::string Walk::no_memory(uint64_t address) const {
  const decode::Section* section = state_.stamp.turn->images->find(address, state_.stamp.time);
  const char* words = "no memory mapped at this address";
  return section == nullptr || section->name.empty() ? words : fmt::format("{}: {} is not here", words, section->name);
}

void Walk::on_range(const Element& e) {
  if (e.insns == 0) return;
  // A conditional one of the 32-bit instruction sets may be of any kind.
  const bool taken = e.branch != BranchKind::none && e.taken;
  hold({e.address, e.end - e.last_size, e.insns, e.last_size, e.branch, taken, 0, e.isa}, e.offset);
}

void Walk::hold(const decode::Block& block, uint64_t offset) {
  state_.held_stamp = follows(block.ip, offset);
  state_.held = block;
  state_.holding = true;
}

// What was in front of an instruction that is executed now.
void Walk::lead_to(uint64_t ip) {
  if (state_.exception) interrupted(ip, true);
  flush(ip, true);
  if (const auto start = std::exchange(state_.start, {}))
    event(*start, *start == Event::Kind::overflow ? "overflow" : "enabled", ip);
}

void Walk::go_back(const Mark& mark) {
  state_ = mark.state;
  sink_.go_back(mark.waits);
  code_.use(*state_.stamp.turn->images, state_.stamp.time);
}

// Delivers the held block; `to` is where control went, when `known`.
void Walk::flush(uint64_t to, bool known) {
  if (!state_.holding) return;
  state_.holding = false;
  const uint64_t behind = state_.held.last + state_.held.last_size;
  state_.held.to = known ? to : state_.held.taken ? 0 : behind;
  if (state_.go) state_.go = sink_.on_block(state_.held_stamp, state_.held);
}

void Walk::event(Event::Kind kind, const char* name, uint64_t ip, uint64_t to) {
  if (state_.go) state_.go = sink_.on_event(state_.stamp, {kind, ip, to, name});
}

// An exception, and where it led, when `known`: else the trace went off with it.
void Walk::interrupted(uint64_t to, bool known) {
  const uint64_t from = *std::exchange(state_.exception, {});
  flush(from, true);
  if (known)
    event(Event::Kind::async_branch, "async_branch", from, to);
  else
    event(Event::Kind::async_disabled, "async_disabled", from);
}

void Walk::stop_tracing() {
  if (state_.exception)
    interrupted(0, false);
  else if (state_.tracing) {
    flush(0, false);
    event(Event::Kind::disabled, "disabled", 0);
  }
  state_.tracing = false;
}

void Walk::on_start(const Element& e) {
  stop_tracing();
  state_.start = e.kind == Element::Kind::overflow ? Event::Kind::overflow : Event::Kind::enabled;
  state_.fresh = true;
  if (clock_ != nullptr) {
    if (state_.go) state_.go = sink_.settle(0);
    sink_.begin();
  }
}

void Walk::on_exception(const Element& e) {
  if (state_.exception) interrupted(0, false);
  const uint64_t behind = state_.holding ? state_.held.last + state_.held.last_size : 0;
  const uint64_t from = e.known ? e.address : behind;
  // A system call is an instruction that was executed: a block ends with it.
  if (e.call && state_.holding && state_.held.kind == BranchKind::none && from == behind) {
    state_.held.kind = BranchKind::syscall;
    state_.held.taken = true;
    return;
  }
  state_.exception = from;
}

void Walk::on_time(uint64_t timestamp) {
  if (clock_ == nullptr || timestamp == 0) return;
  state_.stamp.time = clock_->perf_time(timestamp);
  state_.timed = true;
  size_t at = state_.at;
  while (at + 1 < turns_.size() && turns_[at + 1].sure <= state_.stamp.time) ++at;
  if (at != state_.at) take_turn(at);
  // The thread that the trace has named may run another program by now.
  if (state_.named)
    take(threads_->of(state_.stamp.tid, state_.stamp.time));
  else
    code_.use(*state_.stamp.turn->images, state_.stamp.time);
  if (state_.go) state_.go = sink_.settle(state_.stamp.time);
}

void Walk::on_context(const Element& e) {
  if (threads_ == nullptr || !e.known) return;
  const auto tid = static_cast<int32_t>(e.thread);
  if (state_.named && tid == state_.stamp.tid) return;
  state_.named = true;
  take(threads_->of(tid, state_.stamp.time));
}

void Walk::take(const decode::Turn& turn) {
  state_.stamp.turn = &turn;
  state_.stamp.pid = turn.pid;
  state_.stamp.tid = turn.tid;
  code_.use(*turn.images, state_.stamp.time);
}

void Walk::take_turn(size_t at) {
  state_.at = at;
  // Where the trace names its threads, it knows better.
  if (threads_ == nullptr) take(turns_[at]);
}

void Walk::lose(const Element& e, uint64_t ip, uint64_t bytes, std::string what) {
  if (state_.exception) interrupted(ip, ip != 0);
  flush(ip, ip != 0);
  state_.tracing = false;
  if (!state_.start) state_.start = Event::Kind::enabled;
  state_.stamp.offset = e.offset;
  if (state_.go)
    state_.go =
        sink_.on_loss(state_.stamp, {LossKind::undecodable, ip != 0 ? ip : state_.held.last, bytes, std::move(what)});
}

// Behind a start the trace may be a later turn's: see decode::turn_with_code().
void Walk::reads(uint64_t address) {
  if (!std::exchange(state_.fresh, false)) return;
  if (state_.named)
    take(threads_->with_code(state_.stamp.tid, state_.stamp.time, address, !state_.timed));
  else if (const size_t at = decode::turn_with_code(turns_, state_.at, address); at != state_.at)
    take_turn(at);
}

uint32_t Walk::read(uint64_t address, std::span<uint8_t> out) {
  reads(address);
  return code_.read(address, out);
}

void Walk::finish(std::span<const std::byte> trace, bool synced) {
  state_.stamp.offset = trace.size();
  stop_tracing();
  // Padding: zeros, or ETE's Ignore packet.
  const auto pads = [](std::byte b) { return b == std::byte{0} || b == std::byte{0x70}; };
  if (!state_.synced && !synced && state_.go && !std::all_of(trace.begin(), trace.end(), pads)) {
    state_.stamp.offset = 0;
    state_.go = sink_.on_loss(state_.stamp,
                              {LossKind::undecodable, 0, trace.size(), "no synchronization packet: nothing to start from"});
  }
  if (state_.go) state_.go = sink_.settle(0);
}

}  // namespace tracectl::coresight
