// SPDX-License-Identifier: MIT
#include "decode/seek.hpp"

#include <catch2/catch.hpp>

#include "decode/stream_bytes.hpp"

using namespace tracectl;

namespace {

constexpr uint64_t kSize = 100;  // bytes of each fragment

// Fragments that begin at 1000, 2000, ... ns; those of `silent` tell no time.
struct Stream {
  explicit Stream(size_t count) {
    stream.fragments.resize(count);
    for (size_t i = 0; i < count; ++i) {
      stream.fragments[i].aux_offset = i * kSize;
      stream.fragments[i].size = kSize;
    }
    stream.size = count * kSize;
  }
  [[nodiscard]] capture::AuxStream part(uint64_t begin, uint64_t end) {
    return decode::part_of(stream, begin, end, [this](const capture::AuxFragment& f) {
      ++asked;
      const uint64_t n = f.aux_offset / kSize;
      return n >= silent_from && n < silent_to ? 0 : 1000 * (n + 1);
    });
  }
  capture::AuxStream stream;
  uint64_t silent_from = 0, silent_to = 0;
  int asked = 0;
};

// Numbers of the first and the last fragment that are left.
std::pair<uint64_t, uint64_t> left(const capture::AuxStream& s) {
  return {s.fragments.front().aux_offset / kSize, s.fragments.back().aux_offset / kSize};
}

using Pair = std::pair<uint64_t, uint64_t>;

}  // namespace

TEST_CASE("a span of time needs the fragment in front of it, and one behind") {
  Stream s(100);
  CHECK(left(s.part(50500, 51500)) == Pair{49, 51});
  CHECK(left(s.part(50500, 50600)) == Pair{49, 50});
  CHECK(left(s.part(51000, 51000)) == Pair{50, 51});
  CHECK(left(s.part(10, 20)) == Pair{0, 1});
  CHECK(left(s.part(99999, ~uint64_t{0})) == Pair{98, 99});
  CHECK(left(s.part(500'000, 600'000)) == Pair{99, 99});
}

TEST_CASE("few fragments are looked at") {
  Stream s(100'000);
  CHECK(left(s.part(50'000'500, 50'000'600)) == Pair{49'999, 50'000});
  CHECK(s.asked < 50);
}

TEST_CASE("fragments that tell no time are kept where they may belong") {
  Stream s(10);
  s.silent_from = 3;
  s.silent_to = 7;
  CHECK(left(s.part(5500, 5600)) == Pair{2, 7});
  s.silent_from = 0;
  s.silent_to = 10;
  CHECK(left(s.part(5500, 5600)).first == 0);
}

TEST_CASE("what is left keeps its places") {
  Stream s(10);
  s.stream.cuts = {2 * kSize, 5 * kSize};
  const auto part = s.part(5500, 5600);
  CHECK(part.skipped == 4 * kSize);
  CHECK(part.size == 2 * kSize);
  const auto runs = decode::runs_of(part);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].missing == 0);
  CHECK(runs[1].begin == kSize);
}

TEST_CASE("a stream in pieces stays whole") {
  Stream s(10);
  s.stream.pieces.push_back({});
  CHECK(left(s.part(5500, 5600)) == Pair{0, 9});
}
