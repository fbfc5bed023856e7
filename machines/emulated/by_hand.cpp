// SPDX-License-Identifier: MIT
#include "machines/emulated/by_hand.hpp"

#include <algorithm>

#include "core/clock.hpp"

namespace tracectl::emulated {
namespace {

constexpr uint64_t kHearing = 200 * 1000 * 1000;  // ns: a thread that runs traced code needs microseconds
constexpr uint32_t kAlmostIdle = ~1u;             // ThreadState::idle_blocks: the next block looks

}  // namespace

uint64_t Server::ask_all(Action action) {
  hand_paused_ = action == Action::pause;
  return ask();
}

void Server::turn(bool on) {
  between_periods_ = !on;
  ask();
}

bool Server::all_paused() const {
  // A thread is paused behind its last packet and the end of its record (plugin/triggers.cpp, end_period).
  return std::all_of(threads_.begin(), threads_.end(), [](const auto& t) {
    const ThreadState& s = t.second->state();
    return s.done.load() != 0 || (s.asked.load() == 0 && s.paused != 0);
  });
}

uint64_t Server::ask() {
  const ByHand what = between_periods_ ? ByHand::period_end : hand_paused_ ? ByHand::pause : ByHand::resume;
  const uint32_t word = by_hand_word(what, ++hands_);
  page_->by_hand.store(word);  // first: a thread that comes now reads it
  for (const auto& [idx, t] : threads_) t->state().asked.store(word);
  ask_again();
  return threads_.size();
}

// A thread that runs may undo what makes it look; so this is repeated.
uint64_t Server::ask_again() {
  uint64_t waiting = 0;
  for (const auto& [idx, t] : threads_) {
    ThreadState& s = t->state();
    if (s.asked.load() == 0 || s.done.load() != 0) continue;
    ++waiting;
    s.ring().limit = 0;           // traced: it looks at its next packet
    s.idle_blocks = kAlmostIdle;  // paused: at its next block
  }
  return waiting;
}

void Server::tell(SessionStatus& out) const {
  for (const auto& [idx, t] : threads_) {
    const ThreadState& s = t->state();
    const TraceState state = s.paused != 0 ? TraceState::paused : in_window(s) ? TraceState::window : TraceState::running;
    const bool ended = s.done.load() != 0;
    out.threads_ended += ended ? 1 : 0;
    if (!ended) out.threads.push_back({t->pid(), t->tid(), -1, state, t->traced(), s.windows});
    out.windows += s.windows;
    out.snapshots += s.snapshots;
    out.loss[LossKind::overflow] += s.overflows;
  }
  for (const auto& t : finished_) {
    out.windows += t.windows;
    out.snapshots += t.snapshots;
    out.loss[LossKind::overflow] += t.overflows;
  }
  out.threads_ended += finished_.size();
  out.loss[LossKind::untraced_program] += page_->untraced_execs + page_->untraced_threads;
  out.loss[LossKind::missed_trigger] += page_->missed_returns;
  out.loss[LossKind::split_window] += split_windows_ + page_->cut_windows;
  out.loss[LossKind::undecodable] += page_->unexplained;
}

ControlHandlers by_hand(Server& server, const capture::Writer& writer) {
  ControlHandlers out;
  out.status = [&server](SessionStatus& s) { server.tell(s); };
  out.act = [&server](Action action) -> Result<ControlLater> {
    const uint64_t asked = server.ask_all(action), until = monotonic_ns() + kHearing;
    return [&server, asked, until]() -> std::optional<ControlDone> {
      const uint64_t waiting = server.ask_again();
      if (waiting != 0 && monotonic_ns() < until) return std::nullopt;
      return ControlDone{asked, waiting, 0};
    };
  };
  out.snapshot = [&server, &writer]() -> Result<ControlLater> {
    const uint64_t before = writer.aux_bytes();
    if (server.snapshot_settled()) server.ask_snapshot();  // else: the one that is under way is this one, too
    return [&server, &writer, before]() -> std::optional<ControlDone> {
      if (!server.snapshot_settled()) return std::nullopt;
      return ControlDone{server.live_threads(), 0, writer.aux_bytes() - before};
    };
  };
  return out;
}

}  // namespace tracectl::emulated
