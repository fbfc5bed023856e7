// SPDX-License-Identifier: MIT
// Ranges: a set of addresses, kept as disjoint ranges in ascending order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tracectl::plugin {

class Ranges {
 public:
  void add(uint64_t begin, uint64_t end) {
    if (begin >= end) return;
    const auto first = touching(begin);
    auto last = first;
    for (; last != all_.end() && last->begin <= end; ++last) {
      begin = std::min(begin, last->begin);
      end = std::max(end, last->end);
    }
    all_.insert(all_.erase(first, last), {begin, end});
  }
  // True when any of it was there.
  bool remove(uint64_t begin, uint64_t end) {
    if (begin >= end) return false;
    bool any = false;
    auto at = touching(begin);
    while (at != all_.end() && at->begin < end) {
      const Range old = *at;
      any = any || old.end > begin;
      at = all_.erase(at);
      if (old.end > end) at = all_.insert(at, {std::max(old.begin, end), old.end});
      if (old.begin < begin) at = all_.insert(at, {old.begin, std::min(old.end, begin)}) + 1;
      if (old.end > end) break;
    }
    return any;
  }
  // All of [begin, end)?
  [[nodiscard]] bool holds(uint64_t begin, uint64_t end) const {
    const auto at = std::upper_bound(all_.begin(), all_.end(), begin, [](uint64_t a, const Range& r) { return a < r.end; });
    return at != all_.end() && at->begin <= begin && end <= at->end;
  }

 private:
  struct Range {
    uint64_t begin, end;
  };
  // The first range that ends at or behind `begin`.
  std::vector<Range>::iterator touching(uint64_t begin) {
    return std::lower_bound(all_.begin(), all_.end(), begin, [](const Range& r, uint64_t a) { return r.end < a; });
  }
  std::vector<Range> all_;
};

}  // namespace tracectl::plugin
