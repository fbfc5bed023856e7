// SPDX-License-Identifier: MIT
// [collect]: periods of trace by the session's clock, in place of triggers.
#include <fmt/format.h>

#include "config/resolve_parts.hpp"
#include "core/units.hpp"

namespace tracectl {
namespace {

using std::chrono::nanoseconds;

// Below it the loop's own wakeups would decide how long a period is.
constexpr nanoseconds kShortest = std::chrono::milliseconds(1);

void check_times(ResolveContext& c) {
  const PlanCollect& in = c.plan.collect;
  if (!in.every.written() || !in.length.written())
    return c.diagnostics.error(in.at, fmt::format("[collect] has no {}", in.every.written() ? "for" : "every"),
                               "every = \"1s\" and for = \"100ms\": trace 100 ms of each second");
  if (!in.every || !in.length) return;
  if (*in.length < kShortest)
    c.diagnostics.error(in.length.at,
                        fmt::format("for = {} is shorter than a session can keep to: {}", print_duration(*in.length),
                                    print_duration(kShortest)),
                        fmt::format("for = \"{}\" or more", print_duration(kShortest)));
  else if (*in.length >= *in.every)
    c.diagnostics.error(in.length.at,
                        fmt::format("for = {} is not shorter than every = {}: nothing would be paused",
                                    print_duration(*in.length), print_duration(*in.every)),
                        "a shorter for; or leave [collect] out to trace all the time");
}

SourceRef first_trigger(const Plan& plan) {
  if (plan.triggers.empty()) return plan.windows.front().at;
  if (plan.windows.empty() || plan.triggers.front().at.line < plan.windows.front().at.line) return plan.triggers.front().at;
  return plan.windows.front().at;
}

// A resume would end the pause between two periods, and a pause the period: neither would mean what it says.
void check_others(ResolveContext& c) {
  const Plan& plan = c.plan;
  if (!plan.triggers.empty() || !plan.windows.empty())
    c.diagnostics.error(first_trigger(plan), "[collect] and triggers: either the clock says when to trace, or events do",
                        "leave [collect] out, and bound the windows by their limit or [limits]; or leave the triggers out");
  if (plan.buffer.mode && *plan.buffer.mode == BufferMode::ring)
    c.diagnostics.error(plan.buffer.mode.at,
                        "mode = \"ring\" keeps the end of the trace only; [collect] is to keep every period",
                        "leave mode out; max_bytes and [limits] bound what is kept");
}

void check_limits(ResolveContext& c) {
  const PlanCollect& in = c.plan.collect;
  const PlanLimits& limits = c.plan.limits;
  if (in.max_bytes && limits.bytes && *limits.bytes <= *in.max_bytes)
    c.diagnostics.warning(
        in.max_bytes.at,
        fmt::format("max_bytes = {} is never reached: bytes = {} in [limits] ends the session first",
                    print_size(*in.max_bytes), print_size(*limits.bytes)),
        "max_bytes ends it between two periods; a larger bytes beside it is for one period that is too large");
  const nanoseconds first = c.out.collect->pause_first ? c.out.collect->every - c.out.collect->length : nanoseconds(0);
  if (limits.duration && *limits.duration <= first)
    c.diagnostics.error(limits.duration.at,
                        fmt::format("duration = {} ends the session before its first period, which start = \"paused\" puts "
                                    "at the end of every = {}",
                                    print_duration(*limits.duration), print_duration(c.out.collect->every)),
                        "a longer duration, or start = \"running\"");
}

}  // namespace

void resolve_collect(ResolveContext& c) {
  const PlanCollect& in = c.plan.collect;
  if (!in.written()) return;
  check_times(c);
  check_others(c);
  if (!in.every || !in.length) return;
  CollectPlan out{*in.every, *in.length, in.max_bytes.value, c.plan.start.value_or(StartMode::running) == StartMode::paused};
  c.out.collect = out;
  check_limits(c);
  c.note(fmt::format(
      "collect: {} of trace in every {} ({:.3g} % of the time), the pause {}; what a pause leaves out is no loss",
      print_duration(out.length), print_duration(out.every),
      100.0 * static_cast<double>(out.length.count()) / static_cast<double>(out.every.count()),
      out.pause_first ? "first" : "behind it"));
}

}  // namespace tracectl
