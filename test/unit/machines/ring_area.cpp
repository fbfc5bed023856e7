// SPDX-License-Identifier: MIT
// What a ring holds that the kernel writes over and over.
#include "machines/kernel/ring_area.hpp"

#include <catch2/catch.hpp>
#include <string>

using tracectl::kernel::RingArea;

namespace {

constexpr uint64_t kSize = 4096;

// A trace unit that writes numbers, never zero.
struct Unit {
  std::vector<std::byte> area = std::vector<std::byte>(kSize);
  uint64_t written = 0;
  static std::byte value(uint64_t at) { return static_cast<std::byte>(1 + (at * 2654435761u >> 7) % 255); }
  void write(uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; ++i, ++written) area[written % kSize] = value(written);
  }
  [[nodiscard]] uint64_t head() const { return written % kSize == 0 && written != 0 ? kSize : written % kSize; }
};

// Are these bytes those that were written from `begin` on?
void check(const RingArea::Content& c, uint64_t begin, uint64_t size) {
  REQUIRE(c.size() == size);
  uint64_t at = begin;
  bool same = true;
  for (const auto part : {c.a, c.b})
    for (const std::byte b : part) same = same && b == Unit::value(at++);
  CHECK(same);
}

}  // namespace

TEST_CASE("a ring that never went round holds everything") {
  Unit unit;
  unit.write(1000);
  RingArea ring;
  const auto c = ring.newest(unit.area, unit.head(), kSize);
  check(c, 0, 1000);
  CHECK(c.offset == 0);
}

TEST_CASE("a ring that is exactly full, or went round, holds its size") {
  for (const uint64_t bytes : {kSize, kSize + 1, 2 * kSize, 3 * kSize + 777}) {
    Unit unit;
    unit.write(bytes);
    RingArea ring;
    const auto c = ring.newest(unit.area, unit.head(), kSize);
    check(c, bytes - kSize, kSize);
    CHECK(c.offset > 0);  // what is in front of it is missing, as far as can be told
  }
}

TEST_CASE("what was kept before is left out, and what follows it is its neighbour") {
  Unit unit;
  RingArea ring;
  unit.write(1000);
  check(ring.newest(unit.area, unit.head(), kSize), 0, 1000);
  unit.write(2000);
  const auto second = ring.newest(unit.area, unit.head(), kSize);
  check(second, 1000, 2000);
  CHECK(second.offset == 1000);
  CHECK(ring.newest(unit.area, unit.head(), kSize).size() == 0);
  unit.write(10 * kSize);
  const auto third = ring.newest(unit.area, unit.head(), kSize);
  check(third, unit.written - kSize, kSize);
  CHECK(third.offset > 3000);  // a gap, not a neighbour
}

TEST_CASE("pieces of a few bytes follow each other as long as the ring has not gone round") {
  Unit unit;
  RingArea ring;
  for (uint64_t at = 0; at < 60; at += 20) {
    unit.write(20);
    const auto c = ring.newest(unit.area, unit.head(), kSize);
    check(c, at, 20);
    CHECK(c.offset == at);
  }
}

TEST_CASE("a snapshot's size takes the newest") {
  Unit unit;
  RingArea ring;
  unit.write(3000);
  check(ring.newest(unit.area, unit.head(), 512), 2488, 512);
  unit.write(100);
  check(ring.newest(unit.area, unit.head(), 512), 3000, 100);
}

TEST_CASE("a loop's trace repeats, and is new all the same") {
  // Whole rounds of a loop, each with the same bytes, as between two calls of one function.
  constexpr uint64_t kRound = 1000;
  std::vector<std::byte> area(kSize);
  uint64_t written = 0;
  const auto write = [&](uint64_t rounds) {
    for (uint64_t i = 0; i < rounds * kRound; ++i, ++written) area[written % kSize] = Unit::value(written % kRound);
  };
  RingArea ring;
  write(3);
  CHECK(ring.newest(area, written % kSize, kSize).size() == 3 * kRound);
  write(1);
  const auto second = ring.newest(area, written % kSize, kSize);
  CHECK(second.size() == kRound);
  CHECK(second.offset == 3 * kRound);
  write(2);  // over the end
  CHECK(ring.newest(area, written % kSize, kSize).size() == 2 * kRound);
  write(7);
  CHECK(ring.newest(area, written % kSize, kSize).size() == kSize);
}

TEST_CASE("nothing written is nothing") {
  Unit unit;
  RingArea ring;
  CHECK(ring.newest(unit.area, 0, kSize).size() == 0);
  CHECK(ring.newest({}, 0, kSize).size() == 0);
}
