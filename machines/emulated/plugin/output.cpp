// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/output.hpp"

#include <sched.h>

#include <algorithm>

#include "core/clock.hpp"
#include "machines/emulated/plugin/guest.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/triggers.hpp"

namespace tracectl::plugin {

namespace {

constexpr size_t kLargestRecord = 4608;  // an MMAP2 with the longest path
constexpr uint64_t kWholeRing = ~0ull;
// ThreadState::stopped
constexpr uint32_t kStopped = 1;   // as the kernel's driver: TRUNCATED, and on again once it is enabled again
constexpr uint32_t kDropping = 2;  // as the unit's own overflow: packets are dropped, then OVF

constexpr unsigned kWaitMs = 100;  // between two looks whether the launcher lives

// Waits until `full()` is false; false when the session is over.
template <class Full>
bool wait_for_space(ThreadState* s, Full full) {
  while (full()) {
    const uint32_t seen = s->space.load();
    s->space_waits.store(1);  // seq_cst: pairs with the launcher's bump-then-look
    ring_doorbell();
    if (full()) futex_wait(s->space, seen, kWaitMs);
    s->space_waits.store(0);
    if (full() && !session_alive()) return false;
  }
  return true;
}

// The session is over: this thread runs on, and writes nothing more.
void go_dark(ThreadState* s) {
  s->paused = 1;
  s->enabled = 0;
  thread_of(s)->dead = true;
  s->ring().limit = ~0ull;
}

void copy_in(Thread* t, uint64_t head, const void* record, size_t size) {
  const uint64_t at = head & (t->data_size - 1);
  const size_t first = std::min<size_t>(size, t->data_size - at);
  std::memcpy(t->data + at, record, first);
  std::memcpy(t->data, static_cast<const uint8_t*>(record) + first, size - first);
}

// Bytes between the drained and the written end of the data ring.
uint64_t data_used(const Thread* t) {
  // acquire: pairs with DataRing::consume, so that we never write over what is being read.
  return t->page->data_head - __atomic_load_n(&t->page->data_tail, __ATOMIC_ACQUIRE);
}

void reserve_record(ThreadState* s, size_t size) {
  const Thread* t = thread_of(s);
  if (t->dead) return;
  if (!wait_for_space(s, [&] { return data_used(t) + size > t->data_size; })) go_dark(s);
}

}  // namespace

uint64_t next_time(ThreadState* s) {
  s->last_time = std::max(s->last_time + 1, monotonic_ns());
  return s->last_time;
}

perf::SampleId sample_id(ThreadState* s, uint64_t id) {
  const Thread* t = thread_of(s);
  // Room first, then the time: a record must not grow old while it waits (readers sort by rounds).
  reserve_record(s, kLargestRecord);
  perf::SampleId sid;
  sid.pid = static_cast<uint32_t>(t->pid);
  sid.tid = static_cast<uint32_t>(t->tid);
  sid.time = next_time(s);
  const int cpu = sched_getcpu();
  sid.cpu = cpu < 0 ? 0 : static_cast<uint32_t>(cpu);
  sid.id = id;
  return sid;
}

void put_record(ThreadState* s, const void* record, size_t size) {
  Thread* t = thread_of(s);
  if (t->dead || size == 0) return;
  perf_event_mmap_page* page = t->page;
  const uint64_t head = page->data_head;
  copy_in(t, head, record, size);
  // release: pairs with DataRing::readable.
  __atomic_store_n(&page->data_head, head + size, __ATOMIC_RELEASE);
  const uint64_t used = data_used(t);
  if (used >= t->data_size / 2 && used - size < t->data_size / 2) ring_doorbell();
}

namespace {

// Whatever lies between `begin` and the write position goes to the launcher.
void hand_over(ThreadState* s, uint64_t begin, uint64_t flags) {
  const Thread* t = thread_of(s);
  char record[64];
  auto sid = sample_id(s, emulated::kLeaderId);
  if (g.config.restarts != 0) sid.cpu = perf::kNoCpu;
  // Readers take an AUX record of CoreSight with OVERWRITE to give its end, not its begin.
  const bool at_end = g.config.restarts != 0 && (flags & perf::kAuxFlagOverwrite) != 0;
  put_record(s, record,
             perf::build_aux(record, sizeof record, sid, at_end ? s->ring().pos : begin, s->ring().pos - begin,
                             flags | g.config.aux_flags));
  s->published = s->ring().pos;
  // release: pairs with AuxBuffer::readable.
  __atomic_store_n(&t->page->aux_head, s->ring().pos, __ATOMIC_RELEASE);
  ring_doorbell();
}

// Ring mode: the newest `size` bytes; the thread waits until the launcher has them.
void keep_newest(ThreadState* s, uint64_t size) {
  const Thread* t = thread_of(s);
  const uint64_t pos = s->ring().pos, lost = pos + kWriteMargin > t->aux_size ? pos + kWriteMargin - t->aux_size : 0;
  const uint64_t wanted = std::max(s->published, pos > size ? pos - size : 0);
  const uint64_t begin = std::max(wanted, lost);
  if (t->dead || begin >= pos) return;
  // Nothing is readable now (head == tail), so the tail may be ours for a moment.
  __atomic_store_n(&t->page->aux_tail, begin, __ATOMIC_RELAXED);
  ++s->snapshots;
  const bool short_of = (size != kWholeRing || g.config.wraps != 0) && lost > wanted;
  const uint64_t cut = g.config.wraps != 0 ? perf::kAuxFlagTruncated : perf::kAuxFlagOverwrite | perf::kAuxFlagPartial;
  hand_over(s, begin, short_of ? cut : 0);
  // acquire: pairs with AuxBuffer::consume.
  if (!wait_for_space(s, [&] { return __atomic_load_n(&t->page->aux_tail, __ATOMIC_ACQUIRE) != pos; })) go_dark(s);
}

// A decoder can start here.
void put_sync(ThreadState* s, uint64_t ip) {
  g.guest->sync(s, ip);
  s->last_sync = s->ring().pos;
}

// acquire: pairs with AuxBuffer::consume.
uint64_t free_end(const Thread* t) {
  return __atomic_load_n(&t->page->aux_tail, __ATOMIC_ACQUIRE) + t->aux_size - 2 * kWriteMargin;
}

uint64_t next_look(ThreadState* s) {
  const uint64_t sync = s->last_sync + g.config.sync_bytes;
  if (g.config.ring != 0) return sync;
  return std::min<uint64_t>({sync, s->published + g.config.wakeup, free_end(thread_of(s))});
}

// The buffer is full and the plan does not wait.
void stop_full(ThreadState* s, uint64_t ip) {
  const bool drop = g.config.on_full == static_cast<uint32_t>(OnFull::drop);
  s->ring().limit = ~0ull;
  s->reenable.store(0);
  if (!drop && s->enabled != 0) disable_at(s, ip, Stop::interrupt);
  if (s->ring().pos != s->published) hand_over(s, s->published, drop ? 0 : perf::kAuxFlagTruncated);
  s->enabled = 0;
  s->stopped = drop ? kDropping : kStopped;
}

void when_full(ThreadState* s, uint64_t ip) {
  const Thread* t = thread_of(s);
  if (g.config.on_full != static_cast<uint32_t>(OnFull::wait)) return stop_full(s, ip);
  publish(s);
  if (!wait_for_space(s, [&] { return s->ring().pos >= free_end(t); })) go_dark(s);
}

}  // namespace

void publish(ThreadState* s) {
  if (s->ring().pos == s->published || thread_of(s)->dead) return;
  // Captures keep a large payload where readers can map it, if it has a multiple of 8 bytes (core/capture/format.hpp).
  if (g.config.ring == 0 && g.config.restarts == 0) intel_pt::put_pads(s->pt, s->published);
  if (g.config.ring == 0) return hand_over(s, s->published, 0);
  if (g.config.keep_end != 0) keep_newest(s, kWholeRing);
}

void snapshot(ThreadState* s, uint64_t ip, uint64_t size) {
  const bool on = s->enabled != 0;
  s->ring().limit = ~0ull;
  if (on) disable_at(s, ip, Stop::interrupt);
  keep_newest(s, size);
  if (thread_of(s)->dead) return;
  put_sync(s, 0);
  if (on) enable_at(s, ip);
  s->ring().limit = next_look(s);
}

bool may_go_on(ThreadState* s) {
  if (s->stopped == 0) return true;
  const Thread* t = thread_of(s);
  if (t->dead || s->ring().pos + t->aux_size / 2 > free_end(t)) return false;
  // acquire: pairs with ThreadBuffers::wake, which plays the reader's PERF_EVENT_IOC_ENABLE.
  return s->stopped == kDropping || s->reenable.load(std::memory_order_acquire) != 0;
}

// The trace up to `ip` is handed over, and another one begins there. True when that was done.
static bool restart_due(ThreadState* s, uint64_t ip) {
  if (g.config.restarts == 0 || g.config.ring != 0 || s->enabled == 0 || ip == 0) return false;
  if (s->ring().pos - s->published < g.config.wakeup && s->ring().pos < free_end(thread_of(s))) return false;
  disable_at(s, ip, Stop::interrupt);  // looks again, with the trace off
  if (s->paused == 0 && may_go_on(s) && !thread_of(s)->dead) enable_at(s, ip);
  return true;
}

void look(ThreadState* s, uint64_t ip) {
  if (thread_of(s)->dead) return;
  if (s->ring().pos - s->last_sync >= g.config.sync_bytes) put_sync(s, ip);
  if (s->enabled != 0 && ip != 0) obey_if_asked(s, ip);
  if (restart_due(s, ip)) return;
  if (g.config.ring != 0) {
    if (s->snapshot_asked.load(std::memory_order_relaxed) != 0 && s->snapshot_asked.exchange(0) != 0)
      return snapshot(s, ip, kWholeRing);
  } else {
    if (s->ring().pos - s->published >= g.config.wakeup) publish(s);
    if (s->ring().pos >= free_end(thread_of(s))) when_full(s, ip);
    if (s->stopped != 0 || thread_of(s)->dead) return;
  }
  s->ring().limit = next_look(s);
}

void enable_at(ThreadState* s, uint64_t ip) {
  const uint32_t stopped = s->stopped;
  const bool fresh = s->ring().pos == 0 || (g.config.restarts != 0 && s->ring().pos == s->published);
  s->stopped = 0;
  if (stopped == kDropping) {
    g.guest->overflow(s, ip);
    s->overflows += 1;
  } else {
    if (fresh || stopped == kStopped) put_sync(s, 0);
    g.guest->start(s, ip);
  }
  if (stopped != 0) s->ring().limit = next_look(s);
  s->enabled = 1;
  look_if_due(s, ip);
}

void disable_at(ThreadState* s, uint64_t ip, Stop why) {
  g.guest->stop(s, ip, why);
  s->enabled = 0;
  look_if_due(s, 0);
}

}  // namespace tracectl::plugin
