// SPDX-License-Identifier: MIT
#include "config/print.hpp"

#include <fmt/format.h>

#include "core/units.hpp"

namespace tracectl {
namespace {

std::string row(const char* name, const std::string& value) { return fmt::format("{:<10} {}\n", name, value); }

std::string pt_text(const IntelPtConfig& pt) {
  return fmt::format(
      "tsc={:d} cyc={:d} mtc={:d} noretcomp={:d} ptw={:d} fup_on_ptw={:d} pwr_evt={:d} branch={:d} event={:d} notnt={:d} "
      "mtc_period={} cyc_thresh={} psb_period={} (a PSB every {})",
      pt.tsc, pt.cyc, pt.mtc, pt.noretcomp, pt.ptw, pt.fup_on_ptw, pt.pwr_evt, pt.branch, pt.event, pt.notnt, pt.mtc_period,
      pt.cyc_thresh, pt.psb_period, print_size(uint64_t{1} << (pt.psb_period + 11)));
}

std::string etm_text(const CoresightConfig& c, bool emulated) {
  std::string out = emulated ? fmt::format("source={} ", c.source) : "";  // hardware is what it is
  out += fmt::format("sink={} cycacc={:d} timestamp={:d} contextid={:d} retstack={:d} branch_broadcast={:d}", c.sink,
                     c.cycacc, c.timestamp, c.contextid, c.retstack, c.branch_broadcast);
  if (c.cycacc) out += fmt::format(" cc_threshold={}", c.cc_threshold);
  if (c.metadata != 1) out += fmt::format(" metadata={}", c.metadata);
  if (!c.configid.empty()) out += fmt::format(" configid={} preset={}", c.configid, c.preset);
  return out;
}

std::string buffer_text(const BufferPlan& b) {
  return fmt::format("size={} data={} mode={} pages={} wakeup={} on_full={} total={}", print_size(b.aux_size),
                     print_size(b.data_size), name_of(b.mode), name_of(b.pages), print_size(b.wakeup), name_of(b.on_full),
                     print_size(b.total));
}

std::string limits_text(const Limits& limits) {
  std::string out;
  if (limits.duration) out += " duration=" + print_duration(*limits.duration);
  if (limits.bytes) out += " bytes=" + print_size(*limits.bytes);
  if (limits.windows) out += fmt::format(" windows={}", *limits.windows);
  return out.empty() ? "none" : out.substr(1);
}

std::string collect_text(const CollectPlan& c) {
  std::string out = fmt::format("every={} for={}", print_duration(c.every), print_duration(c.length));
  if (c.max_bytes) out += " max_bytes=" + print_size(*c.max_bytes);
  return out;
}

std::string trigger_text(const ResolvedTrigger& t, size_t index) {
  std::string out = fmt::format("  {:<3} {:<8} {}", index, name_of(t.action), t.on);
  if (t.kind == TriggerKind::breakpoint) out += fmt::format(" access={} len={}", name_of(t.access), t.len);
  if (t.syscall_nr >= 0) out += fmt::format(" nr={}", t.syscall_nr);
  if (!t.filter_text.empty()) out += fmt::format(" filter=({})", t.filter_text);
  if (t.kind == TriggerKind::event) out += fmt::format(" period={}", t.period);
  if (t.action == Action::snapshot) out += " size=" + print_size(t.snapshot_size);
  if (t.limit) out += fmt::format(" limit={}", *t.limit);
  if (t.name != t.on) out += fmt::format(" name={}", t.name);
  if (t.window >= 0) out += fmt::format(" window={}", t.window);
  return out + "\n";
}

std::string window_text(const ResolvedWindow& w, size_t index) {
  std::string out = fmt::format("  {:<3} {}: from trigger {} to trigger {}", index, w.name, w.resume, w.pause);
  if (w.limit) out += fmt::format(" limit={}", *w.limit);
  if (w.longer_than) out += " longer_than=" + print_duration(*w.longer_than);
  return out + "\n";
}

std::string command_text(const std::vector<std::string>& command) {
  std::string out;
  for (const std::string& word : command) out += (out.empty() ? "" : " ") + shell_quoted(word);
  return out.empty() ? "none; give it after --" : out;
}

std::string lists_text(const ResolvedPlan& plan) {
  std::string out = plan.triggers.empty() ? row("triggers", "none") : "triggers\n";
  for (size_t i = 0; i < plan.triggers.size(); ++i) out += trigger_text(plan.triggers[i], i);
  out += plan.windows.empty() ? row("windows", "none") : "windows\n";
  for (size_t i = 0; i < plan.windows.size(); ++i) out += window_text(plan.windows[i], i);
  return out;
}

std::string group_text(const ResolvedPlan& plan, const HostFacts& host) {
  std::string out;
  for (const AttrText& attr : event_group(plan, host)) {
    out += "  " + attr.name + "\n";
    for (const auto& [name, value] : attr.fields) out += fmt::format("      {:<16} {}\n", name, value);
  }
  return out.empty() ? "" : "events\n" + out;
}

std::string perf_text(const ResolvedPlan& plan) {
  const PerfLine perf = perf_line(plan);
  std::string out = "perf\n";
  if (perf.lines.empty())
    out += "  no equal perf record line:\n";
  else if (plan.machine == MachineKind::emulated)
    out += "  perf cannot emulate; with Intel PT hardware the equal line is\n";
  for (const std::string& line : perf.lines) out += "  " + line + "\n";
  for (const std::string& reason : perf.reasons) out += "  - " + reason + "\n";
  return out;
}

}  // namespace

std::string print_plan(const ResolvedPlan& plan, const HostFacts& host) {
  std::string out;
  if (!plan.title.empty()) out += row("title", plan.title);
  out += row("plan", plan.source_path.empty() ? "(from options)" : plan.source_path);
  if (plan.target.kind != TargetKind::command) out += row("target", name_of(plan.target));
  if (plan.target.kind == TargetKind::command || !plan.command.empty()) out += row("command", command_text(plan.command));
  if (!plan.user.empty()) out += row("user", plan.user);
  out += row("backend", name_of(plan.backend));
  out += row("machine", fmt::format("{}: {}", name_of(plan.machine), plan.machine_why));
  out += row("scope", name_of(plan.scope));
  out += row("start", plan.start_paused || (plan.collect && plan.collect->pause_first) ? "paused" : "running");
  out += row("threads", name_of(plan.threads));
  out += row("follow", plan.follow ? "true" : "false");
  if (!plan.address_filters.empty()) out += row("filter", fmt::format("{}", fmt::join(plan.address_filters, " ")));
  out += plan.backend == BackendKind::intel_pt
             ? row("intel_pt", pt_text(plan.intel_pt))
             : row("coresight", etm_text(plan.coresight, plan.machine == MachineKind::emulated));
  out += row("buffer", buffer_text(plan.buffer));
  out += row("limits", limits_text(plan.limits));
  if (plan.collect) out += row("collect", collect_text(*plan.collect));
  out += lists_text(plan) + group_text(plan, host);
  if (!plan.notes.empty()) out += "notes\n";
  for (const std::string& note : plan.notes) out += "  - " + note + "\n";
  return out + perf_text(plan);
}

}  // namespace tracectl
