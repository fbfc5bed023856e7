// SPDX-License-Identifier: MIT
#include "profile/profile.hpp"

#include <algorithm>

namespace tracectl::profile {
namespace {

void add_counts(std::map<Profile::Pair, uint64_t>& to, const std::map<Profile::Pair, uint64_t>& more) {
  for (const auto& [pair, count] : more) {
    uint64_t& known = to[pair];
    known = sum(known, count);
  }
}

bool holds(const std::map<Profile::Pair, uint64_t>& counts, const std::map<Profile::Pair, uint64_t>& less) {
  return std::all_of(less.begin(), less.end(), [&](const auto& row) {
    const auto known = counts.find(row.first);
    return known != counts.end() && known->second >= row.second;
  });
}

void subtract_counts(std::map<Profile::Pair, uint64_t>& from, const std::map<Profile::Pair, uint64_t>& less) {
  for (const auto& [pair, count] : less) {
    const auto known = from.find(pair);
    known->second -= count;
    if (known->second == 0) from.erase(known);
  }
}

}  // namespace

void Profile::add(const Profile& other) {
  add_counts(ranges, other.ranges);
  add_counts(branches, other.branches);
}

bool Profile::subtract(const Profile& other) {
  if (!holds(ranges, other.ranges) || !holds(branches, other.branches)) return false;
  subtract_counts(ranges, other.ranges);
  subtract_counts(branches, other.branches);
  return true;
}

}  // namespace tracectl::profile
