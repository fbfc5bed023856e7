// SPDX-License-Identifier: MIT
#include "cli/why_empty.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using Lines = std::vector<std::string>;

namespace {

struct Case {
  ResolvedPlan plan;
  RunOutcome outcome;
  std::vector<cli::Placement> placements;

  Case() {
    plan.start_paused = true;
    outcome.threads.emplace_back();
  }
  ResolvedTrigger& trigger(const char* on, Action action) {
    plan.triggers.emplace_back();
    plan.triggers.back().on = on;
    plan.triggers.back().action = action;
    placements.push_back({true, ""});
    return plan.triggers.back();
  }
  [[nodiscard]] Lines why(uint64_t bytes) const { return cli::why_empty(plan, outcome, bytes, placements); }
};

}  // namespace

TEST_CASE("a capture with trace needs no reason") {
  Case c;
  c.trigger("breakpoint:app:f", Action::resume);
  c.outcome.threads[0].windows = 1;
  CHECK(c.why(100).empty());
  c.plan.start_paused = false;
  c.outcome.threads[0].windows = 0;
  CHECK(c.why(100).empty());
}

TEST_CASE("each trigger that never resumed the trace is told with its own reason") {
  Case c;
  c.trigger("breakpoint:app:f", Action::resume);
  c.trigger("breakpoint:app:g", Action::pause);
  c.trigger("tracepoint:syscalls:sys_exit_read", Action::resume).filter_text = "ret < 0";
  c.trigger("event:page-faults", Action::resume).period = 1000;
  c.trigger("breakpoint:app:h", Action::resume);
  c.placements.back() = {false, ""};
  c.trigger("breakpoint:app:v", Action::resume);
  c.placements.back() = {false, "no multiple"};
  const Lines wanted = {"'breakpoint:app:f' was never hit: it resumes the trace",
                        "'tracepoint:syscalls:sys_exit_read' never came with a true filter, `ret < 0`: it resumes the trace",
                        "'event:page-faults' never came 1000 times: it resumes the trace",
                        "'breakpoint:app:h' was never found in what the program mapped: it resumes the trace",
                        "'breakpoint:app:v' was never placed: no multiple: it resumes the trace"};
  CHECK(c.why(0) == wanted);
  CHECK(c.why(16) == wanted);  // what a trace unit writes before it is paused
}

TEST_CASE("a ring without a snapshot says what takes them") {
  Case c;
  c.plan.start_paused = false;
  c.plan.buffer.mode = BufferMode::ring;
  CHECK(c.why(0) == Lines{"mode = \"ring\" keeps snapshots, and nothing asked for one"});
  c.trigger("breakpoint:app:f", Action::snapshot);
  CHECK(c.why(0) == Lines{"'breakpoint:app:f' was never hit: it takes the snapshots"});
}

TEST_CASE("an empty capture always has a reason") {
  Case c;
  c.plan.start_paused = false;
  CHECK(c.why(0) == Lines{"the trace was on, but nothing ran in it that is within scope = \"user\""});
  c.outcome.traced = true;
  c.outcome.wait_status = 9;
  CHECK(c.why(0) == Lines{"signal 9 ended the command before any trace was there"});
  c.outcome.traced = false;
  c.outcome.wait_status = 0;
  c.outcome.stop_reason = "limit: duration";
  CHECK(c.why(0) == Lines{"the session ended before any trace was there: limit: duration"});
  c.outcome.untraced_threads = 1;
  CHECK(c.why(0) == Lines{"a thread or program ran untraced"});
  c.outcome.wait_status = 9;
  CHECK(c.why(0) == Lines{"signal 9 ended the command before it was traced"});
  c.outcome.not_started = "cannot run './app'";
  CHECK(c.why(0) == Lines{"cannot run './app'"});
}

TEST_CASE("periods in which nothing ran are the reason") {
  Case c;
  c.plan.start_paused = false;
  c.plan.collect = {std::chrono::seconds(1), std::chrono::milliseconds(20), {}, false};
  c.outcome.traced = true;
  CHECK(c.why(0) == Lines{"[collect]: nothing of it ran in the periods that were traced, 20ms of every 1s"});
  c.outcome.not_started = "cannot run it";
  CHECK(c.why(0) == Lines{"cannot run it"});
}
