// SPDX-License-Identifier: MIT
#include "machines/kernel/threads.hpp"

#include <algorithm>
#include <utility>

#include "core/buffer_share.hpp"

namespace tracectl::kernel {
namespace {

constexpr Placing kHeld{.held = true};

}  // namespace

Threads::Threads(const GroupPlan& shared, capture::Writer& writer, Session& session)
    : shared_(shared),
      rings_(shared, writer, session, {[this](Ring& r, uint32_t trigger, const auto&) { hit(r, trigger); }, {}}) {}

Threads::~Threads() {
  for (auto& [tid, ring] : running_) rings_.forget(*ring);
}

uint64_t Threads::aux_size() const {
  uint64_t used = 0;
  for (const auto& [tid, ring] : running_) used += ring->group.aux_area().size();
  return next_aux_size(shared_.plan.buffer, used);
}

Result<> Threads::begin(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec) {
  Placing placing = kHeld;
  placing.on_exec = on_exec;
  placing.held_off = held_;
  if (by_hand_) placing.start_paused = *by_hand_ == Action::pause;
  const uint64_t size = aux_size();
  auto ring = rings_.open({pid, tid, -1}, placing, size, places);
  if (!ring) return tl::unexpected<Error>(ring.error());
  if (size < shared_.plan.buffer.aux_size) ++smaller_;
  Ring& r = *(running_[tid] = std::move(*ring));
  r.by_hand = by_hand_;
  r.group.hold(held_);
  return on_exec ? Result<>{} : rings_.start(r);
}

void Threads::hit(Ring& ring, uint32_t trigger) {
  const auto& t = shared_.plan.triggers[trigger];
  if (t.action == Action::resume && ring.paused) {
    ++ring.facts.windows;
    ++windows_;
  }
  if (t.action != Action::snapshot) {
    ring.paused = t.action == Action::pause;
    ring.by_hand.reset();
  }
  // Each thread's event has what was left when it was opened; together they have no more.
  if (!t.limit || rings_.hits().at(trigger) < *t.limit) return;
  for (auto& [tid, r] : running_) r->group.drop_trigger(trigger);
}

Result<> Threads::place(int32_t pid, const std::vector<Place>& places) {
  for (auto& [tid, ring] : running_) {
    if (ring->facts.pid != pid) continue;
    if (auto added = rings_.add(*ring, places); !added) return added;
  }
  return {};
}

void Threads::keep_asked() {
  for (auto& [tid, ring] : running_)
    // The hit may have paused it; where the plan had it paused it stays so.
    rings_.keep_asked(*ring, snapshot_pauses(shared_.plan, kHeld) && !ring->is_paused());
}

void Threads::keep_all() {
  for (auto& [tid, ring] : running_) rings_.keep_now(*ring, shared_.plan.buffer.aux_size);
}

Result<uint64_t> Threads::act_all(Action action) {
  by_hand_ = action;
  Result<> outcome;
  for (auto& [tid, ring] : running_) {
    const bool in_window = ring->facts.windows != 0 && !ring->is_paused();
    if (auto done = rings_.act(*ring, action); !done)
      outcome = done;
    else if (action == Action::pause && in_window)
      ++split_;
  }
  if (!outcome) return tl::unexpected<Error>(outcome.error());
  return running_.size();
}

Result<> Threads::hold(bool off) {
  held_ = off;
  Result<> outcome;
  for (auto& [tid, ring] : running_)
    if (auto done = ring->hold(off); !done) outcome = done;
  return outcome;
}

void Threads::tell(SessionStatus& out) const {
  for (const auto& [tid, ring] : running_) {
    const bool window = ring->facts.windows != 0 && !ring->paused;
    const bool paused = held_ || ring->is_paused();
    const TraceState state = paused ? TraceState::paused : window ? TraceState::window : TraceState::running;
    out.threads.push_back({ring->facts.pid, ring->facts.tid, -1, state, ring->facts.bytes, ring->facts.windows});
    out.snapshots += ring->facts.snapshots;
  }
  for (const auto& facts : ended_) out.snapshots += facts.snapshots;
  out.windows = windows_;
  out.threads_ended = ended_.size();
  out.loss[LossKind::missed_trigger] += rings_.missed();
  out.loss[LossKind::split_window] += split_;
}

bool Threads::replace(int32_t pid, int32_t former) {
  std::vector<int32_t> gone;
  for (const auto& [tid, ring] : running_)
    if (ring->facts.pid == pid && tid != former) gone.push_back(tid);
  for (const int32_t tid : gone) end(tid);
  const auto it = running_.find(former);
  if (it == running_.end()) return true;
  auto kept = std::move(it->second);
  running_.erase(it);
  kept->group.drop_for_exec();
  const bool goes_on = !kept->group.taken_away();
  Ring& ring = *(running_[pid] = std::move(kept));
  ring.started = true;
  if (!goes_on)
    end(pid);
  else if (shared_.plan.collect)
    rings_.fail(ring.hold(held_));  // the exec started it
  return goes_on;
}

void Threads::end(int32_t tid, bool crashed) {
  const auto it = running_.find(tid);
  if (it == running_.end()) return;
  Ring& ring = *it->second;
  rings_.close(ring, crashed);
  ring.facts.open_window = ring.facts.windows != 0 && !ring.paused && ring.by_hand != Action::pause;
  ended_.push_back(ring.facts);
  running_.erase(it);
}

void Threads::end_all() {
  while (!running_.empty()) {
    running_.begin()->second->group.disable();
    end(running_.begin()->first);
    split_ += ended_.back().open_window ? 1 : 0;
  }
}

bool Threads::any_open() const {
  return std::any_of(running_.begin(), running_.end(),
                     [](const auto& r) { return r.second->facts.windows != 0 && !r.second->paused; });
}

void Threads::report(RunOutcome& out) const {
  rings_.report(out);
  out.traced = !ended_.empty();
  out.threads = ended_;
  for (const auto& facts : ended_) out.snapshots += facts.snapshots;
  out.smaller_buffers = smaller_;
  out.split_windows = split_;
}

}  // namespace tracectl::kernel
