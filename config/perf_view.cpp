// SPDX-License-Identifier: MIT
// What the plan is in perf's terms: the attributes of the event group, and a command line.
// Sources: include/uapi/linux/perf_event.h; arch/x86/events/intel/pt.c (config bits);
//          perf-intel-pt(1), "Pause or Resume Tracing".
#include <fmt/format.h>

#include <set>

#include "backends/intel_pt/pmu.hpp"
#include "config/print.hpp"
#include "core/units.hpp"
#include "triggers/trigger_kinds.hpp"

namespace tracectl {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Term {
  const char* name;
  bool IntelPtConfig::*flag;
};
constexpr Term kTerms[] = {
    {"cyc", &IntelPtConfig::cyc},    {"pwr_evt", &IntelPtConfig::pwr_evt}, {"fup_on_ptw", &IntelPtConfig::fup_on_ptw},
    {"mtc", &IntelPtConfig::mtc},    {"tsc", &IntelPtConfig::tsc},         {"noretcomp", &IntelPtConfig::noretcomp},
    {"ptw", &IntelPtConfig::ptw},    {"branch", &IntelPtConfig::branch},   {"event", &IntelPtConfig::event},
    {"notnt", &IntelPtConfig::notnt}};

// Members never exclude user mode, and exclude the kernel only in user scope, where less right is needed that way.
bool member_excludes_kernel(Scope scope, const ResolvedTrigger& t) { return scope == Scope::user && !hits_in_kernel(t); }

void add_config(const ResolvedPlan& plan, Fields* out) {
  if (plan.backend == BackendKind::intel_pt)
    return void(out->emplace_back("config", fmt::format("{:#x}", intel_pt::config_bits(plan.intel_pt))));
  out->emplace_back("config", fmt::format("{:#x}", plan.coresight.config));
  if (plan.coresight.config2 != 0) out->emplace_back("config2", fmt::format("{:#x}", plan.coresight.config2));
  if (plan.coresight.config3 != 0) out->emplace_back("config3", fmt::format("{:#x}", plan.coresight.config3));
}

AttrText leader(const ResolvedPlan& plan, const HostFacts& host) {
  const char* name = plan.backend == BackendKind::intel_pt ? "intel_pt" : "cs_etm";
  const auto pmu = host.pmus.find(name);
  AttrText out{fmt::format("leader {}", name), {}};
  out.fields.emplace_back(
      "type", pmu == host.pmus.end() ? fmt::format("{} (not on this machine)", name) : fmt::format("{}", pmu->second.type));
  add_config(plan, &out.fields);
  out.fields.emplace_back("sample_period", "1");
  if (plan.scope == Scope::user) out.fields.emplace_back("exclude_kernel", "1");
  if (plan.scope == Scope::kernel) out.fields.emplace_back("exclude_user", "1");
  out.fields.emplace_back("exclude_hv", "1");
  out.fields.emplace_back("disabled", "1");
  out.fields.emplace_back("aux_watermark", fmt::format("{}", plan.buffer.wakeup));
  if (plan.start_paused) out.fields.emplace_back("aux_action", "0x1 (start_paused)");
  return out;
}

void add_event(const ResolvedTrigger& t, Fields* out) {
  switch (t.kind) {
    case TriggerKind::tracepoint:
      out->emplace_back("type", "2 (tracepoint)");
      out->emplace_back("config", fmt::format("id of {}/{} in tracefs", t.tp_group, t.tp_name));
      return;
    case TriggerKind::breakpoint:
      out->emplace_back("type", "5 (breakpoint)");
      // HW_BREAKPOINT_W 2, RW 3, X 4
      out->emplace_back("bp_type", t.access == BreakAccess::execute ? "4 (x)"
                                   : t.access == BreakAccess::write ? "2 (w)"
                                                                    : "3 (rw)");
      out->emplace_back("bp_addr", t.where.form == CodeLocation::Form::address
                                       ? fmt::format("{:#x}", t.where.address)
                                       : fmt::format("of {}, once it is mapped", text_of(t.where)));
      out->emplace_back("bp_len", fmt::format("{}", t.len));
      return;
    case TriggerKind::event:
      out->emplace_back("event", t.event);
      return;
    default:
      out->emplace_back("type",
                        t.kind == TriggerKind::uprobe || t.kind == TriggerKind::uretprobe ? "uprobe PMU" : "kprobe PMU");
      if (t.kind == TriggerKind::uretprobe || t.kind == TriggerKind::kretprobe)
        out->emplace_back("config", "0x1 (retprobe)");
      out->emplace_back("place", text_of(t.where));
  }
}

// The thread stops at the hit (SIGTRAP, taken by tracectl) until the newest trace is kept; by cpu nobody is held.
void add_snapshot(const ResolvedPlan& plan, Fields* out) {
  if (plan.threads != ThreadMode::exact) return;
  out->emplace_back("sigtrap", "1");
  out->emplace_back("remove_on_exec", "1");
  if (plan.scope != Scope::user) out->emplace_back("aux_action", "0x2 (pause)");
}

AttrText member(const ResolvedPlan& plan, const ResolvedTrigger& t, size_t index) {
  AttrText out{fmt::format("trigger {} {}", index, t.on), {}};
  add_event(t, &out.fields);
  out.fields.emplace_back("sample_period", fmt::format("{}", t.period));
  if (member_excludes_kernel(plan.scope, t)) out.fields.emplace_back("exclude_kernel", "1");
  if (t.action == Action::resume) out.fields.emplace_back("aux_action", "0x4 (resume)");
  if (t.action == Action::pause) out.fields.emplace_back("aux_action", "0x2 (pause)");
  if (t.action == Action::snapshot) add_snapshot(plan, &out.fields);
  if (!t.filter_text.empty()) out.fields.emplace_back("filter", t.filter_text);
  return out;
}

const char* modifier(Scope scope) { return scope == Scope::user ? "u" : scope == Scope::kernel ? "k" : ""; }

// The event that `perf probe GROUP:EVENT=...` makes; perf adds the suffix to return probes.
std::string probe_name(size_t index) { return fmt::format("tracectl:t{}", index); }

bool is_user_probe(const ResolvedTrigger& t) { return t.kind == TriggerKind::uprobe || t.kind == TriggerKind::uretprobe; }

// perf probe takes a path; "libc.so.6" would be a file of the current directory.
std::string object_path(const ResolvedPlan& plan, const std::string& object) {
  const auto known = plan.object_paths.find(object);
  return known == plan.object_paths.end() ? object : known->second;
}

void add_missing_paths(const ResolvedPlan& plan, PerfLine* out) {
  std::set<std::string> missing;
  for (const ResolvedTrigger& t : plan.triggers)
    if (is_user_probe(t) && object_path(plan, t.where.object).find('/') == std::string::npos) missing.insert(t.where.object);
  for (const std::string& object : missing)
    out->reasons.push_back(fmt::format(
        "perf probe -x wants the path of {}: {}", object,
        plan.command.empty() ? "give the command too, and it is filled in" : "the command does not load it at its start"));
}

void add_probe(const ResolvedPlan& plan, const ResolvedTrigger& t, size_t index, PerfLine* out) {
  const std::string offset = t.where.offset == 0 ? "" : fmt::format("+{}", t.where.offset);
  out->lines.push_back(fmt::format("perf probe {}{}",
                                   is_user_probe(t) ? "-x " + shell_quoted(object_path(plan, t.where.object)) + " " : "",
                                   shell_quoted(fmt::format("{}={}{}{}", probe_name(index), t.where.symbol, offset,
                                                            is_return(t.kind) ? "%return" : ""))));
}

// The `-e` text of one trigger without its action; "" when perf cannot say it.
std::string event_text(const ResolvedPlan& plan, const ResolvedTrigger& t, size_t index, PerfLine* out) {
  switch (t.kind) {
    case TriggerKind::tracepoint:
      return t.tp_group + ":" + t.tp_name;
    case TriggerKind::event:
      return t.event;
    case TriggerKind::breakpoint:
      if (t.where.form == CodeLocation::Form::address) {
        const std::string len = t.access == BreakAccess::execute ? "" : fmt::format("/{}", t.len);
        return fmt::format("mem:{:#x}{}:{}", t.where.address, len, name_of(t.access));
      }
      out->reasons.push_back(fmt::format("{}: perf takes a breakpoint's address, not its name", t.on));
      return "";
    default:
      add_probe(plan, t, index, out);
      return probe_name(index) + (is_return(t.kind) ? "__return" : "");
  }
}

// perf itself sets timestamp and contextid where its buffers are by cpu, and takes the default sink.
std::string coresight_text(const ResolvedPlan& plan) {
  const CoresightConfig& c = plan.coresight;
  std::string terms;
  const auto add = [&terms](const std::string& term) { terms += (terms.empty() ? "" : ",") + term; };
  if (c.sink != "auto") add("@" + c.sink);
  if (!c.configid.empty()) add(c.configid);
  if (c.preset != 0) add(fmt::format("preset={}", c.preset));
  if (c.branch_broadcast) add("branch_broadcast");
  if (c.cycacc) add("cycacc");
  if (c.cc_threshold != 0) add(fmt::format("cc_threshold={}", c.cc_threshold));
  if (c.contextid) add("contextid");
  if (c.timestamp) add("timestamp");
  if (c.retstack) add("retstack");
  if (plan.start_paused) add("aux-action=start-paused");
  return fmt::format("-e cs_etm/{}/{}", terms, modifier(plan.scope));
}

std::string leader_text(const ResolvedPlan& plan) {
  if (plan.backend == BackendKind::coresight) return coresight_text(plan);
  std::string terms = fmt::format("psb_period={}", plan.intel_pt.psb_period);
  const IntelPtConfig defaults;
  for (const Term& term : kTerms)
    if (plan.intel_pt.*term.flag != defaults.*term.flag)
      terms += fmt::format(",{}={}", term.name, plan.intel_pt.*term.flag ? 1 : 0);
  if (!plan.intel_pt.mtc) terms += ",mtc=0";  // perf turns it on, the driver does not
  if (plan.intel_pt.mtc_period != 0) terms += fmt::format(",mtc_period={}", plan.intel_pt.mtc_period);
  if (plan.intel_pt.cyc_thresh != 0) terms += fmt::format(",cyc_thresh={}", plan.intel_pt.cyc_thresh);
  if (plan.start_paused) terms += ",aux-action=start-paused";
  return fmt::format("-e intel_pt/{}/{}", terms, modifier(plan.scope));
}

void check_equal(const ResolvedPlan& plan, PerfLine* out) {
  for (const ResolvedTrigger& t : plan.triggers) {
    if (t.action == Action::snapshot)
      out->reasons.push_back(fmt::format("{}: perf record has no snapshot by trigger", t.on));
    if (t.limit) out->reasons.push_back(fmt::format("{}: perf record has no limit of hits", t.on));
  }
  if (plan.collect)
    out->reasons.emplace_back(
        "collect: perf record has no periods that repeat; -D 0-100,1000-1100 lists times in ms one by one (perf 6.1), and "
        "--switch-output cuts the file, not the time");
  if (plan.limits.bytes || plan.limits.windows) out->reasons.emplace_back("perf record has no limit of bytes or windows");
}

std::string target_text(const Target& target) {
  switch (target.kind) {
    case TargetKind::command:
      return "";
    case TargetKind::process:
      return " -p " + target.ids_text();
    case TargetKind::thread:
      return " -t " + target.ids_text();
    case TargetKind::cpus:
      return " -a";
    case TargetKind::cgroup:
      return " -a -G " + shell_quoted(target.cgroup);
  }
  return "";
}

PerfLine finish(std::string line, const ResolvedPlan& plan, PerfLine out) {
  if (!out.reasons.empty()) {
    out.lines.clear();
    return out;
  }
  add_missing_paths(plan, &out);
  if (plan.limits.duration) out.reasons.emplace_back("limits.duration: put timeout(1) before perf");
  out.lines.push_back(std::move(line));
  return out;
}

}  // namespace

