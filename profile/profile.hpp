// SPDX-License-Identifier: MIT
// Profile: how often each run of instructions of one binary was executed and each branch of it taken. What a trace gives
// (views/autofdo.hpp), what profiles of several captures add up to, and what every format of a profile is made of.
//
// Units:  addresses are relative to the binary's first load segment (decode/load_segments.hpp), so that they hold
//         wherever it was loaded.
// Shape:  a range goes from a branch's target to the next branch, both inclusive; a branch from its instruction to its
//         target, both in the binary. Counts stop at the largest number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace tracectl::profile {

struct Profile {
  using Pair = std::pair<uint64_t, uint64_t>;

  std::string path;      // of the binary
  std::string build_id;  // hex; empty when it has none
  std::map<Pair, uint64_t> ranges, branches;

  [[nodiscard]] bool empty() const { return ranges.empty(); }
  // The counts of another profile of the same binary; who calls sees to that.
  void add(const Profile& other);
  // The same taken away. False: there is not as much, and nothing has changed.
  [[nodiscard]] bool subtract(const Profile& other);
};

// a + b, at most the largest number.
[[nodiscard]] constexpr uint64_t sum(uint64_t a, uint64_t b) { return a + b < a ? ~uint64_t{0} : a + b; }

}  // namespace tracectl::profile
