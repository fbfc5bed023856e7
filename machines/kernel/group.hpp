// SPDX-License-Identifier: MIT
// Group: one event group, opened: the AUX leader, its members, the sideband event, and the two
// rings that the leader owns. All events of the group write into the leader's data ring.
//
// Order: the leader is opened first and mapped before any member, for a pause or resume whose
//        leader has no buffer does nothing; members come in the plan's order.
// Units: bytes, both rings a power of two of pages.
// Errors: every refusal of the kernel, explained (refusals.hpp).
// Source: perf_event_open(2), "MMAP layout"; kernel/events/core.c, perf_mmap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fd.hpp"
#include "core/host.hpp"
#include "core/perf/kernel.hpp"
#include "core/resolved_plan.hpp"
#include "core/result.hpp"
#include "core/session.hpp"
#include "machines/kernel/attrs.hpp"
#include "machines/kernel/refusals.hpp"

namespace tracectl::kernel {

// Where a member sits: once for each trigger and place.
struct Place {
  uint32_t trigger = 0;  // index into ResolvedPlan::triggers
  std::string text;      // probes: file or function
  uint64_t at = 0;       // probes: offset; breakpoints: address
  friend bool operator==(const Place&, const Place&) = default;
};

// What all groups of a session share.
struct GroupPlan {
  const ResolvedPlan& plan;
  const HostFacts& host;
  uint32_t pmu_type = 0;
  std::vector<EventSource> sources;
  std::string address_filters;  // as the kernel takes them; empty: none
};

// An event of the group and the id under which its records appear. `event`: 0 leader,
// 1 sideband, 2 + i trigger i; the order of the capture's events.
struct EventId {
  size_t event = 0;
  uint64_t id = 0;
};

class Group {
 public:
  // `ring_of`: write into that group's rings (it sits on the same cpu); else rings of its own.
  static Result<Group> open(const GroupPlan& shared, int32_t pid, int32_t tid, int cpu, const Placing& placing,
                            uint64_t aux_size, const Group* ring_of = nullptr);
  Group(Group&&) noexcept;
  Group& operator=(Group&&) = delete;
  ~Group();

  // One more member. Its id is among new_ids(). `limit`: it is off after so many hits; 0: never.
  Result<> add(const Place& place, uint64_t limit = 0);
  void drop_trigger(uint32_t trigger);
  // Members that end at an exec are closed: the program was replaced.
  void drop_for_exec();
  // The kernel took its events away: the thread became a program with other rights, or one that may not be read.
  [[nodiscard]] bool taken_away() const;
  // Starts the group (it may already be: then nothing happens); also after a full buffer.
  Result<> enable();
  void disable();
  // Between periods ([collect]) the leader is off, whatever enables the group: the kernel hands over what it traced.
  // Source: kernel/events/core.c, _perf_ioctl: of inherited events too.
  void hold(bool off) { held_ = off; }
  // Pauses or resumes the leader from outside: a member that acts once, within microseconds of
  // the thread's time.
  Result<> act(Action action);
  // mode = ring: the area, and where the newest byte is. While the group is disabled.
  [[nodiscard]] std::span<const std::byte> aux_area() const;
  [[nodiscard]] uint64_t aux_head() const;

  [[nodiscard]] Channel channel(uint32_t idx) const;
  [[nodiscard]] int wait_fd() const { return leader_.get(); }
  [[nodiscard]] int cpu() const { return cpu_; }
  // Ids that were not asked for yet.
  [[nodiscard]] std::vector<EventId> new_ids();

 private:
  struct Member {
    Fd fd;
    Place place;
  };
  explicit Group(const GroupPlan& shared) : shared_(&shared) {}
  Result<> map(uint64_t aux_size);
  Result<> open_member(Member& member, const ResolvedTrigger& trigger, uint64_t limit);
  [[nodiscard]] int output() const;  // the event that owns the rings
  [[nodiscard]] perf::OpenOutcome open_event(perf_event_attr& attr, int group_fd = -1) const;
  Result<> open_sideband();
  Result<> join(int fd, const ResolvedTrigger* trigger);
  Result<> note_id(int fd, size_t event);
  [[nodiscard]] Error refused(int error, Refusal refusal) const;

  const GroupPlan* shared_;
  Fd leader_, sideband_;
  std::vector<Member> members_;
  Placing placing_;
  int32_t pid_ = -1, tid_ = -1;
  int cpu_ = -1;
  void *base_ = nullptr, *aux_ = nullptr;
  uint64_t base_size_ = 0, aux_size_ = 0;
  std::vector<EventId> ids_;
  int output_ = -1;  // of another group; -1: our own
  bool held_ = false;
  Fd actor_;
};

}  // namespace tracectl::kernel
