// SPDX-License-Identifier: MIT
#include "decode/shard.hpp"

#include <catch2/catch.hpp>

using namespace tracectl;
using decode::Shard;

TEST_CASE("shards lie one behind the other, and are all of it") {
  for (const uint64_t all : {uint64_t{0}, uint64_t{1}, uint64_t{10}, uint64_t{4097}, ~uint64_t{0}}) {
    for (const uint64_t count : {1u, 2u, 3u, 50u, 1u << 20}) {
      uint64_t at = 0;
      for (uint64_t i : {uint64_t{1}, count / 2, count}) {
        if (i == 0) continue;
        const Shard shard{i, count};
        if (i == 1) CHECK(shard.begin(all) == 0);
        CHECK(shard.begin(all) >= at);
        CHECK(shard.end(all) >= shard.begin(all));
        CHECK(shard.end(all) - shard.begin(all) <= all / count + (count > 1 ? 1 : 0));
        at = shard.begin(all);
      }
      CHECK(Shard{count, count}.end(all) == all);
      if (count > 1) CHECK(Shard{2, count}.begin(all) == Shard{1, count}.end(all));
    }
  }
  CHECK(Shard{2, 3}.begin(10) == 3);
  CHECK(Shard{2, 3}.end(10) == 6);
}

TEST_CASE("a shard is i/n") {
  const auto third = Shard::parse("3/8");
  REQUIRE(third);
  CHECK(third->index == 3);
  CHECK(third->count == 8);
  CHECK(Shard::parse("1/1")->whole());
  CHECK_FALSE(third->whole());
  for (const char* bad : {"", "3", "/", "3/", "/8", "0/8", "9/8", "3/8 ", " 3/8", "3/8/1", "-1/8", "a/b", "0x1/2",
                          "1/99999999999999999999", "1/2000000"})
    CHECK(Shard::parse(bad).error().kind == ErrorKind::usage);
}
