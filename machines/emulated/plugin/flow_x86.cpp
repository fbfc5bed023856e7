// SPDX-License-Identifier: MIT
// x86-64: control flow as Intel PT tells it.
#include <algorithm>

#include "machines/emulated/plugin/hot.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/x86.hpp"

namespace tracectl::plugin {

using namespace intel_pt;

namespace {

constexpr uint8_t kBusRatio = 10;  // CBR: QEMU has no bus; any constant ratio decodes

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

void put_stamp(ThreadState* s) {
  s->stamped = next_time(s);
  if (g.config.time != 0) put_tsc(s->pt, s->stamped);
}

}  // namespace

bool settle_x86(ThreadState* s, const Block* p, uint64_t ip) {
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
      disable_at(s, 0, Stop::call);
      return true;
  }
  return false;
}

// An asynchronous branch is what a decoder can follow.
void unexplained_x86(ThreadState* s, const Block* p, uint64_t ip) {
  flush_tnt(s->pt);
  put_ip(s->pt, kOpFup, p->fall);
  put_ip(s->pt, kOpTip, ip);
  look_if_due(s, ip);
}

void sync_pt(ThreadState* s, uint64_t ip) {
  put_psb_plus(s->pt, next_time(s), g.config.time != 0, kBusRatio, ip);
  s->calls = 0;  // returns are compressed only within one PSB period
}

void start_pt(ThreadState* s, uint64_t ip) {
  put_stamp(s);
  put_ip(s->pt, kOpTipPge, ip);
}

void stop_pt(ThreadState* s, uint64_t ip, Stop) {
  flush_tnt(s->pt);
  if (ip != 0) put_ip(s->pt, kOpFup, ip);
  put_pgd(s->pt);
}

// OVF, then FUP, and every compression starts over.
void overflow_pt(ThreadState* s, uint64_t ip) {
  s->pt.tnt = 1;
  s->calls = 0;
  put_ovf(s->pt);
  put_stamp(s);
  put_full_ip(s->pt, kOpFup, ip);
}

}  // namespace tracectl::plugin

using namespace tracectl::plugin;

namespace {

using namespace tracectl::intel_pt;

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

struct PtUnit {
  static constexpr unsigned kFull = kLongTnt;
  static uint64_t& bits(ThreadState* s) { return s->pt.tnt; }
  // The packet, and what may be due with it.
  TRACECTL_COLD static void full(ThreadState* s, const Block* b) {
    detail::put_long_tnt(s->pt);
    look_if_due(s, b->pc);
  }
  static void far_way(ThreadState* s, const Block* p, const Block* b, void* env) { behind_a_far_way(s, p, b, env); }
};

}  // namespace

extern "C" __attribute__((visibility("hidden"))) void tracectl_on_block(unsigned, void* data, void* env) {
  on_block<PtUnit>(static_cast<const Block*>(data), env);
}
