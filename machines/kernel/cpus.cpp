// SPDX-License-Identifier: MIT
#include "machines/kernel/cpus.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "core/buffer_share.hpp"

namespace tracectl::kernel {
Placing cpu_placing(const ResolvedPlan& plan) {
  Placing out{.switches = true};
  out.inherit = !plan.target.of_cpus() && plan.target.kind != TargetKind::thread;
  out.only_threads = !plan.follow;
  out.cgroup = plan.target.kind == TargetKind::cgroup;
  return out;
}

std::vector<int> cpus_of(const std::string& list) {
  std::vector<int> out;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) {
    int from = 0, to = 0;
    const int n = std::sscanf(part.c_str(), "%d-%d", &from, &to);
    if (n < 1) continue;
    for (int cpu = from; cpu <= (n == 2 ? to : from); ++cpu) out.push_back(cpu);
  }
  if (out.empty()) out.push_back(0);
  return out;
}

std::vector<int> online_cpus(const HostFacts& host) {
  std::ifstream in(host.path("/sys/devices/system/cpu/online"));
  std::string list;
  std::getline(in, list);
  return cpus_of(list);
}

Cpus::Cpus(const GroupPlan& shared, capture::Writer& writer, Session& session)
    : shared_(shared),
      watch_(!shared.plan.target.of_cpus(), shared.plan.start_paused),
      rings_(shared, writer, session,
             {[this](Ring& r, uint32_t trigger, const auto& fields) { hit(r, trigger, fields); },
              [this](Ring& r, bool in, const auto& fields) { switched(r, in, fields); }}) {}

Cpus::~Cpus() {
  for (auto& [cpu, ring] : first_) rings_.forget(*ring);
}

Result<> Cpus::open(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec) {
  Placing placing = cpu_placing(shared_.plan);
  placing.on_exec = on_exec;
  placing.held_off = held_;
  uint64_t used = 0;
  for (const int cpu : online_cpus(shared_.host)) {
    const auto owner = first_.find(cpu);
    const uint64_t size = next_aux_size(shared_.plan.buffer, used);
    used += size;
    auto ring = rings_.open({pid, tid, cpu}, placing, size, places, owner == first_.end() ? nullptr : owner->second.get());
    if (!ring) return tl::unexpected<Error>(ring.error());
    (*ring)->group.hold(held_);
    if (owner == first_.end())
      first_[cpu] = std::move(*ring);
    else
      more_.push_back(std::move(*ring));
  }
  return {};
}

Result<> Cpus::place(const std::vector<Place>& places) {
  for (auto& [cpu, ring] : first_)
    if (auto r = rings_.add(*ring, places); !r) return r;
  for (auto& ring : more_)
    if (auto r = rings_.add(*ring, places); !r) return r;
  return {};
}

Result<> Cpus::start() {
  for (auto& [cpu, ring] : first_)
    if (auto r = rings_.start(*ring); !r) return r;
  return {};
}

void Cpus::executed() {
  if (!shared_.plan.collect) return;
  for (auto& [cpu, ring] : first_) ring->started = true;
  rings_.fail(hold(held_));
}

void Cpus::hit(const Ring& ring, uint32_t trigger, const perf::SampleFields& fields) {
  const Action action = shared_.plan.triggers[trigger].action;
  if (action == Action::snapshot) return;
  by_hand_.reset();
  watch_.add({action == Action::resume ? WindowEvent::Kind::resume : WindowEvent::Kind::pause, fields.time, fields.tid,
              ring.group.cpu()});
}

void Cpus::switched(const Ring& ring, bool in, const perf::SampleFields& fields) {
  if (in && fields.tid > 0) watch_.add({WindowEvent::Kind::switched_in, fields.time, fields.tid, ring.group.cpu()});
}

void Cpus::after_drain() {
  watch_.end_round();
  keep_asked();
}

void Cpus::keep_asked() {
  for (auto& [cpu, ring] : first_) rings_.keep_asked(*ring, false);
}

void Cpus::keep_all() {
  for (auto& [cpu, ring] : first_) rings_.keep_now(*ring, shared_.plan.buffer.aux_size);
}

Result<uint64_t> Cpus::act_all(Action action) {
  // Inherited events act each for itself, and the kernel takes no member that acts once and is inherited
  // (kernel/events/core.c, _perf_event_refresh).
  if (cpu_placing(shared_.plan).inherit)
    return fail_unsupported("threads = \"per-cpu\" cannot be paused or resumed by hand: its events are inherited",
                            "leave threads out (one group for each thread), or trace with --all-cpus");
  if (action == Action::pause && by_hand_ != Action::pause) cut_ += watch_.open();
  Result<> outcome;
  for (auto& [cpu, ring] : first_)
    if (auto done = rings_.act(*ring, action); !done) outcome = done;
  if (!outcome) return tl::unexpected<Error>(outcome.error());
  by_hand_ = action;
  return first_.size();
}

Result<> Cpus::hold(bool off) {
  held_ = off;
  Result<> outcome;
  for (auto& [cpu, ring] : first_)
    if (auto done = ring->hold(off); !done) outcome = done;
  return outcome;
}

// Which cpu is in a window only the events know: all have the state of the one that does most.
void Cpus::tell(SessionStatus& out) const {
  const bool paused = by_hand_ ? *by_hand_ == Action::pause : shared_.plan.start_paused && watch_.open() == 0;
  const TraceState state = held_ || paused      ? TraceState::paused
                           : watch_.open() != 0 ? TraceState::window
                                                : TraceState::running;
  for (const auto& [cpu, ring] : first_) {
    out.threads.push_back({-1, -1, cpu, state, ring->facts.bytes, 0});
    out.snapshots += ring->facts.snapshots;
  }
  out.windows = watch_.windows();
  out.loss[LossKind::missed_trigger] += rings_.missed();
  out.loss[LossKind::split_window] += watch_.split() + watch_.left_running() + cut_;
}

void Cpus::end_all() {
  for (auto& [cpu, ring] : first_) {
    ring->disable();
    ring->guests.clear();
    rings_.close(*ring, false);
    ended_.push_back(ring->facts);
  }
  more_.clear();
  first_.clear();
  watch_.end();
}

void Cpus::report(RunOutcome& out) const {
  rings_.report(out);
  out.traced = !ended_.empty();
  out.threads = ended_;
  for (const auto& facts : ended_) out.snapshots += facts.snapshots;
  // They belong to no single stream; the first one carries them.
  if (!out.threads.empty()) out.threads.front().windows = watch_.windows();
  if (!out.threads.empty()) out.threads.front().open_window = watch_.open() != 0;
  out.split_windows = watch_.split() + watch_.left_running() + watch_.open() + cut_;
}

}  // namespace tracectl::kernel
