// SPDX-License-Identifier: MIT
#include "core/capture/capture_json.hpp"

#include <nlohmann/json.hpp>

#include "core/check.hpp"

namespace tracectl::capture {
namespace {

using Json = nlohmann::ordered_json;

Json loss_json(const LossTotals& loss) {
  Json out = Json::object();
  for (size_t i = 0; i < kLossKinds; ++i) out[kLossNames[i]] = loss.count[i];
  return out;
}

Json windows_json(const ResolvedPlan& plan) {
  Json out = Json::array();
  for (const auto& window : plan.windows) {
    Json one = {{"name", window.name}, {"resume", window.resume}, {"pause", window.pause}};
    if (window.limit) one["limit"] = *window.limit;
    if (window.longer_than) one["longer_than_ns"] = window.longer_than->count();
    out.push_back(std::move(one));
  }
  return out;
}

Json triggers_json(const CaptureSummary& s) {
  Json out = Json::array();
  for (size_t i = 0; i < s.plan->triggers.size(); ++i) {
    const auto& trigger = s.plan->triggers[i];
    Json one = {
        {"name", trigger.name}, {"on", trigger.on}, {"action", name_of(trigger.action)}, {"kind", name_of(trigger.kind)}};
    if (i < s.event_ids.size() && !s.event_ids[i].empty()) {
      one["event_id"] = s.event_ids[i].front();
      one["event_ids"] = s.event_ids[i];
    }
    if (!trigger.filter_text.empty()) one["filter"] = trigger.filter_text;
    if (trigger.period != 1) one["period"] = trigger.period;
    if (trigger.limit) one["limit"] = *trigger.limit;
    if (trigger.action == Action::snapshot) one["snapshot_size"] = trigger.snapshot_size;
    one["window"] = trigger.window;
    out.push_back(std::move(one));
  }
  return out;
}

Json plan_json(const CaptureSummary& s) {
  const auto& plan = *s.plan;
  Json out = {{"source", plan.source_path},
              {"follow", plan.follow},
              {"scope", name_of(plan.scope)},
              {"threads", name_of(plan.threads)}};
  out["buffer"] = {{"size", plan.buffer.aux_size},      {"data", plan.buffer.data_size},
                   {"mode", name_of(plan.buffer.mode)}, {"pages", name_of(plan.buffer.pages)},
                   {"wakeup", plan.buffer.wakeup},      {"on_full", name_of(plan.buffer.on_full)},
                   {"total", plan.buffer.total}};
  if (plan.collect) {
    out["collect"] = {{"every_ns", plan.collect->every.count()}, {"for_ns", plan.collect->length.count()}};
    if (plan.collect->max_bytes) out["collect"]["max_bytes"] = *plan.collect->max_bytes;
  }
  out["windows"] = windows_json(plan);
  out["triggers"] = triggers_json(s);
  return out;
}

Json host_json(const HostFacts& host) {
  return {{"kernel", host.kernel_release}, {"cpu", host.cpu_model}, {"cpus", host.cpus}, {"qemu", host.qemu_x86_64.version}};
}

Json threads_json(const std::vector<ThreadSummary>& threads) {
  Json out = Json::array();
  for (const auto& t : threads)
    out.push_back({{"idx", t.idx}, {"pid", t.pid}, {"tid", t.tid}, {"comm", t.comm}, {"trace_bytes", t.trace_bytes}});
  return out;
}

}  // namespace

std::string capture_json(const CaptureSummary& s) {
  TRACECTL_CHECK(s.plan != nullptr, "a summary without its plan");
  Json out = {{"title", s.plan->title},
              {"backend", name_of(s.plan->backend)},
              {"machine", name_of(s.plan->machine)},
              {"machine_why", s.plan->machine_why},
              {"start_paused", s.plan->start_paused},
              {"target", name_of(s.plan->target)},
              {"command", s.command}};
  if (!s.cpuid.empty()) out["cpuid"] = s.cpuid;
  if (s.exit_status) out["exit_status"] = *s.exit_status;
  if (s.host != nullptr) out["host"] = host_json(*s.host);
  if (s.windows) out["windows"] = *s.windows;
  if (s.translations) out["translations"] = *s.translations;
  if (s.open_windows) out["open_windows"] = *s.open_windows;
  out["threads"] = threads_json(s.threads);
  out["trace_bytes"] = s.trace_bytes;
  out["loss"] = loss_json(s.loss);
  if (!s.why_empty.empty()) out["why_empty"] = s.why_empty;
  out["plan"] = plan_json(s);
  out["notes"] = s.plan->notes;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tracectl::capture