std::string shell_quoted(const std::string& text) {
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=@%+") ==
          std::string::npos &&
      !text.empty())
    return text;
  std::string out = "'";
  for (char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

std::vector<AttrText> event_group(const ResolvedPlan& plan, const HostFacts& host) {
  std::vector<AttrText> out;
  if (plan.machine != MachineKind::kernel) return out;
  out.push_back(leader(plan, host));
  for (size_t i = 0; i < plan.triggers.size(); ++i) out.push_back(member(plan, plan.triggers[i], i));
  return out;
}

PerfLine perf_line(const ResolvedPlan& plan) {
  PerfLine out;
  check_equal(plan, &out);
  std::string line = "perf record";
  if (plan.scope != Scope::user) line += " --kcore";
  line += fmt::format(" -m {},{}", plan.buffer.data_size / 4096, plan.buffer.aux_size / 4096);
  if (!plan.follow) line += " --no-inherit";
  line += " " + leader_text(plan);
  for (size_t i = 0; i < plan.triggers.size(); ++i) {
    const ResolvedTrigger& t = plan.triggers[i];
    std::string event = event_text(plan, t, i, &out);
    const char* action = t.action == Action::resume ? "resume" : "pause";
    const std::string period = t.kind == TriggerKind::event ? fmt::format("period={},", t.period) : "";
    const std::string join = !event.empty() && event.back() == '/' ? "," : "/";
    if (join == ",") event.pop_back();
    line += fmt::format(" -e {}{}{}aux-action={}/", event, join, period, action);
    if (!t.filter_text.empty()) line += " --filter " + shell_quoted(t.filter_text);
  }
  line += target_text(plan.target);
  if (plan.target.kind != TargetKind::command && plan.command.empty()) return finish(std::move(line), plan, out);
  line += " --";
  for (const std::string& word : plan.command) line += " " + shell_quoted(word);
  if (plan.command.empty()) line += " COMMAND";
  return finish(std::move(line), plan, out);
}

}  // namespace tracectl
