// SPDX-License-Identifier: MIT
// PacketEvent: an event with what the walk must know of it, and the queues in which events wait for the packet that tells
// where they belong.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "backends/intel_pt/delivery.hpp"

namespace tracectl::intel_pt {

// Bits of MODE.Exec.
inline constexpr uint8_t kLongMode = 1, kNoMode = 3;

struct PacketEvent : TraceEvent {
  // Of Type::other. here: where the walk stands, whatever it stands at (power, TraceStop, maintenance).
  enum class What : uint8_t { none, paging, vmcs, tsx, stop, exstop, mwait, ptwrite, here };
  What what = What::none;
  bool binds_async = false;  // paging, vmcs: to where `ip` is
  uint8_t mode = kLongMode;  // exec_mode: bits CS.L and CS.D
  bool aborted = false;      // tsx
  bool of_psb = false;       // comes from a PSB+:
  uint64_t psb = 0;          // which,
  bool alone = false;        // whether no other event waited in front of it,
  bool psb_on = false;       // and whether the trace is on there,
  uint64_t psb_ip = 0;       // at which address
};

class EventQueue {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  // An empty event; null when it is full.
  PacketEvent* add() {
    if (size_ == kMost) return nullptr;
    events_[size_] = {};
    return &events_[size_++];
  }
  // The oldest.
  bool take(PacketEvent& out) {
    if (size_ == 0) return false;
    out = events_[0];
    std::move(events_.begin() + 1, events_.begin() + static_cast<long>(size_--), events_.begin());
    return true;
  }
  template <class Fn>
  PacketEvent* find(Fn&& fn) {
    const auto end = events_.begin() + static_cast<long>(size_), hit = std::find_if(events_.begin(), end, fn);
    return hit == end ? nullptr : &*hit;
  }

 private:
  static constexpr size_t kMost = 6;  // libipt has room for some more
  std::array<PacketEvent, kMost> events_;
  size_t size_ = 0;
};

}  // namespace tracectl::intel_pt
