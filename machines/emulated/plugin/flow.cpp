// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/flow.hpp"

#include <algorithm>
#include <cstddef>

#include "machines/emulated/plugin/code.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/log.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/plugin/translation.hpp"
#include "machines/emulated/plugin/triggers.hpp"
#include "machines/emulated/plugin/watch.hpp"

namespace tracectl::plugin {

using namespace intel_pt;

namespace {

void push_return(ThreadState* s, uint64_t address) {
  // A call of the next instruction only reads the IP; it is never returned from (SDM, "Indirect
  // Transfer Compression for Returns").
  s->calls_top = (s->calls_top + 1) % emulated::kReturnDepth;
  s->returns[s->calls_top] = address;
  if (s->calls < emulated::kReturnDepth) ++s->calls;
}

void settle_tip(ThreadState* s, uint64_t ip) {
  flush_tnt(s->pt);
  put_ip(s->pt, kOpTip, ip);
  look_if_due(s, ip);
}

void settle_return(ThreadState* s, uint64_t ip) {
  if (s->calls != 0 && s->returns[s->calls_top] == ip && g.config.return_compression != 0) {
    s->calls_top = (s->calls_top + emulated::kReturnDepth - 1) % emulated::kReturnDepth;
    --s->calls;
    if (add_tnt(s->pt, true)) look_if_due(s, ip);
    return;
  }
  // At a return that is not compressed perf's decoder pops an entry and libipt's does not:
  // nothing pushed before it may be used again.
  s->calls = 0;
  settle_tip(s, ip);
}

// The block was left before its end and goes on inside itself: QEMU steps over an atomic
// instruction, or translates again behind a store into its own code. Nothing to tell.
bool continues_inside(const Block* p, uint64_t ip) { return ip > p->pc && ip < p->fall; }

bool is_fault_signal(uint64_t signal) {
  return signal == 4 || signal == 5 || signal == 7 || signal == 8 || signal == 11;  // ILL TRAP BUS FPE SEGV
}

// A handler's first block: is this a delivery? The frame on the stack must be QEMU's own.
bool is_delivery(const Block* b, const void* env) {
  const uint64_t signal = reg(env, kRdi), stack = reg(env, kRsp);
  if (signal == 0 || signal > 64 || reg(env, kRdx) != stack + 8) return false;
  const auto& h = g.handlers[signal];
  return h.handler == b->pc && load64(stack) == h.restorer;
}

void deliver_signal(ThreadState* s, const Block* p, const Interruption& i) {
  if (s->enabled == 0 || p == nullptr) return;
  const bool inside = i.ip >= p->pc && i.ip < p->fall;
  if (!(inside && i.fault)) settle(s, p, i.ip);
  if (s->enabled != 0) disable_at(s, i.ip);
}

}  // namespace

// Nothing to do for the code of `b`: decoders know it since before this thread's last time stamp.
static bool code_is_known(const ThreadState* s, const Block* b) {
  return __atomic_load_n(&b->since, __ATOMIC_RELAXED) - 1 < s->stamped;  // 0, not stored yet, is not
}

// The code of `b`, which is in no file, is stored; and a trace that goes on into it stops here,
// to start again with a time stamp: decoders apply a mapping when the trace's time reaches it.
void learn_code(ThreadState* s, const Block* b) {
  if (code_is_known(s, b)) return;
  if (b->since == 0) store_code(s, *b);
  s->last_time = std::max(s->last_time, b->since);  // the next stamp is behind it
  if (s->enabled != 0 && !code_is_known(s, b)) disable_at(s, b->pc);
}

// Frame: return address, then ucontext with flags, link, stack (40 bytes) and the registers,
// rip the seventeenth (asm/sigcontext.h).
Interruption interruption(const Block* b, const void* env) {
  if ((b->flags & kHandler) == 0 || !is_delivery(b, env)) return {};
  return {true, is_fault_signal(reg(env, kRdi)), load64(reg(env, kRsp) + 8 + 40 + 16 * 8)};
}

bool goes_on_inside(const Block* p, const Block* b) {
  if ((b->flags & kSingle) == 0 || p == nullptr || b->pc < p->pc || b->pc >= p->fall) return false;
  return b->fall < p->fall || (b->pc == p->last && p->ending == b->ending);
}

bool settle(ThreadState* s, const Block* p, uint64_t ip) {
  switch (p->ending) {
    case Ending::cond:
      if (ip != p->fall && ip != p->target) return continues_inside(p, ip);
      if (add_tnt(s->pt, ip != p->fall)) look_if_due(s, ip);
      return true;
    case Ending::call:
      if (ip == p->target && ip != p->fall) push_return(s, p->fall);
      [[fallthrough]];
    case Ending::direct:
      return ip == p->target || continues_inside(p, ip);
    case Ending::indirect_call:
      push_return(s, p->fall);  // first: a PSB behind the TIP empties the decoders' stacks too
      settle_tip(s, ip);
      return true;
    case Ending::indirect:
      settle_tip(s, ip);
      return true;
    case Ending::ret:
      settle_return(s, ip);
      return true;
    case Ending::none:
      return ip == p->fall || (p->rep && ip == p->last) || continues_inside(p, ip);
    case Ending::syscall:
    case Ending::far:
      disable_at(s, 0);
      return true;
  }
  return false;
}

void enter_slowly(ThreadState* s, const Block* p, const Block* b, const void* env) {
  Thread* t = thread_of(s);
  if ((b->flags & kLogged) != 0) log_block(s, p, b, env);
  if (t->dead) return;
  const bool inside = goes_on_inside(p, b);
  const Interruption signal = interruption(b, env);
  if (s->watch_hits != 0) {
    const bool faulted = signal.delivered && signal.fault && signal.ip >= p->pc && signal.ip < p->fall;
    hit_watches_inside(s, p, inside ? b->pc : faulted ? signal.ip : ~0ull);
  }
  if (signal.delivered) {
    deliver_signal(s, p, signal);
  } else if (s->enabled != 0 && p != nullptr && !inside && !settle(s, p, b->pc)) {
    // Unexplained: an asynchronous branch is what a decoder can follow.
    g.session->unexplained.fetch_add(1);
    flush_tnt(s->pt);
    put_ip(s->pt, kOpFup, p->fall);
    put_ip(s->pt, kOpTip, b->pc);
    look_if_due(s, b->pc);
  }
  if (s->watch_hits != 0) hit_watches_behind(s, signal.delivered ? signal.ip : b->pc);
  t->rep_again = inside || (p != nullptr && p->rep && b->pc == p->last);
  if (s->return_probes != 0 && p != nullptr && !inside && p->ending == Ending::ret) check_returns(s, b->pc, reg(env, kRsp));
  if ((b->flags & kSiteAtStart) != 0 && !t->rep_again) hit_sites(s, b->pc, p, env);
  if ((b->flags & kNoFile) != 0 && s->paused == 0) learn_code(s, b);
  obey_if_asked(s, b->pc);
  if (s->enabled == 0 && s->paused == 0 && may_go_on(s)) enable_at(s, b->pc);
}

}  // namespace tracectl::plugin

