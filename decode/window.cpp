// SPDX-License-Identifier: MIT
#include "decode/window.hpp"

#include <algorithm>
#include <unordered_map>

#include "core/perf/uapi.hpp"

namespace tracectl::decode {
namespace {

struct Lane {
  bool running = false;
  int window = -1;  // index of the open window
};

// What the samples of one event do, and the name of the window that they open.
struct Meaning {
  bool acts = false;
  Hit::Kind kind = Hit::Kind::start;
  int name = 0;
};

class Meanings {
 public:
  Meanings(const capture::Reader& reader, const CaptureFacts& facts) : reader_(reader), facts_(facts) {
    by_event_.resize(reader.events().size());
    for (size_t i = 0; i < facts.triggers.size(); ++i) add_trigger(i);
    for (size_t e = 0; e < reader.events().size(); ++e)
      if (!by_event_[e].acts) add_event(e);
  }
  [[nodiscard]] Meaning of(const capture::Record& r) const {
    if (const auto at = by_id_.find(r.id); at != by_id_.end()) return at->second;
    return r.event >= 0 && r.event < static_cast<int>(by_event_.size()) ? by_event_[r.event] : Meaning{};
  }
  std::vector<std::string> names;

 private:
  int name_index(const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at != names.end()) return static_cast<int>(at - names.begin());
    names.push_back(name);
    return static_cast<int>(names.size()) - 1;
  }
  void add_trigger(size_t index) {
    const TriggerFacts& t = facts_.triggers[index];
    if (t.action == Action::snapshot) return;
    std::string name = t.name;
    for (const WindowFacts& w : facts_.windows)
      if (w.resume == static_cast<int>(index)) name = w.name;
    const bool resumes = t.action == Action::resume;
    const Meaning meaning{true, resumes ? Hit::Kind::resume : Hit::Kind::pause, resumes ? name_index(name) : 0};
    for (const uint64_t id : t.event_ids) by_id_[id] = meaning;
  }
  // A capture without capture.json: the events themselves say what they do.
  void add_event(size_t e) {
    const capture::EventDesc& event = reader_.events()[e];
    const bool resumes = (event.aux_action & perf::kAuxResume) != 0;
    if (!resumes && (event.aux_action & perf::kAuxPause) == 0) return;
    by_event_[e] = {true, resumes ? Hit::Kind::resume : Hit::Kind::pause, resumes ? name_index(event.name) : 0};
  }

  const capture::Reader& reader_;
  const CaptureFacts& facts_;
  std::unordered_map<uint64_t, Meaning> by_id_;
  std::vector<Meaning> by_event_;
};

bool starts_paused(const capture::Reader& reader, const CaptureFacts& facts) {
  if (facts.start_paused) return *facts.start_paused;
  for (const capture::EventDesc& e : reader.events())
    if ((e.aux_action & perf::kAuxStartPaused) != 0) return true;
  return false;
}

}  // namespace

WindowSet WindowSet::from_capture(const capture::Reader& reader, const CaptureFacts& facts) {
  Meanings meanings(reader, facts);
  std::vector<Hit> hits;
  reader.for_each_record([&](const capture::Record& r) {
    Hit hit{Hit::Kind::start, r.time, r.pid, r.tid, r.cpu, 0};
    if (r.type == PERF_RECORD_SAMPLE) {
      const Meaning meaning = meanings.of(r);
      if (!meaning.acts) return true;
      hit.kind = meaning.kind;
      hit.name = meaning.name;
    } else if (r.type != PERF_RECORD_ITRACE_START) {
      return true;
    }
    hits.push_back(hit);
    return true;
  });
  const auto& streams = reader.streams();
  const bool by_cpu =
      !streams.empty() && streams.front().tid == -1 && streams.front().cpu != -1 && !streams.front().follows_tasks;
  return from_hits(std::move(hits), std::move(meanings.names), starts_paused(reader, facts), by_cpu);
}

WindowSet WindowSet::from_hits(std::vector<Hit> hits, std::vector<std::string> names, bool start_paused, bool by_cpu) {
  WindowSet out;
  out.names_ = std::move(names);
  out.by_cpu_ = by_cpu;
  out.start_paused_ = start_paused;
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.time < b.time; });
  std::map<int32_t, Lane> lanes;
  for (const Hit& hit : hits) {
    const int32_t key = by_cpu ? hit.cpu : hit.tid;
    const auto [at, fresh] = lanes.try_emplace(key, Lane{!start_paused, -1});
    Lane& lane = at->second;
    if (lane.window >= 0) out.windows_[lane.window].end = hit.time;
    if (hit.kind == Hit::Kind::start) {
      lane = {!start_paused, -1};
    } else if (hit.kind == Hit::Kind::resume && !lane.running) {
      lane = {true, static_cast<int>(out.windows_.size())};
      out.lane_[key].push_back(static_cast<uint32_t>(out.windows_.size()));
      out.windows_.push_back({hit.name, hit.pid, hit.tid, hit.cpu, hit.time, hit.time, true, out.windows_.size() + 1});
    } else if (hit.kind == Hit::Kind::pause && lane.running) {
      if (lane.window >= 0) out.windows_[lane.window].open = false;
      lane = {false, -1};
    }
  }
  return out;
}

uint64_t WindowSet::open_count() const {
  return static_cast<uint64_t>(std::count_if(windows_.begin(), windows_.end(), [](const Window& w) { return w.open; }));
}

const Window* WindowSet::at(int32_t tid, int32_t cpu, uint64_t time) const {
  const auto lane = lane_.find(by_cpu_ ? cpu : tid);
  if (lane == lane_.end()) return nullptr;
  const auto& list = lane->second;
  auto next =
      std::lower_bound(list.begin(), list.end(), time, [this](uint32_t i, uint64_t t) { return windows_[i].begin < t; });
  if (next == list.begin()) return nullptr;
  const Window& w = windows_[*std::prev(next)];
  return w.open || time <= w.end ? &w : nullptr;
}

}  // namespace tracectl::decode
