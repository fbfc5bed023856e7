// SPDX-License-Identifier: MIT
// ExactRecorder: one group for each thread, and every thread held by ptrace, so that it has its group before
// it runs: a command and what it starts, running processes, single threads.
#pragma once

#include <map>
#include <vector>

#include "machines/kernel/recording.hpp"
#include "machines/kernel/threads.hpp"

namespace tracectl::kernel {

class ExactRecorder : public Recording {
 public:
  ExactRecorder(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer, const RunOptions& options);
  ~ExactRecorder() override;

 private:
  Groups& groups() override { return threads_; }
  Result<> open() override;
  bool idle() override;
  TraceeEvents events();
  Result<> attach();
  void began(pid_t pid, pid_t tid);
  void began_anew(pid_t pid);
  void replaced(pid_t pid, pid_t former);
  void gone(pid_t tid, int status);
  void place_what_is_mapped(pid_t pid);
  void untraced(const Error& why, pid_t tid);

  Threads threads_;
  std::map<pid_t, std::vector<Place>> places_;  // by process, beyond the fixed ones
  bool said_untraced_ = false;
  bool attaching_ = false;
  Result<> attached_;  // why a running thread could not be given its group
};

}  // namespace tracectl::kernel
