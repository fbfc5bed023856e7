// SPDX-License-Identifier: MIT
// WindowWatch: which windows were split or left running because events that sit on cpus do not go where a
// thread goes. Pure: hits and switches go in, counts come out.
//
// Whether trace is paused is a state of one event. An inherited event has one state for each thread and cpu, an
// event of a cpu one for that cpu. A window belongs to the thread that hit its resume. So:
// - split: the thread is inside a window and comes to a cpu whose event is paused: the rest is not traced
//   there. Counted once for each window.
// - left running: a thread that is in no window comes to a cpu whose event was never paused behind an
//   earlier window: trace from outside of every window. Counted once for each such resume.
// Order: any, within two rounds: records of different rings come in rounds, and what a round brings is not
//        older than the end of the round before the last.
// Units: ns of the perf clock.
// Source: kernel/events/core.c (perf_event_aux_pause, inherit_event); perf_event_open(2), PERF_RECORD_SWITCH.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace tracectl::kernel {

struct WindowEvent {
  enum class Kind : uint8_t { resume, pause, switched_in };
  Kind kind = Kind::resume;
  uint64_t time = 0;
  int32_t tid = -1, cpu = -1;
};

class WindowWatch {
 public:
  // `by_thread`: inherited events, one state for each thread and cpu; else one for each cpu.
  WindowWatch(bool by_thread, bool start_paused) : by_thread_(by_thread), start_paused_(start_paused) {}

  void add(const WindowEvent& event);
  // What came two rounds ago is in order now, and is looked at.
  void end_round();
  void end();  // all that is left

  [[nodiscard]] uint64_t windows() const { return windows_; }
  [[nodiscard]] uint64_t split() const { return split_; }
  [[nodiscard]] uint64_t left_running() const { return left_running_; }
  [[nodiscard]] uint64_t open() const { return open_.size(); }

 private:
  using State = std::pair<int32_t, int32_t>;  // thread (or -1), cpu
  void settle(uint64_t until);
  void look(const WindowEvent& event);
  [[nodiscard]] State state_of(const WindowEvent& e) const { return {by_thread_ ? e.tid : -1, e.cpu}; }
  [[nodiscard]] bool paused(const State& state) const;

  bool by_thread_, start_paused_;
  std::vector<WindowEvent> waiting_;
  uint64_t seen_ = 0, seen_before_ = 0;  // latest times of this round and the one before
  std::map<State, bool> paused_;         // where something was hit
  std::set<State> known_leaks_;
  std::map<int32_t, bool> open_;  // threads inside a window: was it counted as split?
  uint64_t windows_ = 0, split_ = 0, left_running_ = 0;
};

}  // namespace tracectl::kernel
