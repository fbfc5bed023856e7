// SPDX-License-Identifier: MIT
#include "cli/why_empty.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>

#include "core/units.hpp"

namespace tracectl::cli {
namespace {

// Why nothing came of it.
std::string never(const ResolvedTrigger& t, const Placement& place) {
  if (!place.found && !place.why.empty()) return fmt::format("'{}' was never placed: {}", t.on, place.why);
  if (!place.found) return fmt::format("'{}' was never found in what the program mapped", t.on);
  if (!t.filter_text.empty()) return fmt::format("'{}' never came with a true filter, `{}`", t.on, t.filter_text);
  if (t.period > 1) return fmt::format("'{}' never came {} times", t.on, t.period);
  return fmt::format("'{}' was never hit", t.on);
}

void add_all(const ResolvedPlan& plan, Action action, const char* what, const std::vector<Placement>& placements,
             std::vector<std::string>& out) {
  for (size_t i = 0; i < plan.triggers.size(); ++i)
    if (plan.triggers[i].action == action)
      out.push_back(fmt::format("{}: it {}", never(plan.triggers[i], placements.at(i)), what));
}

}  // namespace

std::vector<std::string> why_empty(const ResolvedPlan& plan, const RunOutcome& outcome, uint64_t trace_bytes,
                                   const std::vector<Placement>& placements) {
  std::vector<std::string> out;
  uint64_t windows = 0;
  for (const auto& thread : outcome.threads) windows += thread.windows;
  const bool never_on = plan.start_paused && windows == 0;
  const bool kept = plan.buffer.mode == BufferMode::full || outcome.snapshots != 0;
  if (trace_bytes != 0 && !never_on) return out;
  if (!outcome.not_started.empty()) return {outcome.not_started};
  if (!outcome.traced && WIFSIGNALED(outcome.wait_status))
    return {fmt::format("signal {} ended the command before it was traced", WTERMSIG(outcome.wait_status))};
  if (outcome.untraced_threads + outcome.untraced_execs != 0)
    out.push_back(fmt::format("{} ran untraced", outcome.untraced_threads + outcome.untraced_execs == 1
                                                     ? "a thread or program"
                                                     : "threads or programs"));
  if (never_on) add_all(plan, Action::resume, "resumes the trace", placements, out);
  const bool snapshots =
      std::any_of(plan.triggers.begin(), plan.triggers.end(), [](const auto& t) { return t.action == Action::snapshot; });
  if (!kept && snapshots) add_all(plan, Action::snapshot, "takes the snapshots", placements, out);
  if (!kept && !snapshots) out.emplace_back("mode = \"ring\" keeps snapshots, and nothing asked for one");
  if (out.empty() && plan.collect && outcome.traced)
    out.push_back(fmt::format("[collect]: nothing of it ran in the periods that were traced, {} of every {}",
                              print_duration(plan.collect->length), print_duration(plan.collect->every)));
  if (out.empty() && !outcome.stop_reason.empty())
    out.push_back(fmt::format("the session ended before any trace was there: {}", outcome.stop_reason));
  if (out.empty() && WIFSIGNALED(outcome.wait_status))
    out.push_back(fmt::format("signal {} ended the command before any trace was there", WTERMSIG(outcome.wait_status)));
  if (out.empty())
    out.push_back(fmt::format("the trace was on, but nothing ran in it that is within scope = \"{}\"", name_of(plan.scope)));
  return out;
}

}  // namespace tracectl::cli
