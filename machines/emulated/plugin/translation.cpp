// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/translation.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/clock.hpp"
#include "machines/emulated/plugin/blocks.hpp"
#include "machines/emulated/plugin/guest.hpp"
#include "machines/emulated/plugin/link.hpp"
#include "machines/emulated/plugin/syscalls.hpp"
#include "machines/emulated/plugin/threads.hpp"
#include "machines/emulated/plugin/triggers.hpp"

namespace tracectl::plugin {
namespace {

constexpr uint64_t kShortPause = 200'000'000;  // ns: too short to have been worth it
constexpr uint32_t kMostIdle = 1u << 26;
constexpr int kWaits = 200;                    // of kWait each, at most
constexpr timespec kWait{0, 5 * 1000 * 1000};  // another thread's change needs microseconds

struct Translation {
  qemu_plugin_id_t id = 0;
  std::atomic<int32_t> changing{0};  // the thread that asked QEMU for the change
  bool thread_ahead = false;         // what the change in hand is for; of the only thread
  bool possible = false;             // under g.mutex, as what follows
  uint64_t sparse_since = 0;         // ns
} t;

void wait() {
  const int saved = errno;
  nanosleep(&kWait, nullptr);
  errno = saved;
}

bool quiet(ThreadState* s) {
  return s == nullptr || thread_of(s)->dead || (s->paused != 0 && s->return_probes == 0 && s->watch_hits == 0);
}

// Who has paused by hand wants to be heard when he resumes: then every block goes on telling.
bool sparse_will_do() {
  return t.possible && !t.thread_ahead && quiet(tls_state) && g.session->by_hand.load() == 0 && is_only_thread();
}

void register_callbacks() {
  qemu_plugin_register_vcpu_tb_trans_cb(t.id, on_translate);
  qemu_plugin_register_vcpu_syscall_cb(t.id, on_syscall);
  qemu_plugin_register_vcpu_syscall_ret_cb(t.id, on_syscall_return);
}

// A pause that ends soon after the change was not worth it: wait longer with the next.
void adapt_patience(uint64_t now) {
  if (g.idle_limit != g.config.idle_blocks && now - t.sparse_since >= kShortPause) g.idle_limit = g.config.idle_blocks;
  if (now - t.sparse_since < kShortPause && g.idle_limit < kMostIdle && g.config.fixed_idle == 0) g.idle_limit *= 2;
}

// No thread runs translated code now, and none is left.
void on_reset(qemu_plugin_id_t) {
  const std::lock_guard lock(g.mutex);
  const bool was = g.sparse.load(), now = sparse_will_do();
  if (was && !now) adapt_patience(monotonic_ns());
  if (now && !was) t.sparse_since = monotonic_ns();
  g.sparse.store(now);
  t.thread_ahead = false;
  g.session->translations.fetch_add(1, std::memory_order_relaxed);
  register_callbacks();
  t.changing.store(0);
}

// Blocks of one `rep` instruction are entered once per round. Which round is the first, only
// the block in front of it tells.
bool repeats_alone(const Block& b) { return b.rep && b.last == b.pc; }

}  // namespace

void install_callbacks(qemu_plugin_id_t id) {
  t.id = id;
  t.possible = g.config.idle_blocks != 0 && g.log[0] == 0 && g.watched_accesses == 0;
  t.sparse_since = monotonic_ns();
  first_thread();
  g.idle_limit = t.possible ? g.config.idle_blocks : ~0u;
  g.sparse = t.possible && (g.exec ? g.paused_at_exec : g.config.start_paused != 0);
  register_callbacks();
}

bool is_of_interest(const Block& b, const std::vector<uint64_t>& addresses) {
  if (!g.sparse.load() || !g.started) return true;
  const bool site = std::any_of(addresses.begin(), addresses.end(), [](uint64_t a) { return g.sites.count(a) != 0; });
  if (site && repeats_alone(b)) {
    t.possible = false;
    translate_again();
  }
  // System calls may be triggers, and need to know where they are; behind one a thread starts.
  return site || b.ending == Ending::syscall || g.guest->follows_syscall(b.pc);
}

void translate_again() {
  int32_t nobody = 0;
  if (t.changing.compare_exchange_strong(nobody, gettid_now())) qemu_plugin_reset(t.id, on_reset);
}

void see_all_blocks() {
  if (!g.sparse.load()) return;
  translate_again();
  // Another thread's change comes as soon as that thread leaves its block; it stops this one
  // at the end of this block. It only has to be given the time.
  if (t.changing.load() != gettid_now()) wait();
}

void idle(ThreadState* s) {
  s->idle_blocks = 0;
  obey_if_asked(s, 0);
  bool change = false;
  {
    const std::lock_guard lock(g.mutex);
    change = !g.sparse.load() && sparse_will_do();
  }
  if (change) translate_again();
}

void before_call(const Block* b, const void* env) {
  const CallAhead call = g.guest->call_ahead(b, env);
  if (g.guest->call_of(static_cast<int64_t>(call.number)) != Call::clone || !makes_thread(call.argument)) return;
  t.thread_ahead = true;
  translate_again();
}

void before_thread(const ThreadState* s) {
  thread_comes(s);
  if (g.sparse.load()) translate_again();  // before_call() could not tell
}

void finish_translation_change() {
  for (int i = 0; i < kWaits; ++i) {
    const int32_t who = t.changing.load();
    if (who == 0 || who == gettid_now()) return;
    wait();
  }
}

void forked_alone() {
  first_thread();
  t.thread_ahead = false;
  if (t.changing.load() != 0) t.changing = gettid_now();  // it was this thread's, see finish_translation_change()
}

}  // namespace tracectl::plugin
