// SPDX-License-Identifier: MIT
#include "decode/trigger_hits.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

#include "core/perf/uapi.hpp"

namespace tracectl::decode {
namespace {

// A capture without capture.json: the event itself says what it does.
std::optional<TriggerHit> meaning_of(const capture::EventDesc& event) {
  const bool resumes = (event.aux_action & perf::kAuxResume) != 0;
  if (!resumes && (event.aux_action & perf::kAuxPause) == 0) return std::nullopt;
  TriggerHit hit;
  hit.name = event.name;
  hit.action = resumes ? Action::resume : Action::pause;
  return hit;
}

}  // namespace

void for_each_trigger_hit(const capture::Reader& reader, const CaptureFacts& facts,
                          const std::function<void(const TriggerHit&)>& fn) {
  std::unordered_map<uint64_t, TriggerHit> by_id;
  for (const TriggerFacts& t : facts.triggers) {
    TriggerHit hit;
    hit.name = t.name.empty() ? t.on : t.name;
    hit.action = t.action;
    for (const uint64_t id : t.event_ids) by_id[id] = hit;
  }
  std::vector<std::optional<TriggerHit>> by_event;
  for (const capture::EventDesc& event : reader.events()) by_event.push_back(meaning_of(event));
  reader.for_each_record([&](const capture::Record& r) {
    if (r.type != PERF_RECORD_SAMPLE) return true;
    const auto known = by_id.find(r.id);
    const bool has_event = r.event >= 0 && static_cast<size_t>(r.event) < by_event.size();
    if (known == by_id.end() && (!has_event || !by_event[r.event])) return true;
    TriggerHit hit = known != by_id.end() ? known->second : *by_event[r.event];
    hit.time = r.time;
    hit.pid = r.pid;
    hit.tid = r.tid;
    hit.cpu = r.cpu;
    hit.ip = r.ip;
    fn(hit);
    return true;
  });
}

}  // namespace tracectl::decode
