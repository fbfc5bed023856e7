// SPDX-License-Identifier: MIT
#include "profile/profile.hpp"

#include <catch2/catch.hpp>

using tracectl::profile::Profile;

namespace {

Profile of(uint64_t one, uint64_t two) {
  Profile out;
  if (one != 0) out.ranges[{1, 4}] = out.branches[{4, 1}] = one;
  if (two != 0) out.ranges[{5, 8}] = out.branches[{8, 5}] = two;
  return out;
}

bool same(const Profile& a, const Profile& b) { return a.ranges == b.ranges && a.branches == b.branches; }

}  // namespace

TEST_CASE("what is added to a profile can be taken away") {
  Profile sum = of(3, 0);
  sum.add(of(2, 7));
  CHECK(same(sum, of(5, 7)));
  CHECK(sum.subtract(of(2, 7)));
  CHECK(same(sum, of(3, 0)));
  CHECK(sum.subtract(of(3, 0)));
  CHECK(sum.empty());
}

TEST_CASE("more than there is is not taken away") {
  Profile sum = of(3, 4);
  CHECK_FALSE(sum.subtract(of(3, 5)));
  CHECK(same(sum, of(3, 4)));
  Profile none;
  CHECK_FALSE(none.subtract(of(1, 0)));
  Profile branches = of(3, 0);
  branches.branches.clear();
  CHECK_FALSE(branches.subtract(of(1, 0)));
  CHECK(same(branches, [] {
    Profile p;
    p.ranges[{1, 4}] = 3;
    return p;
  }()));
}

TEST_CASE("counts of profiles stop at the largest number") {
  Profile sum = of(~uint64_t{0} - 1, 0);
  sum.add(of(5, 0));
  CHECK(sum.ranges.at({1, 4}) == ~uint64_t{0});
}
