// SPDX-License-Identifier: MIT
// Triggers inside the traced program: sites in code, pending return probes, system calls.
// Semantics are the kernel's: a pause acts before its sample is written, a resume behind it;
// both are idempotent; a filter that says no means no hit at all.
// Source: kernel/events/core.c, __perf_event_overflow; kernel/events/uprobes.c.
#pragma once

#include <cstdint>

#include "machines/emulated/plugin/state.hpp"

namespace tracectl::plugin {

// The trigger was hit in front of `ip`: its action and its sample, within its limit. A resume
// leaves it to the caller to start the trace.
void fire(ThreadState* s, uint32_t index, uint64_t ip);

// What was asked by hand (tracectl ctl) of this thread, in front of `ip` (0: trace is off). A resume as above.
void obey(ThreadState* s, uint64_t ip);
inline void obey_if_asked(ThreadState* s, uint64_t ip) {
  if (__builtin_expect(s->asked.load(std::memory_order_relaxed) != 0, 0)) obey(s, ip);
}

// All triggers at `ip`, in the plan's order. `p`: the block that led here, or null.
void hit_sites(ThreadState* s, uint64_t ip, const Block* p, const void* env);
// A return to `ip` with the stack pointer at `stack`: pending return probes that it ends.
void check_returns(ThreadState* s, uint64_t ip, uint64_t stack);
// A system call was entered (ret null) or left.
void hit_syscall(ThreadState* s, int64_t number, const uint64_t* args, const int64_t* ret);

}  // namespace tracectl::plugin
