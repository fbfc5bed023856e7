// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/output.hpp"

#include <sched.h>

#include <algorithm>

#include "core/clock.hpp"
#include "machines/emulated/plugin/link.hpp"

namespace tracectl::plugin {

using namespace intel_pt;

namespace {

constexpr uint8_t kBusRatio = 10;        // CBR: QEMU has no bus; any constant ratio decodes
constexpr size_t kLargestRecord = 4608;  // an MMAP2 with the longest path
constexpr unsigned kWaitMs = 100;        // between two looks whether the launcher lives

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

void publish(ThreadState* s) {
  Thread* t = thread_of(s);
  const uint64_t size = s->pt.pos - s->published;
  if (size == 0 || t->dead) return;
  char record[64];
  const auto sid = sample_id(s, emulated::kLeaderId);
  put_record(s, record, perf::build_aux(record, sizeof record, sid, s->published, size, 0));
  s->published = s->pt.pos;
  // release: pairs with AuxBuffer::readable.
  __atomic_store_n(&t->page->aux_head, s->pt.pos, __ATOMIC_RELEASE);
  ring_doorbell();
}

void look(ThreadState* s, uint64_t ip) {
  Thread* t = thread_of(s);
  if (t->dead) return;
  if (s->pt.pos - s->last_psb >= g.config.psb_bytes) {
    put_psb_plus(s->pt, next_time(s), g.config.tsc != 0, kBusRatio, ip);
    s->calls = 0;  // returns are compressed only within one PSB period
    s->last_psb = s->pt.pos;
  }
  if (s->pt.pos - s->published >= g.config.wakeup) publish(s);
  // acquire: pairs with AuxBuffer::consume.
  const auto free_end = [&] {
    return __atomic_load_n(&t->page->aux_tail, __ATOMIC_ACQUIRE) + t->aux_size - 2 * kWriteMargin;
  };
  if (s->pt.pos >= free_end()) {
    publish(s);
    if (!wait_for_space(s, [&] { return s->pt.pos >= free_end(); })) return go_dark(s);
  }
  s->pt.limit = std::min<uint64_t>({s->last_psb + g.config.psb_bytes, s->published + g.config.wakeup, free_end()});
}

void enable_at(ThreadState* s, uint64_t ip) {
  if (s->pt.pos == 0) {
    put_psb_plus(s->pt, next_time(s), g.config.tsc != 0, kBusRatio, 0);
    s->last_psb = s->pt.pos;
    s->calls = 0;
  }
  s->stamped = next_time(s);
  if (g.config.tsc != 0) put_tsc(s->pt, s->stamped);
  put_ip(s->pt, kOpTipPge, ip);
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
