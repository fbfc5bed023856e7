// SPDX-License-Identifier: MIT
// Groups: all event groups of one session, however they sit: by thread (threads.hpp) or by cpu (cpus.hpp).
#pragma once

#include <cstdint>

#include "core/control.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"
#include "core/run_outcome.hpp"

namespace tracectl::kernel {

class Groups {
 public:
  Groups() = default;
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;
  virtual ~Groups() = default;

  // mode = ring: what the rings hold is written, of all groups, or of those whose trigger asked.
  virtual void keep_all() = 0;
  virtual void keep_asked() = 0;
  // Behind each drain.
  virtual void after_drain() { keep_asked(); }
  // A pause or resume by hand (tracectl ctl), of every group and of those to come: how many were told.
  virtual Result<uint64_t> act_all(Action action) = 0;
  // [collect]: traces nothing from now on, or goes on; groups to come too, and those that an exec started.
  virtual Result<> hold(bool off) = 0;
  virtual void tell(SessionStatus& status) const = 0;
  // Everything stops; what the rings hold is written.
  virtual void end_all() = 0;
  [[nodiscard]] virtual size_t size() const = 0;
  [[nodiscard]] virtual uint64_t windows() const = 0;
  [[nodiscard]] virtual bool any_open() const = 0;
  // What could not be written or armed on the way.
  [[nodiscard]] virtual const Result<>& failed() const = 0;
  virtual void report(RunOutcome& out) const = 0;
  // An id of the sideband event; 0 before the first group.
  [[nodiscard]] virtual uint64_t sideband_id() const = 0;
};

}  // namespace tracectl::kernel
