// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/watch.hpp"

#include <algorithm>
#include <atomic>

#include "machines/emulated/plugin/flow.hpp"
#include "machines/emulated/plugin/guest_memory.hpp"
#include "machines/emulated/plugin/output.hpp"
#include "machines/emulated/plugin/triggers.hpp"

namespace tracectl::plugin {

namespace {

constexpr uint64_t kLargestAccess = 64;

struct Watch {
  uint64_t begin = 0, end = 0;
  uint32_t trigger = 0;
  bool reads = false, fixed = false;  // fixed: an address of the plan, of no module
};

// Accesses read it without a lock, so it is never changed: another takes its place. Old ones
// stay (there is one for each watched variable of a mapped file).
struct WatchList {
  uint64_t low = ~0ull, high = 0;
  std::vector<Watch> all;
};
std::atomic<const WatchList*> watches{nullptr};

void publish_list(std::vector<Watch> all) {
  auto* list = new WatchList;
  for (const Watch& w : all) {
    list->low = std::min(list->low, w.begin);
    list->high = std::max(list->high, w.end);
  }
  list->all = std::move(all);
  watches.store(list, std::memory_order_release);  // pairs with on_access
}

std::vector<Watch> current_list() {
  const WatchList* list = watches.load(std::memory_order_relaxed);
  return list == nullptr ? std::vector<Watch>{} : list->all;
}

// Once for an instruction and trigger, however many parts its access has.
void note_hit(ThreadState* s, uint64_t next, uint32_t trigger) {
  auto& hits = thread_of(s)->watch_hits;
  for (auto at = hits.rbegin(); at != hits.rend() && at->next == next; ++at)
    if (at->trigger == trigger) return;
  hits.push_back({next, trigger});
  s->watch_hits = 1;
}

void on_access(unsigned, uint32_t info, uint64_t address, void* data) {
  const WatchList* list = watches.load(std::memory_order_acquire);
  if (list == nullptr || address >= list->high || address + kLargestAccess <= list->low) return;
  ThreadState* s = tls_state;
  if (s == nullptr || thread_of(s)->dead) return;
  const uint64_t end = address + (1ull << qemu_plugin_mem_size_shift(info));
  for (const Watch& w : list->all)
    if (address < w.end && end > w.begin && (w.reads || qemu_plugin_mem_is_store(info)))
      note_hit(s, reinterpret_cast<uint64_t>(data), w.trigger);
}

}  // namespace

void add_watch(uint32_t trigger, uint64_t address) {
  const WireTrigger& t = g.triggers[trigger];
  std::vector<Watch> all = current_list();
  for (const Watch& w : all)
    if (w.trigger == trigger && w.begin == address) return;
  const bool reads = t.access == static_cast<uint8_t>(BreakAccess::read_write);
  all.push_back({address, address + t.len, trigger, reads, t.address != 0});
  publish_list(std::move(all));
}

void drop_watches(uint64_t begin, uint64_t end) {
  const std::lock_guard lock(g.mutex);
  std::vector<Watch> all = current_list();
  const auto gone = [&](const Watch& w) { return !w.fixed && w.begin >= begin && w.end <= end; };
  const auto keep = std::remove_if(all.begin(), all.end(), gone);
  if (keep == all.end()) return;
  all.erase(keep, all.end());
  publish_list(std::move(all));
}

void watch_instruction(qemu_plugin_insn* insn, uint64_t next) {
  qemu_plugin_register_vcpu_mem_cb(insn, on_access, 0, g.watched_accesses, guest_pointer<void>(next));
}

void hit_watches_inside(ThreadState* s, const Block* p, uint64_t until) {
  auto& hits = thread_of(s)->watch_hits;
  size_t done = 0;
  for (; done < hits.size() && hits[done].next != 0 && hits[done].next <= until; ++done) {
    fire(s, hits[done].trigger, hits[done].next);
    const bool last_here = done + 1 == hits.size() || hits[done + 1].next != hits[done].next;
    if (!last_here || s->enabled != 0 || s->paused != 0) continue;
    if ((p->flags & kNoFile) != 0) learn_code(s, p);
    enable_at(s, hits[done].next);
  }
  hits.erase(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(done));
  s->watch_hits = hits.empty() ? 0 : 1;
}

void hit_watches_behind(ThreadState* s, uint64_t ip) {
  auto& hits = thread_of(s)->watch_hits;
  for (const WatchHit& hit : hits)
    if (hit.next == 0) fire(s, hit.trigger, ip);
  hits.clear();
  s->watch_hits = 0;
}

}  // namespace tracectl::plugin
