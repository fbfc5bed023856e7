// SPDX-License-Identifier: MIT
// What the trace unit does to the thread's two rings: records, publishing, sync points, and waiting
// for the launcher when a ring is full (on_full = wait), or not. docs/design/flight-recorder.md has the whole story.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/perf/record_build.hpp"
#include "machines/emulated/plugin/guest.hpp"
#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// A time later than every one this thread gave out before.
uint64_t next_time(ThreadState* s);
// The trailer of a record of event `id`, now.
perf::SampleId sample_id(ThreadState* s, uint64_t id);
// Appends one whole record to the data ring; waits while it is full.
void put_record(ThreadState* s, const void* record, size_t size);
// Makes everything in the AUX ring readable: PERF_RECORD_AUX, then aux_head. In ring mode only where
// the plan keeps the end.
void publish(ThreadState* s);
// Ring mode: the last `size` bytes of trace up to `ip` are kept (the thread waits until they are in the
// capture), and trace goes on behind a sync point.
void snapshot(ThreadState* s, uint64_t ip, uint64_t size);
// on_full = stop or drop: may a stopped trace go on? True when it is not stopped.
bool may_go_on(ThreadState* s);
// The ring's limit was reached: a sync point where due (`ip`: the next instruction, 0 while trace is off),
// publish at the wakeup mark, wait for space.
void look(ThreadState* s, uint64_t ip);
inline void look_if_due(ThreadState* s, uint64_t ip) {
  if (__builtin_expect(s->ring().pos >= s->ring().limit, 0)) look(s, ip);
}
// Trace starts at `ip`: a sync point where none is, a time stamp, the address; after an overflow that too.
void enable_at(ThreadState* s, uint64_t ip);
// Trace stops in front of `ip`, or behind a system call when ip is 0.
void disable_at(ThreadState* s, uint64_t ip, Stop why);

}  // namespace tracectl::plugin
