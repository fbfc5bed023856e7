// SPDX-License-Identifier: MIT
// What the trace unit does to the thread's two rings: records, publishing, PSB, and waiting
// for the launcher when a ring is full (on_full = wait).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/perf/record_build.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// A time later than every one this thread gave out before.
uint64_t next_time(ThreadState* s);
// The trailer of a record of event `id`, now.
perf::SampleId sample_id(ThreadState* s, uint64_t id);
// Appends one whole record to the data ring; waits while it is full.
void put_record(ThreadState* s, const void* record, size_t size);
// Makes everything in the AUX ring readable: PERF_RECORD_AUX, then aux_head.
void publish(ThreadState* s);
// pt.limit was reached: PSB+ where due (`ip`: the next instruction, 0 while trace is off),
// publish at the wakeup mark, wait for space.
void look(ThreadState* s, uint64_t ip);
inline void look_if_due(ThreadState* s, uint64_t ip) {
  if (__builtin_expect(s->pt.pos >= s->pt.limit, 0)) look(s, ip);
}
// Trace starts at `ip`: PSB+ for the first time, TSC, TIP.PGE.
void enable_at(ThreadState* s, uint64_t ip);
// Trace stops in front of `ip` (FUP, TIP.PGD), or behind a branch when ip is 0 (TIP.PGD).
void disable_at(ThreadState* s, uint64_t ip);

}  // namespace tracectl::plugin
