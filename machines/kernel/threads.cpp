// SPDX-License-Identifier: MIT
#include "machines/kernel/threads.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/buffer_share.hpp"
#include "core/perf/record_build.hpp"
#include "core/perf/records.hpp"
#include "core/perf/ring_records.hpp"
#include "core/perf/uapi.hpp"

namespace tracectl::kernel {
namespace {

constexpr Placing kHeld{.held = true};

}  // namespace

Threads::~Threads() {
  for (auto& [tid, r] : running_) {
    session_.forget(r->group.wait_fd());
  }
}

uint64_t Threads::aux_size() const {
  uint64_t used = 0;
  for (const auto& [tid, r] : running_) used += r->group.aux_area().size();
  return next_aux_size(shared_.plan.buffer, used);
}

Result<> Threads::begin(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec) {
  Placing placing = kHeld;
  placing.on_exec = on_exec;
  const uint64_t size = aux_size();
  auto group = Group::open(shared_, pid, tid, -1, placing, size);
  if (!group) return tl::unexpected<Error>(group.error());
  auto r = std::make_unique<Running>(Running{std::move(*group), {}, false, shared_.plan.start_paused, 0, {}, {}});
  for (const auto& place : places)
    if (auto added = r->group.add(place); !added) return added;
  r->facts.pid = pid;
  r->facts.tid = tid;
  r->facts.idx = next_idx_++;
  r->started = !on_exec;
  if (size < shared_.plan.buffer.aux_size) ++smaller_;
  if (auto ids = adopt_ids(*r); !ids) return ids;
  if (r->started)
    if (auto on = r->group.enable(); !on) return on;
  listen(*r);
  running_[tid] = std::move(r);
  return {};
}

Result<> Threads::adopt_ids(Running& r) {
  for (const EventId& e : r.group.new_ids()) {
    events_[e.id] = e.event;
    if (auto done = writer_.add_id(e.event, e.id); !done) return done;
  }
  return {};
}

void Threads::listen(Running& r) {
  Channel channel = r.group.channel(r.facts.idx);
  channel.passing = [this, &r](auto a, auto b) { look(r, a, b); };
  // A full buffer stopped the event; it is stopped until we say otherwise.
  channel.space_given = [&r] {
    if (r.started) (void)r.group.enable();
  };
  session_.add(std::move(channel));
  session_.watch(r.group.wait_fd(), [this] {
    session_.drain();
    return true;
  });
}

void Threads::hit(Running& r, uint64_t id) {
  const auto event = events_.find(id);
  if (event == events_.end() || event->second < 2) return;
  const auto trigger = static_cast<uint32_t>(event->second - 2);
  ++hits_[trigger];
  const Action action = shared_.plan.triggers[trigger].action;
  if (action == Action::resume && r.paused) {
    ++r.facts.windows;
    ++windows_;
  }
  if (action != Action::snapshot) {
    r.paused = action == Action::pause;
    return;
  }
  // Two hits before we came: there is trace for one.
  if (r.asked != 0) ++missed_;
  r.asked = std::max(r.asked, shared_.plan.triggers[trigger].snapshot_size);
}

// A record of interest on its way: samples of triggers tell the windows without decoding.
void Threads::look_at(Running& r, const perf_event_header& header) {
  perf::SampleFields fields;
  if (header.type == PERF_RECORD_SAMPLE) {
    if (perf::parse_sample(r.record, perf::kSampleType, fields)) hit(r, fields.id);
    return;
  }
  if (header.type == PERF_RECORD_AUX) {
    if (const auto aux = perf::parse_aux(r.record)) r.facts.bytes += aux->size;
    return;
  }
  const auto mapping = perf::parse_mmap(header.type, header.misc, r.record);
  if (!mapping || mapping->name != kUprobePage || !perf::parse_sample_id(r.record, perf::kSampleType, fields)) return;
  if (auto done = uprobe_page_.mapped(*mapping, fields); !done && failed_) failed_ = done;
}

void Threads::look(Running& r, std::span<const std::byte> a, std::span<const std::byte> b) {
  r.started = true;  // an exec has enabled it
  perf::RingRecords records(a, b);
  while (records.next()) {
    const uint32_t type = records.header().type;
    if (type != PERF_RECORD_SAMPLE && type != PERF_RECORD_MMAP2 && type != PERF_RECORD_AUX) continue;
    r.record.resize(records.header().size - sizeof(perf_event_header));
    records.body(r.record);
    look_at(r, records.header());
  }
}

Result<> Threads::place(int32_t pid, const std::vector<Place>& places) {
  for (auto& [tid, r] : running_) {
    if (r->facts.pid != pid) continue;
    for (const auto& place : places)
      if (auto added = r->group.add(place); !added) return added;
    if (auto ids = adopt_ids(*r); !ids) return ids;
  }
  return {};
}

bool Threads::keep(Running& r, uint64_t most) {
  const auto content = r.ring.newest(r.group.aux_area(), r.group.aux_head(), most);
  if (content.size() == 0) return false;
  auto done = writer_.aux(r.facts.idx, r.facts.tid, -1, content.offset, content.a, content.b);
  if (!done && failed_) failed_ = done;
  r.facts.bytes += content.size();
  ++r.facts.snapshots;
  return true;
}

void Threads::keep_asked() {
  for (auto& [tid, r] : running_) {
    if (r->asked == 0) continue;
    r->group.disable();
    missed_ += keep(*r, std::exchange(r->asked, 0)) ? 0 : 1;
    // The hit may have paused it; where the plan had it paused it stays so.
    if (snapshot_pauses(shared_.plan, kHeld) && !r->paused)
      if (auto done = r->group.act(Action::resume); !done && failed_) failed_ = done;
    (void)r->group.enable();
  }
}

void Threads::keep_all() {
  for (auto& [tid, r] : running_) {
    r->group.disable();
    keep(*r, shared_.plan.buffer.aux_size);
    (void)r->group.enable();
  }
}

// A ring keeps what nobody asked for only where the plan says so.
void Threads::finish(Running& r, bool crashed) {
  const BufferPlan& b = shared_.plan.buffer;
  if (b.mode != BufferMode::ring) return;
  if (r.asked != 0)
    missed_ += keep(r, r.asked) ? 0 : 1;
  else if (b.keep_end || (b.keep_crash && crashed))
    keep(r, b.aux_size);
}

void Threads::replace(int32_t pid, int32_t former) {
  std::vector<int32_t> gone;
  for (const auto& [tid, r] : running_)
    if (r->facts.pid == pid && tid != former) gone.push_back(tid);
  for (const int32_t tid : gone) end(tid);
  const auto it = running_.find(former);
  if (it == running_.end()) return;
  auto kept = std::move(it->second);
  running_.erase(it);
  kept->group.drop_for_exec();
  running_[pid] = std::move(kept);
}

void Threads::end(int32_t tid, bool crashed) {
  const auto it = running_.find(tid);
  if (it == running_.end()) return;
  Running& r = *it->second;
  session_.forget(r.group.wait_fd());
  r.started = false;  // nothing is enabled again
  session_.remove(r.facts.idx);
  finish(r, crashed);
  r.facts.open_window = r.facts.windows != 0 && !r.paused;
  ended_.push_back(r.facts);
  running_.erase(it);
}

void Threads::end_all() {
  while (!running_.empty()) {
    Running& r = *running_.begin()->second;
    r.group.disable();
    end(running_.begin()->first);
    split_ += ended_.back().open_window ? 1 : 0;
  }
}

uint64_t Threads::sideband_id() const {
  for (const auto& [id, event] : events_)
    if (event == 1) return id;
  return 0;
}

bool Threads::any_open() const {
  return std::any_of(running_.begin(), running_.end(),
                     [](const auto& r) { return r.second->facts.windows != 0 && !r.second->paused; });
}

void Threads::report(RunOutcome& out) const {
  out.traced = !ended_.empty();
  out.threads = ended_;
  for (const auto& facts : ended_) out.snapshots += facts.snapshots;
  out.smaller_buffers = smaller_;
  out.split_windows = split_;
  out.missed_returns = missed_;
  out.hits.assign(shared_.plan.triggers.size(), 0);
  out.event_ids.resize(shared_.plan.triggers.size());
  for (const auto& [id, event] : events_)
    if (event >= 2) out.event_ids[event - 2].push_back(id);
  for (const auto& [trigger, count] : hits_) out.hits[trigger] = count;
}

}  // namespace tracectl::kernel
