// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/triggers.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include "core/filter_eval.hpp"
#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/translation.hpp"
#include "machines/emulated/plugin/watch.hpp"

namespace tracectl::plugin {

using emulated::ByHand;

namespace {

constexpr size_t kMaxReturns = 4096;

// Period and limit: does this hit count?
bool admit(Thread* t, uint32_t index) {
  const WireTrigger& w = g.triggers[index];
  if (w.period > 1 && ++t->periods[index] < w.period) return false;
  t->periods[index] = 0;
  if (w.limit == ~0ull) return true;
  return g.session->hits[index].fetch_add(1) < w.limit;
}

void write_sample(ThreadState* s, uint32_t index, uint64_t ip) {
  char record[96];
  const auto sid = sample_id(s, emulated::kTriggerId + index);
  put_record(s, record, perf::build_sample(record, sizeof record, sid, ip));
}

// A call begins where an older probe's frame lay: that one was left without a return.
void drop_overlaid(ThreadState* s, Thread* t, uint64_t stack, uint64_t address) {
  while (!t->returns.empty() && g.guest->overlaid(t->returns.back(), stack, address)) {
    t->returns.pop_back();
    g.session->missed_returns.fetch_add(1);
  }
  s->return_probes = static_cast<uint32_t>(t->returns.size());
}

void arm_return(ThreadState* s, uint32_t index, uint64_t stack, uint64_t address) {
  Thread* t = thread_of(s);
  if (t->returns.size() >= kMaxReturns) {
    t->returns.erase(t->returns.begin());
    g.session->missed_returns.fetch_add(1);
  }
  t->returns.push_back({address, stack, index});
  s->return_probes = static_cast<uint32_t>(t->returns.size());
  see_all_blocks();
}

bool read_guest_string(uint64_t address, char* out, size_t size) {
  size_t n = 0;
  while (n + 1 < size) {
    const size_t page_left = 4096 - ((address + n) & 4095), want = page_left < size - 1 - n ? page_left : size - 1 - n;
    if (!read_guest(address + n, out + n, want)) break;
    for (size_t i = 0; i < want; ++i)
      if (out[n + i] == 0) return true;
    n += want;
  }
  out[n] = 0;
  return n > 0;
}

bool passes(const WireTrigger& w, Thread* t, int64_t number, const uint64_t* args, const int64_t* ret) {
  if (w.filter_count == 0) return true;
  char comm[17] = {};
  prctl(PR_GET_NAME, comm);
  FilterInput in{};
  in.args = args;
  in.ret = ret != nullptr ? *ret : 0;
  in.syscall_nr = static_cast<int>(number);
  in.pid = t->tid;
  in.comm = comm;
  in.cpu = 0;
  in.read_string = read_guest_string;
  return filter_eval(&g.filters[w.filter_first], w.filter_count, g.pool.data() + w.pool_offset, in);
}

// A driver that copies from its sink's memory does so now.
void pause_trace(ThreadState* s, uint64_t ip) {
  if (s->enabled != 0) disable_at(s, ip, Stop::trigger);
  if (g.config.flush != 0) publish(s);
  s->paused = 1;
  s->by_hand = s->idle_blocks = 0;
}

// `paused` comes last: the launcher reads it (Server::all_paused).
void end_period(ThreadState* s, uint64_t ip) {
  if (s->enabled != 0) disable_at(s, ip, Stop::trigger);
  publish(s);
  std::atomic_thread_fence(std::memory_order_release);
  pause_trace(s, ip);
}

}  // namespace

void fire(ThreadState* s, uint32_t index, uint64_t ip) {
  if (!admit(thread_of(s), index)) return;
  const auto action = static_cast<Action>(g.triggers[index].action);
  if (action == Action::pause) pause_trace(s, ip);
  write_sample(s, index, ip);
  if (action == Action::snapshot) snapshot(s, ip, g.triggers[index].snapshot_size);
  const bool outside = s->paused != 0 || s->by_hand != 0;
  if (action == Action::resume && outside && g.session->windows.fetch_add(1) < g.config.window_limit) {
    s->paused = s->by_hand = 0;
    ++s->windows;
    see_all_blocks();
  }
}

void obey(ThreadState* s, uint64_t ip) {
  if (thread_of(s)->dead) return;
  const uint32_t word = s->asked.exchange(0);
  const ByHand asked = emulated::by_hand_of(word);
  if (asked == ByHand::none) return;
  s->obeyed = word;
  if (emulated::pauses(asked)) {
    if (in_window(*s)) g.session->cut_windows.fetch_add(1);
    asked == ByHand::pause ? pause_trace(s, ip) : end_period(s, ip);
  } else if (s->paused != 0) {
    s->paused = 0;
    s->by_hand = 1;
  }
  see_all_blocks();  // what is asked next is seen at the next block
}

void hit_sites(ThreadState* s, uint64_t ip, const Block* p, const void* env) {
  std::vector<uint32_t> here;
  {
    const std::lock_guard lock(g.mutex);
    const auto it = g.sites.find(ip);
    if (it == g.sites.end()) return;
    here = it->second;
  }
  const uint64_t stack = g.guest->stack(env), address = g.guest->return_address(env);
  const bool called = p != nullptr && (p->ending == Ending::call || p->ending == Ending::indirect_call);
  if (called && s->return_probes != 0) drop_overlaid(s, thread_of(s), stack, address);
  for (const uint32_t index : here) {
    if (g.triggers[index].kind == static_cast<uint8_t>(TriggerKind::uretprobe))
      arm_return(s, index, stack, address);
    else
      fire(s, index, ip);
  }
}

void check_returns(ThreadState* s, uint64_t ip, uint64_t stack) {
  Thread* t = thread_of(s);
  auto& all = t->returns;
  size_t i = all.size();
  while (i > 0 && !g.guest->returns(all[i - 1], ip, stack)) --i;
  if (i == 0) return;
  const uint64_t frame = all[i - 1].stack;
  // Probes above it were left by longjmp or an exception.
  if (i < all.size()) g.session->missed_returns.fetch_add(all.size() - i);
  all.resize(i);
  // A tail call leaves several probes on one frame; they return together, innermost first.
  while (!all.empty() && all.back().stack == frame && all.back().address == ip) {
    const uint32_t index = all.back().trigger;
    all.pop_back();
    fire(s, index, ip);
  }
  s->return_probes = static_cast<uint32_t>(all.size());
}

void hit_syscall(ThreadState* s, int64_t number, const uint64_t* args, const int64_t* ret) {
  if (number < 0 || number >= 512) return;
  const auto& list = ret != nullptr ? g.on_exit[number] : g.on_enter[number];
  const auto* p = static_cast<const Block*>(s->previous);
  for (const uint32_t index : list)
    if (passes(g.triggers[index], thread_of(s), number, args, ret)) fire(s, index, p != nullptr ? p->fall : 0);
}

}  // namespace tracectl::plugin

extern "C" __attribute__((visibility("hidden"))) void tracectl_on_insn(unsigned, void* data, void* env) {
  using namespace tracectl::plugin;
  ThreadState* s = tls_state;
  if (s == nullptr || thread_of(s)->dead) return;
  const auto ip = reinterpret_cast<uint64_t>(data);
  if (s->watch_hits != 0) hit_watches_inside(s, static_cast<const Block*>(s->previous), ip);
  hit_sites(s, ip, nullptr, env);
  if (s->enabled != 0 || s->paused != 0 || !may_go_on(s)) return;
  const auto* b = static_cast<const Block*>(s->previous);
  if (b != nullptr && (b->flags & kNoFile) != 0) learn_code(s, b);
  enable_at(s, ip);
}
