// SPDX-License-Identifier: MIT
// ThreadState: what one traced thread and the launcher share, beside its two rings (protocol.hpp has the layout).
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>

#include "backends/coresight/encoder.hpp"
#include "backends/intel_pt/encoder.hpp"

namespace tracectl::emulated {

inline constexpr uint64_t kStateSize = 4096;

// Per thread, in shared memory: what the launcher needs to complete a trace whose thread died.
struct alignas(64) ThreadState {
  // The first cache line is what every executed block touches.
  uint32_t enabled = 0;            // packets are being generated
  uint32_t watch_hits = 0;         // of the block entered last; must lie behind `enabled`
  const void* previous = nullptr;  // Block entered last; only the plugin follows it
  // The trace unit's: which of the two, the plan says.
  union {
    intel_pt::PtWriter pt;
    coresight::EtmWriter etm;
  };
  uint32_t paused = 0;             // aux_paused
  uint32_t return_probes = 0;      // pending ones
  uint32_t idle_blocks = 0;        // entered since the last look, paused (plugin/translation.hpp)
  uint64_t last_time = 0;          // ns; times in one thread strictly ascend
  uint64_t published = 0;          // ring().pos at the last publish
  uint64_t last_sync = 0;          // ring().pos behind the last PSB+ or A-sync
  uint64_t stamped = 0;            // time of the last time stamp where a trace starts
  uint64_t windows = 0;            // resumes that found the event paused
  std::atomic<uint32_t> done{0};   // the thread ended; everything is published
  std::atomic<uint32_t> space{0};  // futex: bumped when the launcher gave space back
  std::atomic<uint32_t> space_waits{0};
  std::atomic<uint32_t> snapshot_asked{0};  // somebody wants the ring's content; who sets it back to 0 keeps it
  std::atomic<uint32_t> group_exit{0};      // this thread ended its process in the ordinary way
  std::atomic<uint32_t> reenable{0};        // on_full = stop: the launcher drained, trace may start again
  uint32_t stopped = 0;                     // on_full: why no trace is written while the buffer has no room
  uint64_t overflows = 0;                   // on_full = drop: overflow packets
  uint64_t snapshots = 0;                   // mode = ring: times that the ring was kept
  uint32_t regions = 1;                     // of the AUX ring, each aux_size / regions bytes
  uint64_t topa[64] = {};                   // their offsets in the AUX area, in the ring's order
  uint32_t calls = 0;                       // return compression: entries in `returns`, at most kReturnDepth
  uint32_t calls_top = 0;
  void* owner = nullptr;  // Thread; only the plugin follows it
  uint64_t returns[32] = {};
  std::atomic<uint32_t> asked{0};  // a word for this thread; it sets it back to 0 when it has done it
  uint32_t obeyed = 0;             // the last word that it has done, or began with
  uint32_t by_hand = 0;            // 1: the trace runs for a resume by hand, in no window

  ThreadState() : pt() {}
  [[nodiscard]] TraceRing& ring() { return pt; }  // both begin with it
  [[nodiscard]] const TraceRing& ring() const { return pt; }
};
inline constexpr uint32_t kReturnDepth = 32;
static_assert(sizeof(ThreadState) <= kStateSize);

[[nodiscard]] inline bool in_window(const ThreadState& s) { return s.windows != 0 && s.paused == 0 && s.by_hand == 0; }

// Maps the AUX ring once at `to` (aux_size bytes of address space), region by region.
[[nodiscard]] inline bool map_aux_ring(int fd, const ThreadState& s, uint64_t area, uint64_t aux_size, char* to) {
  const uint64_t size = aux_size / s.regions;
  for (uint32_t i = 0; i < s.regions; ++i)
    if (mmap(to + i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
             static_cast<off_t>(area + s.topa[i])) == MAP_FAILED)
      return false;
  return true;
}

}  // namespace tracectl::emulated
