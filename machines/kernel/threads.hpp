// SPDX-License-Identifier: MIT
// Threads: the groups of one session by thread, with the window each is in, and their channels.
//
// Shape: idx counts threads in the order in which they began; it is the stream's number in the capture.
// Errors: a group that cannot be opened is the caller's to report; what was open before stays.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/writer.hpp"
#include "core/run_outcome.hpp"
#include "core/session.hpp"
#include "machines/kernel/group.hpp"
#include "machines/kernel/ring_area.hpp"
#include "machines/kernel/uprobe_page.hpp"

namespace tracectl::kernel {

class Threads {
 public:
  Threads(const GroupPlan& shared, capture::Writer& writer, Session& session)
      : shared_(shared), writer_(writer), session_(session) {}
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads();

  // Opens a group for the thread, with these members; starts it, or lets its next exec do that.
  Result<> begin(int32_t pid, int32_t tid, const std::vector<Place>& places, bool on_exec);
  // More members for every thread of the process.
  Result<> place(int32_t pid, const std::vector<Place>& places);
  // The process became another program: thread `former` goes on as `pid`, the others are gone.
  void replace(int32_t pid, int32_t former);
  // mode = ring: what the rings hold is written, of all threads, or of those whose trigger asked.
  void keep_all();
  void keep_asked();
  // The thread is gone: what its rings hold is written. `crashed`: by a signal.
  void end(int32_t tid, bool crashed = false);
  void end_all();

  // An id of the sideband event; 0 before the first thread.
  [[nodiscard]] uint64_t sideband_id() const;
  [[nodiscard]] size_t size() const { return running_.size(); }
  [[nodiscard]] uint64_t windows() const { return windows_; }
  [[nodiscard]] bool any_open() const;
  [[nodiscard]] const Result<>& failed() const { return failed_; }
  void report(RunOutcome& out) const;

 private:
  struct Running {
    Group group;
    ThreadFacts facts;
    bool started = false;
    bool paused = false;
    uint64_t asked = 0;  // bytes that a snapshot's hit wants kept
    RingArea ring;
    std::vector<std::byte> record;  // the one that is looked at
  };
  Result<> adopt_ids(Running& r);
  void listen(Running& r);
  void look(Running& r, std::span<const std::byte> a, std::span<const std::byte> b);
  void look_at(Running& r, const perf_event_header& header);
  void hit(Running& r, uint64_t id);
  [[nodiscard]] uint64_t aux_size() const;
  bool keep(Running& r, uint64_t most);  // false: nothing new was there
  void finish(Running& r, bool crashed);

  const GroupPlan& shared_;
  capture::Writer& writer_;
  Session& session_;
  std::map<int32_t, std::unique_ptr<Running>> running_;  // by tid
  std::map<uint64_t, size_t> events_;                    // by id
  std::vector<ThreadFacts> ended_;
  std::map<uint32_t, uint64_t> hits_;  // by trigger
  UprobePage uprobe_page_{writer_};
  Result<> failed_;  // what could not be written on the way
  uint32_t next_idx_ = 0;
  uint64_t windows_ = 0, smaller_ = 0, split_ = 0;
  uint64_t missed_ = 0;  // snapshots that found nothing: the trace was still paused
};

}  // namespace tracectl::kernel
