// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/output.hpp"

#include <sched.h>

#include <algorithm>

#include "core/clock.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/triggers.hpp"

namespace tracectl::plugin {

using namespace intel_pt;

namespace {

constexpr uint8_t kBusRatio = 10;        // CBR: QEMU has no bus; any constant ratio decodes
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
  s->pt.limit = ~0ull;
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
  const auto sid = sample_id(s, emulated::kLeaderId);
  put_record(s, record, perf::build_aux(record, sizeof record, sid, begin, s->pt.pos - begin, flags));
  s->published = s->pt.pos;
  // release: pairs with AuxBuffer::readable.
  __atomic_store_n(&t->page->aux_head, s->pt.pos, __ATOMIC_RELEASE);
  ring_doorbell();
}

// Ring mode: the newest `size` bytes; the thread waits until the launcher has them.
void keep_newest(ThreadState* s, uint64_t size) {
  const Thread* t = thread_of(s);
  const uint64_t pos = s->pt.pos, lost = pos + kWriteMargin > t->aux_size ? pos + kWriteMargin - t->aux_size : 0;
  const uint64_t wanted = std::max(s->published, pos > size ? pos - size : 0);
  const uint64_t begin = std::max(wanted, lost);
  if (t->dead || begin >= pos) return;
  // Nothing is readable now (head == tail), so the tail may be ours for a moment.
  __atomic_store_n(&t->page->aux_tail, begin, __ATOMIC_RELAXED);
  ++s->snapshots;
  const bool short_of = size != kWholeRing && lost > wanted;
  hand_over(s, begin, short_of ? perf::kAuxFlagOverwrite | perf::kAuxFlagPartial : 0);
  // acquire: pairs with AuxBuffer::consume.
  if (!wait_for_space(s, [&] { return __atomic_load_n(&t->page->aux_tail, __ATOMIC_ACQUIRE) != pos; })) go_dark(s);
}

// A decoder can start here.
void put_sync(ThreadState* s, uint64_t ip) {
  put_psb_plus(s->pt, next_time(s), g.config.tsc != 0, kBusRatio, ip);
  s->calls = 0;  // returns are compressed only within one PSB period
  s->last_psb = s->pt.pos;
}

// acquire: pairs with AuxBuffer::consume.
uint64_t free_end(const Thread* t) {
  return __atomic_load_n(&t->page->aux_tail, __ATOMIC_ACQUIRE) + t->aux_size - 2 * kWriteMargin;
}

uint64_t next_look(ThreadState* s) {
  const uint64_t psb = s->last_psb + g.config.psb_bytes;
  if (g.config.ring != 0) return psb;
  return std::min<uint64_t>({psb, s->published + g.config.wakeup, free_end(thread_of(s))});
}

void put_stamp(ThreadState* s) {
  s->stamped = next_time(s);
  if (g.config.tsc != 0) put_tsc(s->pt, s->stamped);
}

// Packets were dropped in front of `ip`: OVF, then FUP, and every compression starts over.
void put_overflow(ThreadState* s, uint64_t ip) {
  s->pt.tnt = 1;
  s->calls = 0;
  put_ovf(s->pt);
  put_stamp(s);
  put_full_ip(s->pt, kOpFup, ip);
  s->overflows += 1;
}

// The buffer is full and the plan does not wait.
void stop_full(ThreadState* s, uint64_t ip) {
  const bool drop = g.config.on_full == static_cast<uint32_t>(OnFull::drop);
  s->pt.limit = ~0ull;
  s->reenable.store(0);
  if (!drop && s->enabled != 0) disable_at(s, ip);
  if (s->pt.pos != s->published) hand_over(s, s->published, drop ? 0 : perf::kAuxFlagTruncated);
  s->enabled = 0;
  s->stopped = drop ? kDropping : kStopped;
}

void when_full(ThreadState* s, uint64_t ip) {
  const Thread* t = thread_of(s);
  if (g.config.on_full != static_cast<uint32_t>(OnFull::wait)) return stop_full(s, ip);
  publish(s);
  if (!wait_for_space(s, [&] { return s->pt.pos >= free_end(t); })) go_dark(s);
}

}  // namespace

void publish(ThreadState* s) {
  if (s->pt.pos == s->published || thread_of(s)->dead) return;
  if (g.config.ring == 0) return hand_over(s, s->published, 0);
  if (g.config.keep_end != 0) keep_newest(s, kWholeRing);
}

void snapshot(ThreadState* s, uint64_t ip, uint64_t size) {
  const bool on = s->enabled != 0;
  s->pt.limit = ~0ull;
  if (on) disable_at(s, ip);
  keep_newest(s, size);
  if (thread_of(s)->dead) return;
  put_sync(s, 0);
  if (on) enable_at(s, ip);
  s->pt.limit = next_look(s);
}

bool may_go_on(ThreadState* s) {
  if (s->stopped == 0) return true;
  const Thread* t = thread_of(s);
  if (t->dead || s->pt.pos + t->aux_size / 2 > free_end(t)) return false;
  // acquire: pairs with ThreadBuffers::wake, which plays the reader's PERF_EVENT_IOC_ENABLE.
  return s->stopped == kDropping || s->reenable.load(std::memory_order_acquire) != 0;
}

void look(ThreadState* s, uint64_t ip) {
  if (thread_of(s)->dead) return;
  if (s->pt.pos - s->last_psb >= g.config.psb_bytes) put_sync(s, ip);
  if (s->enabled != 0 && ip != 0) obey_if_asked(s, ip);
  if (g.config.ring != 0) {
    if (s->snapshot_asked.load(std::memory_order_relaxed) != 0 && s->snapshot_asked.exchange(0) != 0)
      return snapshot(s, ip, kWholeRing);
  } else {
    if (s->pt.pos - s->published >= g.config.wakeup) publish(s);
    if (s->pt.pos >= free_end(thread_of(s))) when_full(s, ip);
    if (s->stopped != 0 || thread_of(s)->dead) return;
  }
  s->pt.limit = next_look(s);
}

void enable_at(ThreadState* s, uint64_t ip) {
  const uint32_t stopped = s->stopped;
  s->stopped = 0;
  if (stopped == kDropping) {
    put_overflow(s, ip);
  } else {
    if (s->pt.pos == 0 || stopped == kStopped) put_sync(s, 0);
    put_stamp(s);
    put_ip(s->pt, kOpTipPge, ip);
  }
  if (stopped != 0) s->pt.limit = next_look(s);
  s->enabled = 1;
  look_if_due(s, ip);
}

void disable_at(ThreadState* s, uint64_t ip) {
  flush_tnt(s->pt);
  if (ip != 0) put_ip(s->pt, kOpFup, ip);
  put_pgd(s->pt);
  s->enabled = 0;
  look_if_due(s, 0);
}

}  // namespace tracectl::plugin
