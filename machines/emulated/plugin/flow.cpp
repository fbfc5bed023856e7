// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/flow.hpp"

#include <algorithm>

#include "machines/emulated/plugin/code.hpp"
#include "machines/emulated/plugin/log.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/program.hpp"
#include "machines/emulated/plugin/triggers.hpp"
#include "machines/emulated/plugin/watch.hpp"

namespace tracectl::plugin {

namespace {

Stop stop_of(const Interruption& i) {
  if (!i.fault) return Stop::interrupt;
  return i.signal == 5 ? Stop::debug : i.signal == 4 || i.signal == 8 ? Stop::trap : Stop::fault;  // TRAP; ILL, FPE
}

void deliver_signal(ThreadState* s, const Block* p, const Interruption& i) {
  if (s->enabled == 0 || p == nullptr) return;
  const bool inside = i.ip >= p->pc && i.ip < p->fall;
  if (!(inside && i.fault)) g.guest->settle(s, p, i.ip);
  if (s->enabled != 0) disable_at(s, i.ip, stop_of(i));
}

}  // namespace

// The code of `b`, which is in no file, is stored; and a trace that goes on into it stops here,
// to start again with a time stamp: decoders apply a mapping when the trace's time reaches it.
void learn_code(ThreadState* s, const Block* b) {
  if (code_is_known(s, b)) return;
  if (b->since == 0) store_code(s, *b);
  s->last_time = std::max(s->last_time, b->since);  // the next stamp is behind it
  if (s->enabled != 0 && !code_is_known(s, b)) disable_at(s, b->pc, Stop::trigger);
}

bool goes_on_inside(const Block* p, const Block* b) {
  if ((b->flags & kSingle) == 0 || p == nullptr || b->pc < p->pc || b->pc >= p->fall) return false;
  return b->fall < p->fall || (b->pc == p->last && p->ending == b->ending);
}

void enter_slowly(ThreadState* s, const Block* p, const Block* b, const void* env) {
  Thread* t = thread_of(s);
  if ((b->flags & kLogged) != 0) log_block(s, p, b, env);
  if (t->dead) return;
  const bool inside = goes_on_inside(p, b);
  const Interruption signal = g.guest->interruption(b, env);
  if (s->watch_hits != 0) {
    const bool faulted = signal.delivered && signal.fault && signal.ip >= p->pc && signal.ip < p->fall;
    hit_watches_inside(s, p, inside ? b->pc : faulted ? signal.ip : ~0ull);
  }
  if (signal.delivered) {
    deliver_signal(s, p, signal);
  } else if (s->enabled != 0 && p != nullptr && !inside && !g.guest->settle(s, p, b->pc)) {
    g.session->unexplained.fetch_add(1);
    g.guest->unexplained(s, p, b->pc);
  }
  if (s->watch_hits != 0) hit_watches_behind(s, signal.delivered ? signal.ip : b->pc);
  t->rep_again = inside || (p != nullptr && p->rep && b->pc == p->last);
  if (s->return_probes != 0 && p != nullptr && !inside && p->ending == Ending::ret)
    check_returns(s, b->pc, g.guest->stack(env));
  if ((b->flags & kSiteAtStart) != 0 && !t->rep_again) hit_sites(s, b->pc, p, env);
  if ((b->flags & kNoFile) != 0 && s->paused == 0) learn_code(s, b);
  obey_if_asked(s, b->pc);
  if (s->enabled == 0 && s->paused == 0 && may_go_on(s)) enable_at(s, b->pc);
}

void first_block(const Block* b, void* env) {
  ThreadState* s = start_thread(b, env);
  if (s == nullptr) return;
  const auto* p = static_cast<const Block*>(s->previous);
  s->previous = b;
  enter_slowly(s, p, b, env);
}

}  // namespace tracectl::plugin

// QEMU calls these from translated code. Its CPU state pointer is TCG's fixed register:
// rbp on x86-64 hosts, x19 on AArch64 hosts (tcg/*/tcg-target.h, TCG_AREG0).
#if defined(__x86_64__)
#define TRACECTL_ENV_TO_ARGUMENT "mov %rbp, %rdx\n  jmp "
#elif defined(__aarch64__)
#define TRACECTL_ENV_TO_ARGUMENT "mov x2, x19\n  b "
#else
#error "the emulated machine knows x86-64 and AArch64 hosts"
#endif
// clang-format off
#define TRACECTL_ENTRY(entry, function)               \
  asm("  .text\n"                                     \
      "  .globl " entry "\n"                          \
      "  .hidden " entry "\n"                         \
      "  .type " entry ", %function\n" entry ":\n  "  \
      TRACECTL_ENV_TO_ARGUMENT function "\n"          \
      "  .size " entry ", . - " entry "\n")
// clang-format on
TRACECTL_ENTRY("tracectl_block_entry", "tracectl_on_block");
TRACECTL_ENTRY("tracectl_a64_block_entry", "tracectl_on_a64_block");
TRACECTL_ENTRY("tracectl_insn_entry", "tracectl_on_insn");
