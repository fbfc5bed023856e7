// SPDX-License-Identifier: MIT
// EdgeTable: how often each block ran and where it went. One entry per (block, destination),
// so its size follows the code that ran, not the length of the trace.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/item.hpp"

namespace tracectl::views {

struct Edge {
  uint64_t ip = 0, last = 0, to = 0;
  uint64_t count = 0;  // 0: an empty slot
  uint64_t insns = 0;  // of all passes together
  decode::BranchKind kind = decode::BranchKind::none;
  bool taken = false;
};

class EdgeTable {
 public:
  void add(const decode::Block& b, uint64_t times = 1) {
    Edge& e = slot(b.ip, b.last, b.to);
    if (e.count == 0) {
      e = {b.ip, b.last, b.to, 0, 0, b.kind, b.taken};
      if (++used_ * 2 > slots_.size()) {
        grow();
        return add_known(b, times);
      }
    }
    e.count += times;
    e.insns += b.insns * times;
  }
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (const Edge& e : slots_)
      if (e.count != 0) fn(e);
  }
  void clear() {
    slots_.assign(kFirst, {});
    used_ = 0;
  }

 private:
  static constexpr size_t kFirst = 1 << 12;  // a power of two

  Edge& slot(uint64_t ip, uint64_t last, uint64_t to) {
    const uint64_t hash = (ip * 0x9e3779b97f4a7c15u) ^ (to * 0xc2b2ae3d27d4eb4fu) ^ last;
    const size_t mask = slots_.size() - 1;
    size_t at = (hash ^ (hash >> 29)) & mask;
    while (slots_[at].count != 0 && (slots_[at].ip != ip || slots_[at].to != to || slots_[at].last != last))
      at = (at + 1) & mask;
    return slots_[at];
  }
  void add_known(const decode::Block& b, uint64_t times) {
    Edge& e = slot(b.ip, b.last, b.to);
    if (e.count == 0) e = {b.ip, b.last, b.to, 0, 0, b.kind, b.taken};
    e.count += times;
    e.insns += b.insns * times;
  }
  void grow() {
    std::vector<Edge> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Edge& e : old)
      if (e.count != 0) slot(e.ip, e.last, e.to) = e;
  }

  std::vector<Edge> slots_ = std::vector<Edge>(kFirst);
  size_t used_ = 0;
};

}  // namespace tracectl::views
