// SPDX-License-Identifier: MIT
#include "machines/emulated/plugin/ranges.hpp"

#include <catch2/catch.hpp>
#include <set>

using tracectl::plugin::Ranges;

TEST_CASE("ranges that touch become one") {
  Ranges r;
  r.add(10, 20);
  r.add(30, 40);
  CHECK_FALSE(r.holds(10, 40));
  r.add(20, 30);
  CHECK(r.holds(10, 40));
  CHECK_FALSE(r.holds(9, 11));
  CHECK_FALSE(r.holds(39, 41));
}

TEST_CASE("removing says whether there was anything") {
  Ranges r;
  r.add(10, 40);
  CHECK_FALSE(r.remove(0, 10));
  CHECK_FALSE(r.remove(40, 50));
  CHECK(r.remove(20, 30));
  CHECK_FALSE(r.remove(20, 30));
  CHECK(r.holds(10, 20));
  CHECK(r.holds(30, 40));
  CHECK_FALSE(r.holds(19, 21));
  CHECK(r.remove(0, 100));
  CHECK_FALSE(r.holds(30, 31));
}

TEST_CASE("ranges hold what a set of numbers holds") {
  Ranges r;
  std::set<uint64_t> all;
  uint64_t seed = 7;
  const auto below = [&seed](uint64_t n) {
    return (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33 & (n - 1);
  };
  for (int i = 0; i < 3000; ++i) {
    const uint64_t begin = below(128), end = begin + below(16);
    if (below(2) == 0) {
      r.add(begin, end);
      for (uint64_t n = begin; n < end; ++n) all.insert(n);
    } else {
      bool any = false;
      for (uint64_t n = begin; n < end; ++n) any = all.erase(n) != 0 || any;
      REQUIRE(r.remove(begin, end) == any);
    }
    const uint64_t probe = below(128), size = 1 + below(8);
    bool whole = true;
    for (uint64_t n = probe; n < probe + size; ++n) whole = whole && all.count(n) != 0;
    REQUIRE(r.holds(probe, probe + size) == whole);
  }
}
