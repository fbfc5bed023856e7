// SPDX-License-Identifier: MIT
// Collector: does [collect] in a session: tells the machine to trace and to pause at the times that Periods gives, writes
// down each period, and ends the session behind the one in which the capture came to hold max_bytes.
//
// Order: prepare() before anything can be traced; begin() when there is something to trace; tick() behind every drain; end()
//        when the session's loop is over and nothing is traced any more. Without [collect] all of them do nothing.
// Errors: a machine that refuses, or a capture that cannot be written, ends the session: failed() says why.
#pragma once

#include <cstdint>
#include <functional>

#include "core/capture/period_log.hpp"
#include "core/capture/writer.hpp"
#include "core/periods.hpp"
#include "core/resolved_plan.hpp"
#include "core/session.hpp"

namespace tracectl {

// The machine's side.
struct CollectHandlers {
  std::function<Result<>(bool on)> turn;  // trace or pause: every thread, and those to come
  std::function<bool()> quiet;            // every thread that runs has paused, and what it traced can be drained
  std::function<uint64_t()> clock;        // ns, as records have it
};

class Collector {
 public:
  Collector(const ResolvedPlan& plan, capture::Writer& writer, Session& session)
      : plan_(plan), writer_(writer), session_(session) {}
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  Result<> prepare(CollectHandlers handlers);
  void begin();
  void tick();
  void end();
  [[nodiscard]] const Result<>& failed() const { return failed_; }

 private:
  void step();
  void turn(bool on);
  void close();  // the period, once
  void check(const Result<>& done);

  const ResolvedPlan& plan_;
  capture::Writer& writer_;
  Session& session_;
  CollectHandlers handlers_;
  std::optional<Periods> periods_;
  capture::PeriodLog log_;
  capture::Period period_;  // the one under way, or whose threads are not quiet yet
  bool open_ = false, began_ = false;
  Result<> failed_;
};

}  // namespace tracectl
