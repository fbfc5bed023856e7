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
    : clock_(clock), code_(code), turns_(turns), threads_(threads), sink_(sink), start_(Event::Kind::enabled) {
  stamp_.cpu = cpu;
  stamp_.time = time;
  take(turns.front());
  if (clock_ != nullptr) sink_.begin();
}

bool Walk::on_element(const Element& e) {
  using Kind = Element::Kind;
  stamp_.offset = e.offset;
  synced_ = synced_ || e.kind != Kind::unsynced;
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
      lose(e, e.address, 0, "no memory mapped at this address");
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
  return go_;
}

void Walk::on_range(const Element& e) {
  if (e.insns == 0) return;
  if (exception_) interrupted(e.address, true);
  flush(e.address, true);
  if (const auto start = std::exchange(start_, {}))
    event(*start, *start == Event::Kind::overflow ? "overflow" : "enabled", e.address);
  held_ = {e.address, e.end - e.last_size, e.insns, e.last_size, e.branch, false, 0, e.isa};
  // A conditional one of the 32-bit instruction sets may be of any kind.
  held_.taken = e.branch != BranchKind::none && e.taken;
  held_stamp_ = stamp_;
  holding_ = tracing_ = true;
}

// Delivers the held block; `to` is where control went, when `known`.
void Walk::flush(uint64_t to, bool known) {
  if (!holding_) return;
  holding_ = false;
  const uint64_t behind = held_.last + held_.last_size;
  held_.to = known ? to : held_.taken ? 0 : behind;
  if (go_) go_ = sink_.on_block(held_stamp_, held_);
}

void Walk::event(Event::Kind kind, const char* name, uint64_t ip, uint64_t to) {
  if (go_) go_ = sink_.on_event(stamp_, {kind, ip, to, name});
}

// An exception, and where it led, when `known`: else the trace went off with it.
void Walk::interrupted(uint64_t to, bool known) {
  const uint64_t from = *std::exchange(exception_, {});
  flush(from, true);
  if (known)
    event(Event::Kind::async_branch, "async_branch", from, to);
  else
    event(Event::Kind::async_disabled, "async_disabled", from);
}

void Walk::stop_tracing() {
  if (exception_)
    interrupted(0, false);
  else if (tracing_) {
    flush(0, false);
    event(Event::Kind::disabled, "disabled", 0);
  }
  tracing_ = false;
}

void Walk::on_start(const Element& e) {
  stop_tracing();
  start_ = e.kind == Element::Kind::overflow ? Event::Kind::overflow : Event::Kind::enabled;
  fresh_ = true;
  if (clock_ != nullptr) {
    if (go_) go_ = sink_.settle(0);
    sink_.begin();
  }
}

void Walk::on_exception(const Element& e) {
  if (exception_) interrupted(0, false);
  const uint64_t behind = holding_ ? held_.last + held_.last_size : 0;
  const uint64_t from = e.known ? e.address : behind;
  // A system call is an instruction that was executed: a block ends with it.
  if (e.call && holding_ && held_.kind == BranchKind::none && from == behind) {
    held_.kind = BranchKind::syscall;
    held_.taken = true;
    return;
  }
  exception_ = from;
}

void Walk::on_time(uint64_t timestamp) {
  if (clock_ == nullptr || timestamp == 0) return;
  stamp_.time = clock_->perf_time(timestamp);
  size_t at = at_;
  while (at + 1 < turns_.size() && turns_[at + 1].sure <= stamp_.time) ++at;
  if (at != at_) take_turn(at);
  code_.use(*stamp_.turn->images, stamp_.time);
  if (go_) go_ = sink_.settle(stamp_.time);
}

void Walk::on_context(const Element& e) {
  if (threads_ == nullptr || !e.known) return;
  const auto tid = static_cast<int32_t>(e.thread);
  if (tid == stamp_.tid && stamp_.turn != nullptr) return;
  take(threads_->of(tid, stamp_.time));
}

void Walk::take(const decode::Turn& turn) {
  stamp_.turn = &turn;
  stamp_.pid = turn.pid;
  stamp_.tid = turn.tid;
  code_.use(*turn.images, stamp_.time);
}

void Walk::take_turn(size_t at) {
  at_ = at;
  // Where the trace names its threads, it knows better.
  if (threads_ == nullptr) take(turns_[at]);
}

void Walk::lose(const Element& e, uint64_t ip, uint64_t bytes, std::string what) {
  if (exception_) interrupted(ip, ip != 0);
  flush(ip, ip != 0);
  tracing_ = false;
  if (!start_) start_ = Event::Kind::enabled;
  stamp_.offset = e.offset;
  if (go_) go_ = sink_.on_loss(stamp_, {LossKind::undecodable, ip != 0 ? ip : held_.last, bytes, std::move(what)});
}

uint32_t Walk::read(uint64_t address, std::span<uint8_t> out) {
  // Behind a start the trace may be a later turn's: see decode::turn_with_code().
  if (std::exchange(fresh_, false) && turns_.size() > 1)
    if (const size_t at = decode::turn_with_code(turns_, at_, address); at != at_) take_turn(at);
  return code_.read(address, out);
}

void Walk::finish(std::span<const std::byte> trace) {
  stamp_.offset = trace.size();
  stop_tracing();
  // Padding: zeros, or ETE's Ignore packet.
  const auto pads = [](std::byte b) { return b == std::byte{0} || b == std::byte{0x70}; };
  if (!synced_ && go_ && !std::all_of(trace.begin(), trace.end(), pads)) {
    stamp_.offset = 0;
    go_ = sink_.on_loss(stamp_,
                        {LossKind::undecodable, 0, trace.size(), "no synchronization packet: nothing to start from"});
  }
  if (go_) go_ = sink_.settle(0);
}

}  // namespace tracectl::coresight