using namespace tracectl::plugin;
using namespace tracectl::intel_pt;

namespace {

// The ways out of tracectl_on_block() that are taken seldom. Each is a tail call, so that the way
// that is taken always needs no stack frame.
#define TRACECTL_COLD __attribute__((noinline, cold))

TRACECTL_COLD void first_block(const Block* b, void* env) {
  ThreadState* s = start_thread(b, env);
  if (s == nullptr) return;
  const auto* p = static_cast<const Block*>(s->previous);
  s->previous = b;
  enter_slowly(s, p, b, env);
}

// TNT bits are full: the packet, and what may be due with it.
TRACECTL_COLD void full_tnt(ThreadState* s, const Block* b) {
  detail::put_long_tnt(s->pt);
  look_if_due(s, b->pc);
}

// Something is to be seen in `b`, or the thread is paused.
__attribute__((noinline)) void special_block(ThreadState* s, const Block* p, const Block* b, void* env);

// Calls, returns, indirect branches, system calls.
__attribute__((noinline)) void behind_a_far_way(ThreadState* s, const Block* p, const Block* b, void* env) {
  if (__builtin_expect(s->return_probes != 0, 0)) return enter_slowly(s, p, b, env);
  const uint64_t ip = b->pc;
  switch (p->ending) {  // as settle() does
    case Ending::call:
      if (__builtin_expect(ip != p->target || ip == p->fall, 0)) return enter_slowly(s, p, b, env);
      return push_return(s, p->fall);
    case Ending::indirect_call:
      push_return(s, p->fall);
      return settle_tip(s, ip);
    case Ending::indirect:
      return settle_tip(s, ip);
    case Ending::ret:
      return settle_return(s, ip);
    default:
      return enter_slowly(s, p, b, env);
  }
}

// `b` is traced, behind `p`, and there is nothing else to it. No branch of this depends on the way
// that the program takes: the processor would guess it wrongly, here as there.
inline void traced_block(ThreadState* s, const Block* p, const Block* b, void* env) {
  const bool taken = b->pc != p->next[0];
  if (__builtin_expect(p->next[taken] != b->pc, 0)) return behind_a_far_way(s, p, b, env);
  s->pt.tnt = s->pt.tnt << p->bits | static_cast<uint64_t>(taken);
  if (__builtin_expect(s->pt.tnt >> kLongTnt != 0, 0)) full_tnt(s, b);
}

void special_block(ThreadState* s, const Block* p, const Block* b, void* env) {
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
  traced_block(s, p, b, env);
}

}  // namespace

