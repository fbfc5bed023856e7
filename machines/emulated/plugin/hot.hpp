// SPDX-License-Identifier: MIT
// The path of every executed block, for one trace unit: included by that unit's flow_*.cpp alone.
//
// Unit: bits(s)       the word that collects TNT bits or atoms
//       kFull         how many of them are too many
//       full(s, b)    they are: the packet
//       far_way(...)  the block before went another way than straight on or to its target
#pragma once

#include <cstddef>

#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/plugin/translation.hpp"

namespace tracectl::plugin {

// The ways out of on_block() that are taken seldom. Each is a tail call, so that the way
// that is taken always needs no stack frame.
#define TRACECTL_COLD __attribute__((noinline, cold))

// `b` is traced, behind `p`, and there is nothing else to it. No branch of this depends on the way
// that the program takes: the processor would guess it wrongly, here as there.
template <class Unit>
inline void traced_block(ThreadState* s, const Block* p, const Block* b, void* env) {
  const bool taken = b->pc != p->next[0];
  if (__builtin_expect(p->next[taken] != b->pc, 0)) return Unit::far_way(s, p, b, env);
  uint64_t& bits = Unit::bits(s);
  bits = bits << p->bits | static_cast<uint64_t>(taken);
  if (__builtin_expect(bits >> Unit::kFull != 0, 0)) Unit::full(s, b);
}

// Something is to be seen in `b`, or the thread is paused.
template <class Unit>
__attribute__((noinline)) void special_block(ThreadState* s, const Block* p, const Block* b, void* env) {
  if (b->ending == Ending::syscall && g.sparse.load(std::memory_order_relaxed)) before_call(b, env);
  // Paused and nothing here could resume: the common case outside windows.
  if (s->paused != 0 && s->watch_hits == 0 && (b->flags & ~kNoFile) == 0 && s->return_probes == 0) {
    if (__builtin_expect(++s->idle_blocks >= g.idle_limit, 0)) idle(s);
    return;
  }
  // The next round of a `rep` instruction, which is one to a trace.
  if (p == b && b->flags == kSingle && s->enabled == 1 && s->watch_hits == 0) return;
  const bool plain = s->enabled == 1 && s->watch_hits == 0 && (b->flags & ~(kNoFile | kSingle)) == 0 &&
                     ((b->flags & kNoFile) == 0 || code_is_known(s, b)) && !goes_on_inside(p, b);
  if (!plain) return enter_slowly(s, p, b, env);
  traced_block<Unit>(s, p, b, env);
}

template <class Unit>
inline void on_block(const Block* b, void* env) {
  ThreadState* s = tls_state;
  if (__builtin_expect(s == nullptr, 0)) return first_block(b, env);
  const auto* p = static_cast<const Block*>(s->previous);
  s->previous = b;
  // `enabled` is 1 and `watch_hits` 0: one load tells.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"  // both compilers have it for a struct with a base class inside
  static_assert(offsetof(ThreadState, watch_hits) == offsetof(ThreadState, enabled) + 4);
#pragma GCC diagnostic pop
  uint64_t state = 0;
  __builtin_memcpy(&state, &s->enabled, sizeof state);
  if (__builtin_expect(((state ^ 1) | b->flags) != 0, 0)) return special_block<Unit>(s, p, b, env);
  traced_block<Unit>(s, p, b, env);
}

}  // namespace tracectl::plugin
