// SPDX-License-Identifier: MIT
// Lints over the whole plan: what the kernel would refuse, or accept and never act on.
#include <fmt/format.h>

#include "config/resolve_parts.hpp"
#include "core/units.hpp"

namespace tracectl {
namespace {

bool some_trigger(const ResolveContext& c, Action action) {
  for (const PlanTrigger& trigger : c.plan.triggers)
    if (trigger.action && *trigger.action == action) return true;
  return action != Action::snapshot && !c.plan.windows.empty();
}

// Where to point for `action`: the `do` of its first trigger.
SourceRef place_of(const ResolveContext& c, Action action) {
  for (const PlanTrigger& trigger : c.plan.triggers)
    if (trigger.action && *trigger.action == action) return trigger.action.at;
  return {};
}

// Its driver takes the event and refuses the AUX mmap, for a reason that only dmesg has.
void lint_etmv3(ResolveContext& c, const SourceRef& at, bool acts) {
  if (!acts || c.emulated() || c.out.backend != BackendKind::coresight) return;
  const auto pmu = c.host.pmus.find("cs_etm");
  if (pmu == c.host.pmus.end() || pmu->second.other_units == 0) return;
  if (only_etmv3(pmu->second))
    return c.diagnostics.unsupported(at, "the trace units of this machine are ETMv3, which cannot be paused or resumed",
                                     "a plan without triggers that pause or resume traces everything");
  c.note(fmt::format("{} of {} trace units are ETMv3, which cannot be paused: what runs on their cpus is not traced",
                     pmu->second.other_units, pmu->second.other_units + pmu->second.pausing_units));
}

}  // namespace

void lint_actions(ResolveContext& c) {
  if (c.plan.collect.written()) return;  // the clock says when; resolve_collect.cpp
  const bool resumes = some_trigger(c, Action::resume), pauses = some_trigger(c, Action::pause);
  c.out.start_paused = c.plan.start ? *c.plan.start == StartMode::paused : resumes;
  if (!c.plan.start && resumes) c.note("start = paused: a trigger resumes");
  const bool paused = c.out.start_paused;
  lint_etmv3(c, place_of(c, resumes ? Action::resume : Action::pause), resumes || pauses);
  if (resumes && pauses) return;
  if (resumes && paused)
    c.diagnostics.warning(place_of(c, Action::resume), "no trigger pauses: the trace runs from the first resume to the end",
                          "if that is not meant, add a trigger with do = \"pause\", or use a [[window]]");
  if (resumes && !paused)
    c.diagnostics.error(place_of(c, Action::resume),
                        "this resume has no effect: the trace starts running and nothing pauses it",
                        "start = \"paused\", or add a trigger with do = \"pause\"");
  if (pauses && !paused)
    c.diagnostics.warning(place_of(c, Action::pause), "no trigger resumes: the trace ends at the first hit of this pause",
                          "if that is not meant, add a trigger with do = \"resume\", or use a [[window]]");
  if (!resumes && paused)
    c.diagnostics.error(c.plan.start.at, "start = \"paused\" and no trigger resumes: nothing would ever be traced",
                        "add a trigger with do = \"resume\" or a [collect], or start = \"running\"");
}

namespace {

std::string event_of(const PlanWindow& w) {
  if (w.function) return "function " + *w.function;
  if (w.syscall) return "syscall " + *w.syscall;
  return w.from && w.to ? *w.from + " .. " + *w.to : "";
}

bool always_acts(const PlanTrigger& t) {
  return t.on && t.action && !t.filter.written() && !t.access.written() && !t.len.written() && !t.limit &&
         t.period.value_or(1) == 1;
}

}  // namespace

// Decoding starts at a PSB or an A-Sync: a snapshot that is shorter than their distance may hold none. The driver leaves
// TRCSYNCPR at 2^12 bytes (coresight-etm4x-core.c, etm4_set_default_config).
void lint_snapshots(ResolveContext& c) {
  constexpr uint64_t kAsyncDistance = 4096;
  const bool pt = c.out.backend == BackendKind::intel_pt;
  const uint64_t least = pt ? uint64_t{2} << (c.out.intel_pt.psb_period + 11) : 2 * kAsyncDistance;
  for (const PlanTrigger& t : c.plan.triggers)
    if (t.action && *t.action == Action::snapshot && t.size && *t.size > 0 && *t.size < least)
      c.diagnostics.error(t.size.at,
                          fmt::format("a snapshot of {} may hold no place where decoding can start: there is {} every {}",
                                      print_size(*t.size), pt ? "a PSB" : "an A-Sync", print_size(least / 2)),
                          fmt::format("size = \"{}\" or more", print_size(least)));
}

// Copies of a line that was to be changed: they do nothing, or undo each other.
void lint_duplicates(ResolveContext& c) {
  const auto& windows = c.plan.windows;
  for (size_t i = 0; i < windows.size(); ++i)
    for (size_t k = 0; k < i && !event_of(windows[i]).empty(); ++k)
      if (event_of(windows[k]) == event_of(windows[i])) {
        c.diagnostics.error(windows[i].at, fmt::format("this window is there already, in line {}", windows[k].at.line),
                            "one of the two is enough");
        break;
      }
  const auto& triggers = c.plan.triggers;
  for (size_t i = 0; i < triggers.size(); ++i)
    for (size_t k = 0; k < i && always_acts(triggers[i]); ++k)
      if (always_acts(triggers[k]) && *triggers[k].on == *triggers[i].on && *triggers[k].action != Action::snapshot &&
          *triggers[i].action != Action::snapshot) {
        const bool same = *triggers[k].action == *triggers[i].action;
        c.diagnostics.error(
            triggers[i].on.at,
            fmt::format(fmt::runtime(same ? "this trigger is there already, in line {}"
                                          : "every hit of this event would both resume and pause: see line {}"),
                        triggers[k].at.line),
            same ? "one of the two is enough" : "for a function from entry to return, use a [[window]]");
        break;
      }
}

// x86 has four debug registers; the fifth breakpoint of a task is refused with ENOSPC. AArch64 has registers for code
// (2 to 16) and others for data.
// Source: Intel SDM volume 3B, 18.2 (DR0 to DR3); Arm ARM, ID_AA64DFR0_EL1 (BRPs, WRPs).
void lint_breakpoints(ResolveContext& c) {
  if (c.emulated()) return;
  const bool apart = c.out.backend == BackendKind::coresight;
  unsigned used_code = 0, used_data = 0;
  const auto check = [&](const Field<std::string>& on, bool data = false) {
    const auto& have = apart && data ? c.host.watchpoint_slots : c.host.breakpoint_slots;
    const unsigned slots = have.value_or(4);
    unsigned& used = apart && data ? used_data : used_code;
    if (!on || on.value->rfind("breakpoint:", 0) != 0 || ++used <= slots) return;
    c.diagnostics.error(on.at, fmt::format("breakpoint {} of a processor that has {}", used, slots),
                        "uprobe:OBJECT:SYMBOL needs no debug register; machine = \"emulated\" has no such limit");
  };
  for (const PlanTrigger& trigger : c.plan.triggers)
    check(trigger.on, trigger.access.value_or(BreakAccess::execute) != BreakAccess::execute);
  for (const PlanWindow& window : c.plan.windows) {
    check(window.from);
    check(window.to);
  }
}

}  // namespace tracectl
