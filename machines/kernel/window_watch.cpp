// SPDX-License-Identifier: MIT
#include "machines/kernel/window_watch.hpp"

#include <algorithm>
#include <limits>

namespace tracectl::kernel {

void WindowWatch::add(const WindowEvent& event) {
  waiting_.push_back(event);
  seen_ = std::max(seen_, event.time);
}

void WindowWatch::end_round() {
  settle(seen_before_);
  seen_before_ = seen_;
}

void WindowWatch::end() { settle(std::numeric_limits<uint64_t>::max()); }

void WindowWatch::settle(uint64_t until) {
  const auto behind =
      std::stable_partition(waiting_.begin(), waiting_.end(), [until](const WindowEvent& e) { return e.time <= until; });
  std::stable_sort(waiting_.begin(), behind, [](const auto& a, const auto& b) { return a.time < b.time; });
  for (auto it = waiting_.begin(); it != behind; ++it) look(*it);
  waiting_.erase(waiting_.begin(), behind);
}

bool WindowWatch::paused(const State& state) const {
  const auto it = paused_.find(state);
  return it == paused_.end() ? start_paused_ : it->second;
}

void WindowWatch::look(const WindowEvent& event) {
  const State state = state_of(event);
  switch (event.kind) {
    case WindowEvent::Kind::resume:
      paused_[state] = false;
      known_leaks_.erase(state);
      if (open_.emplace(event.tid, false).second) ++windows_;
      return;
    case WindowEvent::Kind::pause:
      paused_[state] = true;
      open_.erase(event.tid);
      return;
    case WindowEvent::Kind::switched_in:
      break;
  }
  const auto open = open_.find(event.tid);
  if (open != open_.end()) {
    if (!open->second && paused(state)) open->second = true, ++split_;
  } else if (start_paused_ && !paused(state) && known_leaks_.insert(state).second) {
    ++left_running_;
  }
}

}  // namespace tracectl::kernel
