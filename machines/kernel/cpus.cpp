// SPDX-License-Identifier: MIT
#include "machines/kernel/cpus.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "core/buffer_share.hpp"

namespace tracectl::kernel {
namespace {

bool of_threads(const ResolvedPlan& plan) {
  return plan.target.kind != TargetKind::cpus && plan.target.kind != TargetKind::cgroup;
}

}  // namespace

Placing cpu_placing(const ResolvedPlan& plan) {
  Placing out{.switches = true};
  out.inherit = of_threads(plan) && plan.target.kind != TargetKind::thread;
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
  std::ifstream in((host.root == "/" ? "" : host.root) + "/sys/devices/system/cpu/online");
  std::string list;
  std::getline(in, list);
  return cpus_of(list);
}

Cpus::Cpus(const GroupPlan& shared, capture::Writer& writer, Session& session)
    : shared_(shared),
      watch_(of_threads(shared.plan), shared.plan.start_paused),
      rings_(shared, writer, session,
             {[this](Ring& r, uint32_t trigger, const auto& fields) { hit(r, trigger, fields); },
              [this](Ring& r, bool in, const auto& fields) { switched(r, in, fields); }}) {}

Cpus::~Cpus() {
  for (auto& [cpu, ring] : first_) rings_.forget(*ring);
}

Result<> Cpus::open(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec) {
  Placing placing = cpu_placing(shared_.plan);
  placing.on_exec = on_exec;
  uint64_t used = 0;
  for (const int cpu : online_cpus(shared_.host)) {
    const auto owner = first_.find(cpu);
    const uint64_t size = next_aux_size(shared_.plan.buffer, used);
    used += size;
    auto ring = rings_.open({pid, tid, cpu}, placing, size, places, owner == first_.end() ? nullptr : owner->second.get());
    if (!ring) return tl::unexpected<Error>(ring.error());
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

void Cpus::hit(const Ring& ring, uint32_t trigger, const perf::SampleFields& fields) {
  const Action action = shared_.plan.triggers[trigger].action;
  if (action == Action::snapshot) return;
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
  for (auto& [cpu, ring] : first_) {
    ring->disable();
    rings_.keep(*ring, shared_.plan.buffer.aux_size);
    (void)ring->enable();
  }
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
  out.split_windows = watch_.split() + watch_.left_running() + watch_.open();
}

}  // namespace tracectl::kernel
