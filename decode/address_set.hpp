// SPDX-License-Identifier: MIT
// AddressSet: which addresses are taken, for telling what is mapped over something older, or what a profile counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

namespace tracectl::decode {

class AddressSet {
 public:
  // Adds [begin, end); true when any of it was there before.
  bool add(uint64_t begin, uint64_t end) {
    bool any = false;
    auto at = ranges_.upper_bound(begin);
    if (at != ranges_.begin() && std::prev(at)->second > begin) --at;
    while (at != ranges_.end() && at->first < end) {
      any = true;
      begin = std::min(begin, at->first);
      end = std::max(end, at->second);
      at = ranges_.erase(at);
    }
    ranges_[begin] = end;
    return any;
  }

  // Is any of [begin, end) there?
  [[nodiscard]] bool touches(uint64_t begin, uint64_t end) const {
    auto at = ranges_.lower_bound(end);
    return begin < end && at != ranges_.begin() && std::prev(at)->second > begin;
  }

 private:
  std::map<uint64_t, uint64_t> ranges_;  // begin → end, disjoint
};

}  // namespace tracectl::decode