extern "C" __attribute__((visibility("hidden"))) void tracectl_on_block(unsigned, void* data, void* env) {
  const auto* b = static_cast<const Block*>(data);
  ThreadState* s = tls_state;
  if (__builtin_expect(s == nullptr, 0)) return first_block(b, env);
  const auto* p = static_cast<const Block*>(s->previous);
  s->previous = b;
  // `enabled` is 1 and `watch_hits` 0: one load tells.
  static_assert(offsetof(ThreadState, watch_hits) == offsetof(ThreadState, enabled) + 4);
  uint64_t state = 0;
  __builtin_memcpy(&state, &s->enabled, sizeof state);
  if (__builtin_expect(((state ^ 1) | b->flags) != 0, 0)) return special_block(s, p, b, env);
  traced_block(s, p, b, env);
}

// QEMU calls these from translated code. Its CPU state pointer is TCG's fixed register:
// rbp on x86-64 hosts, x19 on AArch64 hosts (tcg/*/tcg-target.h, TCG_AREG0).
#if defined(__x86_64__)
asm(R"(
  .text
  .globl tracectl_block_entry
  .hidden tracectl_block_entry
  .type tracectl_block_entry, @function
tracectl_block_entry:
  mov %rbp, %rdx
  jmp tracectl_on_block
  .size tracectl_block_entry, . - tracectl_block_entry
  .globl tracectl_insn_entry
  .hidden tracectl_insn_entry
  .type tracectl_insn_entry, @function
tracectl_insn_entry:
  mov %rbp, %rdx
  jmp tracectl_on_insn
  .size tracectl_insn_entry, . - tracectl_insn_entry
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .globl tracectl_block_entry
  .hidden tracectl_block_entry
tracectl_block_entry:
  mov x2, x19
  b tracectl_on_block
  .globl tracectl_insn_entry
  .hidden tracectl_insn_entry
tracectl_insn_entry:
  mov x2, x19
  b tracectl_on_insn
)");
#else
#error "the emulated machine knows x86-64 and AArch64 hosts"
#endif
