// SPDX-License-Identifier: MIT
// Recording: what every session of the kernel machine does, however its groups sit: the command (traced, or
// only saying for how long), signals, limits, the kernel's code, the end.
//
// Order: one of the derived opens its groups in open(); only then does the command run.
// Errors: run() returns those of the begin before the command has run an instruction; later ones after its end.
#pragma once

#include <sys/types.h>

#include "core/capture/writer.hpp"
#include "core/collector.hpp"
#include "core/control_server.hpp"
#include "core/run_outcome.hpp"
#include "core/session.hpp"
#include "core/symbol_finder.hpp"
#include "machines/kernel/groups.hpp"
#include "machines/kernel/kernel_sideband.hpp"
#include "machines/kernel/tracees.hpp"

namespace tracectl::kernel {

struct GroupPlan;

class Recording {
 public:
  virtual ~Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  Result<RunOutcome> run();

 protected:
  Recording(const GroupPlan& shared, const ModuleFinder& modules, capture::Writer& writer, const RunOptions& options);
  virtual Groups& groups() = 0;
  // Opens what there is to open before the command runs.
  virtual Result<> open() = 0;
  // Is there nothing left that could be traced?
  [[nodiscard]] virtual bool idle() = 0;
  // Behind each time that children were looked at.
  virtual void collected() {}

  // The plan's command, held or beside. Fork only; run() lets it go.
  Result<> start_command(bool hold);
  void command_ended(int status);
  [[nodiscard]] bool beside() const;  // the command only says for how long

  const GroupPlan& shared_;
  const ModuleFinder& modules_;
  capture::Writer& writer_;
  const RunOptions& options_;
  Session session_;
  ControlServer control_;
  Collector collector_;
  RunOutcome out_;
  pid_t command_ = -1;
  bool ended_ = false;
  Tracees tracees_;

 private:
  Result<> keep_kernel();
  Result<> prepare_collecting();
  void watch_signals();
  void after_drain();
  void wait_for_command(bool recorded);
  Result<RunOutcome> finish(Result<> result);
  KernelSideband kernel_;
};

}  // namespace tracectl::kernel
