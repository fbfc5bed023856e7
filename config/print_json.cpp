// SPDX-License-Identifier: MIT
// The resolved plan as JSON: numbers in bytes and nanoseconds, keys as in the plan language.
#include <nlohmann/json.hpp>

#include "config/print.hpp"
#include "triggers/trigger_kinds.hpp"

namespace tracectl {
namespace {

using Json = nlohmann::ordered_json;

Json pt_json(const IntelPtConfig& pt) {
  return {{"tsc", pt.tsc},
          {"cyc", pt.cyc},
          {"mtc", pt.mtc},
          {"noretcomp", pt.noretcomp},
          {"ptw", pt.ptw},
          {"fup_on_ptw", pt.fup_on_ptw},
          {"pwr_evt", pt.pwr_evt},
          {"branch", pt.branch},
          {"event", pt.event},
          {"notnt", pt.notnt},
          {"mtc_period", pt.mtc_period},
          {"cyc_thresh", pt.cyc_thresh},
          {"psb_period", pt.psb_period}};
}

Json buffer_json(const BufferPlan& b) {
  return {{"size", b.aux_size}, {"data", b.data_size},           {"mode", name_of(b.mode)}, {"pages", name_of(b.pages)},
          {"wakeup", b.wakeup}, {"on_full", name_of(b.on_full)}, {"total", b.total}};
}

Json limits_json(const Limits& limits) {
  Json out = Json::object();
  out["duration"] = limits.duration ? Json(limits.duration->count()) : Json(nullptr);
  out["bytes"] = limits.bytes ? Json(*limits.bytes) : Json(nullptr);
  out["windows"] = limits.windows ? Json(*limits.windows) : Json(nullptr);
  return out;
}

Json collect_json(const std::optional<CollectPlan>& c) {
  if (!c) return nullptr;
  return {{"every", c->every.count()},
          {"for", c->length.count()},
          {"max_bytes", c->max_bytes ? Json(*c->max_bytes) : Json(nullptr)}};
}

Json trigger_json(const ResolvedTrigger& t) {
  Json out = {{"name", t.name}, {"on", t.on}, {"kind", name_of(t.kind)}, {"do", name_of(t.action)}};
  if (t.kind == TriggerKind::tracepoint) {
    out["group"] = t.tp_group;
    out["event"] = t.tp_name;
    if (t.syscall_nr >= 0) out["syscall_nr"] = t.syscall_nr;
  } else if (t.kind != TriggerKind::event) {
    out["place"] = text_of(t.where);
  }
  if (t.kind == TriggerKind::breakpoint) {
    out["access"] = name_of(t.access);
    out["len"] = t.len;
  }
  if (!t.filter_text.empty()) out["filter"] = t.filter_text;
  out["period"] = t.period;
  if (t.action == Action::snapshot) out["size"] = t.snapshot_size;
  out["limit"] = t.limit ? Json(*t.limit) : Json(nullptr);
  out["window"] = t.window >= 0 ? Json(t.window) : Json(nullptr);
  return out;
}

Json window_json(const ResolvedWindow& w) {
  return {{"name", w.name},
          {"resume", w.resume},
          {"pause", w.pause},
          {"limit", w.limit ? Json(*w.limit) : Json(nullptr)},
          {"longer_than", w.longer_than ? Json(w.longer_than->count()) : Json(nullptr)}};
}

Json perf_json(const ResolvedPlan& plan) {
  const PerfLine perf = perf_line(plan);
  return {{"commands", perf.lines}, {"reasons", perf.reasons}};
}

Json group_json(const ResolvedPlan& plan, const HostFacts& host) {
  Json out = Json::array();
  for (const AttrText& attr : event_group(plan, host)) {
    Json fields = Json::object();
    for (const auto& [name, value] : attr.fields) fields[name] = value;
    out.push_back({{"name", attr.name}, {"attr", fields}});
  }
  return out;
}

}  // namespace

std::string print_plan_json(const ResolvedPlan& plan, const HostFacts& host) {
  Json out = {{"title", plan.title},
              {"plan", plan.source_path},
              {"target", name_of(plan.target)},
              {"command", plan.command},
              {"user", plan.user},
              {"follow", plan.follow},
              {"backend", name_of(plan.backend)},
              {"machine", name_of(plan.machine)},
              {"machine_why", plan.machine_why},
              {"scope", name_of(plan.scope)},
              {"start", plan.start_paused || (plan.collect && plan.collect->pause_first) ? "paused" : "running"},
              {"threads", name_of(plan.threads)},
              {"filter", plan.address_filters},
              {"intel_pt", pt_json(plan.intel_pt)},
              {"buffer", buffer_json(plan.buffer)},
              {"limits", limits_json(plan.limits)},
              {"collect", collect_json(plan.collect)}};
  out["triggers"] = Json::array();
  for (const ResolvedTrigger& t : plan.triggers) out["triggers"].push_back(trigger_json(t));
  out["windows"] = Json::array();
  for (const ResolvedWindow& w : plan.windows) out["windows"].push_back(window_json(w));
  out["events"] = group_json(plan, host);
  out["notes"] = plan.notes;
  out["perf"] = perf_json(plan);
  // Names and titles are the user's bytes: replace what is not UTF-8 rather than throw.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tracectl
