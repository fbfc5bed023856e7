// SPDX-License-Identifier: MIT
// AArch64: control flow as an ETE or ETMv4 tells it. Every branch is a P0 element, taken or not, and ISB is one: an
// atom each. An indirect branch's atom has the address behind it. A trace stops with an exception, for
// that is what stops it in hardware: it is taken to the kernel, where nothing is traced.
#include "machines/emulated/plugin/a64.hpp"
#include "machines/emulated/plugin/hot.hpp"
#include "machines/emulated/plugin/output.hpp"

namespace tracectl::plugin {

using namespace coresight;

namespace {

constexpr uint32_t kEtmReturnDepth = 15;  // decoders keep 16

void push_return(ThreadState* s, uint64_t address) {
  if (g.config.return_compression == 0) return;
  s->calls_top = (s->calls_top + 1) % emulated::kReturnDepth;
  s->returns[s->calls_top] = address;
  if (s->calls < kEtmReturnDepth) ++s->calls;
}

void settle_atom(ThreadState* s, bool taken, uint64_t ip) {
  if (add_atom(s->etm, taken)) look_if_due(s, ip);
}

void settle_address(ThreadState* s, uint64_t ip) {
  add_atom(s->etm, true);
  flush_atoms(s->etm);
  put_address(s->etm, ip);
  look_if_due(s, ip);
}

// Any indirect branch without link to the topmost return address needs no address: the decoder has it.
void settle_indirect(ThreadState* s, uint64_t ip) {
  if (s->calls == 0 || s->returns[s->calls_top] != ip) return settle_address(s, ip);
  s->calls_top = (s->calls_top + emulated::kReturnDepth - 1) % emulated::kReturnDepth;
  --s->calls;
  settle_atom(s, true, ip);
}

// A decoder pushes the link before it looks whether an address follows; without one it would take what it pushed.
void settle_indirect_call(ThreadState* s, uint64_t link, uint64_t ip) {
  push_return(s, link);  // first: a sync behind the address empties the decoder's stack too
  settle_address(s, ip);
}

void put_stamp(ThreadState* s) {
  s->stamped = next_time(s);
  if (g.config.time != 0) put_timestamp(s->etm, s->stamped);
}

Exception exception_of(Stop why) {
  switch (why) {
    case Stop::call:
      return Exception::call;
    case Stop::interrupt:
      return Exception::irq;
    case Stop::trap:
      return Exception::trap;
    case Stop::fault:
      return Exception::data_fault;
    case Stop::trigger:
    case Stop::debug:
      break;
  }
  return Exception::inst_debug;
}

}  // namespace

bool settle_a64(ThreadState* s, const Block* p, uint64_t ip) {
  switch (p->ending) {
    case Ending::cond:
      if (ip != p->fall && ip != p->target) return continues_inside(p, ip);
      settle_atom(s, ip != p->fall, ip);
      return true;
    case Ending::call:
    case Ending::direct:
      if (ip != p->target) return continues_inside(p, ip);
      if (p->ending == Ending::call) push_return(s, p->fall);
      settle_atom(s, true, ip);
      return true;
    case Ending::indirect_call:
      settle_indirect_call(s, p->fall, ip);
      return true;
    case Ending::indirect:
    case Ending::ret:
      settle_indirect(s, ip);
      return true;
    case Ending::none:
    case Ending::far:  // HLT may be a call of the emulator's
      return ip == p->fall || continues_inside(p, ip);
    case Ending::syscall:
      disable_at(s, 0, Stop::call);
      return true;
  }
  return false;
}

// An exception in front of the branch, or behind a block that has none; then a new start.
void unexplained_a64(ThreadState* s, const Block* p, uint64_t) {
  disable_at(s, p->ending == Ending::none ? p->fall : p->last, Stop::debug);
}

void sync_etm(ThreadState* s, uint64_t ip) {
  put_sync(s->etm);
  s->calls = 0;  // the decoder's stack is empty, too
  if (ip == 0) return;
  if (g.config.time != 0) put_timestamp(s->etm, next_time(s));
  put_address_with_context(s->etm, ip);
}

void start_etm(ThreadState* s, uint64_t ip) {
  s->calls = 0;
  put_trace_on(s->etm);
  put_stamp(s);
  put_address_with_context(s->etm, ip);
}

void stop_etm(ThreadState* s, uint64_t ip, Stop why) {
  flush_atoms(s->etm);
  put_exception(s->etm, exception_of(why), ip != 0 ? ip : static_cast<const Block*>(s->previous)->fall);
}

// A decoder waits for an A-sync behind an Overflow packet; the packet itself it must be synchronized to see.
void overflow_etm(ThreadState* s, uint64_t ip) {
  s->etm.atoms = 1;
  put_sync(s->etm);
  coresight::put_overflow(s->etm);
  put_sync(s->etm);
  start_etm(s, ip);
}

}  // namespace tracectl::plugin

using namespace tracectl::plugin;

namespace {

using namespace tracectl::coresight;

// As settle_a64().
__attribute__((noinline)) void behind_a_far_way(ThreadState* s, const Block* p, const Block* b, void* env) {
  if (__builtin_expect(s->return_probes != 0, 0)) return enter_slowly(s, p, b, env);
  switch (p->ending) {
    case Ending::call:
      if (__builtin_expect(b->pc != p->target, 0)) return enter_slowly(s, p, b, env);
      push_return(s, p->fall);
      return settle_atom(s, true, b->pc);
    case Ending::indirect_call:
      return settle_indirect_call(s, p->fall, b->pc);
    case Ending::indirect:
    case Ending::ret:
      return settle_indirect(s, b->pc);
    default:
      return enter_slowly(s, p, b, env);
  }
}

struct EtmUnit {
  static constexpr unsigned kFull = kMaxAtoms;
  static uint64_t& bits(ThreadState* s) { return s->etm.atoms; }
  TRACECTL_COLD static void full(ThreadState* s, const Block* b) {
    flush_atoms(s->etm);
    look_if_due(s, b->pc);
  }
  static void far_way(ThreadState* s, const Block* p, const Block* b, void* env) { behind_a_far_way(s, p, b, env); }
};

}  // namespace

extern "C" __attribute__((visibility("hidden"))) void tracectl_on_a64_block(unsigned, void* data, void* env) {
  on_block<EtmUnit>(static_cast<const Block*>(data), env);
}
