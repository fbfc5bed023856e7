// SPDX-License-Identifier: MIT
#include "profile/profile.hpp"

namespace tracectl::profile {
namespace {

void add_counts(std::map<Profile::Pair, uint64_t>& to, const std::map<Profile::Pair, uint64_t>& more) {
  for (const auto& [pair, count] : more) {
    uint64_t& known = to[pair];
    known = sum(known, count);
  }
}

}  // namespace

void Profile::add(const Profile& other) {
  add_counts(ranges, other.ranges);
  add_counts(branches, other.branches);
}

}  // namespace tracectl::profile
