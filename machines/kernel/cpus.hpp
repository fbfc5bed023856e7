// SPDX-License-Identifier: MIT
// Cpus: one group for each cpu, of everything that runs there (--all-cpus), of a cgroup, or of threads and
// what they start (threads = "per-cpu": perf's way).
//
// Shape: idx is the cpu's place in the list of cpus that are online; groups of several threads on one cpu
//        share its rings.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "machines/kernel/groups.hpp"
#include "machines/kernel/rings.hpp"
#include "machines/kernel/window_watch.hpp"

namespace tracectl::kernel {

// How groups of this plan sit when they sit on cpus.
[[nodiscard]] Placing cpu_placing(const ResolvedPlan& plan);
// The cpus that are online, as /sys/devices/system/cpu/online lists them ("0-3,8").
[[nodiscard]] std::vector<int> cpus_of(const std::string& list);
[[nodiscard]] std::vector<int> online_cpus(const HostFacts& host);

class Cpus : public Groups {
 public:
  Cpus(const GroupPlan& shared, capture::Writer& writer, Session& session);
  ~Cpus() override;

  // A group on each cpu. `tid`: a thread; -1: everything; or a cgroup's descriptor.
  Result<> open(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec);
  // More members for every group.
  Result<> place(const std::vector<Place>& places);
  Result<> start();
  // The command's exec, which starts what waited for it.
  void executed();

  void keep_all() override;
  void keep_asked() override;
  void after_drain() override;
  Result<uint64_t> act_all(Action action) override;
  Result<> hold(bool off) override;
  void tell(SessionStatus& status) const override;
  void end_all() override;
  [[nodiscard]] size_t size() const override { return first_.size(); }
  [[nodiscard]] uint64_t windows() const override { return watch_.windows(); }
  [[nodiscard]] bool any_open() const override { return watch_.open() != 0; }
  [[nodiscard]] const Result<>& failed() const override { return rings_.failed(); }
  void report(RunOutcome& out) const override;
  [[nodiscard]] uint64_t sideband_id() const override { return rings_.sideband_id(); }

 private:
  void hit(const Ring& ring, uint32_t trigger, const perf::SampleFields& fields);
  void switched(const Ring& ring, bool in, const perf::SampleFields& fields);

  const GroupPlan& shared_;
  WindowWatch watch_;
  Rings rings_;
  std::map<int, std::unique_ptr<Ring>> first_;  // by cpu: owns the rings
  std::vector<std::unique_ptr<Ring>> more_;     // further threads'
  std::vector<ThreadFacts> ended_;
  std::optional<Action> by_hand_;  // what came by hand behind the triggers' last hit
  uint64_t cut_ = 0;               // windows, by hand
  bool held_ = false;
};

}  // namespace tracectl::kernel
