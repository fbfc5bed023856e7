// SPDX-License-Identifier: MIT
// CpuRecorder: groups that sit on cpus: of all that runs (--all-cpus), of a cgroup, or of threads and what they
// start (threads = "per-cpu"). Nobody is held, but a command until its own triggers are placed.
#pragma once

#include <set>
#include <vector>

#include "core/fd.hpp"
#include "machines/kernel/cpus.hpp"
#include "machines/kernel/recording.hpp"

namespace tracectl::kernel {

class CpuRecorder : public Recording {
 public:
  CpuRecorder(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer, const RunOptions& options);
  ~CpuRecorder() override;

 private:
  Groups& groups() override { return cpus_; }
  Result<> open() override;
  bool idle() override;
  void collected() override;
  TraceeEvents events();
  Result<> open_command();
  Result<> open_threads();
  Result<> open_cpus();
  Result<> begin_with(const std::vector<int32_t>& pids, const ModuleFinder* modules);
  // Triggers in files that this process has mapped, of those that are not placed yet.
  std::vector<Place> fresh_places(int32_t pid);
  void find_probes(const std::vector<int32_t>& pids);
  void place_what_is_mapped(int32_t pid);
  void watch_ends(const std::vector<int32_t>& pids);

  Cpus cpus_;
  Fd cgroup_;
  std::vector<Place> places_;  // in files
  std::vector<Fd> processes_;  // pidfds of those that are traced
  size_t living_ = 0;
  bool let_go_ = false;  // the command needs to be held no longer
};

}  // namespace tracectl::kernel
