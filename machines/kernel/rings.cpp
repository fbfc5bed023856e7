// SPDX-License-Identifier: MIT
#include "machines/kernel/rings.hpp"

#include <algorithm>
#include <utility>

#include "core/perf/record_build.hpp"
#include "core/perf/ring_records.hpp"
#include "core/perf/uapi.hpp"
#include "machines/kernel/trace_unit.hpp"

namespace tracectl::kernel {
namespace {

bool of_interest(uint32_t type) {
  return type == PERF_RECORD_SAMPLE || type == PERF_RECORD_MMAP2 || type == PERF_RECORD_AUX || type == PERF_RECORD_SWITCH ||
         type == PERF_RECORD_SWITCH_CPU_WIDE || type == perf::kAuxOutputHwId;
}

}  // namespace

Result<std::unique_ptr<Ring>> Rings::open(const Seat& seat, const Placing& placing, uint64_t aux_size,
                                          const std::vector<Place>& places, Ring* owner) {
  auto group =
      Group::open(shared_, seat.pid, seat.tid, seat.cpu, placing, aux_size, owner != nullptr ? &owner->group : nullptr);
  if (!group) return tl::unexpected<Error>(group.error());
  auto ring = std::make_unique<Ring>(Ring{std::move(*group), {}});
  ring->area = RingArea(unit_of(shared_.plan.backend).head_counts);
  ring->paused = shared_.plan.start_paused;
  ring->facts.pid = seat.cpu < 0 ? seat.pid : -1;
  ring->facts.tid = seat.cpu < 0 ? seat.tid : -1;
  ring->started = !placing.on_exec;
  if (auto ids = add(*ring, places); !ids) return tl::unexpected<Error>(ids.error());
  if (owner != nullptr) {
    owner->guests.push_back(&ring->group);
    return ring;
  }
  ring->facts.idx = next_idx_++;
  listen(*ring);
  return ring;
}

Result<> Rings::start(Ring& ring) {
  ring.started = true;
  return ring.enable();
}

Result<> Rings::add(Ring& ring, const std::vector<Place>& places) {
  for (const auto& place : places) {
    const auto& limit = shared_.plan.triggers[place.trigger].limit;
    const uint64_t had = hits_[place.trigger];
    if (limit && had >= *limit) continue;
    if (auto added = ring.group.add(place, limit ? *limit - had : 0); !added) return added;
  }
  return adopt_ids(ring);
}

Result<> Rings::adopt_ids(Ring& ring) {
  for (const EventId& e : ring.group.new_ids()) {
    by_id_[e.id] = e.event;
    if (auto done = writer_.add_id(e.event, e.id); !done) return done;
  }
  return {};
}

void Rings::listen(Ring& ring) {
  Channel channel = ring.group.channel(ring.facts.idx);
  channel.passing = [this, &ring](auto a, auto b) { look(ring, a, b); };
  // A full buffer stopped the event; it is stopped until we say otherwise.
  channel.space_given = [&ring] {
    if (ring.started) (void)ring.enable();
  };
  session_.add(std::move(channel));
  session_.watch(ring.group.wait_fd(), [this] {
    session_.drain();
    return true;
  });
}

void Rings::hit(Ring& ring, const perf::SampleFields& fields) {
  const auto event = by_id_.find(fields.id);
  if (event == by_id_.end() || event->second < 2) return;
  const auto trigger = static_cast<uint32_t>(event->second - 2);
  ++hits_[trigger];
  const auto& t = shared_.plan.triggers[trigger];
  if (t.action == Action::snapshot) {
    // Two hits before we came: there is trace for one.
    if (ring.asked != 0) ++missed_;
    ring.asked = std::max(ring.asked, t.snapshot_size);
  }
  if (events_.hit) events_.hit(ring, trigger, fields);
}

// A record of interest on its way: hits of triggers tell the windows without decoding.
void Rings::look_at(Ring& ring, const perf_event_header& header) {
  perf::SampleFields fields;
  if (header.type == PERF_RECORD_SAMPLE) {
    if (perf::parse_sample(ring.record, perf::kSampleType, fields)) hit(ring, fields);
    return;
  }
  if (header.type == PERF_RECORD_AUX) {
    if (const auto aux = perf::parse_aux(ring.record)) ring.facts.bytes += aux->size;
    return;
  }
  if (!perf::parse_sample_id(ring.record, perf::kSampleType, fields)) return;
  if (header.type == perf::kAuxOutputHwId) {
    if (const auto named = perf::parse_hw_id(ring.record)) fail(trace_ids_.seen(fields.cpu, named->id));
    return;
  }
  if (header.type != PERF_RECORD_MMAP2) {
    if (events_.switched) events_.switched(ring, (header.misc & PERF_RECORD_MISC_SWITCH_OUT) == 0, fields);
    return;
  }
  const auto mapping = perf::parse_mmap(header.type, header.misc, ring.record);
  if (mapping && mapping->name == kUprobePage) fail(uprobe_page_.mapped(*mapping, fields));
  if (mapping && mapping->name == kVdso && has_own_vdso(mapping->address)) fail(vdso_.mapped(*mapping, fields));
}

void Rings::look(Ring& ring, std::span<const std::byte> a, std::span<const std::byte> b) {
  ring.started = true;  // an exec has enabled it
  perf::RingRecords records(a, b);
  while (records.next()) {
    if (!of_interest(records.header().type)) continue;
    ring.record.resize(records.header().size - sizeof(perf_event_header));
    records.body(ring.record);
    look_at(ring, records.header());
  }
}

bool Rings::keep(Ring& ring, uint64_t most) {
  const auto content = ring.area.newest(ring.group.aux_area(), ring.group.aux_head(), most);
  if (content.size() == 0) return false;
  fail(writer_.aux(ring.facts.idx, ring.facts.tid, ring.group.cpu(), content.offset, content.a, content.b));
  ring.facts.bytes += content.size();
  ++ring.facts.snapshots;
  return true;
}

bool Rings::keep_now(Ring& ring, uint64_t most, bool resume) {
  ring.disable();
  const bool kept = keep(ring, most);
  // Armed before the event is enabled: group.hpp.
  if (resume) fail(ring.group.act(Action::resume));
  (void)ring.enable();
  return kept;
}

void Rings::keep_asked(Ring& ring, bool resume) {
  if (ring.asked != 0) missed_ += keep_now(ring, std::exchange(ring.asked, 0), resume) ? 0 : 1;
}

Result<> Rings::act(Ring& ring, Action action) {
  // Armed before the leader is enabled, as behind a snapshot.
  ring.disable();
  auto done = ring.group.act(action);
  for (Group* guest : ring.guests)
    if (auto r = guest->act(action); !r && done) done = r;
  if (ring.started)
    if (auto on = ring.enable(); !on && done) done = on;
  if (done) ring.by_hand = action;
  return done;
}

// A ring keeps what nobody asked for only where the plan says so.
void Rings::close(Ring& ring, bool crashed) {
  forget(ring);
  ring.started = false;  // nothing is enabled again
  session_.remove(ring.facts.idx);
  const BufferPlan& b = shared_.plan.buffer;
  if (b.mode != BufferMode::ring) return;
  if (ring.asked != 0)
    missed_ += keep(ring, ring.asked) ? 0 : 1;
  else if (b.keep_end || (b.keep_crash && crashed))
    keep(ring, b.aux_size);
}

uint64_t Rings::sideband_id() const {
  for (const auto& [id, event] : by_id_)
    if (event == 1) return id;
  return 0;
}

void Rings::report(RunOutcome& out) const {
  out.missed_returns = missed_;
  out.hits.assign(shared_.plan.triggers.size(), 0);
  out.event_ids.resize(shared_.plan.triggers.size());
  for (const auto& [id, event] : by_id_)
    if (event >= 2) out.event_ids[event - 2].push_back(id);
  for (const auto& [trigger, count] : hits_) out.hits[trigger] = count;
}

}  // namespace tracectl::kernel
