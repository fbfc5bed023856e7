// SPDX-License-Identifier: MIT
// Rings: open groups while they record: their channels in the session, and what is read of the records on
// their way into the capture: hits of triggers, switches, mappings.
//
// Shape: idx counts rings in the order in which they were opened; it is the stream's number in the capture.
// Errors: open() and add() say what the kernel refused; what cannot be written later is in failed().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/perf/records.hpp"
#include "core/run_outcome.hpp"
#include "core/session.hpp"
#include "machines/kernel/group.hpp"
#include "machines/kernel/page_file.hpp"
#include "machines/kernel/ring_area.hpp"
#include "machines/kernel/trace_ids.hpp"
#include "machines/kernel/uprobe_page.hpp"

namespace tracectl::kernel {

// One group that is open, and those that write into its rings (further threads of one cpu).
struct Ring {
  Group group;
  ThreadFacts facts;
  bool started = false;
  bool paused = false;  // of a thread: as its hits say
  uint64_t asked = 0;   // bytes that a snapshot's hit wants kept
  RingArea area{};
  std::vector<std::byte> record{};  // the one that is looked at
  std::vector<Group*> guests{};
  std::optional<Action> by_hand = std::nullopt;  // what came by hand behind the triggers' last hit

  // `paused` stays as the triggers' samples tell it: readers make windows of these.
  [[nodiscard]] bool is_paused() const { return by_hand ? *by_hand == Action::pause : paused; }

  Result<> enable() {
    for (Group* guest : guests) (void)guest->enable();
    return group.enable();
  }
  void disable() {
    for (Group* guest : guests) guest->disable();
    group.disable();
  }
  // A pause by time ([collect]), or its end.
  Result<> hold(bool off) {
    for (Group* guest : guests) guest->hold(off);
    group.hold(off);
    if (off) disable();
    return off || !started ? Result<>{} : enable();
  }
};

// Where a group sits: a thread, a cpu (pid = -1), a thread on a cpu, a cgroup (its descriptor) on a cpu.
struct Seat {
  int32_t pid = -1, tid = -1;
  int cpu = -1;
};

// What the owner of the rings wants to know; each may be empty.
struct RingEvents {
  std::function<void(Ring&, uint32_t trigger, const perf::SampleFields&)> hit;
  std::function<void(Ring&, bool in, const perf::SampleFields&)> switched;
};

class Rings {
 public:
  Rings(const GroupPlan& shared, capture::Writer& writer, Session& session, RingEvents events)
      : shared_(shared), writer_(writer), session_(session), events_(std::move(events)) {}
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;

  // Opens a group there with these members. It records once start() or its seat's exec has enabled it.
  // `owner`: whose rings it writes into; it must live as long. None: rings of its own.
  Result<std::unique_ptr<Ring>> open(const Seat& seat, const Placing& placing, uint64_t aux_size,
                                     const std::vector<Place>& places, Ring* owner = nullptr);
  Result<> start(Ring& ring);
  Result<> add(Ring& ring, const std::vector<Place>& places);
  // mode = ring: the newest bytes are written, while the ring stands still. False: nothing new was there.
  bool keep_now(Ring& ring, uint64_t most, bool resume = false);
  // What a snapshot asked for, now, of a group that stands still or is disabled for it.
  void keep_asked(Ring& ring, bool resume);
  // Pauses or resumes by hand. What is armed acts once, within microseconds of time in the group's seat.
  Result<> act(Ring& ring, Action action);
  // Drained a last time; a ring's content is kept where the plan says so.
  void close(Ring& ring, bool crashed);
  void forget(const Ring& ring) { session_.forget(ring.group.wait_fd()); }

  [[nodiscard]] uint64_t sideband_id() const;
  [[nodiscard]] uint64_t missed() const { return missed_; }
  [[nodiscard]] const Result<>& failed() const { return failed_; }
  void fail(const Result<>& why) {
    if (failed_ && !why) failed_ = why;
  }
  void report(RunOutcome& out) const;
  [[nodiscard]] const std::map<uint32_t, uint64_t>& hits() const { return hits_; }

 private:
  bool keep(Ring& ring, uint64_t most);  // of one that writes no more
  Result<> adopt_ids(Ring& ring);
  void listen(Ring& ring);
  void look(Ring& ring, std::span<const std::byte> a, std::span<const std::byte> b);
  void look_at(Ring& ring, const perf_event_header& header);
  void hit(Ring& ring, const perf::SampleFields& fields);

  const GroupPlan& shared_;
  capture::Writer& writer_;
  Session& session_;
  RingEvents events_;
  std::map<uint64_t, size_t> by_id_;   // event by id
  std::map<uint32_t, uint64_t> hits_;  // by trigger
  PageFile uprobe_page_{writer_, "uprobe-page", [this](uint64_t size) { return uprobe_page(size, shared_.plan.backend); }};
  PageFile vdso_{writer_, "vdso", own_vdso};
  TraceIds trace_ids_{writer_};
  Result<> failed_;
  uint32_t next_idx_ = 0;
  uint64_t missed_ = 0;  // snapshots that found nothing, or came too late for one of their own
};

}  // namespace tracectl::kernel
