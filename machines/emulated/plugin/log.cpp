// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "machines/emulated/plugin/flow.hpp"

namespace tracectl::plugin {
namespace {

constexpr uint64_t kBasis = 0xcbf29ce484222325ull, kPrime = 0x100000001b3ull;

void add(Thread* t, uint64_t address) {
  t->log_hash = (t->log_hash ^ address) * kPrime;
  ++t->log_count;
}

// Instructions of `p` up to (not with) `until`.
void add_block(Thread* t, const Block* p, uint64_t until) {
  for (uint64_t at = p->pc; at < p->fall && at < until;) {
    const auto insn = g.guest->decode(at, p->fall - at);
    if (insn.size == 0) return;
    add(t, at);
    at += insn.size;
  }
}

// How far `p` was executed, when `b` is what came next.
uint64_t end_of(const Block* p, const Block* b, const void* env) {
  const Interruption i = g.guest->interruption(b, env);
  const uint64_t to = i.delivered ? i.ip : b->pc;
  if (!i.delivered && goes_on_inside(p, b)) return b->pc;
  if (p->rep && to == p->last) return p->last;  // it goes on: its successor tells it
  const bool inside = to >= p->pc && to < p->fall;
  if (inside && i.delivered && i.fault) return to;
  return inside && to != p->pc && !i.delivered && p->ending == Ending::none ? to : p->fall;
}

}  // namespace

void log_block(ThreadState* s, const Block* p, const Block* b, const void* env) {
  Thread* t = thread_of(s);
  if (t->log_count == 0) t->log_hash = kBasis;
  const bool told = p == nullptr || t->log_skip;  // a forked child's last block: its parent tells it
  t->log_skip = false;
  if (!told) add_block(t, p, end_of(p, b, env));
}

void log_finish(ThreadState* s) {
  Thread* t = thread_of(s);
  const auto* p = static_cast<const Block*>(s->previous);
  if (p != nullptr) add_block(t, p, p->fall);
  s->previous = nullptr;
  char line[96];
  const int n = std::snprintf(line, sizeof line, "%d %llu %016llx\n", t->tid, static_cast<unsigned long long>(t->log_count),
                              static_cast<unsigned long long>(t->log_hash));
  const int saved = errno;
  const int fd = open(g.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd >= 0) {
    [[maybe_unused]] const ssize_t written = write(fd, line, static_cast<size_t>(n));
    close(fd);
  }
  errno = saved;
}

}  // namespace tracectl::plugin
